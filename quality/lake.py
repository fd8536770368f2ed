"""What the gate "landing" looks at: the lake's manifests and new batches, as tables in a session.

Tables of the session:
  meta.batch          one row a committed batch: the manifest, real row counts of new batches,
                      rows of the provider's batch before (rows_before), `fresh` = not yet passed
  meta.delivery       one row a dataset and provider: newest delivery, its age in days
  meta.file_column, meta.contract_column   columns as they are and as they should be
  lake.<dataset>      view over the new batches' rows
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.contracts import Contract
from quality.engine import Session
from quality.history import now
from yinling.settings import Settings

# Longest length of a period, so that nobody is called late before the due day.
DAYS = {"d": 1, "m": 31, "y": 366}
_BATCH = pl.Schema(
    {
        "batch_id": pl.String(),
        "dataset": pl.String(),
        "provider": pl.String(),
        "period": pl.String(),
        "mode": pl.String(),
        "sequence": pl.Int64(),
        "delivered_at": pl.Datetime("us"),
        "rows_read": pl.Int64(),
        "rows_loaded": pl.Int64(),
        "rows_quarantined": pl.Int64(),
        "control_rows": pl.Int64(),
        "sums": pl.String(),
        "control_sums": pl.String(),
        "sums_differ": pl.Boolean(),
        "fresh": pl.Boolean(),
    }
)


@dataclass(frozen=True)
class Scope:
    """What is to be looked at of one dataset.

    fresh: batches not passed yet; expected: whether it is delivered here at all.
    """

    fresh: frozenset[str]
    expected: bool


def manifests(settings: Settings, datasets: set[str]) -> list[dict[str, Any]]:
    """The manifests of the datasets' committed batches, oldest first."""
    files = [
        file
        for dataset in sorted(datasets)
        for file in (settings.lake / dataset).glob("*/manifest.json")
    ]
    read = [json.loads(file.read_text("utf-8")) for file in files]
    return sorted(read, key=lambda m: (m["dataset"], m["provider"], m["period"], m["sequence"]))


def clock(settings: Settings, batches: list[dict[str, Any]]) -> datetime:
    """The moment against which freshness is judged: now.

    The synthetic province's time stands still at its newest delivery.
    """
    delivered = [_moment(batch["delivered_at"]) for batch in batches]
    return max(delivered) if settings.synthetic and delivered else now()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _row(manifest: Mapping[str, Any], fresh: bool) -> dict[str, Any]:
    control = manifest.get("control") or {}
    sums, wanted = manifest.get("sums") or {}, control.get("sums") or {}
    row = {name: manifest.get(name) for name in _BATCH if name in manifest}
    return row | {
        "delivered_at": _moment(manifest["delivered_at"]),
        "control_rows": control.get("rows"),
        "sums": json.dumps(sums),
        "control_sums": json.dumps(wanted),
        "sums_differ": any(
            Decimal(str(sums.get(name, "0"))) != Decimal(str(value))
            for name, value in wanted.items()
        ),
        "fresh": fresh,
    }


def load(
    session: Session,
    settings: Settings,
    contracts: Mapping[str, Contract],
    batches: list[dict[str, Any]],
    scopes: Mapping[str, Scope],
    at: datetime,
) -> None:
    """Make the session's tables (see the module's head)."""
    rows = [_row(b, b["batch_id"] in scopes[b["dataset"]].fresh) for b in batches]
    frame = pl.DataFrame(rows, schema=_BATCH)
    run = session.connection.execute
    run("create schema meta; create schema lake")
    session.connection.register("frame", frame.to_arrow())
    lake, landing = settings.lake, settings.landing
    new = [b for b in batches if b["batch_id"] in scopes[b["dataset"]].fresh]
    data = _counted(session, [lake / b["dataset"] / b["batch_id"] / "data.parquet" for b in new])
    refused = [landing / b["dataset"] / b["batch_id"] / "quarantine.parquet" for b in new]
    kept = _counted(session, [file for file in refused if file.exists()])
    run(
        f"""create table meta.batch as
        select f.*, coalesce(d.num_rows, 0) as file_rows,
          coalesce(q.num_rows, 0) as quarantine_rows,
          lag(rows_read) over (partition by f.dataset, provider, mode
                               order by period, sequence) as rows_before
        from frame f left join {data} d using (dataset, batch_id)
        left join {kept} q using (dataset, batch_id)"""
    )
    run("create table expected (dataset varchar)")
    for name, scope in scopes.items():
        if scope.expected:
            run("insert into expected values (?)", [name])
    run(
        """create table meta.delivery as
        select dataset, provider, max(delivered_at) as newest,
          date_diff('day', max(delivered_at), ?::timestamp) as age_days
        from expected left join meta.batch using (dataset) group by all""",
        [at],
    )
    run(
        "create table meta.contract_column "
        "(dataset varchar, position int, name varchar, type varchar)"
    )
    for name, scope in scopes.items():
        columns = contracts[name].lake_schema()
        run(
            "insert into meta.contract_column "
            "select ?, unnest(range(1, len(?) + 1)), unnest(?), unnest(?)",
            [name, columns, [c for c, _ in columns], [t.upper() for _, t in columns]],
        )
        files = [str(lake / name / batch / "data.parquet") for batch in sorted(scope.fresh)]
        if files:
            run(f'create view lake."{name}" as select * from read_parquet({files!r})')
    _file_columns(session, [lake / b["dataset"] / b["batch_id"] / "data.parquet" for b in new])


def _counted(session: Session, files: list[Path]) -> str:
    """A temporary table (dataset, batch_id, num_rows) from the files' footers; returns its name."""
    name = f"counted_{len(session.connection.execute('show tables').fetchall())}"
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
