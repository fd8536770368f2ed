"""A department's PostgreSQL table or view, read in one snapshot with a read-only account.

Increments follow a cursor column. The durable cursor is `<value>|<rows>`: the highest value that
was seen and how many rows had it. A row that arrives later with the very same value changes that
number, so the rows at the boundary are read again instead of being lost. A full source is
fingerprinted by the server; an unchanged table is not transferred.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pyarrow.parquet as pq
from psycopg import sql

from ingestion.contracts import Contract
from ingestion.delivery import Delivery
from ingestion.errors import SourceError
from ingestion.readers import parquet_frames, text_csv
from yinling.settings import Settings, Source, secret

RAW_FILE = "rows.parquet"
ROWS_A_READ = 4_096
_SESSION = """
set time zone 'Asia/Shanghai'; set datestyle to 'ISO, YMD'; set extra_float_digits to 1;
set synchronize_seqscans to off; set max_parallel_workers_per_gather to 0
"""  # one order of rows, however often the same rows are read


@contextmanager
def _plain_errors(source: Source, dataset: str) -> Iterator[None]:
    """Turn what the database says into a sentence.

    Raises:
        SourceError: in place of psycopg's error.
    """
    try:
        yield
    except psycopg.Error as error:
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SourceError(
            f"sources.{dataset}: the database ({source.uri_env}) refused or broke off: {text}."
            " Nothing was loaded. Check address, account and table, then start again."
        ) from error


@contextmanager
def _snapshot(source: Source, dataset: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in which every statement sees the same moment."""
    if source.uri_env is None or source.table is None or source.provider is None:
        raise SourceError(f"sources.{dataset}: set `uri_env`, `table` and `provider`.")
    uri = secret(source.uri_env)
    with (
        _plain_errors(source, dataset),
        psycopg.connect(uri, connect_timeout=10, autocommit=True) as connection,
    ):
        connection.execute(_SESSION)
        connection.execute("begin isolation level repeatable read read only")
        yield connection


def postgresql_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Iterator[Delivery]:
    """One delivery with everything new since the newest committed batch, or none.

    Raises:
        SourceError: the database cannot be reached or read.
    """
    mine = known.filter(pl.col("provider") == source.provider).sort("sequence")
    last = mine["cursor"][-1] if mine.height else None
    with _snapshot(source, contract.name) as connection:
        plan = _Plan(connection, source, contract, last)
        if plan.rows == 0:
            return
        delivery = Delivery(
            dataset=contract.name,
            provider=str(source.provider),
            period=plan.moment.strftime("%Y-%m"),
            mode="full" if last is None or source.mode == "full" else "increment",
            sequence=1 + (mine["sequence"][-1] if mine.height else 0),
            file=RAW_FILE,
            delivered_at=plan.moment,
            frames=lambda room: plan.frames(room, delivery),
            reread=parquet_frames,
            rows_hint=plan.rows,
            row_count=plan.rows,
            control_sums=plan.sums,
            cursor=plan.cursor,
        )
        yield delivery


class _Plan:
    """What is new in the table, asked of the server; all in one snapshot.

    Attributes:
        rows, sums: what the server counts and adds up; landing reconciles with it.
        moment: known_at of the delivery: the newest cursor value, else the snapshot's time.
        cursor: what the next run starts from.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        source: Source,
        contract: Contract,
        last: str | None,
    ) -> None:
        self.connection, self.source, self.contract = connection, source, contract
        self.table = sql.Identifier(*str(source.table).split("."))
        described = connection.execute(sql.SQL("select * from {} limit 0").format(self.table))
        self.names = [column.name for column in described.description or ()]
        self.where: sql.Composable = sql.SQL("true")
        if source.mode == "full":
            self._full(last)
        else:
            self._increment(source, last)

    def _one(self, query: str, **parts: sql.Composable) -> tuple[Any, ...]:
        composed = sql.SQL(query).format(table=self.table, where=self.where, **parts)
        row = self.connection.execute(composed).fetchone()
        return row if row is not None else ()

    def _full(self, last: str | None) -> None:
        rows, mark, now = self._one(
            "select count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text,"
            " now()::timestamp from {table} t"
        )
        self.cursor = f"{mark}|{rows}"
        self.moment: datetime = now.replace(microsecond=0)
        self.rows: int = 0 if self.cursor == last else rows
        self.sums = self._sums()

    def _increment(self, source: Source, last: str | None) -> None:
        cursor = source.cursor
        if cursor not in self.names:
            raise SourceError(
                f"sources.{self.contract.name}: cursor column `{cursor}` is not in"
                f" {source.table}. Correct `cursor`."
            )
        column = sql.Identifier(str(cursor))
        if last is not None:
            value, seen = last.rsplit("|", 1)
            at = sql.SQL("{} = {}").format(column, sql.Literal(value))
            (same,) = self._one("select count(*) from {table} where {at}", at=at)
            beyond = ">" if same == int(seen) else ">="
            self.where = sql.SQL("{} " + beyond + " {}").format(column, sql.Literal(value))
        self.rows, newest, moment = self._one(
            "select count(*), max({c})::text, max({c})::timestamp from {table} where {where}",
            c=column,
        )
        if self.rows == 0:
            return
        at = sql.SQL("{} = {}").format(column, sql.Literal(newest))
        (same,) = self._one("select count(*) from {table} where {at}", at=at)
        self.cursor = f"{newest}|{same}"
        self.moment = moment.replace(microsecond=0)
        self.sums = self._sums()

    def _sums(self) -> dict[str, Decimal]:
        amounts = [
            column.name
            for column in self.contract.columns
            if column.physical_type.startswith("decimal") and column.name in self.names
        ]
        if not amounts or self.rows == 0:
            return {}
        columns = sql.SQL(", ").join(
            sql.SQL("sum({}::numeric)").format(sql.Identifier(name)) for name in amounts
        )
        try:
            with self.connection.transaction():
                totals = self._one("select {columns} from {table} where {where}", columns=columns)
        except psycopg.DataError:  # amounts typed as text, some of them no numbers
            return {}
        return {n: Decimal(t or 0) for n, t in zip(amounts, totals, strict=True)}

    def frames(self, room: Path, delivery: Delivery) -> Iterator[pl.DataFrame]:
        """Streams the rows; what was read is kept as Parquet of text beside."""
        wanted = sql.SQL(", ").join(sql.Identifier(name) for name in self.names)
        query = sql.SQL("copy (select {} from {} where {}) to stdout (format csv)").format(
            wanted, self.table, self.where
        )
        raw, writer = room / RAW_FILE, None
        try:
            with (
                _plain_errors(self.source, self.contract.name),
                self.connection.cursor() as cursor,
                cursor.copy(query) as copy,
            ):
                stream = io.BufferedReader(_CopyStream(copy), 1 << 20)
                for frame in text_csv(stream, self.names):
                    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
                    writer = writer or pq.ParquetWriter(raw, table.schema, compression="zstd")
                    writer.write_table(table)
                    yield frame
        finally:
            if writer is not None:
                writer.close()
        with raw.open("rb") as file:
            delivery.sha256 = hashlib.file_digest(file, "sha256").hexdigest()


class _CopyStream(io.RawIOBase):
    """COPY's answer, which comes row by row, as a stream of large reads."""

    def __init__(self, copy: psycopg.Copy) -> None:
        self._rows, self._rest = iter(copy), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(b"".join(islice(self._rows, ROWS_A_READ)))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
