"""What a reader already knows to be wrong with a row, carried beside the row's values.

A frame of delivered text may have these three columns after its own. They are null in sound rows.
A row that could not be split into columns has no values at all; its text is in TEXT.
"""

from __future__ import annotations

import polars as pl

FAULT = "?fault"  # the reason, one of ingestion.reasons
PLACE = "?place"  # the column at fault; empty: the row as a whole
TEXT = "?text"  # what was delivered there
UNSPLIT = ("column_count", "bad_json", "repeated_name")  # reasons for which a row has no values
MARKS = (FAULT, PLACE, TEXT)


def unmarked(columns: list[str]) -> list[str]:
    """The columns that a provider delivered."""
    return [name for name in columns if name not in MARKS]


def with_stray_rows(frame: pl.DataFrame, places: list[int], texts: list[str]) -> pl.DataFrame:
    """`frame` with rows put in that have no values, only their text and the reason.

    Args:
        places: offsets of the stray rows in the result, ascending.
        texts: the same rows' text.
    """
    height = frame.height + len(places)
    at = pl.Series(places, dtype=pl.Int64)
    stray = pl.repeat(False, height, eager=True).scatter(at, True)
    rank = (~stray).cum_sum() - 1
    source = rank.set(stray, None)
    text = pl.repeat(None, height, dtype=pl.String, eager=True).scatter(at, texts)
    marks = pl.DataFrame({TEXT: text}).select(
        pl.when(pl.col(TEXT).is_not_null()).then(pl.lit("column_count")).alias(FAULT),
        pl.when(pl.col(TEXT).is_not_null()).then(pl.lit("")).alias(PLACE),
        TEXT,
    )
    return frame.select(pl.all().gather(source)).hstack(marks)
