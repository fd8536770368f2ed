"""Measure the rooms, full and for a day's increment; append to the history, draw the table."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.measure import measure, measure_steps
from yinling.accounting import accounting
from yinling.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
PYTHON = [sys.executable, "-m"]
# As `yinling run` names its steps, in the order in which data walks. `generate` makes the
# deliveries and is no room of the hub.
ROOMS = {
    "land": "land",
    "gate landing": "check landing",
    "build": "build",
    "gate warehouse": "check warehouse",
    "publish": "publish",
}
STEP = re.compile(rf"  ({'|'.join(ROOMS)}) +[0-9.]+ s$")


def walk(env: dict[str, str], run: report.Run, mode: str) -> None:
    """All rooms once, each measured; rows are those that were read in this walk."""
    home = Path(env["YINLING_HOME"])
    before = read()
    steps = measure_steps([*PYTHON, "yinling", "run"], env, home / f"{mode}.log", STEP)
    rows = read() - before
    for step, done in steps:
        run.add(mode, ROOMS[step], done, rows)


def read() -> int:
    """Rows of all deliveries that have been landed: loaded and quarantined."""
    return sum(row["rows_read"] for row in accounting(load_settings()))


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--scale", default="S", choices=["S", "M", "L"])
    parser.add_argument("--home", type=Path, help="scratch folder (default: .yinling/bench-SCALE)")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder")
    chosen = parser.parse_args()
    home = (chosen.home or ROOT / ".yinling" / f"bench-{chosen.scale}").resolve()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    os.environ["YINLING_HOME"] = str(home)
    env = dict(os.environ)
    run = report.Run(chosen.scale)
    try:
        made = measure([*PYTHON, "synthetic", "--scale", chosen.scale], env, home / "generate.log")
        rows = sum(
            json.loads((home / "demo" / "province.json").read_text("utf-8"))["rows"].values()
        )
        run.add("full", "generate", made, rows)
        subprocess.run(
            [*PYTHON, "synthetic", "serve"], env=env, check=True, stdout=subprocess.DEVNULL
        )
        walk(env, run, "full")
        # The next day: half a per cent of new rows from every department.
        subprocess.run(
            [*PYTHON, "synthetic", "day"], env=env, check=True, stdout=subprocess.DEVNULL
        )
        walk(env, run, "increment")
    finally:
        subprocess.run([*PYTHON, "synthetic", "stop"], env=env, check=False)
        if not chosen.keep:
            shutil.rmtree(home, ignore_errors=True)
    report.append(run)
    print(report.render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
