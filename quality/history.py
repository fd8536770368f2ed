"""The history of results: one bounded table, stored as one small Parquet file a run.

A file a run because gates of several feeds run at once and DuckDB lets one process write; a file
appears by one rename, so a killed run leaves nothing half-written. `KEEP_RUNS` a gate are kept.

Grain: run, check. Times are Asia/Shanghai, without zone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from quality.model import Outcome, State

KEEP_RUNS = 60
_TYPES: dict[str, Any] = {
    "int": pl.Int64(),
    "float": pl.Float64(),
    "datetime": pl.Datetime("us"),
    "datetime | None": pl.Datetime("us"),
}
SCHEMA = pl.Schema(
    {"run_id": pl.String(), "run_at": pl.Datetime("us")}
    | {f.name: _TYPES.get(str(f.type), pl.String()) for f in fields(Outcome)}
)


def folder(quality: Path) -> Path:
    """Where the history lies under the quality folder."""
    return quality / "history"


def read(quality: Path, gate: str | None = None) -> pl.DataFrame:
    """All kept runs of a gate (or of all), oldest first."""
    files = sorted(folder(quality).glob(f"{gate or '*'}/*.parquet"))
    if not files:
        return SCHEMA.to_frame()
    return pl.concat([pl.read_parquet(file) for file in files]).sort("run_at", "check_id")


def latest(quality: Path, gate: str) -> dict[str, Outcome]:
    """The newest word on each check of a gate's last run, by check id.

    A run for some feeds carries the others over; where two such runs crossed, what was looked at
    last counts.
    """
    frame = read(quality, gate)
    if frame.is_empty():
        return {}
    last = frame.filter(pl.col("run_at") == pl.col("run_at").max()).get_column("check_id")
    newest = (
        frame.filter(pl.col("check_id").is_in(last.to_list()))
        .sort("checked_at", "run_at")
        .unique("check_id", keep="last", maintain_order=True)
    )
    rows = newest.select([f.name for f in fields(Outcome)]).sort("check_id").to_dicts()
    return {row["check_id"]: Outcome(**row) for row in rows}


def compare(outcomes: Iterable[Outcome], before: Mapping[str, Outcome]) -> list[Outcome]:
    """Say of each outcome whether its problem is new, persists or is resolved, and since when."""
    result = []
    for outcome in outcomes:
        old = before.get(outcome.check_id)
        was_bad = old is not None and old.bad
        if outcome.bad and was_bad and old is not None:
            outcome = replace(outcome, state="persisting", since=old.since or old.checked_at)
        elif outcome.bad:
            outcome = replace(outcome, state="new", since=outcome.checked_at)
        elif was_bad and outcome.status == "pass":
            outcome = replace(outcome, state="resolved", since=None)
        result.append(outcome)
    return result


def carry(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """An earlier run's word in a later one: what was new persists, what was resolved is ok."""
    later: dict[State, State] = {"new": "persisting", "resolved": "ok"}
    return [replace(o, state=later.get(o.state, o.state)) for o in outcomes]


def append(quality: Path, gate: str, run_at: datetime, outcomes: Iterable[Outcome]) -> str:
    """Write a run, forget the oldest beyond `KEEP_RUNS`; returns the run id."""
    run_id = f"{gate}.{run_at:%Y%m%dT%H%M%S%f}"
    rows = [{"run_id": run_id, "run_at": run_at} | asdict(outcome) for outcome in outcomes]
    target = folder(quality) / gate
    target.mkdir(parents=True, exist_ok=True)
    file = target / f"{run_at:%Y%m%dT%H%M%S%f}-{os.getpid()}.parquet"
    part = file.with_suffix(".part")
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(part)
    part.replace(file)
    for old in sorted(target.glob("*.parquet"))[:-KEEP_RUNS]:
        old.unlink(missing_ok=True)
    return run_id
