"""A department's database, asked in one read-only transaction that sees one moment.

What all databases share, by way of SQLAlchemy, and what each needs said in its own words. The two
that departments use most have a faster way to send rows: `postgresql.py`, `mysql.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from ingestion.connectors import sql_address, sql_text

# A block is checked and written at once: enough rows for values to repeat, not too many to hold.
BLOCK_ROWS, BLOCK_BYTES = 100_000, 24 << 20
_ROWS_A_FETCH = 20_000
CONNECT_SECONDS = 10
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
        rights: query of what the account may do beside reading `:table` (one text a row).
        again: error numbers after which trying again is right (deadlock, lock, lost line).
    """

    moment: tuple[str, ...]
    rights: str | None
    again: str


_ORACLE_RIGHTS = """
select privilege from session_privs
where regexp_like(privilege, '^(INSERT|UPDATE|DELETE|ALTER|DROP|CREATE|TRUNCATE|EXECUTE) ANY|^DBA$')
union select privilege from user_tab_privs
where upper(table_name) = upper('{name}') and privilege not in ('SELECT', 'READ')
union select 'OWNER' from user_tables where upper(table_name) = upper('{name}')
"""
_POSTGRESQL_RIGHTS = """
select w from unnest(array['INSERT','UPDATE','DELETE','TRUNCATE']) as w
where has_table_privilege('{table}', w)
"""
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
        rights=_POSTGRESQL_RIGHTS,
        again=r"40001|40P01|55P03|57P0[123]|08[0-9P]{3}|53300",
    ),
    "mysql": Words(
        moment=(
            "set time_zone = '+08:00'",
            "set session transaction isolation level repeatable read",
            "start transaction with consistent snapshot, read only",
        ),
        rights="show grants",
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
        rights=_ORACLE_RIGHTS,
        again=r"ORA-(00060|00054|01555|08177|03113|03114|12170|12541|12514|00028)",
    ),
    "dm": Words(
        moment=("sp_set_session_readonly(1)", "set transaction isolation level serializable"),
        rights=_ORACLE_RIGHTS,
        again=r"-6403|-6001|-6010|-70028|-70019",
    ),
}
WORDS["mariadb"] = WORDS["mysql"]
_PLAIN = Words(moment=(), rights=None, again="(?!)")
# What `show grants` may name for an account that only reads.
_READING = {"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "PROCESS", "REPLICATION CLIENT"}


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
            yield
            self.connection.rollback()

    def run(self, statement: str) -> sa.CursorResult[Any]:
        """Execute a statement as it stands."""
        return self.connection.exec_driver_sql(statement)

    def row(self, query: str) -> tuple[Any, ...]:
        """The first row of an answer."""
        found = self.run(query).first()
        return () if found is None else tuple(found)

    def name(self, name: str) -> str:
        """An identifier (of a table: with its schema) as this database writes it."""
        quote = self.engine.dialect.identifier_preparer.quote
        return ".".join(quote(part) for part in name.split("."))

    def text(self, value: str) -> str:
        """A text as this database writes it in a statement."""
        return "'" + value.replace("'", "''") + "'"

    def as_text(self, expression: str) -> str:
        """An expression's value as text."""
        cast = sa.cast(sa.literal_column(expression), sa.String(100))
        return str(cast.compile(dialect=self.engine.dialect))

    def columns(self, table: str) -> dict[str, str]:
        """Name and the server's word for the type of each column."""
        answer = self.run(f"select * from {self.name(table)} where 1 = 0")
        described = answer.cursor.description if answer.cursor is not None else ()
        found = {str(column[0]): self._type(column) for column in described}
        if self.engine.dialect.name in ("oracle", "dm"):
            found = {name.lower(): kind for name, kind in found.items()}
        return found

    def _type(self, column: Any) -> str:
        kind = column[1]
        shown = getattr(column, "type_display", None) or getattr(kind, "name", kind)
        if isinstance(shown, int):
            driver = self.engine.dialect.loaded_dbapi
            numbered = vars(getattr(getattr(driver, "constants", None), "FIELD_TYPE", driver))
            shown = next((name for name, number in numbered.items() if number == shown), shown)
        return str(shown).lower()

    def write_rights(self, table: str) -> list[str] | None:
        """What the account may do beside reading; None when this database cannot be asked."""
        if self.words.rights is None:
            return None
        query = self.words.rights.format(
            table=self.name(table).replace("'", "''"),
            name=table.split(".")[-1].replace("'", "''"),
        )
        rows = [str(row[0]) for row in self.run(query)]
        return sorted(granted(rows) if query == "show grants" else set(rows))

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
        ).exec_driver_sql(f"select {wanted} from {self.name(table)} {rest}")
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


def _texts(rows: Any, names: list[str]) -> pl.DataFrame:
    """Rows of whatever Python values the driver gives, as text."""
    columns = {}
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        try:
            columns[name] = pl.Series(name, values, strict=True)
        except (TypeError, pl.exceptions.PolarsError):
            columns[name] = pl.Series(name, [v if v is None else str(v) for v in values])
        kind = columns[name].dtype
        if kind == pl.Datetime:
            columns[name] = columns[name].dt.to_string("%Y-%m-%d %H:%M:%S%.f")
        elif kind == pl.Binary:
            columns[name] = columns[name].bin.encode("hex")
        elif kind == pl.Object:
            columns[name] = pl.Series(name, [None if v is None else str(v) for v in values])
        columns[name] = columns[name].cast(pl.String)
    return pl.DataFrame(columns)


def granted(grants: list[str]) -> set[str]:
    """What MySQL's grants allow beside reading."""
    found = set()
    for grant in grants:
        words = re.match(r"GRANT (.+?) ON ", grant)
        if words is not None:
            found |= {re.sub(r"\s*\(.*", "", word).strip() for word in words[1].split(",")}
    return found - _READING


def decimal(value: Any) -> Decimal:
    """A sum as the driver gives it."""
    return Decimal(str(value)) if value is not None else Decimal(0)
