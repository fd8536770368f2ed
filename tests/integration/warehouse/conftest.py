"""A home folder with a small lake, and its warehouse to look into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.lake import Lake
from yinling.settings import Resources, Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, resources=Resources(threads=2, memory_limit="1GB"))


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.home).start()


@pytest.fixture
def rows(settings: Settings) -> Callable[[str], list[tuple[Any, ...]]]:
    """Rows of a query on the warehouse, read afresh each time."""

    def read(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    return read
