"""Replay: refused rows land once what was wrong is put right; each once, under its own delivery."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingestion import access_log, quarantine, refusals, register, vault
from ingestion.errors import IngestionError, VaultError
from ingestion.landing import has_news, land
from ingestion.refusals import Search
from ingestion.replay import replay
from tests.integration.ingestion.conftest import CONTRACTS, Deliver, lake, stays
from yinling import release_files
from yinling.accounting import accounting
from yinling.freshness import batch_set
from yinling.settings import PROJECT_DIR, Settings

STAY = "facility_stay"
FIRST = "facility_stay.440203.2026-09.0001"
NEW_CODE = '"charity": 慈善捐助'


def spoilt(count: int = 40, first: int = 0) -> pl.DataFrame:
    """Stays of which two carry a code that the list does not have, one a date that is none."""
    rows = stays(count, first)
    rows[4, "payer"] = rows[9, "payer"] = "charity"
    rows[6, "checked_in_on"] = "2026-02-30"
    return rows


def extended(folder: Path) -> Path:
    """The contracts, with the new code in the list of payers."""
    shutil.copytree(PROJECT_DIR / "ingestion" / "contracts", folder)
    file = folder / f"{STAY}.yaml"
    text = file.read_text("utf-8")
    known = next(line for line in text.splitlines() if line.strip().startswith('"tekun":'))
    file.write_text(text.replace(known, f"{known}\n{known[: known.index(chr(34))]}{NEW_CODE}"))
    return folder


@pytest.fixture
def new_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the contract's list of payers has the new code."""
    folder = extended(tmp_path / "contracts")
    monkeypatch.setattr(Settings, "contracts", property(lambda self: folder))


def balanced(home: Settings) -> bool:
    """Every delivered row is loaded once or still refused, and the register says so."""
    done = all(row["balanced"] for row in accounting(home))
    for row in register.deliveries(home).iter_rows(named=True):
        rows = lake(home, row["dataset"]).filter(pl.col("batch_id") == row["batch_id"])
        left = refusals.waiting(home, Search(batch_id=row["batch_id"])).collect()
        numbers = sorted([*rows["row_no"], *left["row_no"]])
        done &= numbers == list(range(1, row["rows_read"] + 1))
        done &= (row["rows_loaded"], row["rows_quarantined"]) == (rows.height, left.height)
    return done


def test_a_new_code_brings_in_what_it_had_kept_out(
    home: Settings, deliver: Deliver, request: pytest.FixtureRequest
) -> None:
    deliver(STAY, spoilt(), kind="xlsx")
    land(home, [STAY])
    assert replay(home) == []
    request.getfixturevalue("new_list")
    known, released = lake(home, STAY)["known_at"][0], batch_set(home)
    receipt = replay(home)[0]
    assert batch_set(home) != released  # a release made before is no longer up to date

    assert (receipt["batch_id"], receipt["replay_of"]) == (f"{FIRST}.r01", FIRST)
    assert receipt["message"] == "更正补入 2 行，仍退回 1 行。"
    rows = lake(home, STAY).filter(pl.col("payer") == "charity")
    assert rows.select("batch_id", "row_no", "known_at").rows() == [
        (FIRST, 5, known),
        (FIRST, 10, known),
    ]
    assert lake(home, STAY).schema == CONTRACTS[STAY].polars_schema()
    assert balanced(home)
    first = json.loads((home.receipts / STAY / f"{FIRST}.json").read_text("utf-8"))
    again = json.loads((home.receipts / STAY / f"{FIRST}.r01.json").read_text("utf-8"))
    assert (first["rows_quarantined"], again["rows_quarantined"]) == (3, 1)
    assert again["problems"][0]["reason"] == "bad_date"
    token = rows["id_no_token"][0]
    found = vault.reveal(home, [token], "auditor", "核实入住")[0]
    assert (found.clear, found.batch_id) == (stays(40)[4, "id_no"], f"{FIRST}.r01")

    before = sorted(home.lake.rglob("*"))
    assert replay(home) == []
    assert sorted(home.lake.rglob("*")) == before
    assert not has_news(home, CONTRACTS[STAY])


def test_a_corrected_file_is_matched_by_row(
    home: Settings, deliver: Deliver, tmp_path: Path
) -> None:
    deliver(STAY, spoilt())
    land(home, [STAY])
    right = stays(40)
    whole, some, short = tmp_path / "whole.csv", tmp_path / "some.csv", tmp_path / "short.csv"
    right[8, "name"] = "另一个人"  # was not refused: stays as it was
    right.write_csv(whole)
    right[[6]].select(pl.lit("7").alias("行号"), pl.all()).write_csv(some)
    right.head(20).write_csv(short)

    with pytest.raises(IngestionError, match="has 20 rows, the delivery had 40"):
        replay(home, Search(batch_id=FIRST), short)
    with pytest.raises(IngestionError, match="one delivery"):
        replay(home, Search(), whole)
    assert [r["rows_loaded"] for r in replay(home, Search(batch_id=FIRST), some)] == [1]
    receipt = replay(home, Search(batch_id=FIRST), whole)[0]
    assert (receipt["batch_id"], receipt["rows_loaded"]) == (f"{FIRST}.r02", 2)
    assert receipt["status"] == "accepted"
    assert replay(home, Search(batch_id=FIRST), whole) == []
    assert balanced(home)
    assert register.delivered_file(home, STAY, f"{FIRST}.r02", "whole.csv").read_bytes() == (
        whole.read_bytes()
    )
    assert lake(home, STAY)["name_token"].n_unique() == stays(40)["name"].n_unique()


def test_a_key_that_is_loaded_is_not_loaded_again(
    home: Settings, deliver: Deliver, tmp_path: Path
) -> None:
    rows = spoilt()
    rows[6, "stay_no"] = rows[0, "stay_no"]  # its date is wrong too: that is told first
    deliver(STAY, rows)
    land(home, [STAY])
    right = stays(40)
    right[6, "stay_no"] = rows[0, "stay_no"]
    right.write_csv(tmp_path / "right.csv")
    assert replay(home, Search(batch_id=FIRST), tmp_path / "right.csv")[0]["rows_loaded"] == 2
    assert lake(home, STAY)["stay_no"].is_unique().all()
    assert balanced(home)


def test_only_what_is_searched_for_is_replayed(
    home: Settings, deliver: Deliver, request: pytest.FixtureRequest
) -> None:
    for sequence in (1, 2):
        deliver(STAY, spoilt(first=100 * sequence), sequence=sequence)
    land(home, [STAY])
    request.getfixturevalue("new_list")
    assert replay(home, Search(dataset=STAY, reason="bad_date")) == []
    second = FIRST.replace("0001", "0002")
    assert [r["replay_of"] for r in replay(home, Search(batch_id=second))] == [second]
    assert [r["replay_of"] for r in replay(home)] == [FIRST]
    with pytest.raises(IngestionError, match="No delivery"):
        replay(home, Search(batch_id=f"{FIRST}9"))


RUN = """
import sys
from pathlib import Path
from ingestion.replay import replay
from yinling.settings import Settings, Source
Settings.contracts = property(lambda self: Path(sys.argv[2]))
print("ready", flush=True)
replay(Settings(home=Path(sys.argv[1]), sources={
    "facility_stay": Source(connector="folder", path="inbox/facility_stay")}))
"""


def start(home: Path, contracts: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(home), str(contracts)],
        stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_at_any_instant_and_run_again(
    home: Settings, deliver: Deliver, tmp_path: Path
) -> None:
    for sequence in range(1, 41):
        deliver(STAY, spoilt(20, first=1_000 * sequence), sequence=sequence,
                control={"delivered_at": "2026-10-08T09:30:00"})  # fmt: skip
    land(home, [STAY])
    contracts = extended(tmp_path / "contracts")
    begin = time.monotonic()
    undisturbed = tmp_path / "undisturbed"
    for room in ("lake", "landing", "receipts"):
        shutil.copytree(home.home / room, undisturbed / room)
    assert start(undisturbed, contracts).wait(60) == 0
    whole = time.monotonic() - begin

    dice, killed = random.Random(7), 0  # noqa: S311 (instants, not secrets)
    for _ in range(6):
        process = start(home.home, contracts)
        time.sleep(dice.uniform(0, whole / 8))
        process.kill()
        killed += process.wait(60) == -9
        assert balanced(home)
    assert killed
    assert start(home.home, contracts).wait(60) == 0
    assert balanced(home)
    other = home.model_copy(update={"home": undisturbed})
    assert lake(home, STAY).equals(lake(other, STAY))
    assert refusals.waiting(home).collect()["reason"].unique().to_list() == ["bad_date"]
    handed_out = {file.name for file in (home.receipts / STAY).glob("*.json")}
    assert handed_out == {file.name for file in (undisturbed / "receipts" / STAY).glob("*.json")}


def test_the_quarantine_is_looked_into_without_showing_anybody(
    home: Settings, deliver: Deliver
) -> None:
    rows = spoilt()
    rows[12, "id_no"] = "4.40203E+17"
    deliver(STAY, rows)
    land(home, [STAY])
    found = refusals.refused(home, Search(dataset=STAY))
    counted = refusals.counts(found, ["reason"]).select("reason", "rows", "open").rows()
    assert counted == [("bad_code", 2, 2), ("bad_date", 1, 1), ("id_excel_damage", 1, 1)]
    shapes = refusals.examples(found, 1)
    assert set(shapes["shape"]) == {"AAAAAAA", "9999-99-99", "9.99999A+99"}
    text = shapes.write_json()
    assert not [clear for clear in [*rows["id_no"], *rows["name"], "4.40203E"] if clear in text]
    for search in (Search(provider="440204"), Search(period="2026-08"), Search(row_no=1)):
        assert refusals.height(refusals.refused(home, search)) == 0

    with pytest.raises(VaultError, match="Not revealed"):
        refusals.disclosed(home, found, "clerk", "just looking")
    shown = refusals.disclosed(home, found, "identity_repair", "更正号码")
    assert "4.40203E+17" in shown["raw_value"].to_list()
    log = access_log.entries(home)
    assert [entry["outcome"] for entry in log] == ["refused"] * 4 + ["revealed"] * 4
    assert log[-1]["token"] == f"quarantine:{FIRST}:13"


def test_old_texts_are_forgotten_and_nothing_else(
    home: Settings, deliver: Deliver, request: pytest.FixtureRequest
) -> None:
    deliver(STAY, spoilt())
    land(home, [STAY])
    today = datetime.now() + timedelta(days=1)
    assert refusals.forget(home, today) == 0
    assert refusals.forget(home, today + timedelta(days=730)) == 1
    assert refusals.forget(home, today + timedelta(days=730)) == 0
    kept = quarantine.scan(home).collect()
    assert kept["raw_row"].null_count() == kept.height == 3
    assert set(kept["reason"]) == {"bad_code", "bad_date"}
    assert refusals.refused(home).collect()["state"].unique().to_list() == ["forgotten"]
    request.getfixturevalue("new_list")
    assert replay(home) == []
    assert balanced(home)


def test_the_lake_and_the_release_count_batches_alike(
    home: Settings, deliver: Deliver, request: pytest.FixtureRequest
) -> None:
    for sequence in (2, 1):
        deliver(STAY, spoilt(first=100 * sequence), sequence=sequence)
    land(home, [STAY])
    request.getfixturevalue("new_list")
    assert replay(home)
    told = register.deliveries(home).select("batch_id", "sha256", "rows_loaded")
    with duckdb.connect() as connection:
        connection.execute(
            "attach ':memory:' as warehouse; create schema warehouse.publish_auditors"
        )
        connection.register("told", told.to_arrow())
        connection.execute("create table warehouse.publish_auditors.batch as from told")
        assert release_files.batch_set(connection) == (2, batch_set(home))
