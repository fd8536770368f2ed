"""CSV and TSV: every value stays the text that was delivered.

Polars splits the rows as long as they are plain: no quotation mark, and in every line as many
values as columns. From the first block that is not, Arrow splits them, more slowly. There a row
with too many or too few columns becomes a marked row (`ingestion.marks`), so that it is refused
alone and keeps its number.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from ingestion.characters import times
from ingestion.errors import DeliveryError
from ingestion.headers import Headers, column_names
from ingestion.marks import with_stray_rows
from ingestion.readers import decoding
from ingestion.readers.content import Content
from ingestion.readers.kinds import kind_of

DELIMITERS = (",", "\t", ";", "|")
HEADER_BYTES = 1 << 20
STRAY_ROWS, STRAY_SHARE = 100, 0.2  # more than so many, and than this share: the file is wrong
LINES_A_VALUE = 3  # a value over more lines than that makes the quotes suspect
_BREAK = re.compile(rb"\n")
_QUOTED_BYTES = 64 << 20  # largest value while looking for the quotation mark at fault


def delimited_frames(
    content: Content, encoding: str, headers: Headers | None = None
) -> Iterator[pl.DataFrame]:
    """A text file with a header row, in chunks.

    The delimiter is the one that gives most of the contract's columns; a .tsv has tabs.

    Raises:
        DeliveryError: `bad_encoding`, `empty_file`, `duplicate_column`, `line_too_long`,
            `unclosed_quote`, `bad_structure` naming the line.
    """
    with content.open() as file:
        if (kind := kind_of(file.read(512))) is not None:
            raise DeliveryError(
                "bad_structure",
                f"{content.name} 不是文本表格，而是{kind}。"
                "请导出为 CSV 重新报送，或把扩展名改成与内容相符的。",
            )
    with content.open() as file:
        decoder = decoding.Decoder(file, encoding)
        stream = io.BufferedReader(decoder, decoding.READ_BYTES)
        line = _header_line(stream)
        delimiter = sniff(line, headers, content.suffix)
        cells = _split(line, delimiter)
        if len(cells) == 1 and line.count("，") > 1:
            raise DeliveryError(
                "bad_structure",
                f"{content.name} 的各列之间是中文逗号（，）。请改为英文逗号（,），重新导出。",
            )
        names = column_names(cells, headers)
        suspect = False
        yield pl.DataFrame([pl.Series(name, [], dtype=pl.String) for name in names])
        decoder.unread(stream.read1())
        done = 0
        for frame in _plain_rows(decoder, names, delimiter):
            done += frame.height
            yield frame
        try:
            for frame, long in _rows(decoder, names, delimiter, done):
                suspect |= long
                yield frame
        except pa.ArrowInvalid as error:
            _explain_quotes(content, encoding, delimiter)
            raise _bad_structure(error) from error
        if suspect or decoder.quotes % 2:
            _explain_quotes(content, encoding, delimiter)


def _header_line(stream: Any) -> str:
    """The first line that is not blank; a line break inside quotes belongs to it."""
    line = b""
    while not line.strip():
        line = stream.readline(HEADER_BYTES)
        if not line:
            raise DeliveryError("empty_file", "文件为空，连表头也没有。请重新导出。")
    while line.count(b'"') % 2 and len(line) < HEADER_BYTES:
        more = stream.readline(HEADER_BYTES)
        if not more:
            break
        line += more
    if len(line) >= HEADER_BYTES:
        raise DeliveryError(
            "line_too_long", f"表头超过 {HEADER_BYTES >> 20} MB，不是表头。请检查换行符和引号。"
        )
    return line.decode("utf-8").strip("\r\n")


def sniff(line: str, headers: Headers | None, suffix: str) -> str:
    """The delimiter of a header line.

    Args:
        headers: the contract's headers; without them the delimiter that gives most columns wins.
        suffix: the file name's ending; it decides where the header line does not.
    """
    usual = "\t" if suffix == ".tsv" else ","

    def worth(delimiter: str) -> tuple[int, bool]:
        cells = _split(line, delimiter)
        return (headers.fit(cells) if headers else len(cells)), delimiter == usual

    return max(DELIMITERS, key=worth)


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line.replace("\r", " ").replace("\n", " ")], delimiter=delimiter), [])


def _plain_rows(
    decoder: decoding.Decoder, names: list[str], delimiter: str
) -> Iterator[pl.DataFrame]:
    """Rows block by block; what is not plain, and all after it, stays in the decoder."""
    held, block = b"", b"..."
    while block:
        block = decoder.block()
        end = block.rfind(b"\n") + 1
        if block and not end:
            held += block  # a line over several blocks; the decoder refuses one without end
            continue
        lines, rest = b"".join((held, memoryview(block)[:end])), block[end:]
        frame = _plain(lines, names, delimiter)
        if frame is None:
            decoder.unread(lines + rest)
            return
        held = rest
        if frame.height:
            yield frame


def _plain(lines: bytes, names: list[str], delimiter: str) -> pl.DataFrame | None:
    """Whole lines as columns; None where they have to be looked at more closely."""
    lines = lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines
    if any(mark in lines for mark in (b'"', b"\r")):
        return None
    schema = dict.fromkeys(names, pl.String())
    if not lines:
        return pl.DataFrame(schema=schema)
    if not lines.endswith(b"\n"):
        lines += b"\n"
    if len(names) < 2 or times(delimiter, lines) != times("\n", lines) * (len(names) - 1):
        return None
    try:
        # Refuses a line with too many values: with the sum right, no other line has too few.
        return pl.read_csv(
            _unmarked(lines),
            separator=delimiter,
            quote_char=None,
            has_header=False,
            schema=schema,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        return None


def _unmarked(text: bytes) -> bytes:
    """Text from the midst of a file, of which a reader takes no character for a mark of order."""
    return codecs.BOM_UTF8 + text if text.startswith(codecs.BOM_UTF8) else text


def _rows(
    decoder: decoding.Decoder, names: list[str], delimiter: str, before: int
) -> Iterator[tuple[pl.DataFrame, bool]]:
    """Chunks of rows and whether a value in them goes over suspiciously many lines.

    Args:
        before: how many rows, all sound, were read before these.
    """
    decoder.unread(_unmarked(decoder.block()))
    stream = io.BufferedReader(decoder, decoding.READ_BYTES)
    strays: list[tuple[int, str]] = []

    def stray(row: arrow_csv.InvalidRow) -> str:
        strays.append((row.number, row.text))
        return "skip"

    done = refused = 0
    for batch in _batches(stream, names, delimiter, stray):
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 (a batch gives a frame)
        long = bool(decoder.quotes) and _goes_over_lines(batch)
        here, last = 0, done + frame.height
        while here < len(strays) and strays[here][0] <= last + here + 1:
            here += 1
        if here:
            frame = _with(frame, strays[:here], done)
            del strays[:here]
            refused += here
            _refuse_wreck(refused, before + done + frame.height)
        done += frame.height
        if frame.height:
            yield frame, long
    if strays:
        empty = pl.DataFrame([pl.Series(name, [], dtype=pl.String) for name in names])
        _refuse_wreck(refused + len(strays), before + done + len(strays))
        yield _with(empty, strays, done), False


def _with(frame: pl.DataFrame, strays: list[tuple[int, str]], done: int) -> pl.DataFrame:
    return with_stray_rows(
        frame, [number - done - 1 for number, _ in strays], [text for _, text in strays]
    )


def _refuse_wreck(refused: int, rows: int) -> None:
    if refused > STRAY_ROWS and refused > STRAY_SHARE * rows:
        raise DeliveryError(
            "bad_structure",
            f"前 {rows} 行中有 {refused} 行的列数与表头不符。请检查分隔符和引号，整批重新导出。",
        )


def _goes_over_lines(batch: pa.RecordBatch) -> bool:
    for number, column in enumerate(batch.columns):
        data = column.buffers()[2]
        if data is not None and _BREAK.search(data):
            text = pl.from_arrow(batch.select([number]))
            assert isinstance(text, pl.DataFrame)  # noqa: S101
            breaks = text.to_series().str.count_matches("\n", literal=True)
            if (breaks >= LINES_A_VALUE).any():
                return True
    return False


def _batches(stream: Any, names: list[str], delimiter: str, stray: Any) -> Iterator[Any]:
    """Arrow's record batches; one thread, which is faster here and numbers the rows."""
    try:
        reader = arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(
                block_size=decoding.READ_BYTES, column_names=names, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=stray
            ),
            convert_options=arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise
    yield from reader


def _bad_structure(error: pa.ArrowInvalid) -> DeliveryError:
    return DeliveryError(
        "bad_structure", f"文件结构有误（{error}）。请检查该行的列数和引号，重新导出。"
    )


def _explain_quotes(content: Content, encoding: str, delimiter: str) -> None:
    """Look for the quotation mark at fault, slowly: only suspicious files come here.

    Raises:
        DeliveryError: `unclosed_quote`, naming the lines.
    """
    before, limit = 0, csv.field_size_limit(_QUOTED_BYTES)
    try:
        with content.open() as file:
            text = io.TextIOWrapper(
                io.BufferedReader(decoding.Decoder(file, encoding)), "utf-8", newline=""
            )
            rows = csv.reader(text, delimiter=delimiter, strict=True)
            for _ in rows:
                before = rows.line_num
    except csv.Error as error:
        raise DeliveryError(
            "unclosed_quote",
            f"第{before + 1}行（含表头）的引号没有成对，后面的内容被并入同一个值"
            f"（读到第{rows.line_num}行）。请补上引号，或把值里的引号写成两个，重新导出。",
        ) from error
    finally:
        csv.field_size_limit(limit)
