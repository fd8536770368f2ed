"""The whole way on the command line: accounts, repeats, kills, two at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.pipeline.conftest import WALK_SECONDS, Hub

pytestmark = pytest.mark.timeout(1_200)


def test_every_row_is_accounted_for(undisturbed: Hub) -> None:
    done = undisturbed.yinling("status", "--json")
    assert done.returncode == 0, done.stderr
    batches = json.loads(done.stdout)
    assert all(batch["balanced"] for batch in batches)
    delivered = json.loads(
        (undisturbed.home / "demo" / "inbox")
        .resolve()
        .parent.joinpath("province.json")
        .read_text("utf-8")
    )["rows"]
    read: Counter[str] = Counter()
    for batch in batches:
        read[batch["dataset"]] += batch["rows_read"]
    # What a look-up brings depends on whom it asks about; the others deliver all they have.
    del read["custody_period"]
    assert read == delivered


def test_again_changes_nothing(undisturbed: Hub) -> None:
    before = {path: path.stat().st_mtime_ns for path in _files(undisturbed.home)}
    done = undisturbed.yinling("run", "--json")
    assert json.loads(done.stdout) == {"release_id": undisturbed.release, "changed": False}
    assert {path: path.stat().st_mtime_ns for path in _files(undisturbed.home)} == before


def _files(home: Path) -> list[Path]:
    rooms = ("landing", "lake", "receipts", "warehouse", "releases")
    found = [path for room in rooms for path in sorted((home / room).rglob("*"))]
    return [path for path in found if path.is_file() and path.name != ".lock"]


def kill_when(hub: Hub, moment: Callable[[], bool]) -> None:
    """Start the walk, kill all of it with SIGKILL at the moment, and see that it was not over."""
    process = hub.start("run")
    end = time.monotonic() + WALK_SECONDS
    while not moment():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_killed_in_landing_build_and_publish_ends_in_the_same_release(
    undisturbed: Hub, new_home: Callable[[str], Hub]
) -> None:
    hub = new_home("killed")
    home = hub.home
    landed = home / "lake"

    # Landing: some batches are committed, one is half written.
    kill_when(
        hub,
        lambda: (
            len(list(landed.glob("*/*/manifest.json"))) > 5
            and any((home / "landing").glob("*/*/*"))
        ),
    )
    assert not (home / "warehouse" / "warehouse.duckdb").exists()
    before = len(list(landed.glob("*/*/manifest.json")))

    # Build: the warehouse's file is there, dbt is at work on it.
    kill_when(hub, lambda: _size(home / "warehouse" / "warehouse.duckdb") > 2_000_000)
    assert len(list(landed.glob("*/*/manifest.json"))) > before
    assert not (home / "releases" / "current").exists()

    # Publish: the release is being written beside; readers have none yet.
    kill_when(hub, lambda: any((home / "releases").glob(".tmp-*/officials.duckdb")))
    assert not (home / "releases" / "current").exists()

    # The last run is let through; a second one beside it is told to wait.
    last = hub.start("run")
    _until(lambda: (home / "locks" / "warehouse.lock").read_text() == str(last.pid))
    second = hub.yinling("run")
    assert second.returncode == 3
    assert "Another run is at work" in second.stderr
    output, _ = last.communicate(timeout=WALK_SECONDS)
    assert last.returncode == 0, output
    assert hub.release == undisturbed.release
    assert hub.content() == undisturbed.content()
    assert not list((home / "releases").glob(".tmp-*"))


def _until(moment: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not moment():
        assert time.monotonic() < end
        time.sleep(0.01)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_without_the_key_nothing_lands_and_the_message_names_it(
    new_home: Callable[[str], Hub],
) -> None:
    hub = new_home("no-key")
    text = (hub.home / "yinling.toml").read_text("utf-8")
    (hub.home / "yinling.toml").write_text(text.replace("synthetic = true", ""), "utf-8")
    done = hub.yinling("land", "region")
    assert done.returncode == 2
    assert "YINLING_TOKEN_KEY" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((hub.home / "lake").glob("*/*/manifest.json"))


def test_ctrl_c_is_one_line_and_the_next_run_goes_on(
    undisturbed: Hub, new_home: Callable[[str], Hub]
) -> None:
    hub = new_home("interrupted")
    process = hub.start("land")
    _until(lambda: any((hub.home / "lake").glob("*/*/manifest.json")))
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output.strip().splitlines()[-1].startswith("Interrupted.")
    assert "Traceback" not in output
    again = hub.yinling("land", "--json")
    assert again.returncode == 0, again.stderr
    counted: subprocess.CompletedProcess[str] = hub.yinling("status", "--json")
    batches = {b["batch_id"]: b["sha256"] for b in json.loads(counted.stdout)}
    whole = json.loads(undisturbed.yinling("status", "--json").stdout)
    assert batches == {b["batch_id"]: b["sha256"] for b in whole}
