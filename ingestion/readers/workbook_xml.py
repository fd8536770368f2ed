"""What a workbook's own XML says and a reader of values does not (ECMA-376, SpreadsheetML)."""

from __future__ import annotations

import io
import posixpath
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_ID = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}id",
)
# A number of 16 or more digits, or in the notation that a spreadsheet gives such numbers.
_LARGE = rb"(?:\d{16,}(?:\.\d*)?|\d(?:\.\d+)?[Ee]\+?(?:1[5-9]|[2-9]\d))"
_PREFIX = re.compile(rb"<(\w+:)worksheet\b")
_HINT = re.compile(rb"<v>" + _LARGE + rb"</v>")
_CELL = re.compile(rb"<c\s([^>]*)>(?:<f[^>]*/>|<f[^>]*>[^<]*</f>)?<v>(" + _LARGE + rb")</v>")
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_KIND = re.compile(rb'\bt="(\w+)"')
_CONTENT = rb'\d{1,7}"[^>]*(?<!/)>(?:<f[^>]*/>|<f[^>]*>[^<]*</f>)?<(?:v|is)\b'
_IN_A = re.compile(rb'<c\s(?:[^>]*\s)?r="A' + _CONTENT)
_VALUED = re.compile(rb'<c\s(?:[^>]*\s)?r="([A-Z]{1,3})' + _CONTENT)
_HIDDEN = re.compile(rb'<row\s(?=[^>]*\bhidden="(?:1|true)")[^>]*\br="(\d{1,7})"')
_WINDOW = 16 << 20  # bytes looked at together
_LONGEST = len(' r="ZZZ9999999"')
_COLUMNS = 26 + 26**2 + 26**3  # A to ZZZ
WORKBOOK = "xl/workbook.xml"


def sheet_parts(
    data: bytes, check: Callable[[list[zipfile.ZipInfo]], None]
) -> dict[str, Callable[[], bytes]]:
    """Sheet title → its XML, of the worksheets (charts have no cells).

    Args:
        check: is given the archive's members before any is unpacked.

    Raises:
        zipfile.BadZipFile, KeyError, ValueError: no workbook.
    """
    archive = zipfile.ZipFile(io.BytesIO(data))
    check(archive.infolist())
    names = {name.lower(): name for name in archive.namelist()}
    relations = {
        relation.get("Id"): str(relation.get("Target"))
        for relation in _tree(archive.read("xl/_rels/workbook.xml.rels"))
        if str(relation.get("Type")).endswith("/worksheet")
    }
    parts: dict[str, Callable[[], bytes]] = {}
    for sheet in _tree(archive.read(WORKBOOK)).iter():
        if sheet.tag not in (f"{_MAIN}sheet", f"{_STRICT}sheet"):
            continue
        target = relations.get(next((sheet.get(key) for key in _ID if sheet.get(key)), None))
        if target is None:
            continue
        path = target.lstrip("/") if target.startswith("/") else posixpath.join("xl", target)
        member = names.get(posixpath.normpath(path).lower(), path)
        parts[str(sheet.get("name"))] = partial(_unprefixed, archive, member)
    return parts


def _unprefixed(archive: zipfile.ZipFile, member: str) -> bytes:
    """A sheet's XML without the prefix that some programs give every element (`<x:c>`)."""
    xml = archive.read(member)
    prefix = _PREFIX.search(xml, 0, 4096)
    if prefix is None:
        return xml
    return xml.replace(b"<" + prefix[1], b"<").replace(b"</" + prefix[1], b"</")


def _tree(text: bytes) -> ET.Element:
    try:
        # Expat 2.4.1 and later bound the growth of entities; workbooks declare none.
        return ET.fromstring(text)  # noqa: S314
    except (ET.ParseError, LookupError) as error:  # the latter: an encoding nobody knows
        raise ValueError(f"XML: {error}") from error


def dates_from_1904(data: bytes) -> bool:
    """Whether the workbook counts days from 1904, as those made on old Macs do."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return re.search(rb'date1904="(1|true)"', archive.read(WORKBOOK)) is not None


def blurred_numbers(xml: bytes) -> dict[tuple[int, int], str]:
    """Cells whose number has more digits than a spreadsheet keeps (15), as it would show them.

    Returns:
        (row, column) from 0 → the number in scientific notation, which no check takes for the
        identifier that was typed.
    """
    if not _HINT.search(xml):
        return {}
    found = {}
    for attributes, value in _CELL.findall(xml):
        kind, place = _KIND.search(attributes), _REFERENCE.search(attributes)
        if place is None or (kind is not None and kind[1] != b"n"):
            continue
        found[int(place[2]) - 1, position(place[1])] = f"{float(value):.14E}"
    return found


def extent(xml: bytes) -> tuple[int, int]:
    """Last row and last column that any cell names, counted from 1; 0 where none does."""
    last_row = last_column = 0
    for start in range(0, len(xml), _WINDOW):
        rows, columns = _references(xml[start : start + _WINDOW + _LONGEST])
        last_row = max(last_row, int(rows.max(initial=0)))
        last_column = max(last_column, int(columns.max(initial=0)))
    return last_row, last_column


def _references(xml: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of all references (` r="AB12"`), counted from 1; 0 where it is none."""
    signs = np.frombuffer(xml + bytes(_LONGEST), np.uint8)
    r, equals, quote = b'r="'
    found = (signs[1:-2] == r) & (signs[2:-1] == equals) & (signs[3:] == quote) & (signs[:-3] <= 32)
    at = np.flatnonzero(found)[:, None] + len(' r="')
    rows, columns = np.zeros((2, len(at)), np.int64)
    in_letters, going, closed = np.array([[True], [True], [False]]).repeat(len(at), axis=1)
    for sign in signs[at + np.arange(_LONGEST - len(' r="'))].T:
        in_letters &= (sign >= ord("A")) & (sign <= ord("Z"))
        columns[in_letters] = columns[in_letters] * 26 + sign[in_letters] - (ord("A") - 1)
        closed |= going & (sign == quote)
        going &= in_letters | ((sign >= ord("0")) & (sign <= ord("9")))
        digit = going & ~in_letters
        rows[digit] = rows[digit] * 10 + sign[digit] - ord("0")
    named = closed & (rows > 0) & (rows < 10**7) & (columns > 0) & (columns <= _COLUMNS)
    return rows * named, columns * named


def first_column(xml: bytes) -> int:
    """Position from 0 of the first column with content; 0 where cells do not say where they are."""
    if _IN_A.search(xml):
        return 0
    return min((position(letters) for letters in _VALUED.findall(xml)), default=0)


def hidden_rows(xml: bytes) -> frozenset[int]:
    """Rows that are hidden, by hand or by a filter, counted from 1."""
    return frozenset(int(row) for row in _HIDDEN.findall(xml)) if b"hidden=" in xml else frozenset()


def position(letters: bytes) -> int:
    """A column's position from 0 by its letters."""
    column = 0
    for letter in letters:
        column = column * 26 + letter - ord("A") + 1
    return column - 1
