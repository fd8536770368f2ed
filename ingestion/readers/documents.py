"""JSON in its three forms: JSON lines, GeoJSON, and the pages that landing kept of a REST service.

Numbers become the text that stands in the document, digit for digit; they never pass through a
binary fraction.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from ingestion.errors import DeliveryError
from ingestion.marks import FAULT, MARKS, PLACE, TEXT
from ingestion.parsing import REPLACEMENT
from ingestion.readers import decoding
from ingestion.readers.content import Content
from ingestion.readers.objects import RepeatedNameError, distinct, exact_json

ROWS_A_FRAME = 20_000
UNREADABLE, UNREADABLE_SHARE = 100, 0.2  # lines; more than so many and than this share: refused
_NUL = "\0"


def jsonl_frames(content: Content, encoding: str) -> Iterator[pl.DataFrame]:
    """One JSON object a line. A line that is none is a marked row; blank lines are no rows.

    Raises:
        DeliveryError: `bad_encoding`, `empty_file`, `line_too_long`, `bad_structure`.
    """
    rows = refused = 0
    with content.open() as file:
        stream = io.BufferedReader(decoding.Decoder(file, encoding), decoding.READ_BYTES)
        while lines := stream.readlines(decoding.READ_BYTES):
            texts = [line.decode("utf-8").strip() for line in lines]
            texts = [text for text in texts if text]
            for start in range(0, len(texts), ROWS_A_FRAME):
                frame = _lines(texts[start : start + ROWS_A_FRAME])
                rows += frame.height
                refused += len(frame[FAULT].drop_nulls()) if FAULT in frame.columns else 0
                if refused > UNREADABLE and refused > UNREADABLE_SHARE * rows:
                    raise DeliveryError(
                        "bad_structure",
                        f"前 {rows} 行中有 {refused} 行不是 JSON 对象。"
                        "请每行写一个 JSON 对象，整批重新导出。",
                    )
                yield frame
    if not rows:
        raise DeliveryError("empty_file", "文件为空。请重新导出；确无数据请报送只有表头的 CSV。")


def _lines(texts: list[str]) -> pl.DataFrame:
    try:
        # One document is read faster than many.
        values = exact_json(f"[{','.join(texts)}]")
        if len(values) == len(texts) and all(isinstance(value, dict) for value in values):
            return text_frame(values)
    except (ValueError, RecursionError):
        pass
    return _marked_lines(texts)


def _marked_lines(texts: list[str]) -> pl.DataFrame:
    rows = []
    for text in texts:
        fault = "bad_json"
        try:
            value = exact_json(text)
        except RepeatedNameError:
            value, fault = None, "repeated_name"
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and not set(value) & set(MARKS):
            rows.append(value)
        else:
            rows.append({FAULT: fault, PLACE: "", TEXT: text})
    frame = text_frame(rows)
    marks = [name for name in MARKS if name in frame.columns]
    return frame.select(pl.exclude(marks), *marks)


def geojson_frames(content: Content) -> Iterator[pl.DataFrame]:
    """A FeatureCollection: each feature's properties as columns, its geometry as JSON text.

    Raises:
        DeliveryError: `bad_structure`, `too_large`.
    """
    try:
        features = json.loads(content.whole(), object_pairs_hook=distinct)["features"]
        rows = [
            {**feature["properties"], "geometry": _compact(feature["geometry"])}
            for feature in features
        ]
    except RepeatedNameError as error:
        raise DeliveryError(
            "bad_structure", f"同一个对象中名称“{error}”出现两次。请每个名称只写一次，重新导出。"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
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
    names = list(rows[0]) if rows else []
    names += sorted(set().union(*rows).difference(names))
    strings = pl.Schema(dict.fromkeys(names, pl.String()))
    try:
        frame = pl.DataFrame(rows, schema=strings, strict=True)
    except (TypeError, UnicodeEncodeError, pl.exceptions.PolarsError):
        plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
        frame = pl.DataFrame(plain, schema=strings, strict=True)
    spoilt = pl.all().str.contains(_NUL, literal=True).any()
    if frame.width and frame.height and any(frame.select(spoilt).row(0)):
        frame = frame.with_columns(pl.all().str.replace_all(_NUL, REPLACEMENT, literal=True))
    return frame


def _plain(value: Any) -> str | None:
    text = value if value is None or isinstance(value, str) else _compact(value)
    # JSON can name half of a character (\ud800); that is no text.
    return text if text is None else text.encode("utf-8", "replace").decode("utf-8")


def page_frames(path: Path) -> Iterator[pl.DataFrame]:
    """The rows of REST answers that landing kept, one answer a line."""
    with pa.input_stream(str(path), compression="zstd") as stream:
        for line in io.BufferedReader(stream, decoding.READ_BYTES):
            rows = json.loads(line, parse_float=str)["rows"]
            if rows:
                yield text_frame(rows)
