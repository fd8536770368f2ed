"""The Parquet file of a batch: rows as they are checked, repeating texts as dictionaries."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

OPTIONS = {
    "compression": "zstd",
    "compression_level": 1,
    "store_schema": False,
    "dictionary_pagesize_limit": 8 << 20,  # a chunk's tokens, each once
}
_CODED = pa.dictionary(pa.int32(), pa.large_string())


class LakeFile:
    """Appends frames of one schema; the first decides which texts are kept as dictionaries.

    A text column that is coded (Enum) in the first frame is written by its codes. So is every text
    that repeats by nature; a `different` one (keys, tokens) is not, unless it came coded.
    Numbers and times that mostly differ are no dictionary's business either.
    """

    def __init__(self, path: Path, first: pl.DataFrame, different: Collection[str]) -> None:
        table = _table(first)
        self._schema = table.schema
        coded = {field.name for field in self._schema if pa.types.is_dictionary(field.type)}
        spread = _spread(first)
        plain = {*different, *spread} - coded
        dictionaries = [name for name in first.columns if name not in plain]
        # Least and greatest help to skip row groups by time, place and number; not by token.
        ordered = [name for name in first.columns if name not in different]
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            use_dictionary=dictionaries,
            column_encoding=dict.fromkeys(spread, "DELTA_BINARY_PACKED"),
            write_statistics=[*ordered, "row_no"],
            **OPTIONS,
        )

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows as a row group; none, when there are none."""
        if frame.height:
            table = _table(frame)
            columns = [
                _as(column, field.type)
                for column, field in zip(table.columns, self._schema, strict=True)
            ]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


def _spread(frame: pl.DataFrame) -> list[str]:
    """Numbers, days and times that mostly differ: their differences take less time and room."""
    return [
        column.name
        for column in frame.iter_columns()
        if (column.dtype.is_integer() or column.dtype in (pl.Date, pl.Datetime))
        and column.n_unique() > frame.height // 2
    ]


def _table(frame: pl.DataFrame) -> pa.Table:
    """The frame with every coded column of the one type that the file knows."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            coded = _as(table.column(place), _CODED)
            table = table.set_column(place, field.name, coded)
    return table


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """The column with its texts coded, or plain, as the file wants them."""
    if column.type == kind:
        return column
    if not pa.types.is_dictionary(kind):
        return column.cast(kind)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    parts = [
        pa.DictionaryArray.from_arrays(part.indices.cast(pa.int32()), part.dictionary)
        for part in column.chunks
    ]
    return pa.chunked_array(parts, kind)
