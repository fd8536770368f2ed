"""Parquet: a department's typed columns as text."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.errors import DeliveryError
from ingestion.headers import Headers, column_names
from ingestion.parsing import REPLACEMENT
from ingestion.readers.content import Content
from yinling.clock import SHANGHAI

CHUNK_ROWS = 100_000


def parquet_frames(content: Content, headers: Headers | None = None) -> Iterator[pl.DataFrame]:
    """Rows as text: decimals with their places, days and moments in ISO form, nested as JSON.

    Raises:
        DeliveryError: `bad_structure`, when the file is cut off or no Parquet file;
            `duplicate_column`; `too_large` (a member of an archive is read whole).
    """
    with content.open() as file:
        real = hasattr(file, "fileno") and isinstance(file, io.BufferedReader)
        if real:
            yield from _frames(file, headers)
            return
    yield from _frames(io.BytesIO(content.whole()), headers)


def _frames(file: Any, headers: Headers | None) -> Iterator[pl.DataFrame]:
    try:
        with pq.ParquetFile(file) as parquet:
            names = column_names(parquet.schema_arrow.names, headers)
            yield _text(parquet.schema_arrow.empty_table().columns, names)
            for batch in parquet.iter_batches(CHUNK_ROWS):
                yield _text([_sound(part) for part in batch.columns], names)
    except (
        pa.ArrowException,
        OSError,
        ValueError,  # names that are no text among them
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,  # polars over metadata that make no sense
    ) as error:
        raise DeliveryError(
            "bad_structure",
            f"不是完整的 Parquet 文件（{_first_line(error)}）。可能传输中断，请重新报送。",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _sound(column: pa.Array) -> pa.Array:
    """A column without bytes that are no text; polars would take them as they are.

    Raises:
        pyarrow.ArrowInvalid: it is broken in another way.
    """
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise
        column = column.cast(pa.large_binary())
        column.validate(full=True)
    return column


def _text(columns: list[Any], names: list[str]) -> pl.DataFrame:
    # Positions as names: metadata and names of the file's own stay out of polars.
    frame = pl.from_arrow(pa.table(columns, names=[str(n) for n in range(len(columns))]))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 (a table gives a frame)
    frame = frame.select(_as_text(name, kind) for name, kind in frame.schema.items())
    frame.columns = names
    return frame


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind == pl.String:
        return column
    if isinstance(kind, (pl.Categorical, pl.Enum, pl.Boolean, pl.Decimal, pl.Date, pl.Time)):
        return column.cast(pl.String)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            column = column.dt.convert_time_zone(SHANGHAI.key).dt.replace_time_zone(None)
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
