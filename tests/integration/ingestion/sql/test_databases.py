"""Real servers behind every SQL connector: what is read, what is asked, what may go wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from ingestion import quarantine, register
from ingestion.connectors import mysql, postgresql, sql_database, sql_reading
from ingestion.connectors.sql_spool import spooled_frames
from ingestion.errors import SourceError
from ingestion.landing import has_news, land
from tests.integration.ingestion.conftest import CONTRACTS, identifier, lake
from tests.integration.ingestion.sql.bases import (
    COLUMNS,
    FUNDS,
    PEOPLE,
    Base,
    add,
    loaded,
    people,
    persons,
    source,
)
from yinling.settings import Settings

pytestmark = pytest.mark.slow


def test_a_full_table_then_its_increments(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path)
    assert loaded(home) == []
    add(base, 0, 50, "2026-09-01 08:00:00.5")
    assert loaded(home) == [50]
    assert loaded(home) == []
    add(base, 50, 5, "2026-10-02 08:00:00")
    assert loaded(home) == [5]
    found = register.batches(home).select("batch_id", "mode", "control_rows")
    assert found.rows() == [
        ("household_person.gongan.2026-09.0001", "full", 50),
        ("household_person.gongan.2026-10.0002", "increment", 5),
    ]
    assert persons(home) == 55


def test_only_questions_in_a_read_only_transaction(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path, look_back_days=3)
    add(base, 0, 20, "2026-09-01")
    assert loaded(home) == [20]
    add(base, 20, 2, "2026-09-02")
    assert loaded(home) == [2]
    asked = [words.strip().lower() for words in base.questions()]
    reading = r"select|show|copy \(select|fetch|close|declare \S+ cursor .*for select"
    manners = r"set |begin|start transaction .*read only|rollback|savepoint|release"
    assert [w for w in asked if w and not re.match(f"{reading}|{manners}", w)] == []
    of_table = next(n for n, words in enumerate(asked) if PEOPLE in words)
    assert any("read only" in words for words in asked[:of_table])
    if base.connector == "postgresql":
        assert any(words.startswith("copy (select") for words in asked)


def test_an_account_that_may_write_is_refused(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path)
    add(base, 0, 3, "2026-09-01")
    who = "hub" if base.is_postgresql else "hub@'%'"
    base.run(f"grant select, update, delete on exchange.{PEOPLE} to {who}")
    with pytest.raises(SourceError, match=r"may do more than read.*DELETE, UPDATE"):
        land(home)
    warned = home.sources[PEOPLE].model_copy(update={"writable_account": "warn"})
    receipt = land(home.model_copy(update={"sources": {PEOPLE: warned}})).receipts[0]
    assert receipt["rows_loaded"] == 3
    assert any("DELETE、UPDATE。请改用只读账号" in words for words in receipt["warnings"])


def test_whatever_a_value_holds_arrives_as_it_is(base: Base, tmp_path: Path) -> None:
    fields = [c.name for c in CONTRACTS["programme"].columns]
    kinds = dict.fromkeys(fields, "text")
    if not base.is_postgresql:
        kinds["name"] = "text character set gbk"
        kinds["agency"] = "varchar(90) character set utf8mb4 collate utf8mb4_bin"
        kinds["document_no"] = "varchar(90) character set latin1"
    columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    base.run(f"create table exchange.programme ({columns})")
    odd = ["a\tb", "a\nb\r", "\\", "\\N", "\\n\\", "引“号\"'", ""]
    for number, text in enumerate(odd):
        base.run(
            "insert into exchange.programme (programme_code, name, class, agency)"
            " values (%s, %s, 'personal', %s)",
            (f"p{number}", text or "无", text),
        )
    home = Settings(home=tmp_path, sources={"programme": source(base, "programme")})
    land(home)
    raw = next(home.landing.glob("programme/*/*/rows.tsv.zst"))
    rows = pl.concat(spooled_frames(raw)).sort("programme_code")
    assert rows["name"].to_list() == [text or "无" for text in odd]
    assert rows["agency"].to_list() == odd
    assert rows["document_no"].to_list() == [None] * len(odd)


def test_rows_are_whole_wherever_a_block_ends(
    base: Base, tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (postgresql, mysql, sql_database):
        monkeypatch.setattr(module, "BLOCK_BYTES", 300)
    fields = ", ".join(f"{c.name} text" for c in CONTRACTS["programme"].columns)
    base.run(f"create table exchange.programme ({fields})")
    odd = ["a\tb\\", "\\N", "\n", "\\", "津" * 200, "x" * 40_000, "", None]
    rows = [(f"p{number:04}", odd[number % len(odd)]) for number in range(600)]
    for row in rows:
        base.run("insert into exchange.programme (programme_code, agency) values (%s, %s)", row)
    raw = []
    for room in ("one", "two"):
        home = Settings(home=tmp_path / room, sources={"programme": source(base, "programme")})
        land(home)
        raw.append(next(home.landing.glob("programme/*/*/rows.tsv.zst")))
    assert raw[0].read_bytes() == raw[1].read_bytes()  # however the network paused
    kept = list(spooled_frames(raw[0]))
    assert len(kept) > 5
    found = pl.concat(kept).sort("programme_code").select("programme_code", "agency").rows()
    assert found == rows


def test_whether_there_is_news_is_asked_without_reading(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path)
    add(base, 0, 20, "2026-09-01")
    assert has_news(home, CONTRACTS[PEOPLE])
    asked = [words.lower() for words in base.questions() if PEOPLE in words]
    assert asked
    assert not any("hukou_region_code" in w for w in asked if "count(*)" not in w)
    assert loaded(home) == [20]
    assert not has_news(home, CONTRACTS[PEOPLE])


def test_an_unchanged_table_is_not_taken_again(base: Base, tmp_path: Path) -> None:
    base.run(
        f"create table exchange.{FUNDS} (region_code varchar(20), year int, fund varchar(20),"
        " total_amount decimal(18,2), eldercare_amount decimal(18,2))"
    )
    home = Settings(home=tmp_path, sources={FUNDS: source(base, FUNDS)})
    row = f"insert into exchange.{FUNDS} values ('440203000000', 2026, '%s', 10.5, 3)"
    assert loaded(home) == []
    base.run(row.replace("%s", "lottery"))
    assert loaded(home) == [1]
    assert loaded(home) == []
    base.run(f"update exchange.{FUNDS} set total_amount = 11")
    assert loaded(home) == [1]
    newest = register.batches(home)["batch_id"][-1]
    control = register.manifest(home, FUNDS, newest)["control"]
    assert control["rows"] == 1
    if base.connector != "sql":
        assert control["sums"] == {"total_amount": "11.00", "eldercare_amount": "3.00"}


def test_a_table_without_change_times_grows_by_its_key(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path, cursor=None, key_range="id_no")
    add(base, 0, 9, "2026-09-01")
    assert loaded(home) == [9]
    assert loaded(home) == []
    add(base, 9, 4, "2020-01-01")
    assert loaded(home) == [4]
    assert persons(home) == 13


def test_late_rows_within_the_look_back_are_not_missed(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path, look_back_days=3)
    add(base, 0, 10, "2026-09-10 12:00:00")
    assert loaded(home) == [10]
    add(base, 10, 1, "2026-09-10 12:00:00")  # the very same value
    assert loaded(home) == [1]
    add(base, 11, 2, "2026-09-08 09:00:00")  # earlier
    add(base, 13, 1, "2026-09-11 09:00:00")  # and one in time
    assert loaded(home) == [3]
    add(base, 14, 1, "2026-09-01")  # longer ago than agreed
    assert loaded(home) == []
    assert persons(home) == 14


def test_a_lost_line_is_taken_up_where_it_broke(
    base: Base, tmp_path: Path, small: None, sleeps: list[Callable[[], Any]]
) -> None:
    home = people(base, tmp_path, **({"key_range": "id_no"} if base.connector == "sql" else {}))
    add(base, 0, 3_000, "2026-09-01 08:00:00")
    base.line.cuts = [150_000, 150_000]
    receipt = land(home).receipts[0]
    assert receipt["rows_loaded"] == 3_000
    assert persons(home) == 3_000
    assert any("连接中断 2 次" in words for words in receipt["warnings"])
    whole = people_bytes(base)
    assert sum(base.line.passed[:3]) < whole * 1.7  # what was read is not read again
    assert not list(home.landing.glob("*/.reading"))
    assert len(list(home.landing.glob(f"{PEOPLE}/*/"))) == 1  # nothing of the batch that broke off
    assert not list((home.home / ".staging").iterdir())


def people_bytes(base: Base) -> float:
    """About what the server sends for the whole table once."""
    return 3_000 * (110 if base.connector != "sql" else 130)


def test_a_run_that_ends_half_way_is_taken_up_by_the_next(
    base: Base,
    tmp_path: Path,
    small: None,
    sleeps: list[Callable[[], Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = people(base, tmp_path, **({"key_range": "id_no"} if base.connector == "sql" else {}))
    add(base, 0, 3_000, "2026-09-01 08:00:00")
    monkeypatch.setattr(sql_reading, "ATTEMPTS", 0)
    base.line.cuts = [200_000]
    with pytest.raises(SourceError, match=r"broke off.*\d+ rows are kept"):
        land(home)
    assert register.committed(home, PEOPLE) == set()
    add(base, 3_000, 5, "2026-09-02")  # what is new meanwhile waits for its own batch
    assert loaded(home) == [3_000]
    assert loaded(home) == [5]
    assert persons(home) == 3_005


def test_a_table_that_changed_meanwhile_is_read_from_the_start(
    base: Base, tmp_path: Path, small: None, sleeps: list[Callable[[], Any]]
) -> None:
    home = people(base, tmp_path)
    add(base, 0, 3_000, "2026-09-01 08:00:00")
    first, last = identifier(0), identifier(2_999)
    sleeps.append(
        lambda: (
            base.run(f"delete from exchange.{PEOPLE} where id_no = '{first}'"),
            base.run(
                f"update exchange.{PEOPLE} set name = '改名', updated_at = '2026-09-03'"
                f" where id_no = '{last}'"
            ),
        )
    )
    base.line.cuts = [150_000]
    receipt = land(home).receipts[0]
    assert receipt["rows_loaded"] == 2_999
    assert any("从头重新读取" in words for words in receipt["warnings"])
    assert persons(home) == 2_999
    assert lake(home, PEOPLE)["name_mask"].to_list().count("改**") == 1


def test_a_deadlock_is_tried_again(
    base: Base, tmp_path: Path, sleeps: list[Callable[[], Any]]
) -> None:
    home = people(base, tmp_path)
    add(base, 0, 5, "2026-09-01")
    base.run("create table exchange.switch (deadlocked integer)")
    base.run("insert into exchange.switch values (1)")
    if base.is_postgresql:
        base.run(
            "create function exchange.fails() returns text language plpgsql as"
            " $$ begin raise exception 'deadlock detected' using errcode = '40P01'; end $$"
        )
    else:
        base.run(
            "create function exchange.fails() returns varchar(9) begin signal sqlstate '40001'"
            " set mysql_errno = 1213, message_text = 'Deadlock found'; return ''; end"
        )
    names = ", ".join(name if name != "name" else
        "case when (select max(deadlocked) from exchange.switch) = 1 then exchange.fails()"
        " else name end as name" for name in COLUMNS)  # fmt: skip
    base.run(f"create view exchange.people as select {names} from exchange.{PEOPLE}")
    view = home.sources[PEOPLE].model_copy(update={"table": "exchange.people"})
    home = home.model_copy(update={"sources": {PEOPLE: view}})
    sleeps += [lambda: None, lambda: base.run("update exchange.switch set deadlocked = 0")]
    assert loaded(home) == [5]
    assert sleeps == []
    base.run("update exchange.switch set deadlocked = 1")
    add(base, 5, 1, "2026-09-02")
    with pytest.raises(SourceError, match=r"(?i)deadlock"):
        land(home)
    assert persons(home) == 5


def test_a_locked_table_is_waited_for(
    base: Base, tmp_path: Path, sleeps: list[Callable[[], Any]], request: pytest.FixtureRequest
) -> None:
    home = people(base, tmp_path)
    add(base, 0, 5, "2026-09-01")
    if base.is_postgresql:
        base.run("alter role hub set lock_timeout = '200ms'")
        holder: Any = psycopg.connect(request.getfixturevalue("pg")[0])
        holder.execute(f"lock table exchange.{PEOPLE}")
        release = holder.rollback
    else:
        base.run("set global lock_wait_timeout = 1")
        holder = request.getfixturevalue("maria").connect()
        holder.cursor().execute(f"lock tables exchange.{PEOPLE} write")
        release = holder.close
    sleeps.append(release)
    try:
        assert loaded(home) == [5]
    finally:
        if base.is_postgresql:
            holder.close()
        else:
            base.run("set global lock_wait_timeout = 86400")
    assert sleeps == []


def test_a_column_of_another_type_is_drift(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path)
    add(base, 0, 5, "2026-09-01")
    assert loaded(home) == [5]
    kind = "type integer using sex::integer" if base.is_postgresql else "integer"
    alter = "alter column sex" if base.is_postgresql else "modify sex"
    base.run(f"alter table exchange.{PEOPLE} {alter} {kind}")
    add(base, 5, 2, "2026-09-02")
    receipt = land(home).receipts[0]
    assert receipt["rows_loaded"] == 2
    assert any("列 sex 的类型由" in words for words in receipt["warnings"])
    kind = "type bigint using 20260903" if base.is_postgresql else "varchar(30)"
    alter = "alter column updated_at" if base.is_postgresql else "modify updated_at"
    base.run(f"alter table exchange.{PEOPLE} {alter} {kind}")
    receipt = land(home).receipts[0]
    assert (receipt["status"], receipt["reason"]) == ("rejected", "cursor_type")
    assert persons(home) == 7
    assert quarantine.scan(home).collect().height == 0


def test_a_column_that_the_contract_does_not_have_is_drift(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path)
    base.run(f"alter table exchange.{PEOPLE} add column remark text")
    add(base, 0, 5, "2026-09-01")
    (receipt,) = land(home).receipts
    assert receipt["rows_loaded"] == 5
    assert any("未知列 remark" in words for words in receipt["warnings"])
