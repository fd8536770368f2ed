"""A small synthetic province, its truth, and the warehouse built from it, once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.contracts import load_contracts
from synthetic.province import generate
from tests.support import clean_lake
from yinling.settings import Resources, Settings
from yinling.warehouse import build

SELECTION = [
    "path:models/staging",
    "path:models/core",
    "path:models/indicators",
    "path:models/health",
    "path:models/publish/officials",
    "progress_word",
    "health_dimension",
]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("province")
    return Settings(home=home, resources=Resources(threads=2, memory_limit="2GB"))


@pytest.fixture(scope="session")
def truth(settings: Settings) -> Path:
    """The folder of the province's true rows."""
    generate(settings.home, "T")
    return settings.demo / "truth" / "clean"


@pytest.fixture(scope="session")
def warehouse(settings: Settings, truth: Path) -> Path:
    """The warehouse file, built from everything the province delivers."""
    clean_lake.write(truth, settings.lake, load_contracts(settings.contracts))
    build(settings, SELECTION)
    return settings.warehouse


@pytest.fixture
def rows(warehouse: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    """Rows of a query on the warehouse."""

    def read(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    return read
