"""A department that answers death certificates over REST, and the settings that ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.connectors.rest import client
from tests.integration.ingestion.rest.certificates import DATASET, Change
from tests.support.rest_service import KEY, KEY_ID, TOKEN, Service, serving
from yinling.settings import Settings, Source


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The service, with the keys to it in the environment."""
    monkeypatch.setenv("HEALTH_TOKEN", TOKEN)
    monkeypatch.setenv("HEALTH_KEY_ID", KEY_ID)
    monkeypatch.setenv("HEALTH_KEY", KEY)
    monkeypatch.setattr(client, "FIRST_WAIT_SECONDS", 0.01)
    with serving() as server:
        yield server


@pytest.fixture
def home(service: Service, tmp_path: Path) -> Settings:
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
    return Settings(home=tmp_path, sources={DATASET: source})


@pytest.fixture
def change(home: Settings) -> Change:
    """Makes the settings with another source."""

    def make(**values: Any) -> Settings:
        return home.model_copy(
            update={"sources": {DATASET: home.sources[DATASET].model_copy(update=values)}}
        )

    return make
