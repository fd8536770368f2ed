"""Columns whose values stand in many rows: each value is checked once, not once a row.

Most delivered columns repeat (codes, places, months, the people of a payment list). Such a column
becomes its different values and, for every row, the place of its value among them; the checks see
the values only. What goes to the lake stays coded (an Enum), so that Parquet's dictionaries are
written without looking at the rows' text again.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

OLDEST = pl.CompatLevel.oldest()
SAMPLE = 2_000  # rows; a shorter column is not worth the trouble
# Of rows drawn from all of 100,000 so many differ when each value stands in three on the whole.
_DIFFERENT_FAR = 0.97
_DIFFERENT_NEAR = 0.8  # of rows that follow each other, as a person's do
_DIFFERENT = 0.6  # of all rows; above it does not pay


@dataclass(frozen=True)
class Repeats:
    """A column as its values and its rows' places.

    Attributes:
        values: every different value once; null is a value too.
        places: for each row the index of its value.
    """

    values: pl.Series
    places: pl.Series

    def spread(self, of_values: pl.Series) -> pl.Series:
        """From one entry a value to one a row; texts come coded."""
        if of_values.dtype == pl.String:
            of_values = coded(of_values)
        return of_values.gather(self.places)

    def used(self, rows: pl.Series | None) -> pl.Series:
        """The places of the values that stand in the chosen rows (default: all), ascending."""
        if rows is None:
            return pl.int_range(len(self.values), dtype=pl.Int32(), eager=True)
        return self.places.filter(rows).unique()


def repeats(column: pl.Series) -> Repeats | None:
    """The column's values and places, or None where most values are different."""
    if len(column) < SAMPLE:
        return None
    if not _seems_to_repeat(column):
        return None
    encoded = column.to_arrow(compat_level=OLDEST).dictionary_encode(null_encoding="encode")
    values = pl.Series(encoded.dictionary)
    if len(values) > _DIFFERENT * len(column):
        return None
    return Repeats(values.rename(column.name), pl.Series(encoded.indices))


def _seems_to_repeat(column: pl.Series) -> bool:
    far = column.gather_every(len(column) // SAMPLE)
    if far.n_unique() <= _DIFFERENT_FAR * len(far):
        return True
    near = column.slice(len(column) // 2, SAMPLE // 2)
    return near.n_unique() <= _DIFFERENT_NEAR * len(near)


def coded(text: pl.Series) -> pl.Series:
    """The same texts as an Enum of just these."""
    return text.cast(pl.Enum(text.drop_nulls().unique(maintain_order=True)))


def constant(text: str, height: int) -> pl.Series:
    """One text in every row, coded."""
    return pl.repeat(text, height, dtype=pl.Enum([text]), eager=True)
