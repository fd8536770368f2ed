"""PostgreSQL (and what speaks its language: Kingbase, openGauss): rows by COPY."""

from __future__ import annotations

import select
from collections.abc import Iterator

import polars as pl
import psycopg
import sqlalchemy as sa
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

from ingestion.connectors import sql_address, sql_text
from ingestion.connectors.sql_database import (
    BLOCK_BYTES,
    BLOCK_ROWS,
    PATIENCE,
    SILENT_SECONDS,
    Database,
    decoded,
)
from ingestion.connectors.sql_source import deliveries
from ingestion.contracts import Contract
from ingestion.delivery import Deliveries
from yinling.settings import Settings, Source

PAGES_A_PIECE = 8_192  # 64 MiB: what a lost connection costs at most


class PostgreSQL(Database):
    """Whole tables come piece by piece in the order of their pages, without sorting."""

    form = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"

    def _engine(self, uri: str) -> sa.Engine:
        # The address as libpq takes it; SQLAlchemy's own parsing knows less.
        given = sql_address.libpq(uri, self.form)
        self._secrets = sql_address.secrets(uri, given)

        def connect() -> psycopg.Connection:
            return psycopg.connect(**(PATIENCE["psycopg"] | given))

        return sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.NullPool)

    def trouble(self, error: Exception) -> bool:
        cause = getattr(error, "orig", error)
        if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:
            return True  # the line was cut: the server had no time to say why
        return super().trouble(error)

    def sum_of_text(self, column: str) -> str:
        return f"sum({column}::numeric)"

    def fingerprint(self, table: str, names: list[str]) -> str:
        # The row's own hash costs two thirds of its text's, where the server has one.
        row = (
            "hash_record_extended(t, 0)" if self._hashes(table) else "hashtextextended(t::text, 0)"
        )
        return f"coalesce(sum({row}), 0)"

    def _hashes(self, table: str) -> bool:
        """Whether the server can hash a row as it is: from version 14, of types that it hashes."""
        kinds = (
            "bool int2 int4 int8 numeric text varchar bpchar date time timestamp timestamptz uuid"
        )
        (able,) = self.row(
            "select to_regproc('pg_catalog.hash_record_extended') is not null and not exists ("
            f"select from pg_attribute where attrelid = to_regclass({self.text(self.place(table))})"
            " and attnum > 0 and not attisdropped and not atttypid = any"
            f" (string_to_array('{kinds}', ' ')::regtype[]::oid[]))"
        )
        return bool(able)

    def _place(self, table: str) -> tuple[str, int]:
        """Kind of relation, and its pages."""
        found = self.row(
            "select relkind::text, pg_relation_size(oid) / current_setting('block_size')::int"
            f" from pg_class where oid = to_regclass({self.text(self.place(table))})"
        )
        return (found[0], int(found[1])) if found else ("", 0)

    def layout(self, table: str) -> str:
        named = self.text(self.place(table))
        return str(self.row(f"select pg_relation_filenode(to_regclass({named}))")[0])

    def pages(self, table: str) -> list[str] | None:
        kind, pages = self._place(table)
        if kind not in ("r", "m"):
            return None
        last = max(0, (pages - 1) // PAGES_A_PIECE) * PAGES_A_PIECE
        pieces = [
            f"ctid >= '({start},0)' and ctid < '({start + PAGES_A_PIECE},0)'"
            for start in range(0, last, PAGES_A_PIECE)
        ]
        return [*pieces, f"ctid >= '({last},0)'"] if pieces else ["true"]

    def lines(self, names: list[str], table: str, rest: str) -> Iterator[bytes]:
        wanted = ", ".join(self.name(name) for name in names)
        driver = self.connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 (made by _engine)
        binary = [name for name, kind in self.columns(table).items() if kind == "bytea"]
        if binary:
            self.run("set local bytea_output to hex")
        query = f"copy (select {wanted} from {self.place(table)} {rest}) to stdout"
        try:
            with driver.cursor() as cursor, cursor.copy(query.encode()):
                for block in _blocks(driver.pgconn):
                    yield _decoded(block, names, binary) if binary else block
        except psycopg.OperationalError:
            self.connection.invalidate()  # else it is tidied up, and what that meets is told
            raise


def _blocks(link: PGconn) -> Iterator[bytes]:
    """The rows of a begun COPY, many at once.

    psycopg's own iterator goes through five calls of Python a row: most of the time of a reading.
    """
    news = select.poll()
    news.register(link.socket, select.POLLIN)
    block, rows = bytearray(), 0
    while (come := link.get_copy_data(1))[0] >= 0:
        if come[0] == 0:
            _more(link, news)
            continue
        block += come[1]
        rows += 1
        # After the same rows whenever they come: the same table is kept in the same bytes.
        if rows == BLOCK_ROWS or len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block, rows = bytearray(), 0
    if block:
        yield bytes(block)
    while link.is_busy():
        _more(link, news)
    while (result := link.get_result()) is not None:
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)


def _decoded(block: bytes, names: list[str], binary: list[str]) -> bytes:
    """The lines with text instead of bytes (`\\x` and hexadecimal digits) in some columns."""
    frame = sql_text.parse(block, names)
    texts = [decoded(frame[name].str.strip_prefix("\\x")) for name in binary]
    return sql_text.render(frame.with_columns(texts))


def _more(link: PGconn, news: select.poll) -> None:
    """Wait until the server has sent more, and take it.

    Raises:
        psycopg.OperationalError: it has been silent for too long, or the line is cut.
    """
    if not news.poll(SILENT_SECONDS * 1_000):
        link.finish()  # else psycopg would wait for the server to agree to the end
        raise psycopg.OperationalError(f"the server said nothing for {SILENT_SECONDS} s")
    link.consume_input()


def postgresql_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Deliveries:
    """What is new in a PostgreSQL table or view; see `sql_source.deliveries`."""
    yield from deliveries(PostgreSQL, settings, source, contract, known)
