"""Gate "warehouse" on a small warehouse: grain, sums from lake to core, relations, what changed."""

from __future__ import annotations

import json

import duckdb
import pytest

from quality.gates import run_gate
from quality.model import GateError, GateFailed
from tests.integration.quality.conftest import LandFunds
from yinling.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def built(home: Settings, land_funds: LandFunds) -> Settings:
    """What a build leaves: staging and core of the welfare funds, and dbt's manifest."""
    file = land_funds(1)
    target = home.warehouse.parent / "dbt" / "target"
    target.mkdir(parents=True)
    node = {
        "resource_type": "model",
        "config": {"materialized": "table"},
        "checksum": {"checksum": "1"},
    }
    nodes = {
        "model.yinling.stg_welfare_fund": node
        | {
            "name": "stg_welfare_fund",
            "schema": "staging",
            "depends_on": {"nodes": ["source.y.lake.welfare_fund"]},
        },
        "model.yinling.fct_welfare_fund": node
        | {
            "name": "fct_welfare_fund",
            "schema": "core",
            "depends_on": {"nodes": ["model.yinling.stg_welfare_fund"]},
            "constraints": [{"type": "primary_key", "columns": ["row_no"]}],
        },
    }
    (target / "manifest.json").write_text(json.dumps({"nodes": nodes}), "utf-8")
    change(
        home,
        f"""create schema staging; create schema core;
        create table staging.run_state as select 1 as run, true as is_whole, true as was_whole;
        create table staging.lake_batch as select 'welfare_fund' as dataset,
          'welfare_fund.440203.2026-09.0001' as batch_id, '' as file, true as is_live;
        create view staging.stg_welfare_fund as select * from read_parquet('{file}');
        create table core.fct_welfare_fund as from staging.stg_welfare_fund""",
    )
    return home


def change(settings: Settings, sql: str) -> None:
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(sql)


def test_a_sound_warehouse_passes_and_is_not_read_twice(built: Settings) -> None:
    first = run_gate(built, "warehouse")
    assert {o.check_id: o.status for o in first.outcomes} == {
        "warehouse.fct_welfare_fund.grain": "pass",
        "warehouse.stg_welfare_fund.reconcile": "pass",
    }
    assert run_gate(built, "warehouse").rechecked == 0
    change(built, "insert into core.fct_welfare_fund from core.fct_welfare_fund limit 1")
    with pytest.raises(GateFailed, match=r"warehouse\.fct_welfare_fund\.grain") as caught:
        run_gate(built, "warehouse")
    # Only the table that changed; the other keeps its word.
    assert caught.value.result.rechecked == 1


def test_rows_lost_between_lake_and_staging_close_the_gate(built: Settings) -> None:
    change(
        built,
        "create or replace view staging.stg_welfare_fund as "
        "select * from core.fct_welfare_fund where row_no > 3",
    )
    with pytest.raises(GateFailed, match="lake_keys=120，staging_rows=117"):
        run_gate(built, "warehouse")


def test_batches_landed_since_the_build_are_not_lost_rows(
    built: Settings, land_funds: LandFunds
) -> None:
    land_funds(2, rows=500)
    assert run_gate(built, "warehouse").passed


def test_a_warehouse_that_is_being_written_is_said_plainly(built: Settings) -> None:
    import subprocess
    import sys

    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(built.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "open\n"
        with pytest.raises(GateError, match="being written by another run"):
            run_gate(built, "warehouse")
        writer.communicate("")
