"""What departments' databases hold and do that a reader would not expect, on real servers."""

from __future__ import annotations

import logging
import re
import socket
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion import quarantine, register
from ingestion.connectors import postgresql, sql_database, sql_reading
from ingestion.connectors.sql_spool import spooled_frames
from ingestion.errors import SourceError
from ingestion.landing import has_news, land
from ingestion.refusals import Search
from ingestion.replay import replay
from tests.integration.ingestion.conftest import CONTRACTS, identifier, lake
from tests.integration.ingestion.sql.bases import (
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

CREMATION = "cremation"


def test_what_a_server_says_is_told_without_the_password(
    base: Base,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    sleeps: list[Callable[[], Any]],
) -> None:
    """A server that quotes the whole address, whenever it is asked for rows."""
    home = people(base, tmp_path)
    add(base, 0, 1, "2026-09-01")
    address = base.uri.replace("hub@", "hub:S3c%2Fret@")
    monkeypatch.setenv("DEPARTMENT", address)
    monkeypatch.setattr(sql_reading, "ATTEMPTS", 2)
    quoted = f"{address} S3c/ret S3c%2Fret"
    if base.is_postgresql:
        base.run(
            "create function exchange.fails() returns text language plpgsql as"
            f" $$ begin raise exception '{quoted.replace('%', '%%')}: away'"
            " using errcode = '40P01'; end $$"
        )
    else:
        base.run("alter user hub@'%' identified by 'S3c/ret'")
        base.run(
            "create function exchange.fails() returns varchar(9) begin signal sqlstate '40001'"
            f" set mysql_errno = 1213, message_text = '{quoted}: away'; return ''; end"
        )
    base.run(
        f"create view exchange.broken as select id_no, exchange.fails() as name, updated_at"
        f" from exchange.{PEOPLE}"
    )
    broken = home.sources[PEOPLE].model_copy(update={"table": "exchange.broken"})
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(SourceError, match=r"\*\*\*: away") as met,
    ):
        land(home.model_copy(update={"sources": {PEOPLE: broken}}))
    told = "".join(traceback.format_exception(met.value)) + caplog.text
    assert "again in" in caplog.text
    assert "S3c" not in told


def cremations(base: Base, folder: Path, moment: str = "", **given: Any) -> Settings:
    """An empty list of cremations; that a row changed stands in a column of its own."""
    fields = [c.name for c in CONTRACTS[CREMATION].columns]
    kinds = ", ".join(f"{name} varchar(60)" for name in fields)
    base.run(f"create table exchange.{CREMATION} ({kinds}, changed_at {moment or base.moment})")
    how = {"mode": "increment", "cursor": "changed_at"} | given
    return Settings(home=folder, sources={CREMATION: source(base, CREMATION, **how)})


def cremate(base: Base, number: int, changed: str | None, day: str = "2026-08-03") -> None:
    base.run(
        f"insert into exchange.{CREMATION} (cremation_no, id_no, name, death_date, cremated_on,"
        " funeral_home, changed_at) values (%s, %s, %s, %s, %s, %s, %s)",
        (f"C{number:03}", identifier(number), "赵一", "2026-08-01", day, "馆", changed),
    )


def numbers(home: Settings) -> list[list[str]]:
    """What the lake has, batch by batch."""
    rows = lake(home, CREMATION).with_columns(number=pl.col("batch_id").cast(pl.String).str.tail(4))
    parts = rows.sort("number", "cremation_no").partition_by("number", maintain_order=True)
    return [part["cremation_no"].cast(pl.String).to_list() for part in parts]


def test_a_row_that_takes_the_place_of_one_with_the_last_value_is_found(
    base: Base, tmp_path: Path
) -> None:
    home = cremations(base, tmp_path)
    for number in (1, 2):
        cremate(base, number, "2026-09-05 08:00:00.5")
    assert loaded(home) == [2]
    base.run(f"delete from exchange.{CREMATION} where cremation_no = 'C002'")
    cremate(base, 3, "2026-09-05 08:00:00.5")  # as many rows as before
    assert has_news(home, CONTRACTS[CREMATION])
    assert loaded(home) == [1]
    assert loaded(home) == []
    base.run(
        f"update exchange.{CREMATION} set changed_at = '2026-09-06' where cremation_no = 'C001'"
    )
    cremate(base, 4, "2026-09-05 08:00:00.5")
    assert loaded(home) == [2]
    assert numbers(home) == [["C001", "C002"], ["C003"], ["C001", "C004"]]
    base.run(f"alter table exchange.{CREMATION} add remark varchar(9)")
    assert loaded(home) == []  # an empty column more makes no row new


@pytest.mark.parametrize(
    ("moment", "form"),
    [("", "{}-{}-{} 08:00:00"), ("date", "{}-{}-{}"), ("varchar(30)", "{}/{}/{}"),
     ("varchar(30)", "{}{}{}080000"), ("varchar(30)", "{}-{}-{}T08:00:00")],
)  # fmt: skip
def test_a_row_in_the_future_does_not_move_the_cursor(
    base: Base, tmp_path: Path, moment: str, form: str
) -> None:
    contract_time = "cremated_on" if moment else "changed_at"
    home = cremations(base, tmp_path, moment=base.moment, cursor=contract_time)
    if moment:
        alter = "alter column {0} type {1} using {0}::{1}" if base.is_postgresql else "modify {} {}"
        base.run(f"alter table exchange.{CREMATION} {alter.format(contract_time, moment)}")

    def add(number: int, *day: str) -> None:
        text = form.format(*day)
        cremate(base, number, *((None, text) if moment else (text,)))

    add(1, "2026", "09", "05")
    add(2, "2099", "09", "05")
    receipt = land(home).receipts[0]
    assert receipt["rows_read"] == 1
    assert any("晚于数据库当前时间的有 1 行" in words for words in receipt["warnings"])
    assert loaded(home) == []
    add(3, "2026", "09", "06")
    assert [r["rows_read"] for r in land(home).receipts] == [1]
    base.run(f"delete from exchange.{CREMATION} where cremation_no = 'C002'")
    add(2, "2026", "09", "07")  # corrected
    receipt = land(home).receipts[0]
    assert receipt["rows_read"] == 1
    assert not any("晚于" in words for words in receipt["warnings"])


def test_a_text_cursor_that_is_no_time_does_not_move_it(base: Base, tmp_path: Path) -> None:
    home = cremations(base, tmp_path, cursor="cremated_on")
    cremate(base, 1, None, "2026-09-05")
    cremate(base, 2, None, "待定")
    assert [r["rows_read"] for r in land(home).receipts] == [1]
    cremate(base, 3, None, "2026-09-06")
    assert loaded(home) == [1]


def test_a_key_range_knows_no_future(base: Base, tmp_path: Path) -> None:
    home = cremations(base, tmp_path, moment="bigint", cursor=None, key_range="changed_at")
    cremate(base, 1, "20990101")
    assert loaded(home) == [1]
    cremate(base, 2, "20990102")
    assert loaded(home) == [1]
    assert register.batches(home)["cursor"].to_list() == ["20990101|1", "20990102|1"]


def test_a_home_that_followed_a_row_into_the_future_comes_back(base: Base, tmp_path: Path) -> None:
    home = cremations(base, tmp_path)
    cremate(base, 1, "2026-09-05")
    assert loaded(home) == [1]
    manifest = next(home.lake.glob(f"{CREMATION}/*/manifest.json"))
    text = manifest.read_text("utf-8")
    assert '"2026-09-05' in text
    manifest.write_text(text.replace('"2026-09-05', '"2099-09-05'), "utf-8")
    cremate(base, 2, "2026-09-06")
    assert loaded(home) == [2]
    assert loaded(home) == []


def test_rows_without_a_cursor_value_are_read_and_told(base: Base, tmp_path: Path) -> None:
    home = cremations(base, tmp_path)
    cremate(base, 1, None)
    receipt = land(home).receipts[0]
    assert (receipt["rows_loaded"], receipt["mode"]) == (1, "full")
    assert any("增量列 changed_at 为空的有 1 行" in words for words in receipt["warnings"])
    assert loaded(home) == []
    cremate(base, 2, "2026-09-05")
    cremate(base, 3, None)
    receipt = land(home).receipts[0]
    assert (receipt["rows_loaded"], receipt["mode"]) == (2, "increment")
    assert any("增量列 changed_at 为空的有 2 行" in words for words in receipt["warnings"])
    assert loaded(home) == []
    cremate(base, 4, None)  # and nothing else
    assert loaded(home) == [1]
    assert loaded(home) == []
    assert numbers(home) == [["C001"], ["C002", "C003"], ["C004"]]


def test_a_day_after_the_newest_change_is_no_future_day(base: Base, tmp_path: Path) -> None:
    """What has happened by the moment of the reading has happened, whatever the cursor says."""
    home = cremations(base, tmp_path)
    cremate(base, 1, "2026-09-01 08:00:00", day="2026-09-04")
    cremate(base, 2, "2026-09-01 08:00:00", day="2098-09-04")
    receipt = land(home).receipts[0]
    assert (receipt["rows_loaded"], receipt["rows_quarantined"]) == (1, 1)
    assert receipt["problems"][0]["reason"] == "future_date"
    # The department knew when the row changed, not when the hub came by.
    assert lake(home, CREMATION)["known_at"].to_list() == [datetime(2026, 9, 1, 8)]
    corrected = tmp_path / "corrected.csv"
    place = receipt["details"][0]["row_no"]
    corrected.write_text(
        "行号,cremation_no,id_no,name,death_date,cremated_on,funeral_home\n"
        f"{place},C002,{identifier(2)},赵一,2026-08-01,2026-09-05,馆\n",
        "gb18030",
    )
    replay(home, Search(batch_id=receipt["batch_id"]), corrected)
    assert sorted(lake(home, CREMATION)["cremation_no"].cast(pl.String)) == ["C001", "C002"]


@pytest.mark.parametrize("column", ["占比%", "a.b", 'a"b', "a`b", "%%", "Order", "a%(b)s"])
def test_columns_and_tables_may_have_any_name(base: Base, tmp_path: Path, column: str) -> None:
    home = cremations(base, tmp_path)
    mark = '"' if base.is_postgresql else "`"
    quoted = mark + column.replace(mark, 2 * mark) + mark
    cremate(base, 1, "2026-09-01")
    base.run(f"alter table exchange.{CREMATION} add {quoted} varchar(9)")
    base.run(f"update exchange.{CREMATION} set {quoted} = 'x'")
    schema = "" if base.is_postgresql else "exchange."
    base.run(f"alter table exchange.{CREMATION} rename to {schema}{quoted}")
    named = column.replace('"', '""')
    odd = home.sources[CREMATION].model_copy(update={"table": f'exchange."{named}"'})
    home = home.model_copy(update={"sources": {CREMATION: odd}})
    receipt = land(home).receipts[0]
    assert receipt["rows_loaded"] == 1
    raw = pl.concat(spooled_frames(next(home.landing.glob(f"{CREMATION}/*/*/rows.tsv.zst"))))
    assert raw[column].to_list() == ["x"]
    assert loaded(home) == []


def test_moments_with_a_time_zone_are_told_in_beijing_time(base: Base, tmp_path: Path) -> None:
    kind = "timestamptz" if base.is_postgresql else "timestamp"
    home = people(base, tmp_path)
    alter = "alter column updated_at type" if base.is_postgresql else "modify updated_at"
    base.run(f"alter table exchange.{PEOPLE} {alter} {kind}")
    base.run("set time zone 'UTC'" if base.is_postgresql else "set time_zone = '+00:00'")
    add(base, 0, 1, "2026-08-31 16:30:00")
    assert loaded(home) == [1]
    assert loaded(home) == []
    assert lake(home, PEOPLE)["updated_at"].to_list() == [datetime(2026, 9, 1, 0, 30)]
    assert register.batches(home)["period"].to_list() == ["2026-09"]
    add(base, 1, 1, "2026-08-31 16:30:00")  # the very same value
    assert loaded(home) == [1]
    assert loaded(home) == []
    base.run("set time zone 'Asia/Shanghai'" if base.is_postgresql else "set time_zone = default")


def test_bytes_that_are_no_text_are_refused_and_shown(base: Base, tmp_path: Path) -> None:
    home = cremations(base, tmp_path, mode="full", cursor=None)
    kind = "bytea using null" if base.is_postgresql else "varbinary(60)"
    alter = "alter column name type" if base.is_postgresql else "modify name"
    base.run(f"alter table exchange.{CREMATION} {alter} {kind}")
    if not base.is_postgresql:
        base.run(f"alter table exchange.{CREMATION} modify funeral_home longblob")
    for number, name in enumerate(("张三", "李四", "王\\五\t")):
        cremate(base, number, "2026-09-01")
        text = name.encode("gbk" if number == 1 else "utf-8")
        base.run(
            f"update exchange.{CREMATION} set name = %s where cremation_no = 'C{number:03}'",
            (text,),
        )
    receipt = land(home).receipts[0]
    assert (receipt["rows_loaded"], receipt["rows_quarantined"]) == (2, 1)
    refused = quarantine.scan(home).collect().row(0, named=True)
    assert (refused["column"], refused["reason"]) == ("name", "bad_encoding")
    assert refused["raw_value"] == "\ufffd0xC0EECBC4"
    raw = pl.concat(spooled_frames(next(home.landing.glob(f"{CREMATION}/*/*/rows.tsv.zst"))))
    assert raw.sort("cremation_no")["name"].to_list() == ["张三", "\ufffd0xC0EECBC4", "王\\五\t"]
    assert loaded(home) == []
    base.run(f"update exchange.{CREMATION} set name = %s where cremation_no = 'C001'", (b"\xff",))
    assert loaded(home) == [2]  # the change is seen, although both are no text


def test_rights_that_come_through_a_role_are_seen(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path)
    add(base, 0, 3, "2026-09-01")
    who = "hub" if base.is_postgresql else "hub@'%'"
    made = ["chief", "writer", "reader"]
    for role in made:
        base.run(f"create role {role}{' noinherit' * base.is_postgresql}")
    try:
        usage = "usage on schema exchange" if base.is_postgresql else "select on exchange.*"
        base.run(f"grant {usage} to reader")
        base.run(f"grant reader to {who}")
        assert loaded(home) == [3]
        base.run(f"grant insert, update on exchange.{PEOPLE} to writer")
        base.run("grant writer to chief")
        base.run(f"grant chief to {who}")
        with pytest.raises(SourceError, match=r"may do more than read.*INSERT, UPDATE"):
            land(home)
        if not base.is_postgresql:
            base.run(f"set default role reader for {who}")
            base.run(f"revoke select on exchange.* from {who}")
        warned = home.sources[PEOPLE].model_copy(update={"writable_account": "warn"})
        home = home.model_copy(update={"sources": {PEOPLE: warned}})
        add(base, 3, 1, "2026-09-02")
        assert loaded(home) == [1]  # still as the role by which it may read
    finally:
        for role in made:
            if base.is_postgresql:
                base.run(f"drop owned by {role}")
            base.run(f"drop role {role}")


def test_rights_on_some_columns_are_seen(base: Base, tmp_path: Path) -> None:
    home = people(base, tmp_path)
    add(base, 0, 3, "2026-09-01")
    who = "hub" if base.is_postgresql else "hub@'%'"
    base.run(f"grant select (id_no, name) on exchange.{PEOPLE} to {who}")
    assert loaded(home) == [3]
    base.run(f"grant update (name, sex) on exchange.{PEOPLE} to {who}")
    with pytest.raises(SourceError, match=r"may do more than read.*: UPDATE\."):
        land(home)


# By way of SQLAlchemy, PostgreSQL is left only when the system finds that the server is gone.
@pytest.mark.parametrize("base", ["postgresql", "mysql", "sql on MariaDB"], indirect=True)
def test_a_server_that_falls_silent_is_left_and_asked_again(
    base: Base,
    tmp_path: Path,
    small: None,
    sleeps: list[Callable[[], Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(postgresql, "SILENT_SECONDS", 1)
    monkeypatch.setitem(sql_database.PATIENCE["pymysql"], "read_timeout", 1)
    home = people(base, tmp_path, **({"key_range": "id_no"} if base.connector == "sql" else {}))
    add(base, 0, 3_000, "2026-09-01 08:00:00")
    base.line.cuts, base.line.hangs = [150_000], True
    receipt = land(home).receipts[0]
    assert re.search("the server said nothing for 1 s|timed out", caplog.text)
    assert receipt["rows_loaded"] == persons(home) == 3_000
    assert any("连接中断 1 次" in words for words in receipt["warnings"])


@pytest.mark.parametrize("base", ["postgresql", "sql on PostgreSQL"], indirect=True)
def test_the_system_is_told_to_find_out_whether_a_server_is_gone(base: Base) -> None:
    kind = postgresql.PostgreSQL if base.connector == "postgresql" else sql_database.Database
    database = kind(base.uri)
    with database.moment():
        link: Any = database.connection.connection.driver_connection
        with socket.fromfd(link.pgconn.socket, socket.AF_INET, socket.SOCK_STREAM) as line:
            assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 120_000


@pytest.mark.parametrize("base", ["postgresql", "mysql"], indirect=True)
def test_a_made_up_calendar_knows_no_clock(base: Base, tmp_path: Path) -> None:
    """Synthetic departments may live ahead of the machine's clock."""
    home = cremations(base, tmp_path).model_copy(update={"synthetic": True})
    cremate(base, 1, "2098-09-05", day="2098-09-04")
    assert loaded(home) == [1]
    cremate(base, 2, "2098-09-06")
    assert loaded(home) == [1]
    assert loaded(home) == []
