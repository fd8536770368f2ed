"""Cells merged over several rows: what each of those rows is shown to hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from ingestion.readers.workbook_xml import position

_MERGED = re.compile(rb'<mergeCell\s[^>]*ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')


class Span(NamedTuple):
    """A merged cell of one column, rows and column from 0, the last row included."""

    column: int
    top: int
    bottom: int


def merged_columns(xml: bytes) -> list[Span]:
    """The merged cells that span rows of one column only; none overlaps another."""
    spans = sorted(
        Span(position(left), int(top) - 1, int(bottom) - 1)
        for left, top, right, bottom in _MERGED.findall(xml)
        if left == right and int(top) < int(bottom)
    )
    found: list[Span] = []
    for span in spans:
        if not found or found[-1].column != span.column or found[-1].bottom < span.top:
            found.append(span)
    return found


def fill_merged(cells: pl.DataFrame, merged: Sequence[Span]) -> pl.DataFrame:
    """Every row under a merged cell with the text that the cell shows for it; blank rows stay."""
    blank = cells.select(pl.all_horizontal(pl.all().is_null())).to_series()
    for number in sorted({span.column for span in merged}):
        text = cells[name := str(number)]
        spans = [span for span in merged if span.column == number]
        texts = [
            (row, text[span.top])
            for span in spans
            for row in range(span.top + 1, min(span.bottom + 1, len(text)))
            if not blank[row]
        ]
        if texts:
            rows, values = zip(*texts, strict=True)
            cells = cells.with_columns(text.scatter(rows, values).alias(name))
    return cells


def inside(rows: pl.Series, column: int, merged: Sequence[Span]) -> pl.Series:
    """Which of the rows (from 0, ascending) lie under a merged cell of the column."""
    spans = [span for span in merged if span.column == column]
    starts = pl.Series([span.top for span in spans])
    ends = pl.Series([span.bottom + 1 for span in spans])
    return starts.search_sorted(rows, side="right") > ends.search_sorted(rows, side="right")
