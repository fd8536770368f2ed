"""The session of a gate: one in-memory DuckDB that looks at files, closed at the end.

Files are attached read-only, views stand for Parquet. Great Expectations gets cursors of this very
DuckDB; closing the session closes everything.
"""

from __future__ import annotations

import gc
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import duckdb

from quality.model import Check
from yinling.settings import Settings

ANCHOR = ("gate", "anchor")
SAMPLE = 5


@dataclass
class Raw:
    """What one check said: failing rows, rows looked at, or why it could not run."""

    numerator: int = 0
    denominator: int = 0
    error: str | None = None
    sample: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Session:
    """A DuckDB in memory with views and attached files on which checks run."""

    connection: duckdb.DuckDBPyConnection
    cursors: list[duckdb.DuckDBPyConnection] = field(default_factory=list)

    def attach(self, file: Any, name: str) -> None:
        """Open a DuckDB file read-only under `name`."""
        self.connection.execute(f"attach '{file}' as {name} (read_only)")

    def run(self, name: str, checks: Sequence[Check]) -> dict[str, Raw]:
        """Run the checks as one checkpoint; the answer is by check id."""
        if not checks:
            return {}
        # Here, because the import takes seconds, and most runs of a day have nothing to check.
        from quality import gx

        self.connection.execute(
            "create schema if not exists gate; "
            "create or replace view gate.anchor as select 1 as one"
        )
        queries = {check.id: _template(check.sql) for check in checks}
        found = gx.run(name, queries, self._cursor, ANCHOR)
        counts: dict[str, int] = {}
        return {check.id: self._answer(check, found[check.id], counts) for check in checks}

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self.connection.cursor()
        self.cursors.append(cursor)
        return cursor

    def _answer(self, check: Check, found: int | str, counts: dict[str, int]) -> Raw:
        if isinstance(found, str):
            return Raw(error=first_line(found))
        try:
            if check.count not in counts:
                row = self.connection.execute(check.count).fetchone()
                counts[check.count] = int(row[0] or 0) if row else 0
            return Raw(found, counts[check.count], None, self._sample(check) if found else [])
        except duckdb.Error as error:
            return Raw(error=first_line(error))

    def _sample(self, check: Check) -> list[dict[str, Any]]:
        cursor = self.connection.execute(f"select * from ({check.sql}) limit {SAMPLE}")
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """An empty session within the settings' resources; nothing stays open after the block."""
    config: dict[str, Any] = {
        "threads": settings.resources.threads,
        "memory_limit": settings.resources.memory_limit,
        # Kept between queries: giving it back to the system and asking for it again is dear.
        "block_allocator_memory": "50%",
        "temp_directory": str(settings.quality / "spill"),
    }
    connection = duckdb.connect(config=config)
    session = Session(connection)
    try:
        yield session
    finally:
        for cursor in session.cursors:
            cursor.close()
        connection.close()
        gc.collect()


@cache
def prepare() -> None:
    """Begin to import Great Expectations beside other work: a gate is going to need it.

    The import takes seconds; a gate that starts meanwhile waits for what is left of it.
    """
    threading.Thread(target=import_module, args=("quality.gx",), daemon=True).start()


def _template(sql: str) -> str:
    """The query as Great Expectations and SQLAlchemy read it.

    Braces are doubled, colons that look like parameters escaped. Great Expectations prints a
    warning for each query without its {batch}: it stands in a comment, the query names its tables.
    """
    text = sql.replace("{", "{{").replace("}", "}}")
    return "/* {batch} */ " + re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", text)


def first_line(error: object) -> str:
    """The sentence of an error that says what happened, without its stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
