"""What the gate "landing" looks at: the register and new batches, as tables in a session.

Tables of the session:
  meta.batch          one row a committed batch: its manifest, real row counts of new batches,
                      rows of the provider's batch before (rows_before), `fresh` = not yet passed
  meta.batch_sum      one row a new batch and numeric column: sum as its manifest says
  meta.control_sum    the same with what the provider's control record says
  meta.delivery       one row a dataset and provider: newest delivery, its age in days
  meta.file_column, meta.contract_column   columns as they are and as they should be
  lake.<dataset>      view over the new batches' rows
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from ingestion import register
from ingestion.contracts import Contract
from quality.engine import Session
from yinling.settings import Settings

# Longest length of a period, so that nobody is called late before the due day.
DAYS = {"d": 1, "m": 31, "y": 366}


@dataclass(frozen=True)
class Scope:
    """What is to be looked at of one dataset.

    fresh: batches not passed yet; expected: whether it is delivered here at all.
    """

    fresh: frozenset[str]
    expected: bool


def load(
    session: Session,
    settings: Settings,
    contracts: Mapping[str, Contract],
    batches: pl.DataFrame,
    scopes: Mapping[str, Scope],
    at: datetime,
) -> None:
    """Make the session's tables (see the module's head) from the register's `batches`."""
    run = session.connection.execute
    run("create schema meta; create schema lake")
    fresh = [batch for scope in scopes.values() for batch in scope.fresh]
    frame = batches.with_columns(fresh=pl.col("batch_id").is_in(fresh))
    session.connection.register("frame", frame.to_arrow())
    new = frame.filter("fresh").select("dataset", "batch_id").rows()
    files = [register.batch_file(settings, dataset, batch) for dataset, batch in new]
    refused = [settings.landing / dataset / batch / "quarantine.parquet" for dataset, batch in new]
    data = _counted(session, "data_rows", files)
    kept = _counted(session, "refused_rows", [file for file in refused if file.exists()])
    run(
        f"""create table meta.batch as
        select f.*, coalesce(d.num_rows, 0) as file_rows,
          coalesce(q.num_rows, 0) as quarantine_rows,
          lag(rows_read) over (partition by f.dataset, provider, mode
                               order by period, sequence) as rows_before
        from frame f left join {data} d using (dataset, batch_id)
        left join {kept} q using (dataset, batch_id)"""
    )
    for table, source in (
        ("batch_sum", "sums"),
        ("refused_sum", "refused_sums"),
        ("control_sum", "control_sums"),
    ):
        run(
            f"""create table meta.{table} as
            select dataset, batch_id, s.column as name, s.sum::decimal(38, 6) as total
            from (select dataset, batch_id, unnest({source}) as s from meta.batch where fresh)"""
        )
    _deliveries(session, scopes, None if settings.synthetic else at)
    _contract_columns(session, contracts, scopes)
    for name, scope in scopes.items():
        mine = [str(register.batch_file(settings, name, batch)) for batch in sorted(scope.fresh)]
        if mine:
            run(f'create view lake."{name}" as select * from read_parquet({mine!r})')
    _file_columns(session, files)


def _deliveries(session: Session, scopes: Mapping[str, Scope], at: datetime | None) -> None:
    """Ages are counted to `at`; None: to the dataset's newest delivery.

    The synthetic province's time stands still: only who is behind the others is late there.
    """
    expected = [name for name, scope in scopes.items() if scope.expected]
    session.connection.execute(
        """create table meta.delivery as
        select dataset, provider, newest,
          date_diff('day', newest, coalesce(?::timestamp, max(newest) over (partition by dataset)))
            as age_days
        from (select e.dataset, provider, max(delivered_at) as newest
          from (select unnest(?::varchar[]) as dataset) e left join meta.batch using (dataset)
          group by all)""",
        [at, expected],
    )


def _contract_columns(
    session: Session, contracts: Mapping[str, Contract], scopes: Mapping[str, Scope]
) -> None:
    rows = [
        (name, position, column, kind.upper())
        for name in scopes
        for position, (column, kind) in enumerate(contracts[name].lake_schema(), 1)
    ]
    schema = ["dataset", "position", "name", "type"]
    session.connection.register(
        "contract_rows", pl.DataFrame(rows, schema=schema, orient="row").to_arrow()
    )
    session.connection.execute("create table meta.contract_column as select * from contract_rows")


def _counted(session: Session, name: str, files: list[Path]) -> str:
    """A temporary table (dataset, batch_id, num_rows) from the files' footers; returns its name."""
    source = (
        f"select file_name, num_rows from parquet_file_metadata({[str(f) for f in files]!r})"
        if files
        else "select null::varchar as file_name, 0::bigint as num_rows where false"
    )
    session.connection.execute(
        f"""create table {name} as select string_split(file_name, '/')[-3] as dataset,
        string_split(file_name, '/')[-2] as batch_id, num_rows::bigint as num_rows
        from ({source})"""
    )
    return name


def _file_columns(session: Session, files: list[Path]) -> None:
    source = (
        f"""select file_name, name, duckdb_type, column_id
        from parquet_schema({[str(f) for f in files]!r}) where num_children is null"""
        if files
        else """select null::varchar as file_name, null::varchar as name,
        null::varchar as duckdb_type, 0 as column_id where false"""
    )
    session.connection.execute(
        f"""create table meta.file_column as
        select string_split(file_name, '/')[-3] as dataset,
          string_split(file_name, '/')[-2] as batch_id, name, duckdb_type as type,
          row_number() over (partition by file_name order by column_id) as position
        from ({source})"""
    )
