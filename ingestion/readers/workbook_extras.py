"""Rows below a header that are no data: totals, signatures, and headers repeated on each page."""

from __future__ import annotations

import re

import polars as pl

_TOTAL = r"(小计|合计|总计|共计|累计)[:：]?$"
_FOOTER = (
    r"^(合计|总计|小计|共计|填表人|制表人|填报人|审核人|审批人|负责人|经办人"
    r"|填报单位|填报日期|联系电话|说明|注)"
)
LISTED = 5  # row numbers that a note names
TAIL = 10


def data_rows(
    cells: pl.DataFrame, heads: pl.DataFrame, needed: list[str], numbers: pl.Series
) -> tuple[pl.Series, list[str]]:
    """Which rows are data, and what the provider should know of the others.

    Args:
        cells: rows below the header, none of them blank.
        heads: the header's rows in the same columns (or the row above it).
        needed: columns that every data row fills.
        numbers: where the rows stand in the sheet, from 1.

    Returns:
        True for data, a row each; notes in Chinese.
    """
    every = pl.repeat(True, cells.height, eager=True)
    if not needed or not cells.height:
        return every, []
    found = cells.select(
        first=pl.coalesce(pl.all()).str.strip_chars(),
        lacking=pl.sum_horizontal(pl.col(needed).is_null()) >= max(1, len(needed) // 2),
        filled=pl.sum_horizontal(pl.all().is_not_null()),
    ).with_columns(number=numbers)
    notes = []
    footer = _footer(found)
    if footer:
        # Only the word: what follows it may name a person.
        label = re.match(_FOOTER, found["first"][-footer])
        word = label[0] if label else ""
        notes.append(f"末尾 {footer} 行（{word}……）是合计或签注，不是数据行，未计入行数")
    body = pl.int_range(cells.height, eager=True) < cells.height - footer
    header = _again(cells, heads, found) & body
    if header.any():
        notes.append(f"{_places(found, header)}重复了表头，不是数据行，未计入行数")
    total = found["first"].str.contains(_TOTAL) & found["lacking"] & body & ~header
    if total.any():
        notes.append(f"{_places(found, total)}是小计或合计，不是数据行，未计入行数")
    return body & ~header & ~total, notes


def _footer(found: pl.DataFrame) -> int:
    """How many rows at the end are totals or signatures."""
    if not re.match(_FOOTER, found["first"][-1]):
        return 0
    tail = found.tail(TAIL).select(pl.col("first").str.contains(_FOOTER) & pl.col("lacking"))
    data = (~tail.to_series()).arg_true()
    return tail.height - (data[-1] + 1 if len(data) else 0)


def _again(cells: pl.DataFrame, heads: pl.DataFrame, found: pl.DataFrame) -> pl.Series:
    """Rows that repeat a row of the header, with a title of one cell right above them."""
    again = pl.repeat(False, cells.height, eager=True)
    for head in heads.iter_rows(named=True):
        if sum(cell is not None for cell in head.values()) > 1:
            again |= cells.select(
                pl.all_horizontal(pl.col(name).eq_missing(cell) for name, cell in head.items())
            ).to_series()
    title = again.shift(-1, fill_value=False) & (found["filled"] == 1)
    return again | title


def _places(found: pl.DataFrame, rows: pl.Series) -> str:
    numbers = found["number"].filter(rows)
    listed = "、".join(str(number) for number in numbers.head(LISTED))
    return f"第 {listed} 行" if len(numbers) <= LISTED else f"第 {listed} 等 {len(numbers)} 行"
