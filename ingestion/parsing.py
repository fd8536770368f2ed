"""Parsers from delivered text to typed values: whole columns at once, no value lost in silence.

Every parser takes tidy text (see `tidy`) and gives a column of its type in which a value that
cannot be read is null; the caller compares nulls before and after to find what to refuse. Text that
is already in the usual form takes the short way; only the rest takes the long way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date as date_type

import polars as pl

REPLACEMENT = "\ufffd"  # what strict decoding leaves in place of bytes that are no text
_TIME = r"(?:[T ]+(\d{1,2}):(\d{2})(?::([0-5]\d)(\.\d{1,6})?\d*)?)?"
_ZONE = r"(Z|[+-]\d{2}(?::?\d{2})?)?$"
_SEPARATED = rf"^(\d{{4}})[-/.年](\d{{1,2}})[-/.月](\d{{1,2}})日?{_TIME}\s*{_ZONE}"
_COMPACT = rf"^(\d{{4}})(\d{{2}})(\d{{2}}){_TIME}\s*{_ZONE}"
_UNIT = r"[元圆块]|[百千万亿]|(?i:rmb|cny|yuan)"
_LUNAR = (
    r"[农農阴陰夏]历|[农農阴陰夏]曆|闰|閏|正月|冬月|腊月|臘月|初[一二三四五六七八九十]|廿|卅"
    r"|[月\-/.](三十|二十[一二三四五六七八九]?|十[一二三四五六七八九]?|[一二三四五六七八九])$"
    r"|二月三十|^[甲乙丙丁戊己庚辛壬癸][子丑寅卯辰巳午未申酉戌亥]"
)
_APOSTROPHE = "^['`‘’]"
SERIAL = r"^[1-7]\d{4}(\.\d+)?$"
EARLIEST, LATEST = date_type(1850, 1, 1), date_type(2149, 12, 31)
FORMULA_ERRORS = (
    "#NULL!",
    "#DIV/0!",
    "#VALUE!",
    "#REF!",
    "#NAME?",
    "#NUM!",
    "#N/A",
    "#GETTING_DATA",
    "#ERROR!",
    "#SPILL!",
    "#CALC!",
)
MERGED = "#合并单元格"  # set by the reader before a number that one merged cell shows for many rows
_TRUE = ("true", "t", "1", "是", "y", "yes", "有")
_FALSE = ("false", "f", "0", "否", "n", "no", "无")


def tidy(column: pl.Series, half_width: bool = True) -> pl.Series:
    """Trimmed text: full-width forms become half-width, nothing but blanks becomes null.

    With half_width also the apostrophe goes that a spreadsheet puts before text.

    Args:
        column: delivered text.
        half_width: false keeps free text (titles, remarks) as written, trimmed only.
    """
    wide = not is_ascii(column)
    if half_width and wide:
        column = column.str.normalize("NFKC")
    column = column.str.strip_chars()
    if wide:
        column = column.str.strip_chars("\ufeff\u200b")
    if half_width:
        column = _without_apostrophe(column, wide)
    empty = column.str.len_bytes() == 0
    return column.set(empty, None) if empty.any() else column


def _without_apostrophe(column: pl.Series, wide: bool) -> pl.Series:
    quoted = column.str.starts_with("'") | column.str.starts_with("`")
    if wide:
        quoted |= column.str.contains(_APOSTROPHE)
    if not quoted.any():
        return column
    return patch(column, quoted, column.filter(quoted).str.slice(1).str.strip_chars())


def is_ascii(column: pl.Series) -> bool:
    """Whether every character of the column is an ASCII character."""
    return bool(column.str.len_bytes().sum() == column.str.len_chars().sum())


def patch(column: pl.Series, rows: pl.Series, values: pl.Series) -> pl.Series:
    """`column` with `values` at the places where `rows` is true (same order)."""
    return column.scatter(rows.arg_true(), values)


def retry(text: pl.Series, parsed: pl.Series, again: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Where there is text and no value yet, what `again` makes of that text."""
    open_rows = parsed.is_null() & text.is_not_null()
    if not open_rows.any():
        return parsed
    return patch(parsed, open_rows, again(text.filter(open_rows)))


def number(text: pl.Series) -> pl.Series:
    """Decimal(18,2) from text: at most 16 digits before and 2 (significant) after the point.

    Thousands separators are read where they stand right; more decimals are refused, not rounded.
    """

    def plain(column: pl.Series) -> pl.Series:
        usual = column.str.contains(r"^[+-]?[0-9]{1,16}(\.[0-9]{1,2}0*)?$")
        column = column.set(~usual, None) if not usual.all() else column
        return column.str.strip_chars_start("+").str.to_decimal(scale=2).cast(pl.Decimal(18, 2))

    def ungroup(column: pl.Series) -> pl.Series:
        bare = column.str.strip_prefix("¥")
        grouped = bare.str.contains(r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$")
        return plain(bare.str.replace_all(",", "", literal=True).zip_with(grouped, bare))

    return retry(text, plain(text), ungroup)


def measure(text: pl.Series) -> pl.Series:
    """Float64 from text in plain decimal notation (longitude, latitude); no NaN, no infinity."""
    usual = text.str.contains(r"^[+-]?[0-9]{1,15}(\.[0-9]+)?$")
    return text.set(~usual, None).cast(pl.Float64)


def integer(text: pl.Series, kind: pl.DataType) -> pl.Series:
    """Whole numbers; a spreadsheet's `12.0` is 12, anything with a fraction is refused."""
    usual = text.str.contains(r"^[+-]?[0-9]{1,18}(\.0+)?$")
    bare = text.set(~usual, None) if not usual.all() else text
    bare = bare.str.replace(r"\.0+$", "").str.strip_chars_start("+")
    return bare.cast(pl.Int64).cast(kind, strict=False)


def has_unit(text: pl.Series) -> pl.Series:
    """Rows of a number with a unit word (元, 万元): what it amounts to would be a guess."""
    return text.str.contains(r"[0-9]") & text.str.contains(_UNIT)


def looks_lunar(text: pl.Series) -> pl.Series:
    """Rows that read like a day of the lunar calendar (农历, 闰四月, 腊月廿三, 二月三十)."""
    return text.str.contains(_LUNAR)


def is_serial(text: pl.Series) -> pl.Series:
    """Rows with the bare number of a spreadsheet's day (45901).

    Outside a workbook nobody can say whether it counts from 1900 or from 1904.
    """
    return text.str.contains(SERIAL)


def formula_error(text: pl.Series) -> pl.Series | None:
    """Rows that hold what a spreadsheet shows in place of a result; None: no row does."""
    marked = text.str.starts_with("#")
    if not marked.any():
        return None
    return marked & text.str.to_uppercase().is_in(FORMULA_ERRORS)


def implausible(value: pl.Series) -> pl.Series:
    """Rows with a day that no feed can mean (before 1850, after 2149)."""
    days = value.dt.date() if value.dtype == pl.Datetime else value
    return (days < EARLIEST) | (days > LATEST)


def boolean(text: pl.Series) -> pl.Series:
    """true/false, 1/0, 是/否, 有/无, y/n, t/f in any case."""
    lower = text.str.to_lowercase()
    values = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
    return lower.replace_strict(values, default=None, return_dtype=pl.Boolean())


def timestamp(text: pl.Series) -> pl.Series:
    """Datetime (µs, Asia/Shanghai wall clock) from ISO and Chinese forms.

    A zone in the text is honoured and converted; a day alone is midnight; no such day is null.
    """
    parsed = text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us", cache=False)
    # chrono reads a leap second as the next minute; no department's clock has one.
    leap = parsed.is_not_null() & text.str.ends_with(":60")
    return retry(text, parsed.set(leap, None) if leap.any() else parsed, _timestamp_slowly)


def date(text: pl.Series) -> pl.Series:
    """Date from ISO and Chinese forms, also with a midnight time (what spreadsheets add)."""
    parsed = text.str.to_date("%Y-%m-%d", strict=False, cache=False)
    # chrono also reads a year of more digits; only four are a date here.
    odd = parsed.is_not_null() & (text.str.len_bytes() != 10)
    parsed = parsed.set(odd, None) if odd.any() else parsed

    def slowly(column: pl.Series) -> pl.Series:
        moment = _timestamp_slowly(column)
        midnight = moment.dt.time().cast(pl.Int64) == 0
        return moment.set(~midnight, None).dt.date()

    return retry(text, parsed, slowly)


def _timestamp_slowly(text: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"text": text})
    parts = pl.coalesce(
        pl.when(pl.col("text").str.contains(pattern)).then(
            pl.col("text").str.extract_groups(pattern).struct.rename_fields(list("ymdHMSfz"))
        )
        for pattern in (_SEPARATED, _COMPACT)
    )
    field = parts.struct.field
    clock = pl.concat_str(
        field("y"),
        pl.lit("-"),
        field("m").str.zfill(2),
        pl.lit("-"),
        field("d").str.zfill(2),
        pl.lit(" "),
        field("H").fill_null("00").str.zfill(2),
        pl.lit(":"),
        field("M").fill_null("00"),
        pl.lit(":"),
        field("S").fill_null("00"),
        field("f").fill_null(""),
    )
    # +0800 without daylight saving: that is what a zone-less text and today's systems mean, also
    # for the years in which the clocks of 1986 to 1991 went forward.
    zone = field("z").fill_null("+0800").str.replace("Z", "+0000", literal=True)
    zone = zone.str.replace(":", "", literal=True)
    zone = pl.when(zone.str.len_bytes() == 3).then(zone + "00").otherwise(zone)
    moment = (clock + zone).str.to_datetime(
        "%Y-%m-%d %H:%M:%S%.f%z", strict=False, time_unit="us", time_zone="UTC"
    )
    local = moment.dt.replace_time_zone(None).dt.offset_by("8h")
    return frame.select(local).to_series()
