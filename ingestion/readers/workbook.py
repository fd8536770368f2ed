"""XLSX as counties make it: titles above the header, headers over two rows, several sheets.

The header row is the one that fits the contract best; the sheets that are read are the visible ones
whose header has every required column. Nothing hidden is read in silence, no cell with a formula
error is read as empty, and a number that a spreadsheet can no longer show in full is not passed off
as the number that was typed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import fastexcel
import polars as pl

from ingestion.errors import DeliveryError
from ingestion.headers import Headers, column_names
from ingestion.readers.archive import check_honest, check_sizes, plain_zip_errors
from ingestion.readers.content import WHOLE_BYTES, Content
from ingestion.readers.kinds import OLE, kind_of
from ingestion.readers.workbook_extras import data_rows
from ingestion.readers.workbook_merged import Span, fill_merged, merged_columns
from ingestion.readers.workbook_values import (
    mark_merged,
    plain_dates,
    plain_months,
    shown_numbers,
)
from ingestion.readers.workbook_xml import (
    blurred_numbers,
    dates_from_1904,
    extent,
    first_column,
    hidden_rows,
    sheet_parts,
)

HEADER_WITHIN = 20  # rows
ROOM, ROOM_A_CELL = 8 << 20, 10  # cells, empty ones included: at least, and for each with content
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
ERRORS = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}


@dataclass(frozen=True)
class Sheet:
    """One sheet's cells as text and where its header stands.

    Attributes:
        cells: every row and column of the sheet from its corner on; columns `0`, `1`, ….
        first: offset of the first data row.
        names: headers; None where a column has none.
        fit: how many of the contract's columns the header has.
        merged: cells of several rows in one column below the header.
        unseen: rows of the sheet that are hidden, counted from 1.
    """

    title: str
    hidden: bool
    cells: pl.DataFrame
    first: int
    names: list[str | None]
    fit: int
    merged: list[Span]
    unseen: frozenset[int]

    def has(self, headers: Headers, required: Sequence[str]) -> bool:
        """Whether every required column is in the header."""
        found = {headers.match(name) for name in self.names if name}
        return found.issuperset(required) and self.fit > 0

    def rows(
        self, headers: Headers | None, required: Sequence[str], notes: list[str]
    ) -> tuple[pl.DataFrame, pl.Series]:
        """The data rows under their headers, and where they stand in the sheet (from 1).

        Rows and columns without any content are left out, and so is what is no data.
        """
        data = self.cells[self.first :]
        fields = {
            str(number): name
            for number, name in enumerate(
                column_names(self.names, headers, f"工作表“{self.title}”")
            )
            if self.names[number] or data[str(number)].null_count() < data.height
        }
        kept, names = list(fields), list(fields.values())
        data = data.select(kept)
        numbers = pl.int_range(data.height, eager=True) + self.first + 1
        if not names:
            return data, numbers
        filled = data.select(~pl.all_horizontal(pl.all().is_null())).to_series()
        data, numbers = data.filter(filled), numbers.filter(filled)
        if headers is not None:
            needed = [place for place, name in fields.items() if headers.match(name) in required]
            heads = self.cells[max(self.first - 2, 0) : self.first].select(kept)
            sound, said = data_rows(data, heads, needed, numbers)
            data, numbers = data.filter(sound), numbers.filter(sound)
            notes += said
        data.columns = names
        return data, numbers


def workbook_frames(
    content: Content,
    headers: Headers | None = None,
    required: Sequence[str] = (),
    dated: Sequence[str] = (),
    monthly: Sequence[str] = (),
    numeric: Sequence[str] = (),
    counted: Sequence[str] = (),
    notes: list[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """The sheets of a workbook that hold the delivery, one frame each. Blank rows are no rows.

    Args:
        headers: the contract's headers; without them the first sheet and its first row count.
        required: columns without which a sheet is not the delivery.
        dated: columns of dates, in which a bare number is a day of the spreadsheet's calendar.
        monthly: columns of months as text (2026-09), of which a spreadsheet makes dates.
        numeric: columns of numbers, which are read with the 15 digits that a spreadsheet shows.
        counted: columns in which one number shown for several rows belongs to none of them.
        notes: takes what the provider should know (sheets left out, the header's place).

    Raises:
        DeliveryError: `bad_workbook`, `encrypted`, `empty_file`, `too_large`, `hidden_sheet`,
            `ambiguous_sheets`, `duplicate_column`, `wrong_unit`.
    """
    notes = notes if notes is not None else []
    data = _checked(content)
    sheets = _sheets(data, content, headers)
    if not any(sheet.cells.height for sheet in sheets):
        raise DeliveryError("empty_file", "工作簿为空，连表头也没有。请重新导出。")
    chosen = _choose(sheets, headers, required, notes)
    serials = dates_from_1904(data)
    for sheet in chosen:
        frame, numbers = sheet.rows(headers, required, notes)
        if headers is not None:
            notes += _remarks(sheet, numbers)
            frame = plain_dates(frame, headers, dated, serials)
            frame = plain_months(frame, headers, monthly, serials)
            frame = shown_numbers(frame, headers, numeric)
            frame = mark_merged(frame, numbers - 1, sheet.names, sheet.merged, headers, counted)
        yield frame


def workbook_places(
    content: Content, headers: Headers, required: Sequence[str]
) -> list[tuple[str, list[int], dict[str, int]]]:
    """Where the delivered rows stand in the workbook.

    Returns:
        For each sheet that is read: its title, the sheet's row of each data row (from 1), and the
        position of each of the contract's columns (from 0).

    Raises:
        DeliveryError: as `workbook_frames`.
    """
    found = []
    for sheet in _choose(_sheets(_checked(content), content, headers), headers, required, []):
        _, numbers = sheet.rows(headers, required, [])
        matched = {headers.match(name): n for n, name in enumerate(sheet.names) if name}
        columns = {name: n for name, n in matched.items() if name is not None}
        found.append((sheet.title, numbers.to_list(), columns))
    return found


def workbook_tops(content: Content, rows: int) -> list[list[str]]:
    """The cells with content of each visible sheet's first rows, for a look at what it may be.

    Raises:
        DeliveryError: as `workbook_frames`.
    """
    return [
        [cell for cell in row if cell is not None]
        for sheet in _sheets(_checked(content), content, None)
        if not sheet.hidden
        for row in sheet.cells[max(sheet.first - 1, 0) :].head(rows).iter_rows()
    ]


def _checked(content: Content) -> bytes:
    """The workbook's bytes, if they are a workbook of a size that can be read."""
    data = content.whole()
    if data.startswith(OLE):
        if _ENCRYPTED in data:
            raise DeliveryError(
                "encrypted", f"工作簿 {content.name} 有打开密码。请去掉密码，另存后重新报送。"
            )
        raise DeliveryError(
            "bad_workbook",
            f"{content.name} 是旧格式（.xls）的工作簿。请另存为 .xlsx 后重新报送。",
        )
    if data and not data.startswith(b"PK"):
        kind = kind_of(data[:512]) or "别的格式，只是改了扩展名"
        raise DeliveryError(
            "bad_workbook",
            f"{content.name} 不是 .xlsx 工作簿，而是{kind}。"
            "请用 Excel 或 WPS 打开，另存为 .xlsx 后重新报送。",
        )
    return data


def _sheets(data: bytes, content: Content, headers: Headers | None) -> list[Sheet]:
    try:
        with plain_zip_errors(content.name):
            parts = sheet_parts(data, lambda members: _bounded(data, members, content.name))
            book = fastexcel.read_excel(data)
            return [
                _sheet(book, title, parts[title](), headers)
                for title in book.sheet_names
                if title in parts
            ]
    except DeliveryError as error:
        if error.code != "bad_archive":
            raise
        raise _broken(content, "文件不完整或已损坏") from error
    except (fastexcel.FastExcelError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise _broken(content, reason) from error


def _broken(content: Content, reason: str) -> DeliveryError:
    return DeliveryError(
        "bad_workbook",
        f"工作簿 {content.name} 无法打开（{reason}）。请重新导出，或另存为普通 .xlsx 后重新报送。",
    )


def _bounded(data: bytes, members: list[zipfile.ZipInfo], name: str) -> None:
    check_sizes(members, name, WHOLE_BYTES)
    check_honest(data, members)


def _sheet(book: Any, title: str, xml: bytes, headers: Headers | None) -> Sheet:
    _check_extent(title, xml)
    loaded = book.load_sheet(title, header_row=None, skip_rows=0, dtypes="string")
    batch, errors = loaded.to_arrow_with_errors()
    cells = pl.DataFrame(batch)
    # The reader begins at the first column that is used; an empty margin belongs to the sheet.
    left = first_column(xml) if cells.width else 0
    margin = [pl.lit(None, pl.String).alias(str(number)) for number in range(left)]
    cells = cells.select(*margin, *(pl.nth(n).alias(str(n + left)) for n in range(cells.width)))
    found: dict[tuple[int, int], str] = {}
    for error in (errors or _NONE).errors:
        row, column = error.offset_position
        found[row, column + left] = _error_text(error.detail)
    for (row, column), text in (found | blurred_numbers(xml)).items():
        if row < cells.height and column < cells.width:
            name = str(column)
            cells = cells.with_columns(cells[name].scatter(row, text).alias(name))
    first, names, fit = _header(cells, headers)
    merged = [span for span in merged_columns(xml) if span.top >= first]
    merged = [span for span in merged if span.column < cells.width]
    cells = fill_merged(cells, merged)
    hidden = loaded.visible != "visible"
    return Sheet(title, hidden, cells, first, names, fit, merged, hidden_rows(xml))


def _check_extent(title: str, xml: bytes) -> None:
    """Refuse a sheet with a forgotten cell far away: the reader makes room for all before it."""
    rows, columns = extent(xml)
    if rows * columns > max(ROOM, ROOM_A_CELL * xml.count(b"<c ")):
        raise DeliveryError(
            "too_large",
            f"工作表“{title}”占到第 {rows} 行、第 {columns} 列，其中绝大多数单元格是空的。"
            "请把数据区复制到新的工作表，另存后重新报送。",
        )


class _NoErrors:
    errors: tuple[Any, ...] = ()


_NONE = _NoErrors()


def _error_text(detail: str) -> str:
    kind = detail.rpartition("Error(")[2].partition(")")[0]
    return ERRORS.get(kind, "#ERROR!")


def _header(cells: pl.DataFrame, headers: Headers | None) -> tuple[int, list[str | None], int]:
    """Offset of the first data row, the header, and how well it fits."""
    used = cells.select(~pl.all_horizontal(pl.all().is_null())).to_series().arg_true()
    if not len(used):
        return 0, [], 0
    start = used[0]
    top = [list(row) for row in cells[start : start + HEADER_WITHIN].iter_rows()]
    if headers is None:
        return start + 1, _tidy(top[0]), len([name for name in top[0] if name])
    best = (0, start + 1, _tidy(top[0]))
    for number, row in enumerate(top):
        one = _tidy(row)
        if (fit := headers.fit(one)) > best[0]:
            best = (fit, start + number + 1, one)
            if 1 < fit == len([name for name in one if name]):
                break  # every cell is a header: no other row can be it
        if number + 1 < len(top):
            two = _joined(one, _tidy(top[number + 1]), headers)
            # Two rows are a header only where both are needed to name the columns.
            if (fit := headers.fit(two)) > best[0]:
                best = (fit, start + number + 2, two)
    return best[1], best[2], best[0]


def _tidy(row: Sequence[str | None]) -> list[str | None]:
    return [cell.strip() or None if cell is not None else None for cell in row]


def _joined(upper: list[str | None], lower: list[str | None], headers: Headers) -> list[str | None]:
    """Names over two rows: a merged cell above spans the names below it."""
    names: list[str | None] = []
    span: str | None = None
    for above, below in zip(upper, lower, strict=True):
        span = above if above is not None else (span if below is not None else None)
        if below is None:
            names.append(above)
            continue
        candidates = [below, f"{span}{below}", f"{span}（{below}）", above or below]
        known = [name for name in candidates if span and headers.fit([name])]
        names.append(known[0] if known else below)
    return names


def _choose(
    sheets: list[Sheet], headers: Headers | None, required: Sequence[str], notes: list[str]
) -> list[Sheet]:
    """The sheets to read, and notes about those that are not."""
    filled = [sheet for sheet in sheets if sheet.cells.height]
    if headers is None:
        return filled[:1]
    shown = [sheet for sheet in filled if not sheet.hidden]
    fitting = [sheet for sheet in shown if sheet.has(headers, required)]
    concealed = [s for s in filled if s.hidden and s.has(headers, required)]
    if not fitting and concealed:
        raise DeliveryError(
            "hidden_sheet",
            f"符合目录的工作表“{concealed[0].title}”是隐藏的，未读取。请取消隐藏后重新报送。",
        )
    if not fitting:
        # The best one is read all the same: what it lacks is said column by column.
        fitting = [max(shown or filled, key=lambda sheet: sheet.fit)]
    layouts = {tuple(sorted(filter(None, sheet.names))) for sheet in fitting}
    if len(layouts) > 1:
        raise DeliveryError(
            "ambiguous_sheets",
            f"工作表{_listed(fitting)}都像是本数据集，但列不相同，无法判断以哪个为准。"
            "请只保留要报送的工作表。",
        )
    if len(fitting) > 1:
        notes.append(f"按顺序读取了 {len(fitting)} 个表头相同的工作表：{_listed(fitting)}")
    if left := [sheet for sheet in shown if sheet not in fitting]:
        notes.append(f"工作表{_listed(left)}的表头不符合目录，未读取")
    if hidden := [sheet for sheet in filled if sheet.hidden and sheet not in fitting]:
        notes.append(f"隐藏的工作表{_listed(hidden)}未读取")
    notes += [
        f"工作表“{sheet.title}”的数据从第 {sheet.first + 1} 行起"
        for sheet in fitting
        if sheet.first > 1
    ]
    return fitting


def _listed(sheets: list[Sheet]) -> str:
    return "、".join(f"“{sheet.title}”" for sheet in sheets)


def _remarks(sheet: Sheet, numbers: pl.Series) -> list[str]:
    """What can be seen in the sheet's form alone, about the rows that are read."""
    notes = []
    if sheet.merged:
        spans = len(sheet.merged)
        notes.append(f"工作表“{sheet.title}”有 {spans} 处跨行合并单元格，文字已逐行填入，请核对")
    if unseen := sheet.unseen.intersection(numbers):
        rows = len(unseen)
        notes.append(f"工作表“{sheet.title}”有 {rows} 行是隐藏或筛选掉的，已照常读取，请核对")
    return notes
