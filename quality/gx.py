"""Great Expectations 1.24 on DuckDB 2.0: what it takes, in one place. Importing this takes seconds.

Great Expectations reads a cursor after it has given its connection back, which DuckDB answers with
nothing ("list index out of range"). It keeps one connection for a few dialects; DuckDB is added.
"""

from __future__ import annotations

import atexit
import enum
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import duckdb

os.environ["GX_ANALYTICS_ENABLED"] = "false"
import great_expectations as gx
from duckdb_engine import ConnectionWrapper
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.execution_engine import sqlalchemy_execution_engine
from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation,
)


class _Dialect(enum.StrEnum):
    """DuckDB, in the form in which Great Expectations lists dialects."""

    DUCKDB = "duckdb"


sqlalchemy_execution_engine._PERSISTED_CONNECTION_DIALECTS = (  # type: ignore[assignment]
    *sqlalchemy_execution_engine._PERSISTED_CONNECTION_DIALECTS,
    _Dialect.DUCKDB,
)


@atexit.register
def _quiet_exit() -> None:
    """Keep the last words of DuckDB's binding off the screen.

    With Great Expectations loaded, some of DuckDB's types outlive the interpreter; the binding
    (nanobind) then prints 60 lines about "leaks". Nothing is open: the session has closed it all.
    """
    sys.stderr.flush()
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)


class FailingRows(UnexpectedRowsExpectation):
    """The query returns no row. It runs once, for the count; the session fetches the sample."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        found = int(metrics["unexpected_rows_query.row_count"])
        return {"success": found == 0, "result": {"observed_value": found}}


class _Reader(ConnectionWrapper):
    """Reads only, so without transactions: a query that fails does not spoil the next one."""

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...


def run(
    name: str,
    queries: dict[str, str],
    connect: Callable[[], duckdb.DuckDBPyConnection],
    anchor: tuple[str, str],
) -> dict[str, int | str]:
    """Run one checkpoint of one expectation a query.

    Args:
        queries: check id → query of failing rows, as Great Expectations reads it (braces doubled).
        connect: gives a connection; the caller closes it.
        anchor: (schema, table) that Great Expectations takes as its batch; queries name their own.

    Returns: check id → number of failing rows, or why the query could not run.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_sql(  # type: ignore[call-arg]
        name,
        connection_string="duckdb:///:memory:",
        create_temp_table=False,
        kwargs={"creator": lambda: _Reader(connect())},
    )
    schema, table = anchor
    with warnings.catch_warnings():
        # The advice to put the schema into the address fits servers, not a session in memory.
        warnings.simplefilter("ignore", DeprecationWarning)
        asset = source.add_table_asset(table, table_name=table, schema_name=schema)
    expectations = [
        FailingRows(unexpected_rows_query=query, meta={"id": check_id})
        for check_id, query in queries.items()
    ]
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(
            name=name,
            data=asset.add_batch_definition_whole_table("all"),
            suite=context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations)),
        )
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name=name, validation_definitions=[definition], result_format="BASIC")
    )
    (results,) = checkpoint.run().run_results.values()
    return {
        result.expectation_config.meta["id"]: _answer(result)  # type: ignore[union-attr]
        for result in results.results
    }


def _answer(result: Any) -> int | str:
    exceptions = result.exception_info or {}
    nested = [exceptions] if "raised_exception" in exceptions else list(exceptions.values())
    for info in nested:
        if info.get("raised_exception"):
            return str(info.get("exception_message") or "unknown error")
    return int(result.result["observed_value"])
