"""XLSX as counties make it: titles above the header, headers over two rows, several sheets.

The header row is the one that fits the contract best; the sheets that are read are the visible ones
whose header has every required column. Nothing hidden is read in silence, no cell with a formula
error is read as empty, and a number that a spreadsheet can no longer show in full is not passed off
as the number that was typed.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import fastexcel
import polars as pl

from ingestion.errors import DeliveryError
from ingestion.headers import Headers
from ingestion.readers.archive import check_sizes, plain_zip_errors
from ingestion.readers.content import WHOLE_BYTES, Content
from ingestion.readers.workbook_xml import blurred_numbers, dates_from_1904, sheet_parts

HEADER_WITHIN = 20  # rows
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
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
_FOOTER = (
    r"^(合计|总计|小计|共计|填表人|制表人|填报人|审核人|审批人|负责人|经办人"
    r"|填报单位|填报日期|联系电话|说明|注)"
)
SERIAL = r"^[1-7]\d{4}(\.\d+)?$"
_NOISE = r"^-?\d+\.\d+$"


@dataclass(frozen=True)
class Sheet:
    """One sheet's cells as text and where its header stands.

    Attributes:
        cells: every row of the sheet; columns `0`, `1`, ….
        first: offset of the first data row.
        names: headers; None where a column has none.
        fit: how many of the contract's columns the header has.
        above: blank rows at the top of the sheet, which are not in `cells`.
    """

    title: str
    hidden: bool
    cells: pl.DataFrame
    first: int
    names: list[str | None]
    fit: int
    above: int = 0

    def has(self, headers: Headers, required: Sequence[str]) -> bool:
        """Whether every required column is in the header."""
        found = {headers.match(name) for name in self.names if name}
        return found.issuperset(required) and self.fit > 0

    def rows(self) -> pl.DataFrame:
        """The data rows under their headers; rows and columns without any content are left out."""
        data = self.cells[self.first :]
        names: list[str] = []
        kept: list[str] = []
        for number, name in enumerate(self.names):
            column = str(number)
            if name is None and data[column].null_count() == data.height:
                continue
            kept.append(column)
            names.append(name if name is not None else f"（第{number + 1}列无列名）")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DeliveryError(
                "duplicate_column",
                f"工作表“{self.title}”列名重复：{'、'.join(twice)}。请只保留一列。",
            )
        data = data.select(kept)
        data.columns = names
        if not names:
            return data
        return data.filter(~pl.all_horizontal(pl.all().is_null()))

    def numbers(self) -> list[int]:
        """Where the rows of `rows` stand in the sheet, counted from 1."""
        named = [str(n) for n, name in enumerate(self.names) if name is not None]
        data = self.cells[self.first :]
        others = [name for name in data.columns if data[name].null_count() < data.height]
        kept = list(dict.fromkeys([*named, *others]))
        filled = data.select(~pl.all_horizontal(pl.col(kept).is_null())).to_series()
        return [int(at) + self.first + self.above + 1 for at in filled.arg_true()]


def workbook_frames(
    content: Content,
    headers: Headers | None = None,
    required: Sequence[str] = (),
    dated: Sequence[str] = (),
    numeric: Sequence[str] = (),
    notes: list[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """The sheets of a workbook that hold the delivery, one frame each. Blank rows are no rows.

    Args:
        headers: the contract's headers; without them the first sheet and its first row count.
        required: columns without which a sheet is not the delivery.
        dated: columns of dates, in which a bare number is a day of the spreadsheet's calendar.
        numeric: columns of numbers, which are read with the 15 digits that a spreadsheet shows.
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
        frame = _without_footer(sheet.rows(), headers, required, notes)
        if headers is not None:
            frame = _shown(_dated(frame, headers, dated, serials), headers, numeric)
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
        rows = _without_footer(sheet.rows(), headers, required, [])
        matched = {headers.match(name): n for n, name in enumerate(sheet.names) if name}
        columns = {name: n for name, n in matched.items() if name is not None}
        found.append((sheet.title, sheet.numbers()[: rows.height], columns))
    return found


def _checked(content: Content) -> bytes:
    """The workbook's bytes, if they are a workbook of a size that can be read."""
    data = content.whole()
    if data.startswith(_OLE):
        if _ENCRYPTED in data:
            raise DeliveryError(
                "encrypted", f"工作簿 {content.name} 有打开密码。请去掉密码，另存后重新报送。"
            )
        raise DeliveryError(
            "bad_workbook",
            f"{content.name} 是旧格式（.xls）的工作簿。请另存为 .xlsx 后重新报送。",
        )
    return data


def _sheets(data: bytes, content: Content, headers: Headers | None) -> list[Sheet]:
    try:
        with plain_zip_errors(content.name):
            parts = sheet_parts(data, lambda members: _bounded(members, content.name))
            book = fastexcel.read_excel(data)
            return [
                _sheet(book, title, parts[title](), headers)
                for title in book.sheet_names
                if title in parts
            ]
    except DeliveryError as error:
        if error.code != "bad_archive":
            raise
        raise _broken(content, error) from error
    except (fastexcel.FastExcelError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise _broken(content, error) from error


def _broken(content: Content, error: Exception) -> DeliveryError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DeliveryError(
        "bad_workbook",
        f"工作簿 {content.name} 无法打开（{reason}）。"
        "文件可能不完整，请另存为普通 .xlsx 后重新报送。",
    )


def _bounded(members: list[zipfile.ZipInfo], name: str) -> None:
    check_sizes(members, name, WHOLE_BYTES)


def _sheet(book: Any, title: str, xml: bytes, headers: Headers | None) -> Sheet:
    loaded = book.load_sheet(title, header_row=None, dtypes="string")
    batch, errors = loaded.to_arrow_with_errors()
    cells = pl.DataFrame(batch)
    cells.columns = [str(number) for number in range(cells.width)]
    found: dict[tuple[int, int], str] = {
        error.offset_position: _error_text(error.detail) for error in (errors or _NONE).errors
    }
    # Row 1 of the sheet need not be row 1 of what was loaded: blank rows at the top are cut off.
    found |= {
        (row - (loaded.total_height - cells.height), column): text
        for (row, column), text in blurred_numbers(xml).items()
    }
    for (row, column), text in found.items():
        if 0 <= row < cells.height and column < cells.width:
            name = str(column)
            cells = cells.with_columns(cells[name].scatter(row, text).alias(name))
    first, names, fit = _header(cells, headers)
    above = loaded.total_height - cells.height
    return Sheet(title, loaded.visible != "visible", cells, first, names, fit, above)


class _NoErrors:
    errors: tuple[Any, ...] = ()


_NONE = _NoErrors()


def _error_text(detail: str) -> str:
    kind = detail.rpartition("Error(")[2].partition(")")[0]
    return ERRORS.get(kind, "#ERROR!")


def _header(cells: pl.DataFrame, headers: Headers | None) -> tuple[int, list[str | None], int]:
    """Offset of the first data row, the header, and how well it fits."""
    top = [list(row) for row in cells.head(HEADER_WITHIN).iter_rows()]
    if not top:
        return 0, [], 0
    if headers is None:
        return 1, _tidy(top[0]), len([name for name in top[0] if name])
    best = (0, 1, _tidy(top[0]))
    for number, row in enumerate(top):
        one = _tidy(row)
        if (fit := headers.fit(one)) > best[0]:
            best = (fit, number + 1, one)
            if 1 < fit == len([name for name in one if name]):
                break  # every cell is a header: no other row can be it
        if number + 1 < len(top):
            two = _joined(one, _tidy(top[number + 1]), headers)
            # Two rows are a header only where both are needed to name the columns.
            if (fit := headers.fit(two)) > best[0]:
                best = (fit, number + 2, two)
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
    layouts = {tuple(filter(None, sheet.names)) for sheet in fitting}
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


def _without_footer(
    frame: pl.DataFrame, headers: Headers | None, required: Sequence[str], notes: list[str]
) -> pl.DataFrame:
    """The rows without the totals and signatures below them, which the provider is told of."""
    if headers is None or frame.height == 0:
        return frame
    needed = [name for name in frame.columns if headers.match(name) in required]
    last = next((cell for cell in frame.row(-1) if cell is not None), "")
    if not needed or not re.match(_FOOTER, last.strip()):
        return frame
    tail = frame.tail(10)
    first = tail.select(pl.coalesce(pl.all()).str.strip_chars()).to_series()
    lacking = tail.select(pl.sum_horizontal(pl.col(needed).is_null())).to_series()
    footer = first.str.contains(_FOOTER).fill_null(False) & (lacking >= max(1, len(needed) // 2))
    count = 0
    while count < len(footer) and footer[len(footer) - 1 - count]:
        count += 1
    if count:
        notes.append(f"末尾 {count} 行（{first[-count]}……）是合计或签注，不是数据行，未计入行数")
    return frame.head(frame.height - count)


def _dated(
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


def _shown(frame: pl.DataFrame, headers: Headers, numeric: Sequence[str]) -> pl.DataFrame:
    """Numbers as the spreadsheet shows them: a sum such as 0.30000000000000004 is 0.3 there."""
    noise = pl.all().str.contains(_NOISE) & (pl.all().str.len_bytes() > 16)
    for name in _with(frame, headers, numeric, noise):
        text = frame[name]
        noisy = text.str.contains(_NOISE) & (text.str.len_bytes() > 16)
        shown = pl.Series([f"{float(value):.15g}" for value in text.filter(noisy)])
        frame = frame.with_columns(text.scatter(noisy.arg_true(), shown).alias(name))
    return frame


def _with(frame: pl.DataFrame, headers: Headers, wanted: Sequence[str], test: pl.Expr) -> list[str]:
    """Those of the wanted columns in which a value passes the test."""
    names = [name for name in frame.columns if headers.match(name) in wanted]
    if not names or not frame.height:
        return []
    found = frame.select(names).select(test.any()).row(0)
    return [name for name, any_value in zip(names, found, strict=True) if any_value]
