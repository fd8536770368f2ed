"""Adding batches day by day ends in the same warehouse as building it in full."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from tests.support.lake import Lake, token
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


def test_two_persons_part_when_their_change_of_number_is_withdrawn(
    settings: Settings, lake: Lake, tmp_path: Path
) -> None:
    def change(*pairs: tuple[str, str], sequence: int) -> None:
        rows = [{"old_id_no": a, "new_id_no": b, "changed_on": date(2026, 1, 5)} for a, b in pairs]
        lake.add("household_id_change", rows, sequence=sequence, mode="full")

    enrolled = {
        "insurance_kind": "resident", "valid_from": date(2020, 1, 1), "ltci_insured": False,
        "region_code": "440203000000",
    }  # fmt: skip
    for number, one in enumerate(("A", "B", "C", "D"), start=1):
        person = {
            "id_no": one, "name": one, "sex": "1", "birth_date": date(1940, 1, 1),
            "household_no": one, "hukou_region_code": "440203000000", "status": "normal",
        }  # fmt: skip
        lake.add("household_person", [person], sequence=number)
        lake.add("medical_enrolment", [enrolled | {"id_no": one}], sequence=number)
        visit = {"visit_no": one, "id_no": one, "visited_at": datetime(2026, 9, 1), "mode": "home"}
        lake.add("home_visit", [visit], sequence=number)
    models = ["+dim_household", "+spell_residence", "+spell_enrolment", "+fct_visit"]
    change(("A", "B"), ("C", "D"), sequence=1)
    build(settings, models)
    change(("A", "B"), sequence=2)
    build(settings, models)
    grown = tmp_path / "grown.duckdb"
    shutil.copy(settings.warehouse, grown)
    with duckdb.connect(str(grown), read_only=True) as connection:
        visited = connection.execute("select visit_no, person_key from core.fct_visit").fetchall()
    assert dict(visited) == {"A": token("B"), "B": token("B"), "C": token("C"), "D": token("D")}
    build(settings, models, full_refresh=True)
    assert differences(grown, settings.warehouse) == {}


def test_of_two_numbers_of_a_person_the_list_that_speaks_last_counts(
    settings: Settings, lake: Lake
) -> None:
    change = {"old_id_no": "A", "new_id_no": "B", "changed_on": date(2026, 1, 5)}
    lake.add("household_id_change", [change], mode="full")
    row = {"kind": "disabled", "valid_from": date(2020, 1, 1)}
    # September's list came in October, May's of the other county only in November.
    for provider, period, number, month in (
        ("440203", "2026-09", "B", 10),
        ("440204", "2026-05", "A", 11),
    ):
        listed = row | {"id_no": number, "region_code": f"{provider}000000"}
        lake.add(
            "special_difficulty", [listed], provider=provider, period=period, mode="full",
            known_at=datetime(2026, month, 8),
        )  # fmt: skip
    build(settings, ["+spell_special_difficulty"])
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        found = connection.execute(
            "select person_key, region_code from core.spell_special_difficulty"
        ).fetchall()
    assert found == [(token("B"), "440203000000")]
