"""What is new at a REST service: each row lands once, none is missed, nothing else is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion import register
from ingestion.errors import SourceError
from ingestion.landing import has_news, land
from ingestion.readers import page_frames
from tests.integration.ingestion.conftest import CONTRACTS, identifier, lake
from tests.integration.ingestion.rest.certificates import (
    DATASET,
    Change,
    certificate,
    certificates,
)
from tests.support.rest_service import Service
from yinling.settings import Settings


def test_increments_start_from_the_newest_committed_batch(home: Settings, service: Service) -> None:
    service.rows = certificates(12)
    land(home)
    assert land(home).receipts == []
    service.rows += [certificate(20, "2026-10-01"), certificate(21, "2026-10-02")]
    land(home)
    assert service.asked[-1]["since"] == "2026-09-04"  # the newest day itself is looked at again
    assert register.batches(home)["rows_loaded"].to_list() == [12, 2]
    assert register.batches(home)["control_rows"].to_list() == [12, 2]
    assert register.batches(home)["cursor"].to_list() == ["2026-09-05|12", "2026-10-02|1"]
    raw = sorted(home.landing.rglob("pages.jsonl.zst"))[-1]
    assert sum(frame.height for frame in page_frames(raw)) == 2


def test_a_late_row_with_the_same_cursor_value_is_not_missed(
    home: Settings, service: Service
) -> None:
    service.rows = certificates(12)
    land(home)
    service.rows.append(certificate(40))  # issued on the very day that was read up to
    assert land(home).receipts[0]["rows_loaded"] == 1
    assert land(home).receipts == []
    assert lake(home, DATASET)["certificate_no"].is_duplicated().any() is False
    assert "D00040" in lake(home, DATASET)["certificate_no"].to_list()


def test_a_row_in_place_of_another_at_the_last_value_is_not_missed(
    home: Settings, service: Service
) -> None:
    """As many rows at that value as before: one moved on, one came late."""
    service.rows = certificates(12)
    land(home)
    service.rows[3]["issued_on"] = "2026-09-06"
    service.rows.append(certificate(40))
    assert land(home).receipts[0]["rows_loaded"] == 2
    assert land(home).receipts == []
    # Behind the last value nothing is looked at again without `look_back_days`.
    service.rows[5]["name"] = "赵二"
    service.rows += [certificate(41, "2026-09-06"), certificate(42, "2026-09-07")]
    assert land(home).receipts[0]["rows_loaded"] == 2
    assert land(home).receipts == []
    numbers = lake(home, DATASET)["certificate_no"].to_list()
    assert sorted(numbers) == sorted([f"D{n:05d}" for n in (*range(12), 3, 40, 41, 42)])


@pytest.mark.parametrize("amount", ["12.50", "１２.50元"])
def test_control_sums_without_the_rows_that_the_hub_has(
    home: Settings, service: Service, amount: str
) -> None:
    source = home.sources[DATASET].model_copy(update={"cursor": "cremated_on"})
    home = home.model_copy(update={"sources": {"cremation": source}})
    service.rows, service.cursor = [cremation(n, "1.00") for n in range(24)], "cremated_on"
    service.rows.append(cremation(24, amount))
    service.control = {"control_sums": {"funeral_subsidy_amount": "36.50"}}
    assert land(home).receipts[0]["status"].startswith("accepted")
    service.rows += [cremation(25, "3.00"), cremation(26, "4.00")]
    service.control = {"control_sums": {"funeral_subsidy_amount": "43.50"}}
    receipt = land(home).receipts[0]
    assert (receipt["rows_read"], receipt["rows_loaded"], receipt["control"]["rows"]) == (2, 2, 2)
    if amount == "12.50":
        assert receipt["control"]["sums"] == {"funeral_subsidy_amount": "7.00"}
    else:
        assert receipt["control"]["sums"] == {}
        assert "funeral_subsidy_amount 的控制合计无法核对" in " ".join(receipt["warnings"])
    service.rows.append(cremation(27, "5.00"))
    service.control = {"control_sums": {"funeral_subsidy_amount": "1.00"}}
    assert len(land(home).rejected) == (amount == "12.50")


def cremation(number: int, amount: str) -> dict[str, Any]:
    return {
        "cremation_no": f"C{number:05d}",
        "id_no": identifier(number),
        "name": "赵一",
        "death_date": "2026-09-01",
        "cremated_on": "2026-09-05",
        "funeral_home": "武江区殡仪馆",
        "funeral_subsidy_amount": amount,
    }


def test_a_backfill_lands_again_what_is_known(home: Settings, service: Service) -> None:
    service.rows = [*certificates(4, "2026-08-31"), *certificates(9, "2026-09-05")[4:]]
    land(home)
    receipt = land(home, period="2026-09").receipts[0]
    assert (receipt["mode"], receipt["rows_loaded"]) == ("increment", 5)
    assert land(home).receipts == []


def test_from_whole_to_increment_and_back(change: Change, service: Service) -> None:
    service.rows = certificates(12)
    land(change(mode="full", cursor=None))
    assert land(change()).receipts[0]["mode"] == "full"
    assert land(change()).receipts == []
    assert land(change(mode="full", cursor=None)).receipts[0]["rows_loaded"] == 12


def test_rows_later_than_that_need_a_look_back(change: Change, service: Service) -> None:
    home = change(look_back_days=7)
    service.rows = [*certificates(5, "2026-09-01"), *certificates(9, "2026-09-05")[5:]]
    land(home)
    assert land(home).receipts == []
    service.rows.append(certificate(41, "2026-09-02"))
    assert land(home).receipts[0]["rows_loaded"] == 1
    assert land(home).receipts == []
    service.rows.append(certificate(42, "2026-08-01"))  # older than the look-back
    assert land(home).receipts == []


def test_a_damaged_date_does_not_move_the_cursor(home: Settings, service: Service) -> None:
    service.rows = certificates(3)
    service.rows += [certificate(4, "2099-01-01"), certificate(5, "不详")]
    land(home)
    assert register.batches(home)["cursor"].to_list() == ["2026-09-05|5"]
    assert land(home).receipts == []  # the service answers those two again and again
    service.rows.append(certificate(6, "2026-09-06"))
    assert land(home).receipts[0]["rows_read"] == 1
    assert land(home).receipts == []


def test_damaged_dates_alone_come_in_once(home: Settings, service: Service) -> None:
    service.rows = [certificate(4, "2099-01-01"), certificate(5, "不详")]
    assert land(home).receipts[0]["rows_read"] == 2
    assert land(home).receipts == []
    service.rows.append(certificate(6))
    assert land(home).receipts[0]["rows_read"] == 1


def test_a_full_answer_that_has_not_changed_is_no_delivery(
    change: Change, service: Service
) -> None:
    home = change(mode="full", cursor=None)
    service.rows = certificates(12)
    assert land(home).receipts[0]["mode"] == "full"
    assert land(home).receipts == []
    service.rows.reverse()  # the same rows
    assert land(home).receipts == []
    service.rows.append(certificate(50))
    assert land(home).receipts[0]["rows_loaded"] == 13
    service.rows.pop()  # back to what it was: news again
    assert land(home).receipts[0]["rows_loaded"] == 12
    service.control = {"period": "2026-11"}  # a month of its own
    assert land(home).receipts[0]["batch_id"] == f"{DATASET}.weijian.2026-11.0004"
    assert land(home).receipts == []


def test_other_values_under_the_same_control_record_are_news(
    change: Change, service: Service
) -> None:
    home = change(mode="full", cursor=None)
    service.rows = certificates(12)
    land(home)
    service.rows[3]["death_date"] = "2026-09-02"  # as many rows as before, no sum says it
    assert has_news(home, CONTRACTS[DATASET])
    assert land(home).receipts[0]["rows_loaded"] == 12
    assert not has_news(home, CONTRACTS[DATASET])
    service.rows[3], service.rows[4] = service.rows[4] | {"name": "赵"}, service.rows[3]
    assert land(home).receipts[0]["rows_loaded"] == 12


def test_a_hash_in_the_control_record_spares_the_reading(change: Change, service: Service) -> None:
    home = change(mode="full", cursor=None)
    service.rows, service.control = certificates(25), {"sha256": "ab" * 32}
    assert land(home).receipts[0]["rows_loaded"] == 25
    asked = len(service.asked)
    assert land(home).receipts == []
    assert len(service.asked) == asked + 1
    service.control = {"sha256": "cd" * 32}
    assert land(home).receipts[0]["rows_loaded"] == 25


def left_over(home: Settings) -> list[Path]:
    """Files with rows that belong to no batch."""
    committed = register.committed(home, DATASET)
    files = home.landing.rglob("*.zst")
    return [path for path in files if not committed & set(path.parts)]


def test_no_rows_are_left_where_there_is_no_batch(change: Change, service: Service) -> None:
    for values in ({"mode": "full", "cursor": None}, {}):
        home = change(**values)
        service.rows, service.troubles, service.refuse_after = certificates(25), [], None
        land(home)
        assert land(home).receipts == []
        assert not has_news(home, CONTRACTS[DATASET])
        assert left_over(home) == []
        service.rows = [row | {"name": "钱一"} for row in certificates(25)]
        service.refuse_after = len(service.asked) + 2
        with pytest.raises(SourceError, match="403"):
            land(home)
        assert left_over(home) == []


def test_asking_for_news_leaves_a_running_landing_alone(change: Change, service: Service) -> None:
    home = change(mode="full", cursor=None, paging="page", rows_at="data.list", total_at="none")
    service.style, service.rows = "page", certificates(25)
    land(home)
    service.rows[7]["death_date"] = "2026-09-02"
    asked, told = len(service.asked), list[bool]()
    service.meanwhile = lambda: told.append(has_news(home, CONTRACTS[DATASET]))
    assert land(home).receipts[0]["rows_loaded"] == 25
    assert told == [True]  # somebody is landing it
    assert len(service.asked) == asked + 5  # 3 pages, an empty one, and the first again


def test_rows_that_vanish_from_the_disk_are_noticed(
    change: Change, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = change(mode="full", cursor=None, paging="page", rows_at="data.list", total_at="none")
    service.style, service.rows = "page", certificates(25)
    land(home)
    service.rows[7]["death_date"] = "2026-09-02"
    replace = Path.replace

    def emptied(path: Path, target: Path) -> Path:
        if path.name == "pages.jsonl.zst":
            with pa.output_stream(str(path), compression="zstd") as stream:
                stream.write(b"")
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", emptied)
        with pytest.raises(SourceError, match="holds 0 rows, but 25 came"):
            land(home)
    assert land(home).receipts[0]["rows_loaded"] == 25


def test_without_control_record_the_rows_themselves_tell_news(
    change: Change, service: Service
) -> None:
    places = {"rows_at": "data.list", "total_at": "data.total"}
    home = change(mode="full", cursor=None, paging="page", **places)
    service.style, service.rows = "page", certificates(12)
    assert land(home).receipts[0]["rows_loaded"] == 12
    assert land(home).receipts == []
    service.rows[3]["death_date"] = "2026-09-02"  # as many rows as before
    assert land(home).receipts[0]["rows_loaded"] == 12
    assert land(home).receipts == []


@pytest.mark.parametrize("mode", ["full", "increment"])
def test_asking_for_news_writes_nothing(change: Change, service: Service, mode: str) -> None:
    home = change(mode=mode)
    service.rows = certificates(25)
    land(home)
    before = sorted(home.home.rglob("*"))
    assert not has_news(home, CONTRACTS[DATASET])
    service.rows.append(certificate(30))
    assert has_news(home, CONTRACTS[DATASET])
    assert sorted(home.home.rglob("*")) == before
