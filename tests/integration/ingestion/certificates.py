"""A department that answers death certificates over REST, and the settings that ask it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.connectors.rest import client
from tests.integration.ingestion.conftest import identifier
from tests.support.rest_service import KEY, KEY_ID, TOKEN, Service
from yinling.settings import Settings, Source

DATASET = "death_certificate"
Change = Callable[..., Settings]


def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The service, with the keys to it in the environment."""
    monkeypatch.setenv("HEALTH_TOKEN", TOKEN)
    monkeypatch.setenv("HEALTH_KEY_ID", KEY_ID)
    monkeypatch.setenv("HEALTH_KEY", KEY)
    monkeypatch.setattr(client, "FIRST_WAIT_SECONDS", 0.01)
    server = Service()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def asking(service: Service, folder: Path) -> Settings:
    """Settings with the service as the only source."""
    source = Source(
        connector="rest",
        url=f"http://127.0.0.1:{service.server_port}/v1/{DATASET}",
        token_env="HEALTH_TOKEN",
        provider="weijian",
        mode="increment",
        cursor="issued_on",
        page_size=10,
    )
    return Settings(home=folder, sources={DATASET: source})


def changing(home: Settings) -> Change:
    """Makes the settings with another source."""

    def make(**values: Any) -> Settings:
        return home.model_copy(
            update={"sources": {DATASET: home.sources[DATASET].model_copy(update=values)}}
        )

    return make


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
