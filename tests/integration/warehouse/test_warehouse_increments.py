"""Adding batches day by day ends in the same warehouse as building it in full."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.lake import Lake
from tests.support.small_province import Stream
from tests.support.warehouses import CORE, differences
from yinling.settings import Settings
from yinling.warehouse import build

pytestmark = pytest.mark.slow


def test_increments_equal_full_refresh(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    for _ in Stream(lake).steps(4):
        build(settings, CORE)
    grown = tmp_path / "grown.duckdb"
    shutil.copy(settings.warehouse, grown)
    build(settings, CORE, full_refresh=True)
    assert differences(grown, settings.warehouse) == {}


def test_a_second_build_changes_nothing(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    for _ in Stream(lake).steps(2):
        pass
    build(settings, CORE)
    before = tmp_path / "before.duckdb"
    shutil.copy(settings.warehouse, before)
    build(settings, CORE)
    assert differences(before, settings.warehouse) == {}


def test_known_as_of_shows_the_state_of_that_day(
    settings: Settings, lake: Lake, tmp_path: Path
) -> None:
    stream = Stream(lake)
    for _ in stream.steps(2):
        pass
    day = stream.day.isoformat()
    build(settings, CORE)
    then = tmp_path / "then.duckdb"
    shutil.copy(settings.warehouse, then)
    for _ in stream.steps(2):
        pass
    result = build(settings, CORE, known_as_of=day)
    assert result.warehouse != settings.warehouse
    # What arrived since with an older known_at was known by then: the late versions that lost.
    assert differences(then, result.warehouse) == {}
