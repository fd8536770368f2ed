"""A department's database, asked in one read-only transaction that sees one moment.

What all databases share, by way of SQLAlchemy, and what each needs said in its own words. The two
that departments use most have a faster way to send rows: `postgresql.py`, `mysql.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from ingestion.connectors import sql_address, sql_text
from yinling.clock import SHANGHAI

# A block is checked and written at once: enough rows for values to repeat, not too many to hold.
BLOCK_ROWS, BLOCK_BYTES = 100_000, 24 << 20
_ROWS_A_FETCH = 20_000
CONNECT_SECONDS = 10
# Before the hexadecimal digits of bytes that are no text: the checks refuse it as bad_encoding.
BROKEN = "\N{REPLACEMENT CHARACTER}0x"
# Sound UTF-8 in hexadecimal digits; polars itself decodes a whole column or nothing of it.
_UTF8 = (
    "^([0-7].|(c[2-9a-f]|d.)[89ab].|e0[ab].[89ab].|e[1-9abcef]([89ab].){2}|ed[89].[89ab]."
    "|f0[9ab].([89ab].){2}|f[123]([89ab].){3}|f48.([89ab].){2})*$"
)
SILENT_SECONDS = 600  # a server that says nothing for so long is taken for lost
# What drivers are told, so that a server that is gone is noticed; an address may say otherwise.
PATIENCE: dict[str, dict[str, Any]] = {
    "psycopg": {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 60,
        "keepalives_interval": 15,
        "keepalives_count": 4,
        "tcp_user_timeout": 120_000,
    },
    "pymysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": SILENT_SECONDS},
}


@dataclass(frozen=True)
class Words:
    """How one kind of database is spoken to.

    Attributes:
        moment: statements that begin a read-only transaction of one moment, Asia/Shanghai time.
        again: error numbers after which trying again is right (deadlock, lock, lost line).
    """

    moment: tuple[str, ...]
    again: str


WORDS = {
    "postgresql": Words(
        moment=(
            "set transaction isolation level repeatable read, read only",
            "set time zone 'Asia/Shanghai'",
            "set datestyle to 'ISO, YMD'",
            "set extra_float_digits to 1",
            # One order of rows, however often the same rows are read.
            "set synchronize_seqscans to off",
            "set max_parallel_workers_per_gather to 0",
        ),
        again=r"40001|40P01|55P03|57P0[123]|08[0-9P]{3}|53300",
    ),
    "mysql": Words(
        moment=(
            "set time_zone = '+08:00'",
            "set session transaction isolation level repeatable read",
            "start transaction with consistent snapshot, read only",
        ),
        again=r"1205|1213|1412|1927|1053|1040|1317|2003|2006|2013|3572|0",
    ),
    "oracle": Words(
        moment=(
            "alter session set time_zone = 'Asia/Shanghai'",
            "alter session set nls_date_format = 'YYYY-MM-DD HH24:MI:SS'",
            "alter session set nls_timestamp_format = 'YYYY-MM-DD HH24:MI:SS.FF6'",
            "alter session set nls_timestamp_tz_format = 'YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM'",
            "set transaction read only",
        ),
        again=r"ORA-(00060|00054|01555|08177|03113|03114|12170|12541|12514|00028)",
    ),
    "dm": Words(
        moment=("sp_set_session_readonly(1)", "set transaction isolation level serializable"),
        again=r"-6403|-6001|-6010|-70028|-70019",
    ),
}
WORDS["mariadb"] = WORDS["mysql"]
_PLAIN = Words(moment=(), again="(?!)")


class Database:
    """One connection; all statements between `moment()` and its end see the same rows.

    Attributes:
        form: what an address looks like.
        clock: an expression, the server's time.
        errors: what the driver raises.
    """

    form = "<dialect>+<driver>://USER:PASSWORD@HOST:PORT/DATABASE"
    clock = "localtimestamp"

    def __init__(self, uri: str) -> None:
        """Understand the address; nothing is connected yet.

        Raises:
            AddressError: it is none.
        """
        self._secrets: list[str] = []
        self.engine = self._engine(uri)
        self.words = WORDS.get(self.engine.dialect.name, _PLAIN)
        self.errors: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        self.connection: sa.Connection

    def _engine(self, uri: str) -> sa.Engine:
        return self._made(uri, sql_address.url(uri, self.form))

    def _made(self, uri: str, url: sa.URL, **more: Any) -> sa.Engine:
        self._secrets = sql_address.secrets(uri, {**url.query, "password": url.password})
        patience = PATIENCE.get(url.drivername.partition("+")[2], {})
        told = {name: value for name, value in patience.items() if name not in url.query}
        return sa.create_engine(url, connect_args=told | more, poolclass=sa.NullPool)

    def said(self, error: Exception) -> str:
        """What the database or its driver complained of, in one line and without any secret."""
        words = str(getattr(error, "orig", None) or error).strip()
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return words.splitlines()[0] if words else type(error).__name__

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Connect, see one moment, and leave without a trace."""
        with self.engine.connect() as connection:
            self.connection = connection.execution_options(no_parameters=True)
            for statement in self.words.moment:
                self.run(statement)
            try:
                yield
            except BaseException:
                # In the midst of an answer it could not be rolled back, and would stay open.
                connection.invalidate()
                raise
            connection.rollback()

    def run(self, statement: str) -> sa.CursorResult[Any]:
        """Execute a statement as it stands."""
        return self.connection.exec_driver_sql(statement)

    def row(self, query: str) -> tuple[Any, ...]:
        """The first row of an answer."""
        found = self.run(query).first()
        return () if found is None else tuple(found)

    def name(self, name: str) -> str:
        """An identifier as this database writes it."""
        preparer = self.engine.dialect.identifier_preparer
        if "%" in name:  # the preparer would double it, for drivers that look for parameters
            return name.replace(preparer.escape_quote, preparer.escape_to_quote).join(
                (preparer.initial_quote, preparer.final_quote)
            )
        return preparer.quote(name)

    def place(self, table: str) -> str:
        """A table of the settings, with its schema if it is named, as this database writes it."""
        return ".".join(self.name(part) for part in parts(table))

    def text(self, value: str) -> str:
        """A text as this database writes it in a statement."""
        return "'" + value.replace("'", "''") + "'"

    def as_text(self, expression: str) -> str:
        """An expression's value as text."""
        cast = sa.cast(sa.literal_column(expression), sa.String(100))
        return str(cast.compile(dialect=self.engine.dialect))

    def columns(self, table: str) -> dict[str, str]:
        """Name and the server's word for the type of each column."""
        answer = self.run(f"select * from {self.place(table)} where 1 = 0")
        described = answer.cursor.description if answer.cursor is not None else ()
        found = {str(column[0]): self._type(column) for column in described}
        if self.engine.dialect.name in ("oracle", "dm"):
            plain = self.engine.dialect.normalize_name
            found = {str(plain(name)): kind for name, kind in found.items()}
        return found

    def _type(self, column: Any) -> str:
        kind = column[1]
        shown = getattr(column, "type_display", None) or getattr(kind, "name", kind)
        if isinstance(shown, int):
            driver = self.engine.dialect.loaded_dbapi
            numbered = vars(getattr(getattr(driver, "constants", None), "FIELD_TYPE", driver))
            shown = next((name for name, number in numbered.items() if number == shown), shown)
        return str(shown).lower()

    def trouble(self, error: Exception) -> bool:
        """Whether an error passes, so that trying again is right."""
        if isinstance(error, sa.exc.DBAPIError):
            if error.connection_invalidated:
                return True
            error = error.orig if isinstance(error.orig, Exception) else error
        codes = f"{getattr(error, 'sqlstate', None)} {error.args[0] if error.args else ''}"
        return re.search(rf"(?<![0-9])({self.words.again})(?![0-9])", codes) is not None

    def sum_of_text(self, column: str) -> str | None:
        """The total of an amount typed as text; the server complains where one is no number.

        None for a server that would take anything for a number.
        """
        return None

    def fingerprint(self, table: str, names: list[str]) -> str | None:
        """An expression over all rows that changes when any of them does."""
        return None

    def layout(self, table: str) -> str:
        """Changes when the rows' places in the table do; empty where places do not count."""
        return ""

    def order(self, table: str) -> str | None:
        """A column by which the whole table comes in order without sorting."""
        return None

    def pages(self, table: str) -> list[str] | None:
        """Conditions that cut the table into pieces by place, in order."""
        return None

    def lines(self, names: list[str], table: str, rest: str) -> Iterator[bytes]:
        """The columns of the table's rows that `rest` asks for, as text lines (see sql_text)."""
        wanted = ", ".join(self.name(name) for name in names)
        answer = self.connection.execution_options(
            stream_results=True, max_row_buffer=_ROWS_A_FETCH
        ).exec_driver_sql(f"select {wanted} from {self.place(table)} {rest}")
        cursor = answer.cursor
        try:
            for rows in answer.partitions(_ROWS_A_FETCH):
                yield sql_text.render(_texts(rows, names))
        except BaseException:
            self.abandon(cursor)
            raise

    def abandon(self, cursor: Any) -> None:
        """Give up an answer that is half fetched, and the line with it."""
        # PyMySQL would fetch the rest when it forgets the answer, from a line that may be dead.
        result = getattr(cursor, "_result", None)
        if result is not None and hasattr(result, "unbuffered_active"):
            result.unbuffered_active = False
        self.connection.invalidate()


def parts(table: str) -> list[str]:
    """A table's name in its parts; one in double quotes may hold a dot."""
    return [
        quoted.replace('""', '"') or plain
        for quoted, plain in re.findall(r'"((?:[^"]|"")+)"|([^."]+)', table)
    ]


def _texts(rows: Any, names: list[str]) -> pl.DataFrame:
    """Rows of whatever Python values the driver gives, as text."""
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return pl.DataFrame([_text(name, values) for name, values in columns])


def _text(name: str, values: tuple[Any, ...]) -> pl.Series:
    try:
        column = pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        column = pl.Series(name, values, dtype=pl.Object)
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            column = column.dt.convert_time_zone(SHANGHAI.key).dt.replace_time_zone(None)
        return column.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
    if kind == pl.Binary:
        return decoded(column.bin.encode("hex"))
    if kind in (pl.Object, pl.Duration):
        return pl.Series(name, [None if v is None else _word(v) for v in values], dtype=pl.String)
    return column.cast(pl.String)


def decoded(column: pl.Series) -> pl.Series:
    """Hexadecimal digits of bytes as the text that these are in UTF-8; `BROKEN` where none."""
    digits = pl.col(column.name)
    sound = digits.str.contains(_UTF8)
    text = pl.when(sound).then(digits).otherwise(pl.lit("")).str.decode("hex").cast(pl.String)
    shown = pl.lit(BROKEN) + digits.str.to_uppercase()
    chosen = pl.when(sound).then(text).otherwise(shown).alias(column.name)
    return column.to_frame().select(chosen).to_series()


def _word(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return str(decoded(pl.Series("", [bytes(value).hex()]))[0])
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(SHANGHAI).replace(tzinfo=None)
    return str(value)


def decimal(value: Any) -> Decimal:
    """A sum as the driver gives it."""
    return Decimal(str(value)) if value is not None else Decimal(0)
