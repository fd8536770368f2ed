"""Files into chunks of text: every value stays the text that was delivered.

CSV (UTF-8 or GB18030, strictly decoded), XLSX (first sheet, header row), GeoJSON, and the two forms
in which landing keeps what came from a system: Parquet of text (SQL) and JSON pages (REST).
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import fastexcel
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from ingestion.errors import DeliveryError
from ingestion.parsing import REPLACEMENT

READ_BYTES = 8 << 20
CHUNK_ROWS = 100_000
_SPOILT_SHARE = 0.05  # of the lines of a block; above it the encoding, not a row, is wrong
_ASCII = bytes(range(128))
_ENOUGH_TO_TELL = 20  # bytes outside ASCII
_ENCODING_NAMES = {"utf-8": "UTF-8", "gb18030": "GB18030"}


class Decoder(io.RawIOBase):
    """A binary file as UTF-8, decoded strictly block by block.

    Bytes that are no text in the stated encoding become U+FFFD, which the checks refuse row by row
    (`bad_encoding`).

    Raises (from read):
        DeliveryError: `bad_encoding`, when so much is spoilt that the encoding itself is wrong.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file, self._encoding = file, encoding
        self._held = b""  # the bytes of a character that a block's end cut in two
        self._ready = memoryview(b"")
        self._block = 0
        self._proven = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            raw = self._file.read(READ_BYTES)
            text = self._utf8(self._held + raw, final=not raw)
            if self._block == 0:
                text = text.removeprefix(codecs.BOM_UTF8)
            self._block += 1
            self._ready = memoryview(text)
            if not raw:
                break
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _utf8(self, raw: bytes, final: bool) -> bytes:
        """The block as valid UTF-8; what may be half a character waits for the next block."""
        self._held = b""
        if not self._proven and self._encoding != "utf-8":
            self._prove(raw)
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            if not final and len(raw) - error.start < 4:
                self._held, raw = raw[error.start :], raw[: error.start]
            return self._lenient(raw).encode("utf-8")
        return raw if self._encoding == "utf-8" else text.encode("utf-8")

    def _prove(self, raw: bytes) -> None:
        """Tell UTF-8 from GB18030, in which it mostly is valid too, but other characters.

        The reverse is no accident: that many Chinese characters in GB18030 are never valid UTF-8.
        """
        foreign = raw.translate(None, _ASCII)
        if len(foreign) < _ENOUGH_TO_TELL:
            return
        self._proven = True
        with contextlib.suppress(UnicodeDecodeError):
            codecs.getincrementaldecoder("utf-8")("strict").decode(raw)
            raise self._wrong("看来是 UTF-8")

    def _wrong(self, why: str) -> DeliveryError:
        return DeliveryError(
            "bad_encoding",
            f"文件不是约定的 {_ENCODING_NAMES[self._encoding]} 编码（{why}）。"
            "请按约定编码重新导出。",
        )

    def _lenient(self, raw: bytes) -> str:
        text = raw.decode(self._encoding, "replace")
        lines = text.split("\n")
        spoilt = sum(REPLACEMENT in line for line in lines)
        in_header = self._block == 0 and REPLACEMENT in lines[0]
        if in_header or spoilt > max(1, _SPOILT_SHARE * len(lines)):
            raise self._wrong("无法识别的行过多")
        return text


def csv_frames(path: Path, encoding: str) -> Iterator[pl.DataFrame]:
    """A CSV file with a header row, in chunks.

    Raises:
        DeliveryError: `bad_encoding`, `empty_file`, or `bad_structure` naming the line.
    """
    with path.open("rb") as file:
        yield from text_csv(io.BufferedReader(Decoder(file, encoding), READ_BYTES), None)


def text_csv(stream: Any, names: list[str] | None) -> Iterator[pl.DataFrame]:
    """Chunks of all-text columns from a UTF-8 CSV stream.

    Args:
        names: column names when the stream has no header row.
    """
    try:
        header = names if names is not None else _header(stream)
        if names is None:
            # A file without data rows still shows its columns.
            yield pl.DataFrame([pl.Series(name, [], dtype=pl.String) for name in header])
        reader = arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(
                block_size=READ_BYTES, column_names=header, use_threads=True
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(header, pa.string()),
                strings_can_be_null=names is not None,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )
        for batch in reader:
            if batch.num_rows:
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)  # noqa: S101 (a batch gives a frame)
                yield frame
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise DeliveryError(
            "bad_structure",
            f"文件结构有误（{error}）。请检查该行的列数和引号，重新导出。",
        ) from error


def _header(stream: Any) -> list[str]:
    """The names in a CSV stream's first line."""
    line = stream.readline()
    if not line.strip():
        raise DeliveryError("empty_file", "文件为空，连表头也没有。请重新导出。")
    table = arrow_csv.read_csv(
        io.BytesIO(line.rstrip(b"\r\n") + b"\n"),
        read_options=arrow_csv.ReadOptions(autogenerate_column_names=True),
        convert_options=arrow_csv.ConvertOptions(strings_can_be_null=False),
    )
    names = [str(column[0].as_py()).strip() for column in table.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DeliveryError("duplicate_column", f"列名重复：{'、'.join(twice)}。请只保留一列。")
    return names


def xlsx_frames(path: Path) -> Iterator[pl.DataFrame]:
    """The first sheet of a workbook; row 1 is the header. Blank rows are no rows.

    Raises:
        DeliveryError: `bad_workbook`, `empty_file`.
    """
    try:
        book = fastexcel.read_excel(path)
        sheet = book.load_sheet(0, dtypes="string", column_names=None)
    except fastexcel.FastExcelError as error:
        raise DeliveryError(
            "bad_workbook", f"工作簿无法打开（{error}）。请另存为普通 .xlsx 后重新报送。"
        ) from error
    frame = sheet.to_polars()
    if not frame.columns:
        raise DeliveryError("empty_file", "工作表为空，连表头也没有。请重新导出。")
    yield frame.filter(~pl.all_horizontal(pl.all().is_null()))


def geojson_frames(path: Path) -> Iterator[pl.DataFrame]:
    """A FeatureCollection: each feature's properties as columns, its geometry as JSON text.

    Raises:
        DeliveryError: `bad_structure`.
    """
    try:
        features = json.loads(path.read_bytes())["features"]
        rows = [
            {**feature["properties"], "geometry": _compact(feature["geometry"])}
            for feature in features
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise DeliveryError(
            "bad_structure", f"不是有效的 GeoJSON 要素集（{error}）。请重新导出。"
        ) from error
    if rows:
        yield text_frame(rows)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def text_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows of a JSON document as text columns (numbers and booleans as JSON writes them).

    Raises:
        DeliveryError: `bad_structure`, when a row is no object.
    """
    if not all(isinstance(row, dict) for row in rows):
        raise DeliveryError("bad_structure", "数据行不是“列名: 值”的形式。请检查接口返回。")
    names = list(dict.fromkeys(name for row in rows[:1] + rows[-1:] for name in row))
    strings = pl.Schema(dict.fromkeys(names, pl.String()))
    try:
        return pl.DataFrame(rows, schema=strings, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        plain = [
            {
                name: value if value is None or isinstance(value, str) else _compact(value)
                for name, value in row.items()
            }
            for row in rows
        ]
        return pl.DataFrame(plain, infer_schema_length=None).cast(pl.String())


def gathered(frames: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The same rows in fewer frames: small ones are put together until they reach `rows`."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        if waiting and frame.columns != waiting[0].columns:
            yield pl.concat(waiting)
            waiting = []
        waiting.append(frame)
        if sum(part.height for part in waiting) >= rows:
            yield pl.concat(waiting)
            waiting = []
    if waiting:
        yield pl.concat(waiting)


def parquet_frames(path: Path) -> Iterator[pl.DataFrame]:
    """Text columns that landing wrote from a database."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(CHUNK_ROWS):
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)  # noqa: S101
            yield frame


def page_frames(path: Path) -> Iterator[pl.DataFrame]:
    """The rows of REST answers that landing kept, one answer a line."""
    with pa.input_stream(str(path), compression="zstd") as stream:
        for line in io.BufferedReader(stream, READ_BYTES):
            rows = json.loads(line)["rows"]
            if rows:
                yield text_frame(rows)


def file_frames(path: Path, encoding: str) -> Iterator[pl.DataFrame]:
    """A delivered file by its ending.

    Raises:
        DeliveryError: `unknown_format`.
    """
    match path.suffix.lower():
        case ".csv":
            return csv_frames(path, encoding)
        case ".xlsx":
            return xlsx_frames(path)
        case ".geojson":
            return geojson_frames(path)
        case other:
            raise DeliveryError(
                "unknown_format", f"不认识的文件类型 {other}。请报送 .csv、.xlsx 或 .geojson。"
            )
