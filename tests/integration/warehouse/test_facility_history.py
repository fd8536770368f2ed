"""What a facility was and when, as its county's monthly lists and their corrections tell it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from tests.support.lake import Lake
from yinling.settings import Settings
from yinling.warehouse import build

pytestmark = pytest.mark.slow


def test_what_a_months_correction_drops_was_never_so(
    lake: Lake, settings: Settings, rows: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    def listed(month: int, sequence: int, *codes: str, refused: tuple[str, ...] = ()) -> None:
        houses = [
            {"facility_code": code, "opened_on": date(2020, 1, 1), "beds_total": 10 * sequence}
            for code in codes
        ]
        lake.add(
            "facility", houses, provider="440203", mode="full", period=f"2026-{month:02d}",
            sequence=sequence, known_at=datetime(2026, 10, sequence), refused=refused,
        )  # fmt: skip

    listed(7, 1, "stays", "leaves", "refused")
    listed(8, 2, "stays", "leaves", "mistaken", "refused")
    listed(8, 3, "stays", refused=("refused",))
    build(settings, ["+dim_facility"])
    found = rows("select facility_code, valid_from, valid_to, beds_total from core.dim_facility")
    assert sorted(found, key=str) == [
        ("leaves", date(2020, 1, 1), date(2026, 8, 1), 10),
        ("refused", date(2020, 1, 1), date(2026, 8, 1), 10),
        ("refused", date(2026, 8, 1), None, 20),
        ("stays", date(2020, 1, 1), date(2026, 8, 1), 10),
        ("stays", date(2026, 8, 1), None, 30),
    ]
