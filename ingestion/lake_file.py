"""The Parquet file of a batch: rows as they are checked, repeating texts as dictionaries."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

# Of a row group: each has dictionaries of its own. Coded texts count by their codes.
GROUP_ROWS, GROUP_BYTES = 500_000, 64 << 20
OPTIONS = {
    "compression": "zstd",
    "compression_level": 1,
    "store_schema": False,
    "dictionary_pagesize_limit": 16 << 20,  # a row group's tokens, each once
}
_DIFFERENT = 0.8  # of all rows; above it codes do not pay
_CODED = pa.dictionary(pa.int32(), pa.large_string())
_OLDEST = pl.CompatLevel.oldest()


class LakeFile:
    """Appends frames; the first row group decides which texts are kept as dictionaries.

    A text column that comes coded (categorical) and repeats there is written by its codes. So is
    every text that repeats by nature; a `different` one (keys, tokens) is not. Numbers and times
    that mostly differ are no dictionary's business either.
    """

    def __init__(self, path: Path, different: Collection[str]) -> None:
        self._path, self._different = path, different
        self._waiting: list[pl.DataFrame] = []
        self._writer: pq.ParquetWriter | None = None
        self._schema = pa.schema([])
        # A row group is written while the next is gathered: who brings the rows need not wait.
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows; those of a few frames become a row group."""
        if self._waiting and frame.schema != self._waiting[0].schema:
            self.flush()
        self._waiting.append(frame)
        rows = sum(part.height for part in self._waiting)
        if rows >= GROUP_ROWS or sum(map(_size, self._waiting)) >= GROUP_BYTES:
            self.flush()

    def close(self) -> None:
        """Write what waits, and the footer."""
        with self._thread:
            self.flush()
            self._written()
        if self._writer is not None:
            self._writer.close()

    def flush(self) -> None:
        """Begin to write what waits."""
        if self._waiting:
            self._written()
            self._writing = self._thread.submit(self._write_group, self._waiting)
            self._waiting = []

    def _written(self) -> None:
        """Wait for the row group that is being written."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _write_group(self, frames: list[pl.DataFrame]) -> None:
        frame = pl.concat(frames)
        table = _table(frame)
        if self._writer is None:
            self._writer = self._open(frame, table)
        if frame.height:
            columns = [
                _as(column, field.type)
                for column, field in zip(table.columns, self._schema, strict=True)
            ]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))

    def _open(self, first: pl.DataFrame, table: pa.Table) -> pq.ParquetWriter:
        coded = [column.name for column in first.iter_columns() if _repeats(table, column)]
        kinds = {name: _CODED if name in coded else _plain(table, name) for name in first.columns}
        self._schema = pa.schema(kinds.items())
        spread = _spread(first)
        plain = {*self._different, *spread} - {*coded}
        return pq.ParquetWriter(
            self._path,
            self._schema,
            use_dictionary=[name for name in first.columns if name not in plain],
            column_encoding=dict.fromkeys(spread, "DELTA_BINARY_PACKED"),
            # Least and greatest help to skip row groups by time, place and number; not by token.
            write_statistics=[
                *(name for name in first.columns if name not in self._different),
                "row_no",
            ],
            **OPTIONS,
        )


def _repeats(table: pa.Table, column: pl.Series) -> bool:
    """Whether the texts are coded and fewer than the rows."""
    if not isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        return False
    texts = sum(len(part.dictionary) for part in table.column(column.name).chunks)
    return bool(texts <= _DIFFERENT * len(column))


def _plain(table: pa.Table, name: str) -> pa.DataType:
    kind = table.schema.field(name).type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _spread(frame: pl.DataFrame) -> list[str]:
    """Numbers, days and times that mostly differ: their differences take less time and room."""
    return [
        column.name
        for column in frame.iter_columns()
        if (column.dtype.is_integer() or column.dtype in (pl.Date, pl.Datetime))
        and column.n_unique() > frame.height // 2
    ]


def _size(frame: pl.DataFrame) -> int:
    return int(frame.estimated_size())


def _table(frame: pl.DataFrame) -> pa.Table:
    """The frame with every coded column of the one type that the file knows."""
    return pa.table(
        {
            column.name: _dictionary(column)
            if isinstance(column.dtype, (pl.Categorical, pl.Enum))
            else column.to_arrow(compat_level=_OLDEST)
            for column in frame.iter_columns()
        }
    )


def _dictionary(coded: pl.Series) -> pa.DictionaryArray:
    """The codes of just the texts that the rows hold: no other may stand in the file."""
    places = coded.to_physical()
    codes = places.drop_nulls().to_numpy()
    held = np.zeros(int(codes.max(initial=0)) + 1, dtype=np.bool_)
    held[codes] = True
    used = pl.Series(np.flatnonzero(held), dtype=places.dtype)
    if not held.all():
        places = pl.Series(np.cumsum(held, dtype=np.int32) - 1).gather(places)
    # By way of polars: Arrow imports all of pandas to look at an array of numpy's.
    return pa.DictionaryArray.from_arrays(
        places.cast(pl.UInt32).to_arrow().view(pa.int32()),  # the same bytes
        used.cat.to(coded.dtype).cast(pl.String).to_arrow(compat_level=_OLDEST),
        safe=False,  # each of these places is among the texts
    )


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """The column with its texts coded, or plain, as the file wants them."""
    if column.type == kind:
        return column
    if not pa.types.is_dictionary(kind):
        return column.cast(kind)
    parts = [part.cast(pa.large_string()).dictionary_encode() for part in column.chunks]
    return pa.chunked_array(parts, kind)
