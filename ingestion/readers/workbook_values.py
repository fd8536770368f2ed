"""What cells mean by the type of their column: serial numbers, months, sums, merged numbers."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ingestion.headers import Headers
from ingestion.parsing import MERGED, SERIAL
from ingestion.readers.workbook_merged import Span, inside

_FIRST_OF_MONTH = r"^(\d{4}-\d{2})-01(?:[ T]00:00:00)?$"
_NOISE = r"^-?\d+\.\d+$"


def plain_dates(
    frame: pl.DataFrame, headers: Headers, dated: Sequence[str], from_1904: bool
) -> pl.DataFrame:
    """Bare day numbers in columns of dates as ISO text; no other number can be meant there.

    Only five digits are taken (1927 to 2119): fewer could be a year.
    """
    start = pl.date(1904, 1, 1) if from_1904 else pl.date(1899, 12, 30)
    for name in _with(frame, headers, dated, pl.all().str.contains(SERIAL)):
        cell = pl.col(name)
        number = pl.when(cell.str.contains(SERIAL)).then(cell)
        seconds = (number.cast(pl.Float64) * 86_400).round(0).cast(pl.Int64)
        moment = start.cast(pl.Datetime("us")) + pl.duration(seconds=seconds)
        text = moment.dt.strftime("%Y-%m-%d %H:%M:%S")
        frame = frame.with_columns(pl.coalesce(text, cell).alias(name))
    return frame


def plain_months(
    frame: pl.DataFrame, headers: Headers, monthly: Sequence[str], from_1904: bool
) -> pl.DataFrame:
    """Months again where a spreadsheet made dates of them: 2026-09 typed is 2026-09-01 there."""
    frame = plain_dates(frame, headers, monthly, from_1904)
    for name in _with(frame, headers, monthly, pl.all().str.contains(_FIRST_OF_MONTH)):
        month = pl.col(name).str.extract(_FIRST_OF_MONTH)
        frame = frame.with_columns(pl.coalesce(month, pl.col(name)).alias(name))
    return frame


def shown_numbers(frame: pl.DataFrame, headers: Headers, numeric: Sequence[str]) -> pl.DataFrame:
    """Numbers as the spreadsheet shows them: a sum such as 0.30000000000000004 is 0.3 there."""
    noise = pl.all().str.contains(_NOISE) & (pl.all().str.len_bytes() > 16)
    for name in _with(frame, headers, numeric, noise):
        text = frame[name]
        noisy = text.str.contains(_NOISE) & (text.str.len_bytes() > 16)
        plain = pl.Series([f"{float(value):.15g}" for value in text.filter(noisy)])
        frame = frame.with_columns(text.scatter(noisy.arg_true(), plain).alias(name))
    return frame


def mark_merged(
    frame: pl.DataFrame,
    rows: pl.Series,
    names: Sequence[str | None],
    merged: Sequence[Span],
    headers: Headers,
    counted: Sequence[str],
) -> pl.DataFrame:
    """Numbers that one merged cell shows for several rows, marked as such: each row has its own.

    Args:
        rows: where the frame's rows stand in the sheet, from 0.
        names: the sheet's headers by position.
    """
    for number in {span.column for span in merged}:
        name = names[number]
        if name is not None and headers.match(name) in counted:
            cell = pl.col(name)
            marked = pl.when(inside(rows, number, merged)).then(pl.lit(f"{MERGED} ") + cell)
            frame = frame.with_columns(pl.coalesce(marked, cell).alias(name))
    return frame


def _with(frame: pl.DataFrame, headers: Headers, wanted: Sequence[str], test: pl.Expr) -> list[str]:
    """Those of the wanted columns in which a value passes the test."""
    names = [name for name in frame.columns if headers.match(name) in wanted]
    if not names or not frame.height:
        return []
    found = frame.select(names).select(test.any()).row(0)
    return [name for name, any_value in zip(names, found, strict=True) if any_value]
