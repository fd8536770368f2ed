"""Gate "landing" on batches that really landed, then on batches that somebody spoilt."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from quality.gates import run_gate
from quality.model import GateError, GateFailed, GateResult
from tests.integration.quality.conftest import LandFunds
from yinling.settings import Settings

pytestmark = pytest.mark.slow


def spoil(file: Path, sql: str) -> None:
    """Write the file again as `sql` says; `{rows}` are its rows."""
    new = file.with_name("new.parquet")
    query = sql.format(rows=f"read_parquet('{file}')")
    with duckdb.connect() as connection:
        connection.execute(f"copy ({query}) to '{new}' (format parquet)")
    new.replace(file)


def closed(settings: Settings) -> GateResult:
    with pytest.raises(GateFailed) as caught:
        run_gate(settings, "landing")
    return caught.value.result


def stopped(result: GateResult) -> set[str]:
    return {o.check_id.removeprefix("landing.welfare_fund.") for o in result.outcomes if o.stops}


def test_a_sound_batch_passes_and_is_not_read_twice(home: Settings, land_funds: LandFunds) -> None:
    land_funds(1)
    first = run_gate(home, "landing")
    assert first.passed and first.rechecked >= 10
    assert [o.message for o in first.outcomes if o.bad] == []
    again = run_gate(home, "landing")
    assert (again.passed, again.rechecked) == (True, 0)
    assert {o.check_id for o in again.outcomes} == {o.check_id for o in first.outcomes}
    # A new batch: its rows are looked at, not those that passed.
    land_funds(2, rows=130)
    result = run_gate(home, "landing")
    rows = {o.check_id: o.denominator for o in result.outcomes}
    assert rows["landing.welfare_fund.key"] == 130
    assert run_gate(home, "landing", anew=True).rechecked >= 10


FAULTS = {
    "key": "select * from {rows} union all select * from {rows} where row_no = 1",
    "sums": "select * replace (total_amount + 0.01 as total_amount) from {rows}",
    "accounting": "select * from {rows} where row_no > 1",
    "required": "select * replace (null::varchar as region_code) from {rows}",
    "codes.fund": "select * replace ('lotto' as fund) from {rows}",
    "lineage": "select * replace (row_no + 500 as row_no) from {rows}",
    "schema": "select * replace (year::bigint as year) from {rows}",
    "range": "select * replace (-1::integer as year) from {rows}",
}


@pytest.mark.parametrize(
    "faults",
    [["key"], ["schema"], ["sums", "codes.fund", "lineage", "range"], ["accounting", "required"]],
)
def test_a_spoilt_batch_closes_the_gate(
    home: Settings, land_funds: LandFunds, faults: list[str]
) -> None:
    file = land_funds(1)
    for fault in faults:
        spoil(file, FAULTS[fault])
    assert set(faults) <= stopped(closed(home))


def test_a_problem_is_new_then_persists_then_is_resolved(
    home: Settings, land_funds: LandFunds
) -> None:
    file = land_funds(1)
    sound = file.read_bytes()
    spoil(file, FAULTS["sums"])
    states = {}

    def look(result: GateResult) -> str:
        states.update({o.check_id: o for o in result.outcomes})
        return states["landing.welfare_fund.sums"].state

    assert look(closed(home)) == "new"
    since = states["landing.welfare_fund.sums"].since
    assert look(closed(home)) == "persisting"
    assert states["landing.welfare_fund.sums"].since == since
    sample = json.loads(states["landing.welfare_fund.sums"].sample)
    assert sample[0]["batch_id"] == "welfare_fund.440203.2026-09.0001"
    file.write_bytes(sound)
    assert look(run_gate(home, "landing")) == "resolved"
    page = (home.quality / "index.html").read_text("utf-8")
    assert "本次消除" in page and "welfare_fund" in page


def test_a_jump_in_rows_and_a_late_county_warn_and_do_not_stop(
    home: Settings, land_funds: LandFunds
) -> None:
    land_funds(1, rows=200)
    land_funds(1, provider="440204", delivered_at="2024-01-05T09:00:00")
    run_gate(home, "landing")
    land_funds(2, rows=20)
    result = run_gate(home, "landing")
    bad = {o.check_id: o for o in result.outcomes if o.bad}
    assert set(bad) == {"landing.welfare_fund.volume", "landing.welfare_fund.freshness"}
    assert "440204" in bad["landing.welfare_fund.freshness"].sample
    assert bad["landing.welfare_fund.freshness"].denominator == 2


def test_a_feed_that_never_came_is_late_and_not_passed(home: Settings) -> None:
    result = run_gate(home, "landing")
    assert [(o.check_id, o.status) for o in result.outcomes] == [
        ("landing.welfare_fund.freshness", "fail")
    ]


def test_an_unknown_gate_or_dataset_is_said_plainly(home: Settings) -> None:
    with pytest.raises(GateError, match="landing, warehouse, release"):
        run_gate(home, "gate")
    with pytest.raises(GateError, match="No contract for nothing"):
        run_gate(home, "landing", datasets=["nothing"])
    with pytest.raises(GateError, match="yinling build"):
        run_gate(home, "warehouse")
    with pytest.raises(GateError, match="yinling publish"):
        run_gate(home, "release")
