"""kill -9 at random instants: the rerun gives what an undisturbed run gives."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from ingestion import quarantine, register
from ingestion.durable import single_writer
from ingestion.landing import land
from tests.integration.ingestion.conftest import Deliver, funds, stays
from yinling import receipts
from yinling.maintenance import maintain, unfinished
from yinling.settings import Settings

pytestmark = pytest.mark.slow

RUN = """
import sys
from pathlib import Path
from ingestion import intake, landing, readers
from yinling.settings import Settings, Source
landing.GROUP_ROWS = 1_000
intake.CHUNK_ROWS = 1_000
readers.decoding.READ_BYTES = 50_000
print("ready", flush=True)
landing.land(Settings(home=Path(sys.argv[1]), sources={
    "facility_stay": Source(connector="folder", path="inbox/facility_stay")}))
print("done", flush=True)
"""
ROUNDS = 12


def start(home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def outcome(home: Settings) -> dict[str, object]:
    """Everything a reader can see, times of receipt apart."""
    data = {
        str(file.relative_to(home.lake)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(home.lake.rglob("*.parquet"))
    }
    batches = register.batches(home).drop("received_at").sort("batch_id").rows()
    receipts = sorted(file.name for file in home.receipts.rglob("*.json"))
    return {
        "data": data,
        "batches": batches,
        "receipts": receipts,
        "refused": quarantine.scan(home).collect().rows(),
    }


def check_readable(home: Settings) -> None:
    """Whatever the instant: what is visible is whole and balanced."""
    for batch in register.batches(home).iter_rows(named=True):
        file = register.batch_file(home, batch["dataset"], batch["batch_id"])
        assert pl.scan_parquet(file).select(pl.len()).collect().item() == batch["rows_loaded"]
        refused = quarantine.scan(home, batch_id=batch["batch_id"]).collect().height
        assert batch["rows_read"] == batch["rows_loaded"] + refused


def test_killed_at_any_instant_and_run_again(home: Settings, deliver: Deliver) -> None:
    for sequence in range(1, 9):
        rows = stays(5_000 if sequence % 4 == 0 else 60, first=sequence * 10_000)
        rows[5, "care_grade"] = "9"
        rows[rows.height - 1, "stay_no"] = rows[0, "stay_no"]
        kind = "csv" if sequence % 4 == 0 else "xlsx"
        deliver("facility_stay", rows, sequence=sequence, kind=kind)
    undisturbed = home.model_copy(update={"home": home.home / "undisturbed"})
    (undisturbed.home / "inbox").mkdir(parents=True)
    (undisturbed.home / "inbox" / "facility_stay").symlink_to(home.home / "inbox/facility_stay")

    begin = time.monotonic()
    assert start(undisturbed.home).wait(120) == 0
    whole = time.monotonic() - begin
    expected = outcome(undisturbed)

    dice = random.Random(20261031)  # noqa: S311 (instants, not secrets)
    killed = 0
    for _ in range(ROUNDS):
        process = start(home.home)
        time.sleep(dice.uniform(0, whole / 6))
        process.kill()
        killed += process.wait(60) == -9
        check_readable(home)
    assert killed > 0
    assert start(home.home).wait(120) == 0
    assert outcome(home) == expected
    assert not any((home.home / ".staging").iterdir())


# Killed after the commit, before the receipt is in its place.
KILLED_BEFORE_THE_RECEIPT = """
import os, signal, sys
from pathlib import Path
from ingestion import landing
from yinling.settings import Settings, Source
write = landing.write_json
def killed(path, value):
    if value["status"] != "rejected":
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, value)
landing.write_json = killed
landing.land(Settings(home=Path(sys.argv[1]), sources={
    "welfare_fund": Source(connector="folder", path="inbox/welfare_fund")}))
"""


@pytest.mark.parametrize("before", ["a refusal", "half a receipt", "nothing"])
def test_killed_between_commit_and_receipt(home: Settings, deliver: Deliver, before: str) -> None:
    name, given = "welfare_fund", home.receipts / "welfare_fund"
    if before == "a refusal":
        deliver(name, funds(20), control={"row_count": 21})
        assert land(home, [name]).rejected
    deliver(name, funds(20))
    run = [sys.executable, "-c", KILLED_BEFORE_THE_RECEIPT, str(home.home)]
    assert subprocess.run(run, cwd=Path(__file__).parents[3]).returncode == -9
    (batch,) = register.committed(home, name)
    file = given / f"{batch}.json"
    if before == "half a receipt":
        given.mkdir(parents=True, exist_ok=True)
        file.write_text('{"batch_id":', "utf-8")
    assert land(home, [name]).unchanged == 1
    assert [receipt["status"] for receipt in receipts.find(home)] == ["accepted"]
    assert [path.name for path in given.iterdir()] == [file.name]
    written = file.stat().st_mtime_ns
    land(home, [name])
    assert file.stat().st_mtime_ns == written


# Killed when all is written and nothing committed.
KILLED_BEFORE_THE_COMMIT = """
import os, signal, sys
from pathlib import Path
from ingestion import batch, landing
from yinling.settings import Settings, Source
batch.reconcile = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
landing.land(Settings(home=Path(sys.argv[1]), sources={
    "welfare_fund": Source(connector="folder", path="inbox/welfare_fund")}))
"""


def test_what_a_killed_run_left_of_a_delivery_that_never_comes_again_goes(
    home: Settings, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    name = "welfare_fund"
    deliver(name, funds(20), sequence=1)
    deliver(name, funds(20), sequence=2, control={"row_count": 21})
    assert len(land(home, [name]).receipts) == 2
    kept = set(home.home.rglob("*"))
    file = deliver(name, funds(20), sequence=3)
    run = [sys.executable, "-c", KILLED_BEFORE_THE_COMMIT, str(home.home)]
    assert subprocess.run(run, cwd=Path(__file__).parents[3]).returncode == -9
    for path in (file, file.with_name(file.name + ".control.json")):
        path.unlink()
    by_hand = home.landing / name / ".by-hand" / "waiting.csv"
    by_hand.parent.mkdir()
    by_hand.touch()
    left = set(home.home.rglob("*")) - kept
    assert {path.name for path in left if path.is_dir()} == {
        f"{name}.440203.2026-09.0003", "delivered", ".by-hand"
    }  # fmt: skip

    def gone(later: float) -> int:
        return maintain(home, time.time() + later)["unfinished"]

    assert gone(0) == 0  # it may be at work
    with single_writer(home.landing / name, name):
        assert gone(2 * 86_400) == 0
    assert len(unfinished(home, time.time() + 2 * 86_400)) == gone(2 * 86_400) == 2
    assert set(home.home.rglob("*")) - kept == {by_hand.parent, by_hand}
    assert kept <= set(home.home.rglob("*"))
    assert unfinished(home, time.time() + 2 * 86_400) == []
