"""Workbooks that people in offices read: a title, a few lines, tables with wrapped text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

FONT = "宋体"
BLUE, GREY = "#1F4E79", "#D9D9D9"
# Fill and ink of a cell that stands for a state; the word beside says the same without colour.
TONES = {
    "good": ("#E2EFDA", "#375623"),
    "warn": ("#FFF2CC", "#7F6000"),
    "bad": ("#FBE0DD", "#9C0006"),
    "quiet": ("#F2F2F2", "#595959"),
}


class Book:
    """One workbook; `close` writes it under its name in one step.

    Usable as a context manager.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._draft = path, path.with_name(f".{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._book = xlsxwriter.Workbook(
            str(self._draft), {"strings_to_formulas": False, "strings_to_urls": False}
        )
        base = {"font_name": FONT, "font_size": 11, "valign": "vcenter"}
        cell = {**base, "text_wrap": True, "border": 1, "border_color": GREY, "indent": 1}
        make = self._book.add_format
        self.title_format = make({**base, "bold": True, "font_size": 16, "font_color": BLUE})
        self.line_format = make({**base, "text_wrap": True})
        self.label_format = make({**cell, "bold": True, "bg_color": "#F2F2F2"})
        self.head_format = make({**cell, "bold": True, "font_color": "white", "bg_color": BLUE})
        self.formats = {
            "text": make(cell),
            "right": make({**cell, "align": "right"}),
            "number": make({**cell, "num_format": "#,##0", "align": "right"}),
            "date": make({**cell, "num_format": "yyyy-mm-dd", "align": "center", "indent": 0}),
            **{
                tone: make({**cell, "bold": True, "bg_color": fill, "font_color": ink})
                for tone, (fill, ink) in TONES.items()
            },
        }

    def sheet(self, name: str, widths: Sequence[float], landscape: bool = True) -> Sheet:
        """A new sheet with columns of these widths, set up to be printed on A4."""
        page = self._book.add_worksheet(name)
        for number, width in enumerate(widths):
            page.set_column(number, number, width)
        page.hide_gridlines(2)
        page.set_paper(9)
        page.fit_to_pages(1, 0)
        page.set_margins(0.5, 0.5, 0.6, 0.6)
        page.set_footer("&C第 &P 页，共 &N 页")
        if landscape:
            page.set_landscape()
        return Sheet(self, page, widths)

    def close(self) -> None:
        self._book.close()
        self._draft.replace(self._path)

    def __enter__(self) -> Book:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.close()
        else:
            self._draft.unlink(missing_ok=True)


class Sheet:
    """One sheet, written from top to bottom."""

    def __init__(self, book: Book, page: Any, widths: Sequence[float]) -> None:
        self._book, self._page, self._widths = book, page, widths
        self._row = 0

    def _height(self, texts: Sequence[tuple[str, float]]) -> None:
        """Room for the longest of the texts; rows of wrapped text do not grow by themselves."""
        lines = max((_lines(text, width) for text, width in texts), default=1)
        self._page.set_row(self._row, 8 + 15 * lines)

    def title(self, text: str) -> None:
        self._page.set_row(self._row, 30)
        self._page.write_string(self._row, 0, text, self._book.title_format)
        self._row += 1

    def line(self, text: str) -> None:
        """A line of text over the sheet's whole width."""
        self._height([(text, sum(self._widths))])
        last = len(self._widths) - 1
        if last:
            self._page.merge_range(self._row, 0, self._row, last, text, self._book.line_format)
        else:
            self._page.write_string(self._row, 0, text, self._book.line_format)
        self._row += 1

    def gap(self) -> None:
        self._row += 1

    def facts(self, pairs: Mapping[str, Any], tones: Mapping[str, str] | None = None) -> None:
        """Label and value, one a row; the value takes the rest of the width."""
        last, rest = len(self._widths) - 1, sum(self._widths[1:])
        for label, value in pairs.items():
            text = _text(value)
            style = self._book.formats[(tones or {}).get(label, "text")]
            self._height([(text, rest - 2)])
            self._page.write_string(self._row, 0, label, self._book.label_format)
            if last > 1:
                self._page.merge_range(self._row, 1, self._row, last, text, style)
            else:
                self._page.write_string(self._row, 1, text, style)
            self._row += 1

    def table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[Any]],
        tones: Sequence[str | None] = (),
        tone_column: int = 0,
        freeze: bool = False,
    ) -> None:
        """A table with its header; with a filter and a fixed header when it is the sheet's own.

        tones: for each row the tone of the cell in `tone_column`.
        """
        top = self._row
        self._height(list(zip(heads, self._widths, strict=False)))
        for column, head in enumerate(heads):
            self._page.write_string(top, column, head, self._book.head_format)
        self._row += 1
        for number, row in enumerate(rows):
            self._height(
                [(_text(value), width) for value, width in zip(row, self._widths, strict=False)]
            )
            tone = tones[number] if tones else None
            for column, value in enumerate(row):
                self._cell(column, value, tone if column == tone_column else None)
            self._row += 1
        if freeze:
            self._page.freeze_panes(top + 1, 0)
            self._page.repeat_rows(top)
            if rows:
                self._page.autofilter(top, 0, self._row - 1, len(heads) - 1)

    def _cell(self, column: int, value: Any, tone: str | None) -> None:
        formats = self._book.formats
        if tone is not None:
            self._page.write_string(self._row, column, _text(value), formats[tone])
        elif isinstance(value, bool) or value is None or isinstance(value, str):
            self._page.write_string(self._row, column, _text(value), formats["text"])
        elif isinstance(value, Decimal):
            # As text: a spreadsheet's numbers are binary, and money is exact.
            self._page.write_string(self._row, column, f"{value:,}", formats["right"])
        elif isinstance(value, date):
            day = datetime(value.year, value.month, value.day)
            self._page.write_datetime(self._row, column, day, formats["date"])
        else:
            self._page.write_number(self._row, column, value, formats["number"])


def _text(value: Any) -> str:
    if value is None:
        return ""
    plain = isinstance(value, bool) or not isinstance(value, int | Decimal)
    return str(value) if plain else f"{value:,}"


def _lines(text: str, width: float) -> int:
    """Lines that a text takes in a column of this width (Chinese characters are two wide)."""
    total = 0
    for part in text.split("\n"):
        wide = sum(2 if ord(sign) > 0x2E7F else 1 for sign in part)
        total += max(1, -int(-wide * 1.08 // max(width, 1)))
    return total
