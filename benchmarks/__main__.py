"""Measure the rooms, full and for a day's increment; append to the history, draw the table."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.measure import measure

ROOT = Path(__file__).resolve().parent.parent
PYTHON = [sys.executable, "-m"]
# In the order in which data walks; `generate` makes the deliveries and is no room of the hub.
ROOMS = {
    "land": ["yinling", "land", "--refused-ok", "--json"],
    "check landing": ["yinling", "check", "landing"],
    "build": ["yinling", "build"],
    "check warehouse": ["yinling", "check", "warehouse"],
    "publish": ["yinling", "publish", "--json"],
}


def walk(env: dict[str, str], run: report.Run, mode: str) -> None:
    """All rooms once, each measured; rows are those that landed in this walk."""
    logs = Path(env["YINLING_HOME"]) / "bench"
    logs.mkdir(exist_ok=True)
    rows = 0
    for room, words in ROOMS.items():
        done = measure([*PYTHON, *words], env, logs / f"{mode}-{room.replace(' ', '-')}.log")
        if room == "land":
            landed = json.loads(done.output[done.output.index("{") :])
            rows = landed["rows_loaded"] + landed["rows_quarantined"]
        run.add(mode, room, done, rows)


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
    env = {**os.environ, "YINLING_HOME": str(home)}
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
