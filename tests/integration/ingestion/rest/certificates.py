"""Death certificates as a department answers them over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integration.ingestion.conftest import identifier
from yinling.settings import Settings

DATASET = "death_certificate"
Change = Callable[..., Settings]


def certificate(number: int, issued_on: str = "2026-09-05") -> dict[str, Any]:
    return {
        "certificate_no": f"D{number:05d}",
        "id_no": identifier(number),
        "name": "赵一\n" if number == 1 else "赵一",
        "death_date": "2026-09-01",
        "death_place": "home",
        "issued_on": issued_on,
    }


def certificates(count: int, issued_on: str = "2026-09-05") -> list[dict[str, Any]]:
    return [certificate(number, issued_on) for number in range(count)]
