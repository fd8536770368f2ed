"""Readers under random and damaged files: what was written is read back, or it is refused.

A reader may only raise DeliveryError; rows that it cannot split keep their text.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from ingestion import readers
from ingestion.contracts import Contract, load_contracts
from ingestion.drift import conform
from ingestion.errors import DeliveryError
from ingestion.headers import Headers, column_names, is_named
from ingestion.marks import FAULT, TEXT, unmarked
from ingestion.readers.content import Content
from ingestion.readers.delimited import DELIMITERS, delimited_frames
from ingestion.readers.documents import geojson_frames, jsonl_frames
from ingestion.readers.parquet import parquet_frames
from ingestion.readers.workbook import workbook_frames
from tests.property.effort import effort
from yinling.settings import PROJECT_DIR

CONTRACTS = load_contracts(PROJECT_DIR / "ingestion" / "contracts")
MANY, FEW = effort(60), effort(20)
# What XML, and so a workbook, can hold; and no marks that a reader takes off on purpose.
CELLS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn"), exclude_characters="\ufffd\ufeff"),
    max_size=12,
)
PLAIN = CELLS.map(lambda text: "".join(c for c in text if c not in '",;|\t\u2028\u2029\x85'))
CONTRACT = st.sampled_from(sorted(CONTRACTS)).map(CONTRACTS.__getitem__)


def content(name: str, data: bytes) -> Content:
    return Content(name, len(data), lambda: io.BytesIO(data))


def rows_of(frames: Iterator[pl.DataFrame]) -> list[dict[str, str | None]]:
    return [row for frame in frames for row in frame.to_dicts()]


def read_or_refused(read: Callable[[], Iterator[pl.DataFrame]]) -> list[pl.DataFrame]:
    """The frames, or none when the file was refused; any other error is a fault of the reader."""
    try:
        frames = list(read())
    except DeliveryError as error:
        assert error.code and "。" in str(error)
        return []
    for frame in frames:
        assert all(kind == pl.String for kind in frame.schema.values())
    return frames


# What to do to a file, where (in thousandths of its length), and with which bytes.
DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["change", "insert", "delete", "cut"]),
        st.integers(0, 999),
        st.binary(min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=4,
)
Damage = list[tuple[str, int, bytes]]


def damaged(data: bytes, damage: Damage) -> bytes:
    """A file with a few bytes changed, put in or taken out, or with its end cut off."""
    out = bytearray(data)
    for what, where, more in damage:
        at = len(out) * where // 1000
        match what:
            case "change":
                out[at : at + len(more)] = more
            case "insert":
                out[at:at] = more
            case "delete":
                del out[at : at + len(more)]
            case _:
                del out[at:]
    return bytes(out)


# --- delimited ------------------------------------------------------------------------------------


@MANY
@given(
    st.integers(2, 5),
    st.lists(st.lists(PLAIN, min_size=1, max_size=7), max_size=30),
    st.sampled_from(DELIMITERS),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
)
def test_every_line_is_a_row_or_a_marked_row(
    width: int, table: list[list[str]], delimiter: str, encoding: str
) -> None:
    lines = [delimiter.join(row) for row in table]
    lines = [line for line in lines if line]
    header = delimiter.join(f"c{n}" for n in range(width))
    data = ("\n".join([header, *lines]) + "\n").encode(encoding)
    stated = "gb18030" if encoding == "gb18030" else "utf-8"
    try:
        found = rows_of(delimited_frames(content("a.csv", data), stated))
    except DeliveryError as error:
        # Few characters of GB18030 may also be UTF-8; then nobody can tell, and it says so.
        assert error.code == "bad_encoding" and encoding == "gb18030"
        return
    assert len(found) == len(lines)
    for line, row in zip(lines, found, strict=True):
        cells = line.split(delimiter)
        if len(cells) == width:
            assert [row[f"c{n}"] for n in range(width)] == cells
        else:
            assert (row[FAULT], row[TEXT]) == ("column_count", line)


@MANY
@given(st.binary(max_size=400), st.sampled_from(["utf-8", "gb18030"]), st.data())
def test_any_bytes_as_text_are_read_or_refused(
    data: bytes, encoding: str, more: st.DataObject
) -> None:
    headers = more.draw(st.one_of(st.none(), CONTRACT.map(lambda contract: contract.headers)))
    read_or_refused(lambda: delimited_frames(content("a.csv", data), encoding, headers))


@MANY
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=20), DAMAGE)
def test_damaged_text_is_read_or_refused(table: list[list[str]], damage: Damage) -> None:
    frame = pl.DataFrame(table, schema=list("abc"), orient="row")
    data = damaged(frame.write_csv(quote_style="always").encode(), damage)
    frames = read_or_refused(lambda: delimited_frames(content("a.csv", data), "utf-8"))
    if len(frames) > 1:
        text = "".join(value for row in rows_of(iter(frames)) for value in row.values() if value)
        # Nothing is invented: every character was in the file or stands for one that is none.
        assert set(text) <= set(data.decode("utf-8", "replace")) | set("\ufffdcolumn_count")


# --- documents ------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-(10**15), 10**15, places=4).map(lambda d: format(d, "f")),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@MANY
@given(st.lists(st.tuples(NUMBERS, CELLS), min_size=1, max_size=20))
def test_json_numbers_keep_their_digits(rows: list[tuple[str, str]]) -> None:
    lines = [f'{{"n":{number},"t":{json.dumps(text)}}}' for number, text in rows]
    found = rows_of(jsonl_frames(content("a.jsonl", "\n".join(lines).encode()), "utf-8"))
    assert [(row["n"], row["t"]) for row in found] == rows


@MANY
@given(st.lists(st.dictionaries(st.text(max_size=6), JSON, max_size=4), min_size=1, max_size=8))
def test_any_json_objects_become_text(rows: list[dict[str, Any]]) -> None:
    data = "\n".join(json.dumps(row) for row in rows).encode()
    frames = read_or_refused(lambda: jsonl_frames(content("a.jsonl", data), "utf-8"))
    found = rows_of(iter(frames))
    assert len(found) == len(rows)
    for given_row, row in zip(rows, found, strict=True):
        if row.get(FAULT) is None:
            for name, value in given_row.items():
                key = name.encode("utf-8", "replace").decode()
                assert (row[key] is None) == (value is None)


@MANY
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("ab:"), st.text('":,{ab', max_size=4) | st.none())),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([":", " : ", "\t:"]),
)
def test_a_row_is_refused_when_a_name_comes_twice(
    rows: list[list[tuple[str, str | None]]], colon: str
) -> None:
    lines = [
        "{" + ",".join(f"{json.dumps(n)}{colon}{json.dumps(v)}" for n, v in row) + "}"
        for row in rows
    ]
    found = rows_of(jsonl_frames(content("a.jsonl", "\n".join(lines).encode()), "utf-8"))
    for row, line, read in zip(rows, lines, found, strict=True):
        if len(dict(row)) < len(row):
            assert (read[FAULT], read[TEXT]) == ("repeated_name", line)
        else:
            assert read.get(FAULT) is None
            assert all(read[name] == value for name, value in row)


@MANY
@given(st.lists(st.one_of(JSON.map(json.dumps), st.text(max_size=20)), max_size=8))
def test_lines_that_are_no_objects_keep_their_text(lines: list[str]) -> None:
    lines = [" ".join(line.replace("\0", "").split()) for line in lines]
    lines = [line for line in lines if line]
    data = "\n".join(lines).encode("utf-8", "replace")
    frames = read_or_refused(lambda: jsonl_frames(content("a.jsonl", data), "utf-8"))
    if frames:
        found = rows_of(iter(frames))
        assert len(found) == len(lines)
        for line, row in zip(lines, found, strict=True):
            if row.get(FAULT) is not None:
                assert row[TEXT] == line.encode("utf-8", "replace").decode()


@MANY
@given(st.one_of(JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=200)))
def test_any_document_as_geojson_is_read_or_refused(data: bytes) -> None:
    read_or_refused(lambda: geojson_frames(content("a.geojson", data)))


# --- workbooks ------------------------------------------------------------------------------------


def written(table: list[list[Any]], top: int = 0, left: int = 0) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False})
    sheet = book.add_worksheet()
    for line, row in enumerate(table, top):
        for place, value in enumerate(row, left):
            if isinstance(value, str):
                sheet.write_string(line, place, value)
            elif value is not None:
                sheet.write(line, place, value)
    book.close()
    return buffer.getvalue()


@FEW
@given(
    st.lists(st.tuples(CELLS, st.integers(-(10**14), 10**14), CELLS), min_size=1, max_size=10),
    st.tuples(st.integers(0, 4), st.integers(0, 3)),
    st.lists(st.tuples(st.integers(0, 10), st.sampled_from(["小计", "header", "blank"]))),
)
def test_workbooks_are_read_back(
    rows: list[tuple[str, int, str]], margin: tuple[int, int], between: list[tuple[int, str]]
) -> None:
    contract = CONTRACTS["welfare_fund"]
    header = ["区划代码", "年份", "资金来源", "总额", "养老服务金额"]
    table = [[f"R{a}", b, f"F{c}", 1, 2] for a, b, c in rows]
    lines: list[list[Any]] = list(table)
    for place, kind in between:
        lines.insert(place, {"header": header, "blank": []}.get(kind, [None, kind, None, 9]))
    data = written([["月报表"], header, *lines], *margin)
    (frame,) = workbook_frames(
        content("a.xlsx", data), contract.headers, [c.name for c in contract.columns if c.required]
    )
    assert frame.columns == header
    assert frame["区划代码"].to_list() == [row[0] for row in table]
    assert frame["年份"].to_list() == [str(row[1]) for row in table]


@cache
def sample_workbook() -> bytes:
    return written(
        [["stay_no", "姓名", "入住日期"], ["S1", "赵一", "2026-03-01"], ["S2", "钱", 46082]]
    )


@FEW
@given(DAMAGE)
def test_damaged_workbooks_are_read_or_refused(damage: Damage) -> None:
    spoilt = damaged(sample_workbook(), damage)
    contract = CONTRACTS["facility_stay"]
    required = [c.name for c in contract.columns if c.required]
    read_or_refused(
        lambda: workbook_frames(
            content("a.xlsx", spoilt), contract.headers, required, ["checked_in_on"]
        )
    )


@FEW
@given(
    st.sampled_from(["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml"]), DAMAGE
)
def test_workbooks_with_damaged_sheets_are_read_or_refused(part: str, damage: Damage) -> None:
    read_workbook_or_refuse(part, lambda text: damaged(text, damage))


def test_workbook_in_an_encoding_nobody_knows_is_read_or_refused() -> None:
    declared = b'<?xml version="1.0" encoding="U-F-8"?>'
    read_workbook_or_refuse("xl/workbook.xml", lambda text: declared + text.partition(b"?>")[2])


def read_workbook_or_refuse(part: str, change: Callable[[bytes], bytes]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sample_workbook())) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, change(text) if name == part else text)
    headers = CONTRACTS["facility_stay"].headers
    read_or_refused(lambda: workbook_frames(content("a.xlsx", buffer.getvalue()), headers))


# --- parquet and zip ------------------------------------------------------------------------------

COLUMNS: dict[str, tuple[pl.DataType, st.SearchStrategy[Any], Callable[[Any], str]]] = {
    "decimal": (
        pl.Decimal(18, 4),
        st.decimals(-(10**12), 10**12, places=4),
        lambda v: format(v, "f"),
    ),
    "date": (pl.Date(), st.dates(date(1900, 1, 1)), str),
    "moment": (
        pl.Datetime("us"),
        st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
        lambda v: f"{v:%Y-%m-%d %H:%M:%S}",
    ),
    "whole": (pl.Int64(), st.integers(-(2**63), 2**63 - 1), str),
    "yes": (pl.Boolean(), st.booleans(), lambda v: str(v).lower()),
    "text": (pl.String(), CELLS, str),
    "float": (pl.Float64(), st.floats(-1e9, 1e9), str),
}


@MANY
@given(st.sampled_from(sorted(COLUMNS)), st.data())
def test_typed_parquet_becomes_exact_text(kind: str, data: st.DataObject) -> None:
    dtype, values, text = COLUMNS[kind]
    column = data.draw(st.lists(st.none() | values, min_size=1, max_size=12))
    buffer = io.BytesIO()
    pl.DataFrame({"c": pl.Series(column, dtype=dtype)}).write_parquet(buffer)
    found = rows_of(parquet_frames(content("a.parquet", buffer.getvalue())))
    for value, row in zip(column, found, strict=True):
        shown = row["c"]
        if value is None:
            assert shown is None
        elif kind == "float":
            assert shown is not None and float(shown) == value
        elif kind == "decimal":
            assert shown is not None and Decimal(shown) == value
        else:
            assert shown is not None and shown.startswith(text(value))


@cache
def sample_parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"a": ["x", "y"] * 20, "d": [Decimal("1.50")] * 40}).write_parquet(buffer)
    return buffer.getvalue()


@MANY
@given(DAMAGE)
def test_damaged_parquet_is_read_or_refused(damage: Damage) -> None:
    spoilt = damaged(sample_parquet(), damage)
    read_or_refused(lambda: parquet_frames(content("a.parquet", spoilt)))


@cache
def sample_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "a,b\n1,2\n" * 20)
        archive.writestr("b.csv", "a,b\n1,2\n")
    return buffer.getvalue()


@MANY
@given(DAMAGE)
def test_damaged_zip_is_read_or_refused(damage: Damage) -> None:
    read_zip_or_refuse(damaged(sample_zip(), damage))


def test_zip_whose_file_lost_its_name_is_read_or_refused() -> None:
    read_zip_or_refuse(sample_zip().replace(b"a.csv", b"\0.csv"))


def read_zip_or_refuse(packed: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        path.write_bytes(packed)
        read_or_refused(lambda: readers.file_frames(path, "utf-8"))


# --- headers and drift ----------------------------------------------------------------------------

DECORATED = ("{}", " {} ", "*{}", "{}（必填）", "{}\n", "“{}”", "{}:", "{}（元）")


@MANY
@given(CONTRACT, st.lists(st.sampled_from(DECORATED), min_size=40, max_size=40), st.randoms())
def test_decorated_headers_mean_their_column(
    contract: Contract, decorations: list[str], order: Any
) -> None:
    columns = list(contract.columns)
    order.shuffle(columns)
    written = {
        decoration.format(order.choice((column.name, column.title, *column.headers))): column.name
        for column, decoration in zip(columns, decorations, strict=False)
    }
    assert contract.headers.mapping(list(written)) == written
    frame = pl.DataFrame({header: [name] for header, name in written.items()})
    assert conform(contract, frame).row(0) == tuple(column.name for column in contract.columns)


@MANY
@given(CONTRACT, st.lists(st.text(min_size=1, max_size=20), min_size=3, max_size=12), st.randoms())
def test_a_row_that_is_no_header_is_not_quoted(
    contract: Contract, persons: list[str], order: Any
) -> None:
    """Whatever stands there, with one header of the contract among it."""
    persons = [text for text in persons if text.strip() and not contract.headers.found([text])]
    known = order.choice([column.title for column in contract.columns])
    row = [*persons, known]
    order.shuffle(row)
    if contract.headers.is_header(row):  # so few columns does the contract want
        return
    names = column_names(row, contract.headers)
    assert [name for name in names if is_named(name)] == [known]
    assert len(set(names)) == len(row)


@MANY
@given(CONTRACT, st.lists(st.text(max_size=20), max_size=12, unique=True))
def test_any_headers_are_mapped_or_refused(contract: Contract, headers: list[str]) -> None:
    try:
        mapping = contract.headers.mapping(headers)
    except DeliveryError as error:
        assert error.code in ("duplicate_column", "wrong_unit")
        return
    assert set(mapping) <= set(headers)
    assert len(set(mapping.values())) == len(mapping)
    assert contract.headers.fit(headers) == len(mapping)


def test_a_header_of_two_columns_is_an_error() -> None:
    with pytest.raises(ValueError, match="two columns"):
        Headers([("a", "甲", ["x"]), ("b", "乙", [" X "])])


@MANY
@given(
    CONTRACT,
    st.lists(
        st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6),
        max_size=4,
        unique=True,
    ),
    st.integers(1, 3),
)
def test_unknown_columns_never_change_the_rows(
    contract: Contract, unknown: list[str], height: int
) -> None:
    names = [column.name for column in contract.columns]
    frame = pl.DataFrame({name: [f"{name}{n}" for n in range(height)] for name in names})
    more = [name for name in unknown if contract.headers.match(name) is None and name[:1] != "?"]
    wider = frame.with_columns(pl.lit("1").alias(name) for name in more)
    assert conform(contract, wider).equals(frame)
    assert unmarked(wider.columns) == wider.columns
