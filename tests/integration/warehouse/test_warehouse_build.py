"""Building: the project's own unit tests, and what a user is told when a build cannot be."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from quality.gates import run_gate
from quality.model import GateError
from tests.support.lake import Lake, token
from tests.support.warehouses import CORE
from yinling.locks import BusyError, exclusive
from yinling.settings import Settings
from yinling.warehouse import LOCK, BuildError, Dbt, build, docs, run_dbt

pytestmark = pytest.mark.slow


def test_every_model_builds_on_an_empty_lake_and_passes_its_unit_tests(
    settings: Settings, lake: Lake
) -> None:
    build(settings, all_tests=True)
    result = run_dbt(settings, ["test", "--select", "test_type:unit"], settings.warehouse)
    assert {n.status for n in result.nodes if n.kind == "unit_test"} == {"pass"}
    page = docs(settings)
    assert "dim_person" in page.read_text("utf-8")


def test_a_dbt_that_was_begun_ahead_builds_with_what_it_read_or_ends(
    settings: Settings, lake: Lake, rows: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    with Dbt.begin(settings):
        pass  # nothing to build after all
    assert not settings.warehouse.exists()
    with Dbt.begin(settings) as dbt:  # a new project: it is read again, and written down
        build(settings, dbt=dbt)
    manifest = settings.warehouse.parent / "dbt" / "target" / "manifest.json"
    written = manifest.stat().st_mtime_ns
    first = rows("select table_schema, table_name from information_schema.tables order by all")
    with Dbt.begin(settings) as dbt:
        again = build(settings, dbt=dbt)
    assert {node.status for node in again.nodes} == {"pass", "success"}
    assert manifest.stat().st_mtime_ns == written
    assert first == rows(
        "select table_schema, table_name from information_schema.tables order by all"
    )


def test_a_small_lake_ends_in_typed_core_rows(
    settings: Settings, lake: Lake, rows: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    person = {
        "id_no": "A",
        "name": "someone",
        "sex": "2",
        "birth_date": date(1940, 2, 3),
        "household_no": "H",
        "relation_to_head": "02",
        "hukou_region_code": "440203001001",
        "status": "normal",
    }
    payment = {
        "payment_no": "N1",
        "programme_code": "old_age_allowance",
        "id_no": "A",
        "benefit_month": "2026-08",
        "amount": "50.00",
        "paid_at": datetime(2026, 8, 15, 9),
        "region_code": "440203000000",
        "status": "success",
    }
    lake.add("household_person", [person], period="2026-09")
    lake.add("subsidy_payment", [payment], period="2026-08")
    lake.add(
        "subsidy_payment",
        [payment | {"status": "returned"}],
        period="2026-09",
        known_at=datetime(2026, 11, 1),
    )
    result = build(settings, CORE)
    assert result.models > 50
    key = token("A")
    assert rows(
        "select person_key, head_person_key, member_count from core.dim_household h"
        " inner join core.dim_person p on p.household_key = h.household_key"
    ) == [(key, key, 1)]
    assert rows(
        "select payment_no, person_key, benefit_month, status, is_effective, batch_id"
        " from core.fct_payment"
    ) == [("N1", key, date(2026, 8, 1), "returned", False, "subsidy_payment.test.2026-09.0001")]
    assert rows("select month_start, month_end from core.dim_month") == [
        (date(2026, 8, 1), date(2026, 8, 31))
    ]


def test_a_failing_model_is_named(settings: Settings, lake: Lake) -> None:
    lake.add("programme", [{"programme_code": "x", "name": "x", "class": "no such class"}])
    with pytest.raises(BuildError, match=r"accepted_values_dim_programme_class\w+` failed"):
        build(settings, ["+dim_programme"])


def test_a_lake_without_a_dataset_is_an_error(settings: Settings) -> None:
    settings.lake.mkdir(parents=True)
    with pytest.raises(BuildError, match="stg_"):
        build(settings, ["stg_programme"])


def state_of(settings: Settings) -> tuple[int, bool]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        found = connection.execute("select run, is_whole from staging.run_state").fetchone()
    assert found is not None
    return found


def test_a_failed_build_leaves_a_warehouse_that_no_gate_opens(
    settings: Settings, lake: Lake
) -> None:
    build(settings)
    assert state_of(settings) == (1, True)
    build(settings, ["dim_programme"])
    assert state_of(settings) == (2, True)
    lake.add("programme", [{"programme_code": "x", "name": "x", "class": "no such class"}])
    for select in (None, ["+dim_programme"]):
        with pytest.raises(BuildError, match="dim_programme"):
            build(settings, select)
    assert state_of(settings) == (4, False)
    build(settings, ["dim_region"])  # that one is sound, the rest is not
    assert state_of(settings) == (5, False)
    with pytest.raises(GateError, match="did not end well"):
        run_gate(settings, "warehouse")


def test_nothing_landed_is_said_plainly(settings: Settings) -> None:
    with pytest.raises(BuildError, match="`yinling land` first"):
        build(settings)


def test_a_second_build_is_told_to_wait(settings: Settings, lake: Lake) -> None:
    with exclusive(settings.home, LOCK), pytest.raises(BusyError, match="Another run is at work"):
        build(settings, ["stg_programme"])


def test_a_warehouse_open_elsewhere_is_an_error(settings: Settings, lake: Lake) -> None:
    settings.warehouse.parent.mkdir(parents=True)
    reader = (
        "import duckdb, sys, time; held = duckdb.connect(sys.argv[1]); print('open', flush=True);"
        " time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", reader, str(settings.warehouse)], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(BuildError, match="lock"):
            build(settings, ["stg_programme"])
        other.kill()


def test_docs_before_a_build_say_what_to_do(settings: Settings) -> None:
    with pytest.raises(BuildError, match="yinling build"):
        docs(settings)
