"""Workbooks as counties make them, and as they should not be; docs/bad-input.md names the tests."""

from __future__ import annotations

import datetime
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from ingestion.errors import DeliveryError
from ingestion.guessing import dataset_of
from ingestion.places import places_of
from tests.integration.ingestion.bad_files import put, sheet_of, workbook
from tests.integration.ingestion.conftest import CONTRACTS, funds, stays
from yinling.settings import Settings

FUND, STAY, CLAIM = "welfare_fund", "facility_stay", "facility_claim"


def claims(count: int) -> pl.DataFrame:
    """Rows of facility_claim for one month, all sound, keys all different."""
    same = {"facility_code": "F1", "month": "2026-09"}
    given = {"claimed_days": "30", "claimed_grade": "2", "amount": "300.00"}
    return pl.DataFrame([same | {"stay_no": f"S{n:06d}"} | given for n in range(count)])


def test_titles_and_a_header_over_two_rows(home: Settings, tmp_path: Path) -> None:
    rows = stays(3)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("入住")
        sheet.merge_range(0, 0, 0, 8, "曲江区养老机构入住人员月报表")
        sheet.write(1, 0, "填报单位：曲江区民政局")
        for place, header in enumerate(("入住编号", "机构代码")):
            sheet.merge_range(2, place, 3, place, header)
        sheet.merge_range(2, 2, 2, 3, "老人")
        sheet.write_row(3, 2, ["身份证号\n（必填）", "姓名"])
        sheet.merge_range(2, 4, 3, 4, "床位号")
        sheet.merge_range(2, 5, 3, 5, "照护等级")
        sheet.merge_range(2, 6, 2, 7, "入住")
        sheet.write_row(3, 6, ["日期", "经办"])
        sheet.merge_range(2, 8, 3, 8, "费用承担")
        for line, row in enumerate(rows.drop("checked_out_on").rows(), 4):
            sheet.write_row(line, 0, [*row[:7], "李", row[7]])
        sheet.write_row(8, 0, ["合计", 3])
        sheet.write(9, 0, "填表人：李小明 13812345678")

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    frame = found.loaded(3, [], "从第 5 行起", "末尾 2 行", "未知列 经办", "缺少选填列")
    assert "李小明" not in found.message
    assert frame["stay_no"].to_list() == rows["stay_no"].to_list()
    assert frame["checked_in_on"].to_list() == [datetime.date(2026, 3, 1)] * 3


def test_headers_and_subtotals_between_the_rows(home: Settings, tmp_path: Path) -> None:
    rows = stays(6).with_columns(bed_no=pl.Series(["1", "2", "坏", "4", "5", "6"]))
    rows = rows.with_columns(checked_in_on=pl.Series(["2026-03-01"] * 5 + ["没有"]))

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = sheet_of(book, rows[:3], top=1)
        sheet.write(0, 0, "曲江区入住月报")
        sheet.write_row(5, 0, ["马坝镇小计", 3])
        sheet.write(7, 0, "曲江区入住月报（续）")
        sheet.write_row(8, 0, rows.columns)
        for line, row in enumerate(rows[3:].rows(), 9):
            sheet.write_row(line, 0, row)
        sheet.write_row(12, 1, ["本页小计", 3])
        sheet.write_row(13, 0, ["合计", 6])

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    frame = found.loaded(
        5, [(6, "checked_in_on", "bad_date")],
        "第 8、9 行重复了表头", "第 6、13 行是小计或合计", "末尾 1 行（合计……）",
    )  # fmt: skip
    assert frame["stay_no"].to_list() == rows["stay_no"].to_list()[:5]
    # The receipt's book points at the row that is refused, past all that is no data.
    places = places_of(home.home / str(home.sources[STAY].path) / "a.xlsx", CONTRACTS[STAY])
    assert places is not None
    assert places.cell(6, "checked_in_on") == "G12"


def test_a_text_merged_over_rows_is_every_rows_own(home: Settings, tmp_path: Path) -> None:
    rows = stays(5)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = sheet_of(book, rows, top=3)
        sheet.merge_range(4, 6, 6, 6, "2026-03-02")
        sheet.merge_range(9, 1, 12, 1, "H9")  # below the table, over rows without anything

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), 6)
    frame = found.loaded(5, [(6, "stay_no", "missing_required")], "2 处跨行合并单元格")
    assert [day.day for day in frame["checked_in_on"]] == [2, 2, 2, 1, 1]


def test_a_number_merged_over_rows_is_no_rows_own(home: Settings, tmp_path: Path) -> None:
    rows = funds(4)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet_of(book, rows).merge_range(2, 3, 3, 3, "900.00")

    found = put(home, FUND, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), 4)
    place = rows.columns[3]
    found.loaded(2, [(2, place, "merged_cell"), (3, place, "merged_cell")], "取消合并")
    assert found.refused["raw_value"].to_list() == ["#合并单元格 900.00"] * 2


def test_a_cell_forgotten_far_away(home: Settings, tmp_path: Path) -> None:
    rows = stays(3)

    def far(place: tuple[int, int]) -> bytes:
        data = workbook(
            tmp_path / "b.xlsx", lambda book: sheet_of(book, rows).write(*place, "忘了删")
        )
        return data

    whole = put(home, STAY, "a.xlsx", far((1_048_575, 16_383)), 3)
    whole.rejected("too_large", "第 1048576 行、第 16384 列", "新的工作表")
    with pytest.raises(DeliveryError, match="新的工作表"):
        dataset_of(whole.home.home / "inbox" / STAY / "a.xlsx", CONTRACTS)
    # A little away is no harm: a row without anything that it needs.
    near = put(home, STAY, "b.xlsx", far((70_000, 0)), 4, sequence=2)
    assert (near.receipt["rows_loaded"], near.receipt["rows_quarantined"]) == (3, 1)


def test_hidden_rows_are_read_and_said(home: Settings, tmp_path: Path) -> None:
    rows = stays(5)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = sheet_of(book, rows)
        sheet.autofilter(0, 0, 5, 3)
        for row in (2, 4, 9):  # the last one holds nothing
            sheet.set_row(row, None, None, {"hidden": True})

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    found.loaded(5, [], "2 行是隐藏或筛选掉的，已照常读取")


def test_a_page_or_a_text_under_the_name_of_a_workbook(home: Settings) -> None:
    page = "\ufeff<html><table><tr><td>入住编号</td></tr></table></html>".encode()
    put(home, STAY, "a.xlsx", page, 4).rejected("bad_workbook", "网页", "另存为 .xlsx")


def test_a_signature_below_the_table_is_not_quoted(home: Settings, tmp_path: Path) -> None:
    rows = stays(3)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet_of(book, rows).write(4, 0, "经办人：李小明 13812345678")

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    found.loaded(3, [], "末尾 1 行（经办人……）")
    assert "李小明" not in str(found.receipt)


def test_dates_as_serials_as_dates_and_as_text(home: Settings, tmp_path: Path) -> None:
    rows = stays(4)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = sheet_of(book, rows)
        day = datetime.datetime(2026, 3, 1)
        sheet.write_datetime(1, 6, day, book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_number(2, 6, 46082)
        sheet.write_string(3, 6, "2026年3月1日")

    frame = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows).loaded(4, [])
    assert frame["checked_in_on"].to_list() == [datetime.date(2026, 3, 1)] * 4


def test_months_that_a_spreadsheet_made_dates_of(home: Settings, tmp_path: Path) -> None:
    rows = claims(5)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = sheet_of(book, rows)
        place = rows.columns.index("month")
        month = book.add_format({"num_format": 'yyyy"年"m"月"'})
        sheet.write_datetime(1, place, datetime.datetime(2026, 9, 1), month)
        sheet.write_number(2, place, 46266)  # 2026-09-01
        sheet.write_datetime(3, place, datetime.datetime(2026, 9, 2), month)
        sheet.write_number(4, place, 46266.5)

    found = put(home, CLAIM, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    refused = [(3, "month", "bad_pattern"), (4, "month", "bad_pattern")]
    frame = found.loaded(3, refused, "补贴所属月份，YYYY-MM")
    assert frame["month"].to_list() == ["2026-09"] * 3


def test_serials_of_a_1904_workbook(home: Settings, tmp_path: Path) -> None:
    rows = stays(1)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet_of(book, rows).write_number(1, 6, 46082 - 1462)

    data = workbook(tmp_path / "b.xlsx", fill, date_1904=True)
    frame = put(home, STAY, "a.xlsx", data, rows).loaded(1, [])
    assert frame["checked_in_on"].to_list() == [datetime.date(2026, 3, 1)]


def test_formula_errors_are_refused_not_empty(home: Settings, tmp_path: Path) -> None:
    rows = stays(6)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = sheet_of(book, rows)
        sheet.write_formula(2, 4, "=A1/0", None, "#DIV/0!")
        sheet.write_formula(3, 6, "=Z9", None, "#REF!")
        sheet.write_formula(5, 7, "=NA()", None, "#N/A")
        sheet.write_formula(6, 4, "=1+1", None, 2)

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    frame = found.loaded(
        3,
        [
            (2, "bed_no", "formula_error"),
            (3, "checked_in_on", "formula_error"),
            (5, "checked_out_on", "formula_error"),
        ],
        "公式错误",
    )
    assert found.refused["raw_value"].to_list() == ["#DIV/0!", "#REF!", "#N/A"]
    assert frame["bed_no"].to_list()[-1] == "2"


@pytest.mark.parametrize(("top", "left"), [(0, 1), (2, 0), (25, 3)])
def test_a_margin_around_the_table(home: Settings, tmp_path: Path, top: int, left: int) -> None:
    rows = stays(5)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_blank(0, 0, None, book.add_format({"bold": True}))
        for line, row in enumerate([rows.columns, *rows.rows()], top):
            sheet.write_row(line, left, row)
        sheet.write_number(top + 2, left, 2026_0001_0002_0003)
        sheet.write_formula(top + 3, left + 4, "=Z9", None, "#REF!")
        sheet.merge_range(top + 4, left + 6, top + 5, left + 6, "2026-03-02")

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    refused = [(2, "stay_no", "excel_damage"), (3, "bed_no", "formula_error")]
    frame = found.loaded(3, refused)
    assert [day.day for day in frame["checked_in_on"]] == [1, 2, 2]
    places = places_of(home.home / str(home.sources[STAY].path) / "a.xlsx", CONTRACTS[STAY])
    assert places is not None
    assert places.cell(3, "bed_no") == f"{'ABCDEFGHIJ'[left + 4]}{top + 4}"


def test_numbers_that_a_spreadsheet_has_blurred(home: Settings, tmp_path: Path) -> None:
    rows = stays(4)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = sheet_of(book, rows)
        sheet.write_number(1, 2, int(rows[0, "id_no"]) if rows[0, "id_no"].isdigit() else 1e17)
        sheet.write_number(3, 0, 2026_0001_0002_0003)

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    found.loaded(2, [(1, "id_no", "id_excel_damage"), (3, "stay_no", "excel_damage")], "文本格式")
    assert found.refused["raw_value"][1] == "2.02600010002000E+15"


def test_sums_have_the_digits_that_are_shown(home: Settings, tmp_path: Path) -> None:
    rows = funds(2)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = sheet_of(book, rows)
        sheet.write_formula(1, 3, "=0.1+0.2", None, 0.1 + 0.2)

    frame = put(home, FUND, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), 2).loaded(2, [])
    assert str(frame["total_amount"][0]) == "0.30"


def test_sheets_with_the_same_header_are_one_delivery(home: Settings, tmp_path: Path) -> None:
    rows = stays(10)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet_of(book, rows[:4], "马坝镇")
        sheet_of(book, rows[4:], "樟市镇", top=2)
        book.add_worksheet("说明").write(0, 0, "请按月填报")

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    frame = found.loaded(10, [], "“马坝镇”、“樟市镇”", "“说明”的表头不符合目录，未读取")
    assert frame["stay_no"].to_list() == rows["stay_no"].to_list()


def test_sheets_that_differ_are_ambiguous(home: Settings, tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet_of(book, stays(4), "原表")
        sheet_of(book, stays(4).drop("bed_no"), "改")

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), 4)
    found.rejected("ambiguous_sheets", "原表", "改", "只保留")


def test_sheets_with_the_same_columns_in_another_order(home: Settings, tmp_path: Path) -> None:
    rows = stays(6)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet_of(book, rows.head(4), "城区")
        sheet_of(book, rows.tail(2).select(reversed(rows.columns)), "乡镇")

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    frame = found.loaded(6, [], "按顺序读取了 2 个表头相同的工作表")
    assert frame["stay_no"].to_list() == rows["stay_no"].to_list()


def test_hidden_sheets_are_said(home: Settings, tmp_path: Path) -> None:
    rows = stays(4)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet_of(book, rows, "入住")
        sheet_of(book, stays(9), "上月").hide()
        sheet_of(book, stays(9), "底表").very_hidden()

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), rows)
    found.loaded(4, [], "隐藏的工作表“上月”、“底表”未读取")


def test_a_delivery_in_a_hidden_sheet_is_refused(home: Settings, tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet("封面").write(0, 0, "月报")
        sheet_of(book, stays(4), "入住").hide()

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), 4)
    found.rejected("hidden_sheet", "入住", "取消隐藏")


def test_a_sheet_without_the_required_columns(home: Settings, tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet_of(book, stays(4).drop("id_no"), "入住")

    found = put(home, STAY, "a.xlsx", workbook(tmp_path / "b.xlsx", fill), 4)
    found.rejected("missing_column", "id_no（公民身份号码）")


def test_truncated_workbook(home: Settings, tmp_path: Path) -> None:
    data = workbook(tmp_path / "b.xlsx", lambda book: sheet_of(book, stays(100)))
    for sequence, part in enumerate((data[: len(data) // 2], data[:-30], b"not at all"), 1):
        found = put(home, STAY, f"{sequence}.xlsx", part, 100, sequence=sequence)
        found.rejected("bad_workbook", "另存")


def test_password_protected_workbook(home: Settings) -> None:
    # The container that Excel puts an encrypted workbook into (MS-OFFCRYPTO 2.3.4): an OLE file
    # with a stream of this name.
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1016
    data += "EncryptedPackage".encode("utf-16-le") + b"\0" * 2016
    put(home, STAY, "a.xlsx", data, 4).rejected("encrypted", "密码")


def test_old_workbook(home: Settings) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000
    put(home, STAY, "a.xlsx", data, 4).rejected("bad_workbook", ".xls", "另存为 .xlsx")


def test_empty_workbook(home: Settings, tmp_path: Path) -> None:
    data = workbook(tmp_path / "b.xlsx", lambda book: book.add_worksheet())
    put(home, STAY, "a.xlsx", data, 0).rejected("empty_file", "表头")


def test_workbook_with_a_header_only(home: Settings, tmp_path: Path) -> None:
    data = workbook(tmp_path / "b.xlsx", lambda book: sheet_of(book, stays(0)))
    put(home, STAY, "a.xlsx", data, 0).loaded(0, [])


def test_workbook_that_unpacks_without_end(home: Settings, tmp_path: Path) -> None:
    book = tmp_path / "b.xlsx"
    workbook(book, lambda book: sheet_of(book, stays(1)))
    with zipfile.ZipFile(book, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.bin", b"\0" * (200 << 20))
    put(home, STAY, "a.xlsx", book.read_bytes(), 1).rejected("too_large", "倍")


@pytest.mark.parametrize("kind", ["size", "size_and_sum", "offset", "packing"])
def test_workbook_whose_directory_lies(kind: str, home: Settings, tmp_path: Path) -> None:
    """A directory that states a small size does not make room for what a part unpacks to."""
    book = tmp_path / "b.xlsx"
    workbook(book, lambda book: sheet_of(book, stays(1)))
    with zipfile.ZipFile(book, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.xml", b" " * (32 << 20))
    data = bytearray(book.read_bytes())
    entry = data.rfind(b"PK\x01\x02")  # APPNOTE.TXT 4.3.12: the last part's entry
    if kind in ("size", "size_and_sum"):
        struct.pack_into("<I", data, entry + 24, 100)
    if kind == "size_and_sum":
        struct.pack_into("<I", data, entry + 16, zlib.crc32(b" " * 100))
    if kind == "offset":
        struct.pack_into("<I", data, entry + 42, len(data) - 10)
    if kind == "packing":
        struct.pack_into("<H", data, entry + 10, zipfile.ZIP_LZMA)
    put(home, STAY, "a.xlsx", bytes(data), 1).rejected("bad_workbook", "另存为")


def rewritten(path: Path, member: str, change: Any) -> bytes:
    """The workbook with one of its parts changed, as other programs write it."""
    out = path.with_suffix(".changed.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data) if name == member else data)
    return out.read_bytes()


def test_cells_without_references_are_read_in_order(home: Settings, tmp_path: Path) -> None:
    rows = stays(3)
    book = tmp_path / "b.xlsx"
    workbook(book, lambda book: sheet_of(book, rows.with_columns(checked_out_on=pl.lit(""))))
    data = rewritten(
        book, "xl/worksheets/sheet1.xml", lambda xml: re.sub(rb'(<c|<row) r="\w+"', rb"\1", xml)
    )
    frame = put(home, STAY, "a.xlsx", data, rows).loaded(3, [])
    assert frame["stay_no"].to_list() == rows["stay_no"].to_list()


def test_elements_with_a_prefix_are_looked_at_alike(home: Settings, tmp_path: Path) -> None:
    rows = stays(3)

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet_of(book, rows, top=2).write_number(4, 0, 2026_0001_0002_0003)

    book = tmp_path / "b.xlsx"
    workbook(book, fill)
    data = rewritten(
        book,
        "xl/worksheets/sheet1.xml",
        lambda xml: re.sub(rb"<(/?)(\w)", rb"<\1x:\2", xml).replace(b"xmlns=", b"xmlns:x="),
    )
    found = put(home, STAY, "a.xlsx", data, rows)
    found.loaded(2, [(2, "stay_no", "excel_damage")])
