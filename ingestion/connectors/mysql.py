"""MySQL and MariaDB: the server itself writes each row as one line of text.

Of the clients that install without a compiler, PyMySQL alone streams, sets the transaction and is
plain Python. It is slow for each column, so it is given one: a row as a line. That reads as fast as
the database's own client.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import sqlalchemy as sa
from pymysql.cursors import SSCursor

from ingestion.connectors import sql_address
from ingestion.connectors.sql_database import BLOCK_BYTES, BLOCK_ROWS, BROKEN, Database, parts
from ingestion.connectors.sql_source import deliveries
from ingestion.contracts import Contract
from ingestion.delivery import Deliveries
from yinling.settings import Settings, Source

_ROWS_A_FETCH = 5_000
_TEXTS = {
    "var_string",
    "string",
    "blob",
    "tiny_blob",
    "medium_blob",
    "long_blob",
    "json",
    "varchar",
}
# In hexadecimal, because a server may be set to read backslashes in either of two ways. The
# backslash first: none of the others comes out of it.
_ESCAPED = (("5C", "5C5C"), ("09", "5C74"), ("0A", "5C6E"), ("0D", "5C72"))
_TAB, _NULL = "_utf8mb4 x'09'", "_utf8mb4 x'5C4E'"


class MySQL(Database):
    """Whole tables come in the order of their primary key, which is how they are stored."""

    form = "mysql://USER:PASSWORD@HOST:3306/DATABASE"

    def _engine(self, uri: str) -> sa.Engine:
        url = sql_address.url(uri, self.form).set(drivername="mysql+pymysql")
        return self._made(uri, url, charset="utf8mb4")

    def text(self, value: str) -> str:
        if "\\" in value:
            return f"_utf8mb4 x'{value.encode().hex()}'"  # an escape, or none, by the server's mode
        return super().text(value)

    def _line(self, names: list[str], kinds: dict[str, str], binary: set[str]) -> str:
        """An expression: the row as a line."""
        values = []
        for name in names:
            text = self.name(name)
            if kinds[name] == "bit":
                text = f"{text} + 0"
            elif name in binary:
                text = _escaped(_decoded(text))
            elif kinds[name] in _TEXTS:
                text = _escaped(f"convert({text} using utf8mb4)")
            values.append(f"ifnull({text}, {_NULL})")
        return f"concat_ws({_TAB}, {', '.join(values)})"

    def _binary(self, table: str) -> set[str]:
        """The columns that hold bytes, not text."""
        found = self.run(
            f"select column_name from information_schema.columns where {self._is(table)}"
            " and (data_type like '%binary' or data_type like '%blob')"
        )
        return {str(row[0]) for row in found}

    def _is(self, table: str) -> str:
        """A condition: the information schema speaks of this table."""
        *schema, name = parts(table)
        where = self.text(schema[-1]) if schema else "database()"
        return f"table_schema = {where} and table_name = {self.text(name)}"

    def fingerprint(self, table: str, names: list[str]) -> str:
        row = self._line(names, dict.fromkeys(names, "string"), self._binary(table))
        return f"coalesce(sum(cast(conv(left(md5({row}), 15), 16, 10) as decimal(20))), 0)"

    def order(self, table: str) -> str | None:
        keys = self.run(
            "select column_name from information_schema.statistics where index_name = 'PRIMARY'"
            f" and {self._is(table)} limit 2"
        ).fetchall()
        return str(keys[0][0]) if len(keys) == 1 else None

    def lines(self, names: list[str], table: str, rest: str) -> Iterator[bytes]:
        row = self._line(names, self.columns(table), self._binary(table))
        driver: Any = self.connection.connection.driver_connection
        cursor = driver.cursor(SSCursor)
        try:
            cursor.execute(f"select {row} from {self.place(table)} {rest}")
            lines: list[str] = []
            size = 0
            while some := cursor.fetchmany(_ROWS_A_FETCH):
                lines += [line for (line,) in some]
                size += sum(len(line) for (line,) in some)
                if size >= BLOCK_BYTES or len(lines) >= BLOCK_ROWS:
                    yield ("\n".join(lines) + "\n").encode()
                    lines, size = [], 0
            if lines:
                yield ("\n".join(lines) + "\n").encode()
        except BaseException:
            self.abandon(cursor)
            raise
        cursor.close()


def _escaped(text: str) -> str:
    for plain, escaped in _ESCAPED:
        text = f"replace({text}, _utf8mb4 x'{plain}', _utf8mb4 x'{escaped}')"
    return text


def _decoded(value: str) -> str:
    """An expression: bytes as the text that they are in UTF-8, as `BROKEN` where they are none."""
    text = f"convert({value} using utf8mb4)"
    broken = f"concat(_utf8mb4 x'{BROKEN.encode().hex()}', hex({value}))"
    # The server puts ? or null for what it cannot decode: it is compared with what it came from.
    return f"if(convert({text} using binary) <=> {value}, {text}, {broken})"


def mysql_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Deliveries:
    """What is new in a MySQL or MariaDB table or view; see `sql_source.deliveries`."""
    yield from deliveries(MySQL, settings, source, contract, known)
