"""Watched folders: done-files, names that say what a file is, files that still grow."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from ingestion import quarantine, register
from ingestion.batch import DISCARDED
from ingestion.durable import write_json
from ingestion.errors import SourceError
from ingestion.landing import has_news, land
from tests.integration.ingestion.conftest import CONTRACTS, Deliver, funds, lake
from yinling.clock import this_second
from yinling.settings import Settings

DATASET = "welfare_fund"
OLD = 1_790_000_000  # 2026-09-21, long before these tests run on any clock that is behind it
Watch = Callable[..., Settings]


@pytest.fixture
def watch(home: Settings) -> Watch:
    """Settings of a folder without control records."""

    def make(**values: object) -> Settings:
        plain = {"settle_seconds": 0.05, **values}
        return home.model_copy(
            update={"sources": {DATASET: home.sources[DATASET].model_copy(update=plain)}}
        )

    return make


def inbox(home: Settings) -> Path:
    return home.home / "inbox" / DATASET


def put(home: Settings, name: str, rows: int = 3, year: int = 1950, when: int = OLD) -> Path:
    path = inbox(home) / name
    path.write_bytes(funds(rows, year).write_csv().encode())
    os.utime(path, (when, when))
    return path


def test_names_say_what_a_file_is(watch: Watch) -> None:
    home = watch(name_pattern="{dataset}_{provider}_{period}_{sequence}")
    put(home, "welfare_fund_440203_202609_02.csv")
    put(home, "welfare_fund_440204_202609_01.csv", year=1960)
    done = land(home)
    assert [receipt["batch_id"] for receipt in done.receipts] == [
        "welfare_fund.440203.2026-09.0002",
        "welfare_fund.440204.2026-09.0001",
    ]
    assert {receipt["delivered_at"][:10] for receipt in done.receipts} == {"2026-09-21"}
    assert "没有控制记录" in done.receipts[0]["warnings"][0]
    assert land(home).receipts == []


def test_a_file_from_a_clock_that_is_ahead_came_when_it_was_seen(watch: Watch) -> None:
    """A time years ahead would outrank every correction until then."""
    home = watch(name_pattern="{provider}")
    put(home, "440203.csv", when=4_000_000_000)  # 2096
    (receipt,) = land(home).receipts
    assert receipt["delivered_at"] <= this_second().isoformat()
    assert receipt["period"] == receipt["delivered_at"][:7]
    assert land(home).receipts == []
    put(home, "440203.csv", year=1960, when=int(time.time()))
    assert land(home).receipts[0]["sequence"] == 2


def test_a_name_that_does_not_fit_is_refused_with_an_example(watch: Watch) -> None:
    home = watch(name_pattern="{dataset}_{provider}_{period}_{sequence}")
    put(home, "9月报表.csv")
    (receipt,) = land(home).rejected
    assert receipt["reason"] == "bad_name"
    assert "facility_440203_202609_02.xlsx" in receipt["message"]
    put(home, "facility_440203_202609_01.csv")
    assert {receipt["reason"] for receipt in land(home).rejected} == {"bad_name"}
    assert lake(home, DATASET).is_empty()


def test_the_same_number_with_other_bytes_is_refused(watch: Watch) -> None:
    home = watch(name_pattern="{provider}_{period}_{sequence}")
    put(home, "440203_202609_01.csv")
    land(home)
    put(home, "440203_202609_01.csv", rows=5, when=OLD + 60)
    assert [receipt["reason"] for receipt in land(home).rejected] == ["sequence_reused"]
    assert lake(home, DATASET).height == 3


def test_a_done_file_makes_a_file_complete(watch: Watch) -> None:
    home = watch(provider="caizheng")
    put(home, "公益金2026年8月.csv")
    put(home, "公益金2026年9月.csv", year=1960, when=OLD + 1)
    assert land(home).receipts == [], "nothing says that they are complete"
    (inbox(home) / "公益金2026年8月.csv.done").touch()
    (inbox(home) / "公益金2026年9月.OK").touch()
    assert [receipt["batch_id"] for receipt in land(home).receipts] == [
        "welfare_fund.caizheng.2026-08.0001",
        "welfare_fund.caizheng.2026-09.0001",
    ]
    # Replaced by a newer file, of which the old done-file says nothing.
    put(home, "公益金2026年9月.csv", rows=9, year=1970, when=int(time.time()) + 60)
    assert land(home).receipts == []
    later = time.time() + 120
    os.utime(inbox(home) / "公益金2026年9月.OK", (later, later))
    assert land(home).receipts[0]["batch_id"] == "welfare_fund.caizheng.2026-09.0002"


def test_numbers_do_not_depend_on_how_often_a_refused_file_is_looked_at(watch: Watch) -> None:
    home = watch(provider="caizheng")
    bad = inbox(home) / "a2026-09.csv"
    bad.write_text("year\n2026\n")
    os.utime(bad, (OLD, OLD))
    (inbox(home) / "a2026-09.csv.done").touch()
    put(home, "b2026-09.csv", when=OLD + 1)
    (inbox(home) / "b2026-09.csv.done").touch()
    first = land(home)
    assert [receipt["batch_id"][-4:] for receipt in first.receipts] == ["0001", "0002"]
    again = land(home)
    assert [receipt["batch_id"][-4:] for receipt in again.receipts] == ["0001"]
    assert again.rejected[0]["received_at"] == first.rejected[0]["received_at"]


def test_bytes_that_come_back_after_others_are_a_delivery_of_their_own(watch: Watch) -> None:
    home = watch(provider="caizheng", name_pattern="{period}", mode="full")
    for number, year in enumerate((1950, 1960, 1950), 1):
        put(home, "202609.csv", year=year, when=OLD + number)
        (receipt,) = land(home).receipts
        assert receipt["batch_id"] == f"welfare_fund.caizheng.2026-09.{number:04d}"
        assert receipt["rows_loaded"] == 3
    assert land(home).receipts == []
    # The same bytes under another name, and those of the second, as old as they were.
    put(home, "2026-09.csv", when=OLD + 2)
    put(home, "20260930.csv", year=1960, when=OLD + 2)
    assert [r["batch_id"] for r in land(home).receipts] == ["welfare_fund.caizheng.2026-09-30.0001"]


def test_an_older_file_put_back_with_its_own_time_counts_from_then_on(watch: Watch) -> None:
    home = watch(provider="caizheng", name_pattern="{period}", mode="full")
    for number, (year, when) in enumerate(((1950, 1), (1960, 2), (1950, 1), (1970, 0)), 1):
        put(home, "202609.csv", year=year, when=OLD + when)
        assert [r["batch_id"][-4:] for r in land(home).receipts] == [f"{number:04d}"]
        assert land(home).receipts == [] and not has_news(home, CONTRACTS[DATASET])
    moments = register.deliveries(home, DATASET).sort("sequence")["delivered_at"]
    assert moments.is_sorted(), "the last one stands"


def record(home: Settings, file: Path, **said: object) -> Path:
    """A control record beside the file, put there in one step."""
    control = {
        "provider": "caizheng", "dataset": DATASET, "period": "2026-09", "mode": "increment",
        "sequence": 1, "delivered_at": "2026-10-01T09:00:00", **said,
    }  # fmt: skip
    place = file.with_name(file.name + ".control.json")
    write_json(place, control)
    return place


def test_a_control_record_that_comes_later_is_heard(watch: Watch) -> None:
    home = watch(provider="caizheng", name_pattern="{period}", mode="increment")
    file = put(home, "202609.csv")
    assert land(home).receipts[0]["rows_loaded"] == 3
    record(home, file, row_count=3)
    assert land(home).receipts == [], "it says of the batch what the batch is"
    record(home, file, row_count=5)
    assert [r["reason"] for r in land(home).rejected] == ["sequence_reused"]
    record(home, file, row_count=3, mode="full")
    assert [r["reason"] for r in land(home).rejected] == ["sequence_reused"]
    record(home, file, row_count=3, control_sums={"total_amount": "4.51"})
    assert [r["reason"] for r in land(home).rejected] == ["sequence_reused"]
    record(home, file, row_count=3, control_sums={"total_amount": "4.50"})
    assert land(home).receipts == []
    record(home, file, row_count=5, sequence=2)
    assert [r["reason"] for r in land(home).rejected] == ["row_count"]
    given = record(home, file, row_count=3, sequence=2, mode="full")
    (receipt,) = land(home).receipts
    assert (receipt["batch_id"][-4:], receipt["mode"]) == ("0002", "full")
    assert land(home).receipts == []
    kept = register.delivered_file(home, DATASET, receipt["batch_id"], given.name)
    assert kept.read_bytes() == given.read_bytes(), "what the department said stays provable"
    given.unlink()
    assert land(home).receipts == [], "a department may clear its records away"


def test_a_file_waits_for_the_control_record_that_is_on_its_way(watch: Watch) -> None:
    """An old file moved in is new here: its record may follow in the next moment."""
    home = watch(provider="caizheng", name_pattern="{period}", settle_seconds=0.6)
    file = put(home, "202609.csv")
    follow = threading.Timer(0.2, record, (home, file), {"row_count": 3, "sequence": 7})
    follow.start()
    assert land(home).receipts == []
    follow.join()
    assert land(home).receipts[0]["batch_id"] == "welfare_fund.caizheng.2026-09.0007"


def test_a_control_record_waits_for_the_file_that_is_on_its_way(watch: Watch) -> None:
    home = watch(provider="caizheng", settle_seconds=0.6)
    file = put(home, "202609.csv")
    data = file.read_bytes()
    file.unlink()
    record(home, file, row_count=3)
    follow = threading.Timer(0.2, file.write_bytes, (data,))
    follow.start()
    assert land(home).receipts == []
    follow.join()
    assert land(home).receipts[0]["rows_loaded"] == 3
    record(home, file.with_name("b.csv"), row_count=3, sequence=2)
    assert [r["reason"] for r in land(home).rejected] == ["missing_file"]


def test_nobody_is_named(watch: Watch) -> None:
    home = watch(name_pattern="{period}")
    put(home, "202609.csv")
    with pytest.raises(SourceError, match="nothing says who delivers 202609"):
        land(home)


def test_a_growing_file_waits(watch: Watch) -> None:
    home = watch(name_pattern="{provider}_{period}_{sequence}", settle_seconds=0.3)
    path = put(home, "440203_202609_01.csv", when=int(time.time()))
    stop = threading.Event()

    def write() -> None:
        with path.open("ab") as file:
            while not stop.wait(0.02):
                file.write(b"440299000000,1990,lottery,1.00,1\n")
                file.flush()

    upload = threading.Thread(target=write)
    upload.start()
    try:
        assert land(home).receipts == []
    finally:
        stop.set()
        upload.join()
    assert register.committed(home, DATASET) == set()
    path.write_bytes(funds(4).write_csv().encode())
    assert land(home).receipts[0]["rows_loaded"] == 4


def test_unfinished_names_are_passed_over(watch: Watch, deliver: Deliver) -> None:
    home = watch(name_pattern="{any}", provider="caizheng")
    for name in ("a.csv.part", "b.csv.filepart", ".c.csv", "~$d.xlsx", "e.csv.tmp", "f.csv~"):
        put(home, name)
    assert land(home).receipts == []
    deliver(DATASET, funds(2), name="g.csv.part", control={"provider": "440203"})
    assert land(home).receipts == [], "a control record does not finish an upload"


@pytest.mark.parametrize("name", [quarantine.FILE, DISCARDED])
@pytest.mark.parametrize("bad", [0, 1], ids=["sound", "one row refused"])
def test_a_file_may_have_the_name_of_one_of_landings_own(watch: Watch, name: str, bad: int) -> None:
    home = watch(provider="440203", name_pattern="{any}")
    rows = funds(20).with_columns(
        total_amount=pl.when(pl.int_range(20) < bad).then(pl.lit("?")).otherwise("total_amount")
    )
    file = inbox(home) / name
    rows.write_parquet(file)
    content = file.read_bytes()
    receipt = land(home, [DATASET]).receipts[0]
    assert (receipt["rows_loaded"], receipt["rows_quarantined"]) == (20 - bad, bad)
    kept = register.delivered_file(home, DATASET, receipt["batch_id"], name)
    assert kept.read_bytes() == content
    assert quarantine.scan(home).collect()["reason"].to_list() == ["bad_number"] * bad


def test_batches_that_have_the_bytes_beside_their_own_files_are_known_again(
    home: Settings, deliver: Deliver
) -> None:
    deliver(DATASET, funds(20), control={"sha256": None})
    receipt = land(home, [DATASET]).receipts[0]
    file = register.delivered_file(home, DATASET, receipt["batch_id"], receipt["file"])
    old = file.rename(file.parent.parent / file.name)
    shutil.rmtree(file.parent)
    assert register.delivered_file(home, DATASET, receipt["batch_id"], receipt["file"]) == old
    assert not has_news(home, CONTRACTS[DATASET])
    assert land(home, [DATASET]).receipts == []
