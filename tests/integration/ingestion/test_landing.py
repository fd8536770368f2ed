"""Landing from files: every row accounted for, nothing twice, nothing half."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion import intake, landing, quarantine, readers, register, vault
from ingestion.durable import single_writer
from ingestion.errors import IngestionError, SourceError
from ingestion.landing import has_news, initialise, land
from tests.integration.ingestion.conftest import CONTRACTS, Deliver, funds, lake, stays
from yinling.locks import BusyError
from yinling.settings import Settings, Source

FUND, TREASURY = "welfare_fund", "treasury_batch"


def test_every_row_is_in_the_lake_or_in_the_quarantine(home: Settings, deliver: Deliver) -> None:
    rows = stays(60)
    rows[3, "id_no"] = "440203194912310021"
    rows[7, "checked_in_on"] = "2026-02-30"
    rows[9, "stay_no"] = rows[8, "stay_no"]
    rows[11, "name"] = None
    deliver("facility_stay", rows, kind="xlsx")
    receipt = land(home, ["facility_stay"]).receipts[0]

    assert receipt["status"] == "accepted_with_errors"
    assert (receipt["rows_read"], receipt["rows_loaded"], receipt["rows_quarantined"]) == (
        60,
        56,
        4,
    )
    refused = quarantine.scan(home, "facility_stay").collect()
    assert refused.select("row_no", "column", "reason").rows() == [
        (4, "id_no", "id_checksum"),
        (8, "checked_in_on", "bad_date"),
        (10, "stay_no", "duplicate_key"),
        (12, "name", "missing_required"),
    ]
    loaded = lake(home, "facility_stay")
    assert sorted([*loaded["row_no"], *refused["row_no"]]) == list(range(1, 61))
    assert loaded.schema == CONTRACTS["facility_stay"].polars_schema()
    assert quarantine.scan(home, reason="bad_date").collect()["row_no"].to_list() == [8]


def test_nothing_after_landing_names_a_person(home: Settings, deliver: Deliver) -> None:
    rows = stays(40)
    rows[3, "id_no"] = rows[3, "id_no"][:-1] + "a"
    deliver("facility_stay", rows, kind="xlsx")
    land(home, ["facility_stay"])
    clear = [*rows["id_no"], *rows["name"]]
    for file in (path for path in home.home.rglob("*") if path.is_file()):
        relative = file.relative_to(home.home).parts[0]
        if relative in ("inbox", "landing"):
            continue
        data = file.read_bytes()
        assert not [text for text in clear if text.encode() in data], file
    assert home.landing.stat().st_mode & 0o777 == 0o700
    token = lake(home, "facility_stay")["id_no_token"][5]
    (found,) = vault.reveal(home, [token], "auditor", "核实入住")
    assert (found.kind, found.clear) == ("citizen_id", rows[6, "id_no"])


def test_manifest_register_and_receipt_agree(home: Settings, deliver: Deliver) -> None:
    rows = funds(50)
    file = deliver(FUND, rows)
    land(home)
    batch = register.batches(home).row(0, named=True)
    assert batch["batch_id"] == "welfare_fund.440203.2026-09.0001"
    assert batch["rows_read"] == batch["control_rows"] == 50
    expected = str(sum(Decimal(text) for text in rows["total_amount"]))
    assert {"column": "total_amount", "sum": expected} in batch["sums"]
    raw = home.landing / FUND / batch["batch_id"] / register.DELIVERED / file.name
    assert raw.read_bytes() == file.read_bytes()
    receipt = json.loads((home.receipts / FUND / f"{batch['batch_id']}.json").read_text("utf-8"))
    assert receipt["status"] == "accepted"
    assert receipt["message"].startswith("全部接收")
    stored = register.manifest(home, FUND, batch["batch_id"])
    assert stored["control"]["sums"]["total_amount"] == expected
    assert lake(home, FUND)["known_at"].unique().to_list() == [batch["delivered_at"]]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_redelivery_changes_nothing(home: Settings, deliver: Deliver, kind: str) -> None:
    file = deliver(FUND, funds(20), kind=kind)
    land(home)
    before = snapshot(home)
    assert land(home).receipts == []
    file.touch()  # copied again: other time, same bytes
    assert land(home).receipts == []
    assert snapshot(home) == before


def snapshot(home: Settings) -> dict[str, bytes]:
    rooms = [home.lake, home.receipts]
    return {
        str(file.relative_to(home.home)): file.read_bytes()
        for room in rooms
        for file in sorted(room.rglob("*"))
        if file.is_file()
    }


def test_same_sequence_with_other_bytes_is_refused_once(home: Settings, deliver: Deliver) -> None:
    deliver(FUND, funds(20))
    land(home)
    before = lake(home, FUND)
    deliver(FUND, funds(21))
    for _ in range(2):
        rejected = land(home).rejected
        assert [receipt["reason"] for receipt in rejected] == ["sequence_reused"]
        assert "新的序号" in rejected[0]["message"]
    assert lake(home, FUND).equals(before)
    accepted = home.receipts / FUND / "welfare_fund.440203.2026-09.0001.json"
    assert json.loads(accepted.read_text("utf-8"))["status"] == "accepted"


def test_a_new_sequence_is_a_new_version(home: Settings, deliver: Deliver) -> None:
    deliver(FUND, funds(20))
    deliver(FUND, funds(20).with_columns(eldercare_amount=pl.lit("1")), sequence=2)
    land(home)
    loaded = lake(home, FUND)
    assert loaded.group_by("batch_id").len().height == 2
    assert loaded["known_at"].n_unique() == 2


REFUSALS = {
    "row_count": ({"row_count": 21}, "控制记录写 21 行"),
    "control_sum": ({"control_sums": {"total_amount": "1"}}, "相差"),
    "hash": ({"sha256": "0" * 64}, "摘要不符"),
    "bad_control": ({"mode": "half"}, "“mode”有误：只能填 'full'、'increment'"),
    "bad_control in time": (
        {"delivered_at": "2062-10-08T09:30:00"},
        "2062-10-08 09:30:00，还没",
    ),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_delivery_that_does_not_reconcile_is_refused_whole(
    home: Settings, deliver: Deliver, code: str
) -> None:
    control, says = REFUSALS[code]
    deliver(FUND, funds(20), control=control)
    receipt = land(home).rejected[0]
    assert receipt["reason"] == code.split()[0]
    assert says in receipt["message"]
    assert register.committed(home, FUND) == set()
    assert lake(home, FUND).height == 0
    assert quarantine.scan(home).collect().height == 0
    assert not any((home.home / ".staging").glob("*"))
    # Put right under the same sequence, it is taken.
    deliver(FUND, funds(20))
    assert land(home).receipts[0]["status"] == "accepted"


def test_an_unreadable_amount_explains_a_control_sum(home: Settings, deliver: Deliver) -> None:
    rows = funds(20)
    stated = {"control_sums": {"total_amount": "200.00"}}
    rows[4, "total_amount"] = "4元5角"
    deliver(FUND, rows, control=stated)
    receipt = land(home).receipts[0]
    assert receipt["status"] == "accepted_with_errors"
    assert "差额" in receipt["warnings"][0]


def test_a_missing_required_column_refuses_and_others_warn(
    home: Settings, deliver: Deliver
) -> None:
    deliver(FUND, funds(5).drop("fund"), sequence=1)
    deliver("facility_stay", stays(5).drop("bed_no").with_columns(colour=pl.lit("红")))
    done = land(home)
    assert [r["reason"] for r in done.rejected] == ["missing_column"]
    assert "fund（资金来源）" in done.rejected[0]["message"]
    accepted = next(r for r in done.receipts if r["status"] == "accepted")
    assert accepted["warnings"] == [
        "缺少选填列 bed_no（床位号），按空值处理",
        "未知列 colour，未采用，已报请增加到数据目录",
    ]
    assert lake(home, "facility_stay")["bed_no"].null_count() == 5


def test_one_bad_delivery_does_not_stop_the_others(home: Settings, deliver: Deliver) -> None:
    for sequence in range(1, 8):
        deliver(FUND, funds(10), sequence=sequence)
    (home.home / "inbox" / FUND / "welfare_fund.4.csv").write_bytes(b"broken")
    done = land(home)
    assert [r["sequence"] for r in done.rejected] == [4]
    assert len(register.committed(home, FUND)) == 6


def test_a_file_without_control_record_waits(home: Settings, deliver: Deliver) -> None:
    file = deliver(FUND, funds(10))
    file.with_name(file.name + ".control.json").rename(home.home / "later")
    assert land(home).receipts == []
    (home.home / "later").rename(file.with_name(file.name + ".control.json"))
    assert land(home).receipts[0]["status"] == "accepted"


def test_a_control_record_without_file_is_refused(home: Settings, deliver: Deliver) -> None:
    file = deliver(FUND, funds(10))
    file.unlink()
    assert land(home).rejected[0]["reason"] == "missing_file"


def test_gb18030_by_setting_and_by_contract(home: Settings, deliver: Deliver) -> None:
    rows = stays(30).with_columns(bed_no=pl.lit("㙍𠮷床"))
    changed = {
        "facility_stay": Source(connector="folder", path="inbox/facility_stay", encoding="gb18030")
    }
    home = home.model_copy(update={"sources": {**home.sources, **changed}})
    deliver("facility_stay", rows, encoding="gb18030")
    land(home, ["facility_stay"])
    assert lake(home, "facility_stay")["bed_no"].unique().to_list() == ["㙍𠮷床"]
    deliver("facility_stay", rows, sequence=2)  # UTF-8, not what was agreed
    assert land(home, ["facility_stay"]).rejected[0]["reason"] == "bad_encoding"
    assert CONTRACTS["cremation"].encoding == "gb18030"


def test_large_deliveries_go_chunk_by_chunk_with_the_same_result(
    home: Settings, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = stays(3000)
    for late in (2900, 2901, 2903):  # found only across chunks
        rows[late, "stay_no"] = rows[late % 10 + 10, "stay_no"]
    rows[50, "stay_no"] = rows[10, "stay_no"]
    rows[1500, "payer"] = "nobody"
    deliver("facility_stay", rows)
    land(home, ["facility_stay"])
    together = lake(home, "facility_stay")
    expected = quarantine.scan(home).collect()
    monkeypatch.setattr("ingestion.landing.GROUP_ROWS", 100)
    monkeypatch.setattr("ingestion.intake.CHUNK_ROWS", 200)
    monkeypatch.setattr(readers.decoding, "READ_BYTES", 10_000)
    other = home.model_copy(update={"home": home.home / "other"})
    (other.home / "inbox").mkdir(parents=True)
    (home.home / "inbox" / "facility_stay").rename(other.home / "inbox" / "facility_stay")
    receipt = land(other, ["facility_stay"]).receipts[0]
    assert receipt["rows_quarantined"] == 5
    assert lake(other, "facility_stay").equals(together)
    assert quarantine.scan(other).collect().equals(expected)
    assert expected["row_no"].to_list() == [51, 1501, 2901, 2902, 2904]


def test_late_duplicates_move_their_amounts(
    home: Settings, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.landing.GROUP_ROWS", 100)
    monkeypatch.setattr("ingestion.intake.CHUNK_ROWS", 200)
    monkeypatch.setattr(readers.decoding, "READ_BYTES", 4_000)
    rows = pl.concat([funds(600), funds(1)])
    deliver(FUND, rows)
    receipt = land(home).receipts[0]
    assert (receipt["rows_loaded"], receipt["rows_quarantined"]) == (600, 1)
    assert receipt["refused_sums"]["total_amount"] == "0.50"
    loaded = lake(home, FUND)
    assert str(loaded["total_amount"].sum()) == receipt["sums"]["total_amount"]


@pytest.mark.parametrize("together", [50_000, 10], ids=["among others", "chunk by chunk"])
@pytest.mark.parametrize("step", ["conform", "transform"])
def test_a_row_that_is_lost_on_the_way_is_noticed(
    home: Settings, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, together: int, step: str
) -> None:
    usual = getattr(intake, step)

    def loses_one(*given: Any) -> Any:
        made = usual(*given)
        if step == "conform":
            return made[1:]
        return dataclasses.replace(made, good=made.good[1:], hashes=made.hashes[1:])

    deliver(FUND, funds(40), control={"row_count": 39})  # the provider's own count is no help
    with monkeypatch.context() as patch:
        patch.setattr(landing, "GROUP_ROWS", together)
        patch.setattr(intake, step, loses_one)
        receipt = land(home, [FUND]).rejected[0]
    assert receipt["reason"] == "rows_lost"
    assert "读出 40 行，检查后载入 39 行、退回 0 行" in receipt["message"]
    assert "无需重新报送" in receipt["what_to_do"]
    assert register.committed(home, FUND) == set()
    # Nobody delivers again what the platform lost: it is looked at again by itself.
    assert has_news(home, CONTRACTS[FUND])
    assert land(home, [FUND]).rejected[0]["reason"] == "row_count"


def test_a_sum_may_be_larger_than_its_column(home: Settings, deliver: Deliver) -> None:
    rows = pl.DataFrame(
        {
            "batch_no": ["B1", "B2", "B3"],
            "region_code": "440203000000",
            "programme_code": "advanced_age",
            "month": "2026-09",
            "list_count": "2000000000",
            "list_amount": "1.00",
            "treasury_amount": "1.00",
            "bank_success_count": "1",
            "bank_success_amount": "1.00",
        }
    )
    deliver(TREASURY, rows, control={"control_sums": {"list_count": "6000000000"}})
    receipt = land(home, [TREASURY]).receipts[0]
    assert receipt["status"] == "accepted", receipt["message"]
    assert receipt["sums"]["list_count"] == "6000000000"


def test_two_runs_at_once_do_not_meet(home: Settings, deliver: Deliver) -> None:
    deliver(FUND, funds(5))
    with single_writer(home.landing / FUND, "x"), pytest.raises(BusyError, match="another run"):
        land(home, [FUND])


def test_wrong_settings_are_said_plainly(home: Settings, deliver: Deliver) -> None:
    with pytest.raises(IngestionError, match="No contract"):
        land(home, ["nonsense"])
    for source, says in (
        (Source(connector="pigeon"), "connector `pigeon` is unknown"),
        (Source(connector="folder"), "`path` is not set"),
        (Source(connector="folder", path="nowhere"), "is no folder"),
    ):
        changed = home.model_copy(update={"sources": {FUND: source}})
        with pytest.raises((IngestionError, SourceError), match=says):
            land(changed)


def test_initialise_makes_every_dataset_readable(home: Settings) -> None:
    initialise(home)
    for name, contract in CONTRACTS.items():
        frame = pl.read_parquet(home.lake / name / "*" / "data.parquet")
        assert frame.schema == contract.polars_schema()
        assert frame.height == 0


def test_a_receipt_lost_between_commit_and_hand_out_is_handed_out(
    home: Settings, deliver: Deliver
) -> None:
    deliver(FUND, funds(5))
    land(home)
    receipt = next((home.receipts / FUND).glob("*.json"))
    text = receipt.read_bytes()
    receipt.unlink()
    land(home)
    assert receipt.read_bytes() == text


FULL_DISK = """
import resource, sys
from ingestion.landing import land
from yinling.locks import BusyError
from yinling.settings import Settings, Source
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
home = Settings(home=sys.argv[1], sources={"facility_stay":
    Source(connector="folder", path="inbox/facility_stay")})
try:
    land(home)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_no_room_on_the_disk_leaves_no_partial_batch(home: Settings, deliver: Deliver) -> None:
    deliver("facility_stay", stays(3000))
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(home.home)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert "IngestionError The disk under" in done.stdout, done.stderr
    assert register.committed(home, "facility_stay") == set()
    assert land(home, ["facility_stay"]).receipts[0]["rows_loaded"] == 3000


def test_boundaries(home: Settings, deliver: Deliver) -> None:
    shape = {"type": "Polygon", "coordinates": [[[113.1, 24.8], [113.2, 24.8], [113.1, 24.9]]]}
    features = [
        {"type": "Feature", "properties": {"region_code": code}, "geometry": shape}
        for code in ("440203000000", "440204000000")
    ]
    path = home.home / "inbox" / "region_boundary" / "b.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    rows = pl.DataFrame({"region_code": ["1", "2"], "geometry": ["", ""]})
    deliver("region_boundary", rows, name="other.csv", control={"sequence": 9})
    record = home.home / "inbox" / "region_boundary" / "other.csv.control.json"
    content = json.loads(record.read_text("utf-8")) | {"sha256": None, "sequence": 1}
    path.with_name("b.geojson.control.json").write_text(json.dumps(content), "utf-8")
    record.unlink()
    land(home, ["region_boundary"])
    loaded = lake(home, "region_boundary")
    assert loaded["region_code"].to_list() == ["440203000000", "440204000000"]
    assert json.loads(loaded["geometry"][0]) == shape
