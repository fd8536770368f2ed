"""File readers: text stays text; what is broken is said, not swallowed."""

from __future__ import annotations

import datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from ingestion import readers
from ingestion.errors import DeliveryError


def read(path: Path, encoding: str = "utf-8") -> list[dict[str, str | None]]:
    frames = list(readers.file_frames(path, encoding))
    return [row for frame in frames for row in frame.to_dicts()]


def csv(tmp_path: Path, data: bytes) -> Path:
    file = tmp_path / "a.csv"
    file.write_bytes(data)
    return file


def test_values_stay_the_delivered_text(tmp_path: Path) -> None:
    file = csv(tmp_path, b'a,b\n007,"x, ""y""\nz"\n\n1E5,\n')
    assert read(file) == [{"a": "007", "b": 'x, "y"\nz'}, {"a": "1E5", "b": ""}]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "姓名,村\n张𠮷,㙍镇𪚥\n"  # with characters that need four bytes in both encodings
    file = csv(tmp_path, text.encode(encoding))
    assert read(file, encoding) == [{"姓名": "张𠮷", "村": "㙍镇𪚥"}]


def test_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert read(csv(tmp_path, b"\xef\xbb\xbfa\n1\n")) == [{"a": "1"}]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_blocks_may_cut_a_character_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    text = "甲,乙\n" + "".join(f"{n},张𠮷㙍\n" for n in range(400))
    file = csv(tmp_path, text.encode(encoding))
    expected = read(file, encoding)
    for size in (61, 62, 63, 64, 67):
        monkeypatch.setattr(readers.decoding, "READ_BYTES", size)
        with file.open("rb") as raw:
            assert readers.Decoder(raw, encoding).read() == text.encode()
    assert expected[-1] == {"甲": "399", "乙": "张𠮷㙍"}


def test_single_spoilt_rows_are_marked_for_quarantine(tmp_path: Path) -> None:
    lines = [f"{n},好".encode("gb18030") for n in range(200)]
    lines[77] = b"77,\xff\xff"
    rows = read(csv(tmp_path, b"a,b\n" + b"\n".join(lines) + b"\n"), "gb18030")
    assert len(rows) == 200
    assert [row["a"] for row in rows if "\ufffd" in str(row["b"])] == ["77"]


@pytest.mark.parametrize(("written", "stated"), [("gb18030", "utf-8"), ("utf-16-le", "utf-8")])
def test_the_wrong_encoding_is_refused(tmp_path: Path, written: str, stated: str) -> None:
    text = "编号,姓名\n" + "1,张三\n" * 100
    with pytest.raises(DeliveryError) as caught:
        read(csv(tmp_path, text.encode(written)), stated)
    assert caught.value.code == "bad_encoding"


def test_rows_with_other_columns_are_marked_at_their_place(tmp_path: Path) -> None:
    rows = read(csv(tmp_path, b'a,b\n1,2\n3\n\n"x\ny",4\n5,6,7\n8,9\n10\n'))
    assert [(row["a"], row.get("?fault"), row.get("?text")) for row in rows] == [
        ("1", None, None),
        (None, "column_count", "3"),
        ("x\ny", None, None),
        (None, "column_count", "5,6,7"),
        ("8", None, None),
        (None, "column_count", "10"),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        '"x\ny",4\n',  # from here on quoted
        "5,6,7\n8\n",  # one value too many, one too few: as many as two rows have
        "5\n",
        "\n",
        "\ufeff1,2\n",
        "a\rb,2\n",
        "1,2\r\n3,4\r\n",
        "\0,2\n",
        f"{'长' * 300},2\n",
        "9,9",  # without a line end, when it is the last
    ],
)
@pytest.mark.parametrize("size", [16, 61, 1 << 20])
def test_plain_lines_are_the_same_rows_before_and_after_odd_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str, size: int
) -> None:
    lines = [f"{number},甲\n" for number in range(40)]
    after = [] if odd == "9,9" else lines
    file = csv(tmp_path, "".join(["a,b\n", *lines, odd, *after]).encode("gb18030"))
    with monkeypatch.context() as slow:
        slow.setattr(readers.delimited, "_plain", lambda *_: None)
        wanted = read(file, "gb18030")
    monkeypatch.setattr(readers.decoding, "READ_BYTES", size)
    marks = {"?fault": None, "?place": None, "?text": None}
    assert [marks | row for row in read(file, "gb18030")] == [marks | row for row in wanted]


def test_header_only_gives_its_columns_and_no_rows(tmp_path: Path) -> None:
    frames = list(readers.file_frames(csv(tmp_path, b"a,b\n"), "utf-8"))
    assert sum(frame.height for frame in frames) == 0
    assert frames[0].columns == ["a", "b"]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as caught:
        read(csv(tmp_path, b""))
    assert caught.value.code == "empty_file"


def test_workbook_cells_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(0, 0, ["id_no", "day", "beds", "amount", "yes"])
    sheet.write_string(1, 0, "440524188001010014")
    sheet.write_datetime(1, 1, datetime.datetime(2026, 9, 1), day)
    sheet.write_number(1, 2, 12)
    sheet.write_number(1, 3, 1234.56)
    sheet.write_boolean(1, 4, True)
    sheet.write_string(3, 0, "007")
    book.close()
    rows = read(path)
    assert rows[0] == {
        "id_no": "440524188001010014",
        "day": "2026-09-01 00:00:00",
        "beds": "12",
        "amount": "1234.56",
        "yes": "true",
    }
    assert [row["id_no"] for row in rows] == ["440524188001010014", "007"]


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DeliveryError) as caught:
        read(path)
    assert caught.value.code == "bad_workbook"


def test_geojson_features(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":'
        '{"region_code":"440203000000"},"geometry":{"type":"Polygon","coordinates":[]}}]}',
        "utf-8",
    )
    assert read(path) == [
        {"region_code": "440203000000", "geometry": '{"type":"Polygon","coordinates":[]}'}
    ]
    path.write_text('{"features":[{"properties":{"a":1,"a":2},"geometry":null}]}', "utf-8")
    with pytest.raises(DeliveryError, match="名称“a”出现两次"):
        read(path)
    path.write_text("[1, 2]", "utf-8")
    with pytest.raises(DeliveryError) as caught:
        read(path)
    assert caught.value.code == "bad_structure"


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="docx"):
        read(tmp_path / "a.docx")


def test_json_rows_of_any_type_become_text() -> None:
    frame = readers.text_frame([{"a": 1, "b": True, "c": None}, {"a": "x", "b": 1.5, "c": "y"}])
    assert frame.schema == dict.fromkeys("abc", pl.String)
    assert frame.rows() == [("1", "true", None), ("x", "1.5", "y")]
