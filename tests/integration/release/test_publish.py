"""Publishing: same content same id, findings over releases, rollback, pruning, plain errors."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from quality.gates import run_gate
from quality.model import GateError, GateFailed
from tests.support.published import AUDITORS, OFFICIALS, build_warehouse
from yinling.locks import BusyError, exclusive
from yinling.release import ReleaseError, current_id, list_releases, publish, rollback
from yinling.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path, synthetic=True, keep_releases=3)
    build_warehouse(made)
    return made


def change(settings: Settings, sql: str) -> None:
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(sql)


def ask(settings: Settings, file: str, sql: str) -> list[tuple]:
    path = (settings.releases / "current").resolve() / file
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_release_holds_the_interface_and_its_proof(settings: Settings) -> None:
    info = publish(settings)
    assert info.changed and info.release_id.startswith("20261031-")
    manifest = json.loads((info.path / "manifest.json").read_text("utf-8"))
    assert manifest["synthetic"] is True
    assert manifest["data_dates"]["subsidy_payment"] == "2026-10"
    for file, tables in manifest["rows"].items():
        for table, rows in tables.items():
            assert ask(settings, file, f"select count(*) from {table}") == [(rows,)]
    stamped = ask(settings, "officials.duckdb", "select distinct release_id from indicator_value")
    assert stamped == [(info.release_id,)]
    checks = ask(
        settings, "officials.duckdb", "select count(*), count(*) filter (gate = 'release') "
        "from quality_result"
    )  # fmt: skip
    assert checks[0][1] > 20
    assert [path.name for path in settings.releases.iterdir() if path.name.startswith(".tmp")] == []
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        wanted = connection.execute(
            f"select * from {OFFICIALS}.indicator_value order by all"
        ).fetchall()
    assert wanted == ask(
        settings,
        "officials.duckdb",
        "select * exclude (release_id) from indicator_value order by all",
    )


def test_publishing_the_same_again_changes_nothing(settings: Settings) -> None:
    first = publish(settings)
    times = {file: file.stat().st_mtime_ns for file in first.path.iterdir()}
    # When a batch was received is no part of what is published.
    change(settings, f"update {AUDITORS}.batch set received_at = received_at + interval 1 day")
    again = publish(settings)
    assert (again.release_id, again.changed) == (first.release_id, False)
    assert {file: file.stat().st_mtime_ns for file in first.path.iterdir()} == times
    assert [row["release_id"] for row in list_releases(settings)] == [first.release_id]


def test_findings_are_followed_and_nothing_else_is_lost(settings: Settings) -> None:
    first = publish(settings)
    gone, back = ask(
        settings, "auditors.duckdb", "select finding_id from finding order by 1 limit 2"
    )
    ids = f"('{gone[0]}', '{back[0]}')"
    change(
        settings,
        f"create table parked as select * from {AUDITORS}.finding where finding_id in {ids};"
        f"create table parked_rows as select * from {AUDITORS}.finding_evidence "
        f"where finding_id in {ids};"
        f"delete from {AUDITORS}.finding where finding_id in {ids};"
        f"delete from {AUDITORS}.finding_evidence where finding_id in {ids};"
        f"delete from {AUDITORS}.case_queue where finding_id in {ids}",
    )
    second = publish(settings)
    counted = "select status, count(*) from finding group by all order by all"
    assert ask(settings, "auditors.duckdb", counted) == [("persisting", 81), ("resolved", 2)]
    lives = ask(
        settings, "auditors.duckdb", "select distinct first_seen_release, last_seen_release, "
        "status from finding order by 3"
    )  # fmt: skip
    assert lives == [
        (first.release_id, second.release_id, "persisting"),
        (first.release_id, first.release_id, "resolved"),
    ]
    evidence = f"select count(*) from finding_evidence where finding_id in {ids}"
    assert ask(settings, "auditors.duckdb", evidence) == [(4,)]
    # One comes back: new again, first seen long ago.
    change(
        settings,
        f"insert into {AUDITORS}.finding select * from parked where finding_id = '{back[0]}';"
        f"insert into {AUDITORS}.finding_evidence select * from parked_rows "
        f"where finding_id = '{back[0]}'",
    )
    third = publish(settings)
    life = "select status, first_seen_release, last_seen_release from finding where finding_id = "
    assert ask(settings, "auditors.duckdb", life + f"'{back[0]}'") == [
        ("new", first.release_id, third.release_id)
    ]
    assert ask(settings, "auditors.duckdb", life + f"'{gone[0]}'") == [
        ("resolved", first.release_id, first.release_id)
    ]


def test_going_back_and_pruning(settings: Settings) -> None:
    ids = []
    for number in range(4):
        change(settings, f"update {OFFICIALS}.indicator set feeds = 'a{number}'")
        ids.append(publish(settings).release_id)
    kept = [row["release_id"] for row in list_releases(settings)]
    assert set(kept) == set(ids[1:])  # keep_releases = 3
    info = rollback(settings, ids[1])
    assert (info.release_id, info.changed) == (ids[1], True)
    assert ask(settings, "officials.duckdb", "select distinct feeds from indicator") == [("a1",)]
    assert [row["current"] for row in list_releases(settings)].count(True) == 1
    # What the warehouse holds becomes current again with the next publish, without a rebuild.
    assert publish(settings).release_id == ids[3]
    with pytest.raises(ReleaseError, match=f"No release `{ids[0]}`.*{ids[3]}"):
        rollback(settings, ids[0])


def test_what_no_gate_has_let_through_is_not_published(settings: Settings) -> None:
    first = publish(settings)
    change(settings, "update staging.run_state set run = 2, is_whole = false")
    change(settings, f"update {OFFICIALS}.indicator set feeds = feeds || ', more'")
    for _ in range(2):
        with pytest.raises(GateError, match="Run `yinling check warehouse`"):
            publish(settings)
        with pytest.raises(GateError, match="did not end well"):
            run_gate(settings, "warehouse")
    change(settings, "update staging.run_state set is_whole = true")
    with pytest.raises(GateError, match="has not passed since the warehouse was last built"):
        publish(settings)
    assert current_id(settings) == first.release_id
    run_gate(settings, "warehouse")
    assert publish(settings).changed


def test_going_back_needs_somewhere_to_go(settings: Settings) -> None:
    publish(settings)
    with pytest.raises(ReleaseError, match="no older release"):
        rollback(settings)


def test_a_changed_file_is_not_gone_back_to(settings: Settings) -> None:
    first = publish(settings)
    change(settings, f"update {OFFICIALS}.indicator set feeds = 'other'")
    second = publish(settings)
    with duckdb.connect(str(first.path / "officials.duckdb")) as connection:
        connection.execute("update release set data_date = date '2030-01-01'")
    with pytest.raises(ReleaseError, match="not what was published"):
        rollback(settings, first.release_id)
    assert (settings.releases / "current").resolve() == second.path.resolve()


def test_a_second_publish_at_once_is_told_so(settings: Settings) -> None:
    with (
        exclusive(settings.home, "publish"),
        pytest.raises(BusyError, match="Another run is at work"),
    ):
        publish(settings)


def test_without_a_warehouse_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="yinling build"):
        publish(Settings(home=tmp_path))


# What a builder can get wrong, and the check that must close the gate.
FAULTS = {
    "release.officials.personal_data": "update {o}.indicator set definition_zh = "
    "definition_zh || ' 11010519491231002X' where indicator_id = 'nursing_bed_share'",
    "release.auditors.personal_data": "update {a}.finding_evidence set fields = "
    "'{{\"note\": \"13800138000\"}}' where role = 'death'",
    "release.officials.forbidden_columns": "alter table {o}.facility add column id_no_token text",
    "release.officials.columns": "alter table {o}.indicator drop column definition_zh",
    "release.officials.rows": "delete from {o}.fund",
    "release.officials.small_cells": "update {o}.population set persons_65plus = 3 "
    "where region_code = '360735000000'",
    "release.indicator_value.percent": "update {o}.indicator_value set value = 230 "
    "where indicator_id = 'nursing_bed_share'",
    "release.indicator_value.part": "update {o}.indicator_value set numerator = denominator + 1 "
    "where indicator_id = 'ltci_coverage_rate'",
    "release.indicator_value.status": "update {o}.indicator_value set value = null "
    "where indicator_id = 'ltci_coverage_rate'",
    "release.indicator_value.small_cells": "update {o}.indicator_value set numerator = 4 "
    "where indicator_id = 'ltci_coverage_rate' and region_code = '360735000000'",
    "release.indicator_value.derivable": "update {o}.indicator_value set numerator = null, "
    "value = null, status_code = 'suppressed' where indicator_id = 'ltci_coverage_rate' "
    "and region_code = '360735000000'",
    "release.feed_health.derivable": "update {o}.health_delivery set rows_read = null "
    "where delivery_id = (select min(delivery_id) from {o}.health_delivery where rows_read > 0)",
    "release.indicator_value.suppressed_blank": "update {o}.indicator_value "
    "set numerator = 3 where status_code = 'suppressed'",
    "release.indicator_value.grain": "insert into {o}.indicator_value "
    "from {o}.indicator_value limit 1",
    "release.finding.evidence": "delete from {a}.finding_evidence",
    "release.finding_evidence.batch": "update {a}.finding_evidence set row_no = 99999999",
    "release.auditors.token_form": "update {a}.finding set subject_key = '张三' "
    "where subject_kind = 'person'",
    "release.finding.rule": "update {a}.rule set suspended = true where rule_id = 'L01'",
    "release.finding.amount": "update {a}.finding set amount_low = amount_high + 1",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings(home=tmp_path_factory.mktemp("faults"), synthetic=True)
    build_warehouse(made)
    # The warehouse says which indicators count persons, as the real one does.
    with duckdb.connect(str(made.warehouse)) as connection:
        connection.execute(
            "create schema indicators; create table indicators.int_indicator_cell as "
            "select * from (values ('ltci_coverage_rate', true, true), "
            "('public_facility_occupancy_rate', true, false)) "
            "t(indicator_id, person_counts, persons_in_denominator)"
        )
    publish(made)
    return made


# These faults each spoil what another one needs: they are made apart.
APART = (
    ("release.officials.columns", "release.finding.evidence", "release.indicator_value.part"),
    ("release.indicator_value.small_cells", "release.indicator_value.status"),
    ("release.indicator_value.derivable",),
)
GROUPS = [sorted(set(FAULTS) - {name for group in APART for name in group}), *map(list, APART)]


@pytest.mark.parametrize("check_ids", GROUPS)
def test_faults_close_the_gate_and_readers_keep_what_they_had(
    published: Settings, check_ids: list[str], tmp_path: Path
) -> None:
    before = (published.releases / "current").readlink()
    spoilt = published.model_copy(update={"home": tmp_path})
    spoilt.warehouse.parent.mkdir(parents=True)
    spoilt.warehouse.write_bytes(published.warehouse.read_bytes())
    run_gate(spoilt, "warehouse")
    (tmp_path / "releases").symlink_to(published.releases)
    for check_id in check_ids:
        change(spoilt, FAULTS[check_id].format(o=OFFICIALS, a=AUDITORS))
    with pytest.raises(GateFailed) as caught:
        publish(spoilt)
    stopped = {outcome.check_id for outcome in caught.value.result.outcomes if outcome.stops}
    assert set(check_ids) <= stopped
    assert all(check_id in str(caught.value) for check_id in check_ids)
    assert "11010519491231002X" not in str(caught.value)
    assert (published.releases / "current").readlink() == before
    assert not list(published.releases.glob(".tmp-*"))


def test_a_jump_against_the_last_release_closes_the_gate(published: Settings) -> None:
    changed = "update {o}.indicator_value set value = value * 3 where unit = '张'"
    change(published, changed.format(o=OFFICIALS))
    with pytest.raises(GateFailed, match=r"release\.indicator_value\.change"):
        publish(published)
