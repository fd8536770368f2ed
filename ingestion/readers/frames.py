"""Frames of delivered rows: fewer and larger ones."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ingestion.marks import unmarked


def gathered(frames: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The same rows in fewer frames: small ones are put together until they reach `rows`."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        if waiting and unmarked(frame.columns) != unmarked(waiting[0].columns):
            yield pl.concat(waiting, how="diagonal")
            waiting = []
        waiting.append(frame)
        if sum(part.height for part in waiting) >= rows:
            yield pl.concat(waiting, how="diagonal")
            waiting = []
    if waiting:
        yield pl.concat(waiting, how="diagonal")
