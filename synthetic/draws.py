"""Seeded draws: the same seed and labels give the same numbers, whatever else was drawn before."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Rng = np.random.Generator
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def generator(seed: int, *labels: str) -> Rng:
    """A generator of its own for each purpose, so that a new draw moves no other."""
    words = [seed, *(zlib.crc32(label.encode()) for label in labels)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def pick(
    rng: Rng, values: Sequence[Any], size: int, weights: Sequence[float] | None = None
) -> Ints:
    """Indexes into `values`, by weight."""
    if weights is None:
        return rng.integers(0, len(values), size)
    share = np.asarray(weights, dtype=np.float64)
    edges = np.cumsum(share / share.sum())
    return np.minimum(np.searchsorted(edges, rng.random(size), side="right"), len(values) - 1)


def text(values: Sequence[str], index: Ints) -> pl.Series:
    """The strings at those indexes."""
    return pl.Series(values, dtype=pl.String).gather(pl.Series(index))


def column(values: npt.NDArray[Any] | pl.Series) -> pl.Expr:
    """Drawn values as an expression, for use beside columns of the same length."""
    return pl.lit(pl.Series(values))


def dates(days: npt.NDArray[Any]) -> pl.Series:
    """Day numbers as a Date column; negative infinity (int32 minimum) becomes null."""
    series = pl.Series(days.astype(np.int32))
    missing = np.iinfo(np.int32).min
    return series.set(series == missing, None).cast(pl.Date)


NO_DAY = np.iinfo(np.int32).min
"""Marks "no date" in a day-number array."""


def numbers(prefix: str, start: int, size: int, width: int) -> pl.Series:
    """Serial numbers: prefix and a zero-padded counter from `start`."""
    counter = pl.Series(np.arange(start, start + size)).cast(pl.String).str.zfill(width)
    return pl.select((pl.lit(prefix) + counter).alias("n"))["n"]
