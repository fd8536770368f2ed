"""Rows by their content: the same row is known again, whatever page or order it comes in."""

from __future__ import annotations

import polars as pl
import polars_hash  # noqa: F401 (registers the `chash` namespace)

_HALF = 1 << 64


def row_keys(frame: pl.DataFrame) -> pl.Series:
    """A hash of each row of text (SHA-256 as hex, the same on every machine and in every year).

    A column without value counts like one that is not there: pages need not have the same columns.
    """
    # Lengths keep apart what stands in different columns.
    cells = [
        pl.format("{}\t{}\t{}\n", pl.lit(name), pl.col(name).str.len_bytes(), pl.col(name))
        for name in sorted(frame.columns)
    ]
    line = pl.concat_str(cells, ignore_nulls=True) if cells else pl.lit("")
    hashed: pl.Series = frame.select(key=line.chash.sha2_256()).to_series()  # type: ignore[attr-defined]
    return hashed


class Fingerprint:
    """Of all rows of an answer, whatever their order.

    Attributes:
        rows: how many there were.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._sums = [0, 0]

    def add(self, frame: pl.DataFrame) -> None:
        """Take note of a page's rows."""
        keys = row_keys(frame)
        self.rows += len(keys)
        for place in (0, 1):
            part = keys.str.slice(15 * place, 15).str.to_integer(base=16)
            self._sums[place] = (self._sums[place] + int(part.cast(pl.Int128).sum())) % _HALF

    def __str__(self) -> str:
        return "".join(f"{total:016x}" for total in self._sums)
