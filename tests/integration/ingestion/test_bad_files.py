"""Text files, archives and Parquet as they should not be: said plainly, nothing lost, nothing half.

docs/bad-input.md names the test of each row.
"""

from __future__ import annotations

import io
import json
import resource
import zipfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion import readers
from ingestion.errors import DeliveryError
from tests.integration.ingestion.bad_files import put
from tests.integration.ingestion.conftest import CONTRACTS, funds, lake, stays
from yinling.settings import Settings

FUND, STAY = "welfare_fund", "facility_stay"


def text(rows: pl.DataFrame, encoding: str = "utf-8", separator: str = ",") -> bytes:
    return rows.write_csv(separator=separator).encode(encoding)


def spoilt(rows: pl.DataFrame, row: int, line: str) -> bytes:
    """The rows as CSV, the data row numbered `row` (from 1) replaced by `line`."""
    lines = rows.write_csv().splitlines()
    lines[row] = line
    return ("\n".join(lines) + "\n").encode()


# --- columns --------------------------------------------------------------------------------------


def test_missing_required_column(home: Settings) -> None:
    rows = funds(5).drop("fund")
    found = put(home, FUND, "a.csv", text(rows), rows)
    found.rejected("missing_column", "fund（资金来源）", "region_code")


@pytest.mark.parametrize("title", ["韶关市福彩公益金统计表", "韶关市福彩公益金统计表,,,,"])
def test_a_title_above_the_header_of_a_text(home: Settings, title: str) -> None:
    data = f"{title}\n".encode() + text(funds(5))
    found = put(home, FUND, "a.csv", data, 5)
    found.rejected("missing_column", "表头应在文件的第一行")


def test_a_text_without_a_header_puts_no_person_into_the_receipt(home: Settings) -> None:
    rows = stays(3)
    found = put(home, STAY, "a.csv", rows.write_csv(include_header=False).encode(), 3)
    found.rejected("missing_column", "没有一个目录中的列名")
    assert rows["id_no"][0] not in str(found.receipt)
    assert rows["name"][0] not in str(found.receipt)


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet", "jsonl"])
def test_a_value_that_happens_to_be_a_header_puts_no_person_into_the_receipt(
    home: Settings, form: str, tmp_path: Path
) -> None:
    persons = [value for value in stays(1).row(0) if value and len(value) > 1]
    first = [*persons, *persons[:3], "床位号"]  # some stand twice
    rows = pl.DataFrame([first, first], orient="row")
    path = home.home / "inbox" / STAY / f"table.{form}"
    match form:
        case "csv":
            rows.write_csv(path, include_header=False)
        case "xlsx":
            rows.write_excel(path, include_header=False)
        case "parquet":
            pq.write_table(pa.Table.from_arrays([pa.array(["x"])] * len(first), first), path)
        case _:
            path.write_text(json.dumps(dict.fromkeys(first, "x"), ensure_ascii=False) + "\n")
    found = put(home, STAY, f"a.{form}", path, 1)
    found.rejected("missing_column", "床位号", "不引用")
    told = [file.read_text() for file in home.receipts.rglob("*.json")]
    assert not [person for person in persons if any(person in text for text in told)]


def test_a_header_that_reads_like_a_value_is_told_by_its_place(home: Settings) -> None:
    rows = stays(3)
    odd = ["经办人：李小明", "李小明13812345678", "440203194001010016", "2026.9.30", "100.00"]
    wide = rows.with_columns(*(pl.lit("x").alias(name) for name in odd), 楼层=pl.lit("3"))
    found = put(home, STAY, "a.csv", text(wide), rows)
    place = f"第{rows.width + 1}列（列名有7个字，不引用）"
    found.loaded(3, [], f"未知列 {place}，未采用\n", "未知列 楼层，未采用，已报请")
    kept = [file.read_text() for file in home.home.rglob("*.json") if "inbox" not in file.parts]
    assert any(place in text for text in kept), "the manifest tells it too"
    assert not [name for name in odd if any(name in text for text in kept)]


def test_extra_column_is_reported_with_both_sides(home: Settings) -> None:
    rows = funds(5).with_columns(grade=pl.lit("7"))
    found = put(home, FUND, "a.csv", text(rows), rows)
    found.loaded(5, [], "未知列 grade")
    manifest = json.loads(next(home.lake.glob(f"{FUND}/*/manifest.json")).read_bytes())
    change = manifest["schema_change"]["contract"]
    assert change["unknown"] == ["grade"]
    assert change["proposed"] == [{"name": "grade", "logicalType": "integer"}]
    assert change["agreed"] == [column.name for column in CONTRACTS[FUND].columns]
    assert change["delivered"] == rows.columns


def test_renamed_column_is_recognised_and_said(home: Settings) -> None:
    rows = funds(5).rename({"total_amount": "total_amont"})
    found = put(home, FUND, "a.csv", text(rows), 5)
    found.rejected("missing_column", "“total_amont”是否就是“总额”")


def test_more_required_columns_renamed_than_not(home: Settings) -> None:
    """So long as half of the row are headers it is one, and what is likely meant can be said."""
    wrong = {"stay_no": "入院编码", "facility_code": "院编码", "id_no": "证件"}
    wrong["checked_in_on"] = "进院日"
    found = put(home, STAY, "a.csv", text(stays(5).rename(wrong)), 5)
    found.rejected("missing_column", "“入院编码”是否就是“入住编号”", "入院编码、院编码、证件")
    assert "表头应在文件的第一行" not in found.message


def test_reordered_columns_make_no_difference(home: Settings) -> None:
    rows = funds(9)
    found = put(home, FUND, "a.csv", text(rows.select(reversed(rows.columns))), rows)
    frame = found.loaded(9, [])
    assert frame["region_code"].to_list() == rows["region_code"].to_list()


def test_columns_that_change_against_the_last_batch_are_told(home: Settings) -> None:
    rows = stays(3)
    put(home, STAY, "a.csv", text(rows), rows)
    fewer = rows.drop("bed_no").with_columns(楼层=pl.lit("3"))
    found = put(home, STAY, "b.csv", text(fewer), fewer, sequence=2)
    first = "facility_stay.440203.2026-09.0001"
    assert f"与上一批次 {first} 相比：新增列 楼层；不再有列 bed_no" in found.receipt["warnings"]
    change = json.loads(
        (home.lake / STAY / "facility_stay.440203.2026-09.0002" / "manifest.json").read_bytes()
    )["schema_change"]["last_batch"]
    assert (change["added"], change["gone"]) == (["楼层"], ["bed_no"])
    assert change["batch_id"] == first and "bed_no" in change["before"]


def test_chinese_headers_with_remarks_are_mapped(home: Settings) -> None:
    rows = stays(4)
    titles = {column.name: column.title for column in CONTRACTS[STAY].columns}
    written = rows.rename(titles | {"id_no": "*身份证号 （必填）", "checked_in_on": "入院\n日期"})
    found = put(home, STAY, "a.csv", text(written), rows)
    found.loaded(4, [])
    assert found.receipt["warnings"] == []


def test_two_headers_for_one_column(home: Settings) -> None:
    rows = stays(2).with_columns(身份证号=pl.lit("x"))
    put(home, STAY, "a.csv", text(rows), 2).rejected("duplicate_column", "id_no", "身份证号")


def test_a_unit_in_the_header_is_no_remark(home: Settings) -> None:
    rows = funds(2).rename({"total_amount": "总额（万元）"})
    put(home, FUND, "a.csv", text(rows), 2).rejected("wrong_unit", "万元")


# --- characters -----------------------------------------------------------------------------------


def test_wrong_encoding(home: Settings) -> None:
    rows = stays(200)
    found = put(home, STAY, "a.csv", text(rows, "gb18030"), rows)
    found.rejected("bad_encoding", "UTF-8")


def test_mixed_encodings_refuse_their_rows_only(home: Settings) -> None:
    rows = stays(200)
    lines = text(rows).splitlines(keepends=True)
    lines[78] = lines[78].decode().encode("gb18030")
    found = put(home, STAY, "a.csv", b"".join(lines), rows)
    found.loaded(199, [(78, "name", "bad_encoding")], "乱码")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_mark(home: Settings, encoding: str) -> None:
    rows = stays(30)
    frame = put(home, STAY, "a.csv", text(rows, encoding), rows).loaded(30, [])
    assert frame["stay_no"].to_list() == rows["stay_no"].to_list()


def test_nul_bytes_refuse_their_rows_only(home: Settings) -> None:
    rows = funds(50)
    data = text(rows).replace(b"440210000000,1955", b"440210000\x00000,1955", 1)
    found = put(home, FUND, "a.csv", data, rows)
    found.loaded(49, [(11, "region_code", "bad_encoding")])


def test_full_width_digits_are_digits(home: Settings) -> None:
    wide = str.maketrans("0123456789.", "０１２３４５６７８９．")
    rows = funds(4)
    written = rows.with_columns(
        pl.col("region_code", "total_amount").map_elements(
            lambda value: value.translate(wide), return_dtype=pl.String
        )
    )
    frame = put(home, FUND, "a.csv", text(written), rows).loaded(4, [])
    assert frame["region_code"].to_list() == rows["region_code"].to_list()


def test_leading_apostrophes_are_no_part_of_a_value(home: Settings) -> None:
    rows = stays(5)
    quoted = ["stay_no", "id_no", "facility_code", "checked_in_on"]
    written = rows.with_columns(pl.format("'{}", pl.col(name)).alias(name) for name in quoted)
    frame = put(home, STAY, "a.csv", text(written), rows).loaded(5, [])
    assert frame["stay_no"].to_list() == rows["stay_no"].to_list()
    assert set(frame["id_no_form"]) == {"normalised"}


# --- structure ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "b.csv", "c.csv"])
def test_delimiters_are_found(home: Settings, name: str) -> None:
    rows = stays(7)
    separator = {"a.csv": ",", "a.tsv": "\t", "b.csv": ";", "c.csv": "|"}[name]
    put(home, STAY, name, text(rows, separator=separator), rows).loaded(7, [])


def test_chinese_commas_between_the_columns(home: Settings) -> None:
    data = text(funds(3)).replace(b",", "，".encode())
    put(home, FUND, "a.csv", data, 3).rejected("bad_structure", "中文逗号")


def test_a_row_with_other_columns_is_refused_alone(home: Settings) -> None:
    rows = stays(60)
    line = rows.write_csv().splitlines()[31]
    found = put(home, STAY, "a.csv", spoilt(rows, 31, line + ",多出的"), rows)
    found.loaded(59, [(31, "", "column_count")], "整行", "分隔符")
    assert found.refused["raw_value"].to_list() == [line + ",多出的"]


def test_too_many_rows_with_other_columns_refuse_the_file(home: Settings) -> None:
    lines = text(stays(1)).splitlines()[:1] + [b"1,2,3"] * 300
    found = put(home, STAY, "a.csv", b"\n".join(lines) + b"\n", 300)
    found.rejected("bad_structure", "列数")


@pytest.mark.parametrize("row", [5, 60])
def test_unclosed_quote(home: Settings, row: int) -> None:
    rows = stays(60)
    line = rows.write_csv().splitlines()[row].replace(",F1,", ',"F1,')
    found = put(home, STAY, "a.csv", spoilt(rows, row, line), rows)
    found.rejected("unclosed_quote", f"第{row + 1}行", "引号")


def test_two_unclosed_quotes_do_not_swallow_the_rows_between(home: Settings) -> None:
    rows = stays(60)
    lines = rows.write_csv().splitlines()
    for row in (5, 40):
        lines[row] = lines[row].replace(",F1,", ',"F1,')
    found = put(home, STAY, "a.csv", ("\n".join(lines) + "\n").encode(), rows)
    found.rejected("unclosed_quote", "第6行")


def test_embedded_newlines_belong_to_the_value(home: Settings) -> None:
    rows = stays(3).with_columns(bed_no=pl.lit("3楼\n东区"))
    frame = put(home, STAY, "a.csv", text(rows), rows).loaded(3, [])
    assert set(frame["bed_no"]) == {"3楼\n东区"}


def test_empty_file(home: Settings) -> None:
    put(home, FUND, "a.csv", b"", 0).rejected("empty_file", "表头")


def test_header_only_is_a_delivery_without_rows(home: Settings) -> None:
    found = put(home, FUND, "a.csv", text(funds(1)).splitlines(keepends=True)[0], 0)
    assert found.receipt["status"] == "accepted"
    found.loaded(0, [])
    zero = {"total_amount": "0.00", "eldercare_amount": "0"}
    put(home, FUND, "b.csv", text(funds(0)), 0, sequence=2, control_sums=zero).loaded(0, [])


def test_truncated_text_does_not_load_half(home: Settings) -> None:
    rows = funds(500)
    found = put(home, FUND, "a.csv", text(rows)[:-2000], rows)
    assert found.receipt["status"] == "rejected"
    found.rejected(found.receipt["reason"], "500")


def test_a_line_without_end_is_refused_unread(home: Settings) -> None:
    data = text(funds(2)) + b"x" * (20 << 20)
    put(home, FUND, "a.csv", data, 3).rejected("line_too_long", "第4行", "MB")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_line_of_two_gigabytes_takes_no_memory(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with path.open("wb") as file:
        file.truncate(2 << 30)  # a hole: NUL bytes that take no room on the disk
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DeliveryError) as caught:
        list(readers.file_frames(path, "utf-8", CONTRACTS[FUND]))
    assert caught.value.code == "line_too_long"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # KiB


# --- other forms ----------------------------------------------------------------------------------


def test_json_lines_keep_their_digits_and_refuse_broken_ones(home: Settings) -> None:
    rows = funds(30).with_columns(total_amount=pl.lit("9007199254740993.01"))
    lines = [
        f'{{"region_code":"{r}","year":{y},"fund":"{f}","total_amount":{t},"eldercare_amount":{e}}}'
        for r, y, f, t, e in rows.rows()
    ]
    lines[4] = lines[4][:-9]
    found = put(home, FUND, "a.jsonl", "\n".join(lines).encode(), 30)
    frame = found.loaded(29, [(5, "", "bad_json")], "JSON")
    assert {str(value) for value in frame["total_amount"]} == {"9007199254740993.01"}


@pytest.mark.parametrize("twice", ['"fund"', '"f\\u0075nd" '])
def test_a_name_that_comes_twice_in_a_line_of_json(home: Settings, twice: str) -> None:
    lines = [json.dumps(row) for row in funds(30).to_dicts()]
    lines[4] = lines[4][:-1] + f', {twice}: "budget"}}'
    lines[7] = lines[7].replace(":", " :")
    found = put(home, FUND, "a.jsonl", "\n".join(lines).encode(), 30)
    found.loaded(29, [(5, "", "repeated_name")], "同一列名出现两次")


def test_typed_parquet_is_read_exactly(home: Settings) -> None:
    rows = funds(30)
    typed = rows.with_columns(
        pl.col("year").cast(pl.Int16),
        pl.col("fund").cast(pl.Categorical),
        pl.col("total_amount").cast(pl.Decimal(20, 4)),
        pl.col("eldercare_amount").cast(pl.Float64),
    )
    buffer = io.BytesIO()
    typed.write_parquet(buffer)
    put(home, FUND, "a.parquet", buffer.getvalue(), rows).loaded(30, [])


def test_truncated_parquet(home: Settings) -> None:
    buffer = io.BytesIO()
    funds(300).write_parquet(buffer)
    found = put(home, FUND, "a.parquet", buffer.getvalue()[:-500], 300)
    found.rejected("bad_structure", "Parquet")


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def test_zip_with_several_files_is_one_delivery(home: Settings) -> None:
    rows = stays(40)
    buffer = io.BytesIO()
    rows[20:].write_parquet(buffer)
    data = zipped(a__csv=text(rows[:20]), b__parquet=buffer.getvalue())
    frame = put(home, STAY, "a.zip", data, rows).loaded(40, [])
    assert frame["stay_no"].to_list() == rows["stay_no"].to_list()


def test_truncated_zip(home: Settings) -> None:
    data = zipped(a__csv=text(stays(400)))
    put(home, STAY, "a.zip", data[: len(data) // 2], 400).rejected("bad_archive", "压缩包")


def test_damaged_zip_member(home: Settings) -> None:
    data = bytearray(zipped(a__csv=text(stays(4000))))
    data[len(data) // 2] ^= 0xFF
    found = put(home, STAY, "a.zip", bytes(data), 4000)
    found.rejected("bad_archive", "解压")


def test_a_zip_whose_directory_lies_about_sizes(home: Settings) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", text(funds(500)))
    data = bytearray(packed.getvalue())
    stated = data.rindex(b"PK\x01\x02") + 24
    data[stated : stated + 4] = (2_000).to_bytes(4, "little")
    put(home, FUND, "a.zip", bytes(data), 500).rejected("bad_archive", "无法解压")


def test_zip_bomb_is_not_unpacked(home: Settings) -> None:
    data = zipped(a__csv=b"0" * (100 << 20))
    put(home, STAY, "a.zip", data, 1).rejected("too_large", "倍")


def test_zip_without_data_or_with_archives_inside(home: Settings) -> None:
    put(home, STAY, "a.zip", zipped(), 0).rejected("empty_file", "没有数据文件")
    inner = zipped(a__zip=zipped(a__csv=text(stays(1))))
    put(home, STAY, "b.zip", inner, 1, sequence=2).rejected("bad_archive", "又有压缩包")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "工作簿"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ".xls"),
        (b"%PDF-1.7\n", "PDF"),
        ("\ufeff\n<!DOCTYPE html><title>登录</title>".encode(), "网页"),
        (b'[{"stay_no": "1"}]', "JSON"),
    ],
)
def test_what_is_no_text_under_the_name_of_a_text(home: Settings, data: bytes, word: str) -> None:
    put(home, STAY, "a.csv", data, 1).rejected("bad_structure", word, "扩展名")


def test_a_delivery_of_which_no_row_is_sound_is_not_called_partly_accepted(home: Settings) -> None:
    rows = stays(3).with_columns(checked_in_on=pl.lit("没有"))
    found = put(home, STAY, "a.csv", rows.write_csv().encode(), 3)
    found.loaded(
        0, [(n, "checked_in_on", "bad_date") for n in (1, 2, 3)], "未接收：全部数据行被退回"
    )
    assert found.receipt["status_zh"] == "未接收：全部数据行被退回"


def test_unknown_kind_of_file(home: Settings) -> None:
    put(home, STAY, "a.docx", b"PK", 1).rejected("unknown_format", ".docx", ".csv")


# --- values ---------------------------------------------------------------------------------------

BAD_DATES = {
    "2027-01-01": "future_date",
    "2026-02-30": "bad_date",
    "2026年13月1日": "bad_date",
    "二月三十": "lunar_date",
    "农历二〇二六年八月十五": "lunar_date",
    "2026年闰六月初一": "lunar_date",
    "45901": "date_serial",
    "0026-09-01": "out_of_range",
}


def test_dates_that_are_none_keep_their_text(home: Settings) -> None:
    rows = stays(len(BAD_DATES) + 2).with_columns(
        checked_in_on=pl.Series([*BAD_DATES, "2026年9月1日", "20260901"])
    )
    found = put(home, STAY, "a.csv", text(rows), rows)
    found.loaded(
        2,
        [(row, "checked_in_on", reason) for row, reason in enumerate(BAD_DATES.values(), 1)],
        "农历",
        "尚未发生",
        "序号",
    )
    assert found.refused["raw_value"].to_list() == list(BAD_DATES)


BAD_NUMBERS = {
    "100元": "unit_in_number",
    "１．２万元": "unit_in_number",
    "1.2E+05": "bad_number",
    "#REF!": "formula_error",
    "五百": "bad_number",
    "12.345": "bad_number",
}


def test_amounts_are_never_guessed(home: Settings) -> None:
    rows = funds(len(BAD_NUMBERS) + 1).with_columns(
        total_amount=pl.Series([*BAD_NUMBERS, "1，234．50"])
    )
    found = put(home, FUND, "a.csv", text(rows), len(rows))
    frame = found.loaded(
        1, [(n, "total_amount", why) for n, why in enumerate(BAD_NUMBERS.values(), 1)], "不带单位"
    )
    assert str(frame["total_amount"][0]) == "1234.50"
    assert found.refused["raw_value"].to_list() == list(BAD_NUMBERS)


def test_scientific_notation_in_number_columns_of_things(home: Settings) -> None:
    rows = stays(4)
    rows[0, "id_no"] = "4.40203E+17"
    rows[1, "stay_no"] = "1.23E+11"
    rows[2, "facility_code"] = "9.1E+17"
    found = put(home, STAY, "a.csv", text(rows), rows)
    reasons = ["id_excel_damage", "excel_damage", "excel_damage"]
    columns = ["id_no", "stay_no", "facility_code"]
    found.loaded(1, list(zip((1, 2, 3), columns, reasons, strict=True)), "文本格式")


def test_equal_keys_in_one_batch(home: Settings) -> None:
    rows = pl.concat([funds(5), funds(1)])
    found = put(home, FUND, "a.csv", text(rows), rows)
    found.loaded(5, [(6, "region_code", "duplicate_key")], "重复")


def test_wrong_control_totals(home: Settings) -> None:
    rows = funds(5)
    sums = {"total_amount": "1.00"}
    found = put(home, FUND, "a.csv", text(rows), 5, control_sums=sums)
    found.rejected("control_sum", "total_amount", "1.00", "整批重新报送")
    found = put(home, FUND, "b.csv", text(rows), 6, sequence=2)
    found.rejected("row_count", "6 行", "5 行")


def test_same_sequence_with_other_bytes(home: Settings) -> None:
    put(home, FUND, "a.csv", text(funds(5)), funds(5))
    before = lake(home, FUND)
    found = put(home, FUND, "a.csv", text(funds(6)), funds(6))
    assert found.receipt["reason"] == "sequence_reused" and "新的序号" in found.message
    assert lake(home, FUND).equals(before)
