"""Parquet: a department's typed columns, or the columns of text that landing itself wrote."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.errors import DeliveryError
from ingestion.parsing import REPLACEMENT
from ingestion.readers.content import Content

CHUNK_ROWS = 100_000
_SHANGHAI = "Asia/Shanghai"


def parquet_frames(path: Path) -> Iterator[pl.DataFrame]:
    """Rows as text: decimals with their places, days and moments in ISO form, nested as JSON.

    Raises:
        DeliveryError: `bad_structure`, when the file is cut off or no Parquet file.
    """
    with path.open("rb") as file:
        yield from _frames(file)


def parquet_content(content: Content) -> Iterator[pl.DataFrame]:
    """As `parquet_frames`, from a delivered file or a member of an archive.

    Raises:
        DeliveryError: `bad_structure`, `too_large` (a member of an archive is read whole).
    """
    with content.open() as file:
        real = hasattr(file, "fileno") and isinstance(file, io.BufferedReader)
        if real:
            yield from _frames(file)
            return
    yield from _frames(io.BytesIO(content.whole()))


def _frames(file: Any) -> Iterator[pl.DataFrame]:
    try:
        with pq.ParquetFile(file) as parquet:
            empty = parquet.schema_arrow.empty_table()
            yield _text(empty)
            for batch in parquet.iter_batches(CHUNK_ROWS):
                yield _text(pa.Table.from_batches([batch]))
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as error:
        raise DeliveryError(
            "bad_structure",
            f"不是完整的 Parquet 文件（{_first_line(error)}）。可能传输中断，请重新报送。",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _text(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 (a table gives a frame)
    return frame.select(_as_text(name, kind) for name, kind in frame.schema.items())


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind == pl.String:
        return column
    if isinstance(kind, (pl.Categorical, pl.Enum, pl.Boolean, pl.Decimal, pl.Date, pl.Time)):
        return column.cast(pl.String)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            column = column.dt.convert_time_zone(_SHANGHAI).dt.replace_time_zone(None)
        return column.dt.cast_time_unit("us").dt.strftime("%Y-%m-%d %H:%M:%S%.f")
    if kind == pl.Binary:
        return column.map_batches(_binary, return_dtype=pl.String)
    if isinstance(kind, (pl.List, pl.Array)):
        wrapped = pl.struct(column.alias("v")).struct.json_encode()
        return wrapped.str.strip_prefix('{"v":').str.strip_suffix("}").alias(name)
    if isinstance(kind, pl.Struct):
        return column.struct.json_encode()
    if kind == pl.Null:
        return column.cast(pl.String)
    return column.cast(pl.String)


def _binary(column: pl.Series) -> pl.Series:
    """Bytes as text; what is no UTF-8 is marked, to be refused as spoilt."""
    texts = [
        None if value is None else value.decode("utf-8", "replace").replace("\0", REPLACEMENT)
        for value in column
    ]
    return pl.Series(column.name, texts, dtype=pl.String)
