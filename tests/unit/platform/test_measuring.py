"""The tools that judge: the tally of test runs, the benchmark's clock and page."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.__main__ import STEP
from benchmarks.measure import Measured, MeasuredError, measure, measure_steps
from tests import stages

RESULT = """<testsuites><testsuite>
<testcase classname="a" name="good"/><testcase classname="a" name="bad"><failure/></testcase>
<testcase classname="a" name="broken"><error/></testcase>
<testcase classname="a" name="left_out"><skipped message="no browser"/></testcase>
</testsuite></testsuites>"""


def test_the_tally_counts_failures_errors_and_names_skips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "RESULTS", tmp_path)
    (tmp_path / "unit.xml").write_text(RESULT, "utf-8")
    assert stages.tally(["unit"]) == (1, 2, ["a::left_out: no browser"])
    # A folder whose run left no result (killed, crashed) counts as a failure, not as nothing.
    assert stages.tally(["unit", "e2e"])[:2] == (1, 3)


def test_a_step_that_hangs_is_stopped_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(30)"]
    assert stages.execute("sleep", sleep, 0.5) is False
    assert "took longer" in capsys.readouterr().out


def test_memory_of_children_counts(tmp_path: Path) -> None:
    grow = "x = bytearray(80 << 20); import time; time.sleep(0.8)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grow!r}])"
    done = measure([sys.executable, "-c", code], os.environ, tmp_path / "log")
    assert 80 < done.peak_mib < 200
    assert 0.8 < done.seconds < 20


def test_every_step_is_measured_by_itself(tmp_path: Path) -> None:
    code = """if True:
        import time
        x = bytearray(80 << 20); time.sleep(0.5)
        print("  land                                       12.3 s", flush=True)
        del x; time.sleep(0.3)
        print("  land is not told twice, nor in 3 s", flush=True)
        print("  gate landing                                0.3 s", flush=True)
        time.sleep(0.3)"""
    (land, first), (gate, last) = measure_steps(
        [sys.executable, "-c", code], os.environ, tmp_path / "log", STEP
    )
    assert (land, gate) == ("land", "gate landing")
    assert first.peak_mib > 80 > last.peak_mib
    assert first.seconds > 0.5
    assert last.seconds > 0.6  # with what comes after the last step


def test_a_room_that_fails_shows_its_words(tmp_path: Path) -> None:
    with pytest.raises(MeasuredError, match="no disk"):
        measure([sys.executable, "-c", "raise SystemExit('no disk')"], os.environ, tmp_path / "l")


def test_the_page_says_whether_the_bounds_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "HISTORY", tmp_path / "history.csv")
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    monkeypatch.setattr(report, "commit", lambda: "abc1234")
    run = report.Run("M")
    for mode, seconds in (("full", 100.0), ("increment", 30.0)):
        for room in ("generate", "land", "build") if mode == "full" else ("land", "build"):
            run.add(mode, room, Measured(seconds, 2048, ""), 1_000_000)
    report.append(run)
    page = (tmp_path / "README.md").read_text("utf-8")
    assert "full under 480 s (met)" in page
    assert "30.0% (missed)" in page
    assert "| **all rooms** | **200** | | 2048 | **60** | | 2048 |" in page
    with (tmp_path / "history.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 5
