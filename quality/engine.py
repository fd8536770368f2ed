"""Great Expectations on DuckDB 2.0: one in-memory DuckDB that looks at files, closed at the end.

Great Expectations 1.24 reads a cursor after it has returned its connection, which DuckDB answers
with nothing ("list index out of range"). It keeps one connection for a few dialects; DuckDB is
added to those. Every connection it asks for is a cursor of the session's own in-memory DuckDB, so
files are attached read-only, views stand for Parquet, and closing the session closes everything.
"""

from __future__ import annotations

import atexit
import enum
import gc
import os
import re
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from quality.model import Check
from yinling.settings import Settings


@dataclass
class Raw:
    """What one expectation said: failing rows, rows looked at, or why it could not run."""

    numerator: int = 0
    denominator: int = 0
    error: str | None = None
    sample: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Session:
    """A DuckDB in memory with views and attached files on which expectations run."""

    connection: duckdb.DuckDBPyConnection
    cursors: list[Any] = field(default_factory=list)

    def attach(self, file: Any, name: str) -> None:
        """Open a DuckDB file read-only under `name`."""
        self.connection.execute(f"attach '{file}' as {name} (read_only)")

    def run(self, name: str, checks: Sequence[Check]) -> dict[str, Raw]:
        """Run the checks as one checkpoint; the answer is by check id.

        A query that fails spoils the answers of its whole batch: those are asked again, one by one.
        """
        if not checks:
            return {}
        answers = self._checkpoint(name, checks)
        broken = [check for check in checks if answers[check.id].error is not None]
        if len(checks) > 1:
            for check in broken:
                answers |= self._checkpoint(f"{name}.{check.id}", [check])
        counts: dict[str, int] = {}
        for check in checks:
            answer = answers[check.id]
            if answer.error is None:
                self._denominator(check, answer, counts)
            if answer.error is None and answer.numerator:
                self._sample(check, answer)
        return answers

    def _denominator(self, check: Check, answer: Raw, counts: dict[str, int]) -> None:
        sql = _query(check, check.count_sql or "select count(*) from {batch}")
        try:
            if sql not in counts:
                row = self.connection.execute(sql).fetchone()
                counts[sql] = int(row[0] or 0) if row else 0
            answer.denominator = counts[sql]
        except duckdb.Error as error:
            answer.error = first_line(error)

    def _sample(self, check: Check, answer: Raw) -> None:
        sql = _query(check, check.sql)
        try:
            cursor = self.connection.execute(f"select * from ({sql}) limit 5")
            names = [column[0] for column in cursor.description or []]
            rows = cursor.fetchall()
            answer.sample = [dict(zip(names, row, strict=True)) for row in rows]
        except duckdb.Error as error:
            answer.error = first_line(error)

    def _checkpoint(self, name: str, checks: Sequence[Check]) -> dict[str, Raw]:
        gx, context, source = self._context(name)
        by_table: dict[tuple[str, str], list[Check]] = defaultdict(list)
        for check in checks:
            by_table[check.table].append(check)
        answers = {check.id: Raw() for check in checks}
        definitions = []
        for (schema, table), group in by_table.items():
            label = f"{schema}.{table}"
            try:
                with warnings.catch_warnings():
                    # The advice to put the schema into the address fits servers, not a session
                    # of many schemas.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    asset = source.add_table_asset(label, table_name=table, schema_name=schema)
            except Exception as error:  # Great Expectations wraps every driver error its own way
                for check in group:
                    answers[check.id].error = first_line(error)
                continue
            suite = context.suites.add(
                gx.ExpectationSuite(name=label, expectations=[_expectation(c) for c in group])
            )
            definition = gx.ValidationDefinition(
                name=label, data=asset.add_batch_definition_whole_table("all"), suite=suite
            )
            definitions.append(context.validation_definitions.add(definition))
        if definitions:
            checkpoint = context.checkpoints.add(
                gx.Checkpoint(
                    name=name,
                    validation_definitions=definitions,
                    result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
                )
            )
            for run in checkpoint.run().run_results.values():
                for result in run.results:
                    answers[result.expectation_config.meta["id"]] = _read(result)
        return answers

    def _context(self, name: str) -> tuple[Any, Any, Any]:
        gx = _great_expectations()
        from duckdb_engine import ConnectionWrapper

        class Connection(ConnectionWrapper):
            """SQLAlchemy rolls back what it collects, also after the session has closed it."""

            def rollback(self) -> None:
                if not self.closed:
                    self.__getattr__("rollback")()

        def connect() -> Any:
            connection = Connection(self.connection.cursor())
            self.cursors.append(connection)
            return connection

        context = gx.get_context(mode="ephemeral")
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_sql(
            name,
            connection_string="duckdb:///:memory:",
            create_temp_table=False,
            kwargs={"creator": connect},
        )
        return gx, context, source


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """An empty session within the settings' resources; nothing stays open after the block."""
    config: dict[str, Any] = {
        "threads": settings.resources.threads,
        "memory_limit": settings.resources.memory_limit,
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


class _Dialect(enum.StrEnum):
    """DuckDB, in the form in which Great Expectations lists dialects."""

    DUCKDB = "duckdb"


@cache
def _great_expectations() -> Any:
    """The library, imported once and only when there is something to check (it takes seconds)."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    atexit.register(_quiet_exit)
    persisted = engine._PERSISTED_CONNECTION_DIALECTS
    if _Dialect.DUCKDB not in persisted:
        engine._PERSISTED_CONNECTION_DIALECTS = (*persisted, _Dialect.DUCKDB)  # type: ignore[assignment]
    return gx


def _expectation(check: Check) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    _great_expectations()
    kwargs = dict(check.kwargs)
    if check.kind == "unexpected_rows_expectation":
        kwargs["unexpected_rows_query"] = _template(check)
    return ExpectationConfiguration(
        type=check.kind, kwargs=kwargs, meta={"id": check.id}
    ).to_domain_obj()


def _quiet_exit() -> None:
    """Keep the last words of DuckDB's binding off the screen.

    With Great Expectations loaded, some of DuckDB's types outlive the interpreter; the binding
    (nanobind) then prints 60 lines about "leaks". Nothing is open: the session has closed it all.
    """
    sys.stderr.flush()
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)


def _query(check: Check, sql: str) -> str:
    """The check's SQL with the table's name for {batch}."""
    return sql.replace("{batch}", '"{}"."{}"'.format(*check.table))


def _template(check: Check) -> str:
    """The query as Great Expectations and SQLAlchemy read it.

    Great Expectations puts an alias behind its {batch} in some queries and not in others, and
    prints a warning where a query lacks it: the name is written out, {batch} is in a comment.
    Other braces are doubled, colons that look like parameters escaped.
    """
    text = _query(check, check.sql).replace("{", "{{").replace("}", "}}")
    return "/* {batch} */ " + re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", text)


def _read(result: Any) -> Raw:
    exceptions = result.exception_info or {}
    nested = [exceptions] if "raised_exception" in exceptions else list(exceptions.values())
    for info in nested:
        if info.get("raised_exception"):
            return Raw(error=first_line(info.get("exception_message") or "unknown error"))
    values = result.result or {}
    if "unexpected_count" in values:
        return Raw(numerator=int(values["unexpected_count"]))
    if isinstance(values.get("observed_value"), int):
        # UnexpectedRowsExpectation reports how many rows its query returned.
        return Raw(numerator=int(values["observed_value"]))
    return Raw(numerator=0 if result.success else 1)


def first_line(error: object) -> str:
    """The sentence of an error that says what happened, without its stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
