"""Looking into the quarantine: what is refused, what a replay has brought in, what was forgotten.

Counting and examples show no personal data: of a value only its shape (`4A1-字`). The text itself
is for a role that may see it and says why; the access log keeps that, as for the vault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from ingestion import access_log, quarantine, register
from ingestion.durable import sync
from ingestion.errors import VaultError
from ingestion.vault import refusal
from yinling.settings import Settings

TEXTS = ("raw_value", "raw_row")
STATES = {"open": "待更正", "replayed": "已补入", "forgotten": "原文已过保存期"}
# Digits, letters and Chinese characters, each by one sign: what is wrong with the form shows.
_SHAPES = ((r"\d", "9"), (r"\p{Han}", "字"), (r"\p{L}", "A"))


@dataclass(frozen=True)
class Search:
    """What is looked for; None: everything."""

    dataset: str | None = None
    provider: str | None = None
    period: str | None = None
    reason: str | None = None
    batch_id: str | None = None
    row_no: int | None = None


def replayed(settings: Settings, dataset: str | None = None) -> pl.DataFrame:
    """Rows that replays brought in: batch_id (of the delivery) and row_no."""
    batches = register.batches(settings, dataset).filter(pl.col("replay_of").is_not_null())
    files = [
        register.batch_file(settings, name, batch)
        for name, batch in batches.select("dataset", "batch_id").iter_rows()
    ]
    schema = {"batch_id": pl.String(), "row_no": pl.Int64()}
    parts = [pl.DataFrame(schema=schema)]
    parts += [
        pl.read_parquet(file, columns=list(schema)).select(
            pl.col(n).cast(t) for n, t in schema.items()
        )
        for file in files
    ]
    return pl.concat(parts)


def refused(settings: Settings, search: Search = Search()) -> pl.LazyFrame:
    """Every row that was ever refused.

    Grain: one refused row; columns as quarantine.SCHEMA, provider, period, and `state`: open,
    replayed, or forgotten (its text is past its time). As `quarantine.scan`, it is for those who
    may see the texts, and who only counts must not ask for them.
    """
    rows = quarantine.scan(settings, search.dataset, search.batch_id, search.reason)
    here = quarantine.files(settings, search.dataset, search.batch_id)
    forgotten = [file.parent.name for file in here if not quarantine.has_texts(file)]
    parts = pl.col("batch_id").str.split(".")
    done = replayed(settings, search.dataset).with_columns(_done=pl.lit(value=True)).lazy()
    rows = rows.join(done, on=["batch_id", "row_no"], how="left", maintain_order="left")
    rows = rows.with_columns(
        provider=parts.list.get(1),
        period=parts.list.get(2),
        state=pl.when(pl.col("_done").is_not_null())
        .then(pl.lit("replayed"))
        .when(pl.col("batch_id").is_in(forgotten))
        .then(pl.lit("forgotten"))
        .otherwise(pl.lit("open")),
    ).drop("_done")
    for column in ("provider", "period", "row_no"):
        if (wanted := getattr(search, column)) is not None:
            rows = rows.filter(pl.col(column) == wanted)
    return rows


def waiting(settings: Settings, search: Search = Search()) -> pl.LazyFrame:
    """Rows of `refused` that no replay has brought in."""
    return refused(settings, search).filter(pl.col("state") != "replayed")


def counts(rows: pl.LazyFrame, by: Sequence[str]) -> pl.DataFrame:
    """Rows by the columns `by`, most first: `rows`, and a column a state."""
    states = [(pl.col("state") == state).sum().alias(state) for state in STATES]
    return (
        rows.group_by(by)
        .agg(pl.len().alias("rows"), *states)
        .sort("rows", *by, descending=[True, *([False] * len(by))])
        .collect(engine="streaming")
    )


def examples(rows: pl.LazyFrame, limit: int) -> pl.DataFrame:
    """The first rows of each reason and column, without personal data: of the value the shape."""
    shape = pl.col("raw_value")
    for pattern, sign in _SHAPES:
        shape = shape.str.replace_all(pattern, sign)
    shown = rows.select(
        "dataset", "batch_id", "row_no", "column", "reason", "message_zh", "state",
        shape=shape.str.slice(0, 40),
    )  # fmt: skip
    kinds = ["dataset", "column", "reason"]
    found = rows.select(kinds).unique(maintain_order=True).collect(engine="streaming")
    parts = [
        shown.filter(pl.col(name) == value for name, value in kind.items()).head(limit)
        for kind in found.iter_rows(named=True)
    ]
    every = pl.collect_all([shown.head(0), *parts], engine="streaming")
    return pl.concat(every).drop("dataset")


def disclosed(settings: Settings, rows: pl.LazyFrame, role: str, reason: str) -> pl.DataFrame:
    """The rows with their text, for a role that may see it and gives a reason.

    Every question is written to the access log before it is answered, refused ones too.

    Raises:
        VaultError: the role or this account may not, no reason is given, or too many rows at once.
    """
    why = refusal(settings, [], role, reason)
    most = settings.reveal.tokens_at_once
    found = rows.head(most).collect(engine="streaming")
    if not why and (asked_for := height(rows)) > most:
        why = (
            f"{asked_for} rows at once; allowed are {most} (reveal.tokens_at_once). "
            "Narrow the search."
        )
    entry = {"role": role, "reason": reason, "outcome": "refused" if why else "revealed"}
    asked = [f"quarantine:{batch}:{row}" for batch, row in found["batch_id", "row_no"].iter_rows()]
    access_log.write(settings, [{**entry, "token": place} for place in asked or ["none"]])
    if why:
        raise VaultError(why)
    return found.select(
        "batch_id", "row_no", "column", "reason", "message_zh", "state", "raw_value", "raw_row"
    )


def height(rows: pl.LazyFrame) -> int:
    """How many rows there are."""
    return int(rows.select(pl.len()).collect(engine="streaming").item())


def forget(settings: Settings, now: datetime) -> int:
    """Take the texts out of what is past its time or above the room allowed, oldest first.

    Which rows were refused, where and why, stays, so the accounting does. Rows of forgotten text
    can no longer be replayed; the provider has them.

    Returns:
        Number of batches whose texts went.
    """
    bounds = settings.quarantine
    received = dict(register.batches(settings).select("batch_id", "received_at").iter_rows())
    files = [(received[path.parent.name], path) for path in quarantine.files(settings)]
    room = bounds.max_mb * 1_000_000
    oldest = now - timedelta(days=bounds.keep_days)
    gone = 0
    for at, path in sorted(files, reverse=True):
        room -= path.stat().st_size
        if (at < oldest or room < 0) and quarantine.has_texts(path):
            _blank(path)
            gone += 1
    return gone


def _blank(path: Path) -> None:
    blank = pl.lit(None, dtype=pl.String)
    rows = pl.scan_parquet(path).with_columns(blank.alias(name) for name in TEXTS)
    draft = path.with_name(f".{path.name}.part")
    rows.sink_parquet(draft)
    sync(draft)
    draft.replace(path)
    sync(path.parent)
