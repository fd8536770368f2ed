"""The two files of a release, built from the warehouse's publish schemas.

Content is copied as it stands; added are `release_id`, the findings' life over releases, and the
tables `release` and `quality_result`. File names are always new: DuckDB shares one instance a path
inside a process and would go on serving a replaced file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from yinling.settings import PROJECT_DIR, Settings

AUDIENCES = {"officials": "publish_officials", "auditors": "publish_auditors"}
# When a row came in is no part of what it says: two runs over the same deliveries publish the same.
# A department without a clock of its own is dated by the pull; a correction is always a new batch.
VOLATILE = (
    "received_at", "checked_at", "published_at", "known_at", "last_delivered_at",
    "days_since_delivery", "delivered_at",
)  # fmt: skip
QUALITY_RESULT = pl.Schema(
    dict.fromkeys(
        ("check_id", "gate", "scope", "name_zh", "meaning_zh", "remedy_zh", "severity", "status"),
        pl.String(),
    )
    | {"numerator": pl.Int64(), "denominator": pl.Int64(), "threshold": pl.Float64()}
    | {"state": pl.String(), "since": pl.Datetime("us"), "checked_at": pl.Datetime("us")}
)
# Set by people in the case work; a new run of the rules does not overrule them.
BY_HAND = ("in_review", "concluded", "appealed")


@contextmanager
def workspace(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory with the warehouse attached read-only as `warehouse`."""
    config: dict[str, Any] = {
        "threads": settings.resources.threads,
        "memory_limit": settings.resources.memory_limit,
        "temp_directory": str(settings.releases / ".spill"),
    }
    with duckdb.connect(config=config) as connection:
        connection.execute(f"attach '{settings.warehouse}' as warehouse (read_only)")
        yield connection


def tables(connection: duckdb.DuckDBPyConnection, audience: str) -> dict[str, list[str]]:
    """The audience's tables and their columns, as dbt built them, in name order."""
    rows = connection.execute(
        """select table_name, list(column_name order by column_index) from duckdb_columns()
        where database_name = 'warehouse' and schema_name = ? group by table_name
        order by table_name""",
        [AUDIENCES[audience]],
    ).fetchall()
    return dict(rows)


def content_fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    """64 hex digits that change when, and only when, what would be published changes.

    Order of rows does not count, nor when they came in.
    """
    digest = hashlib.sha256()
    for audience, schema in AUDIENCES.items():
        for table, columns in tables(connection, audience).items():
            said = [f'"{column}"' for column in columns if column not in VOLATILE]
            row = connection.execute(
                f"select count(*), sum(hash({', '.join(said)})::hugeint) "
                f'from warehouse.{schema}."{table}"'
            ).fetchone()
            digest.update(f"{audience}.{table}({','.join(said)}):{row}".encode())
    return digest.hexdigest()


def project_fingerprint(settings: Settings) -> str:
    """64 hex digits over the models, macros, seeds, contracts and suites that made the release."""
    digest = hashlib.sha256()
    roots = [settings.dbt_project / name for name in ("models", "macros", "seeds")]
    for root in [*roots, settings.contracts, PROJECT_DIR / "quality" / "suites"]:
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            digest.update(file.relative_to(root.parent).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def data_date(connection: duckdb.DuckDBPyConnection) -> date | None:
    """The last day that any published figure speaks about."""
    row = connection.execute(
        """select coalesce(max(data_through) filter (status_code = 'ok'), max(period_end))
        from warehouse.publish_officials.indicator_value"""
    ).fetchone()
    return row[0] if row else None


def data_dates(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Dataset → last period delivered."""
    rows = connection.execute(
        "select dataset, max(period)::varchar from warehouse.publish_auditors.batch group by all "
        "order by all"
    ).fetchall()
    return dict(rows)


def batch_set(connection: duckdb.DuckDBPyConnection) -> tuple[int, str]:
    """Number of batches behind the release and a fingerprint of which they are."""
    rows = connection.execute(
        "select batch_id, sha256, rows_loaded from warehouse.publish_auditors.batch"
    ).fetchall()
    return len(rows), batch_fingerprint(rows)


def batch_fingerprint(batches: Iterable[tuple[str, str, int]]) -> str:
    """64 hex digits over deliveries: id, hash of the bytes, rows loaded."""
    lines = (f"{name} {sha} {rows}" for name, sha, rows in sorted(batches))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def build(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    facts: dict[str, Any],
    previous: Path | None,
) -> None:
    """Write `officials.duckdb` and `auditors.duckdb` into the empty `folder`.

    Args:
        facts: the row of the table `release`; needs `release_id`.
        previous: auditors.duckdb of the current release, to follow findings from.
    """
    if previous is not None:
        connection.execute(f"attach '{previous}' as previous (read_only)")
    for audience, schema in AUDIENCES.items():
        run = connection.execute
        run(f"attach '{folder / audience}.duckdb' as {audience} (storage_version 'v2.0.0')")
        run(f"use {audience}")
        for table, columns in tables(connection, audience).items():
            source = f'warehouse.{schema}."{table}"'
            sql = f"select * from {source} order by all"
            if audience == "officials" and table == "indicator_value":
                sql = _stamped(source, columns, facts["release_id"])
            elif table == "finding":
                sql = _findings(source, columns, facts["release_id"], _previous(connection, table))
            elif table == "finding_evidence":
                sql = _evidence(source, columns, _previous(connection, table))
            run(f'create table "{table}" as {sql}')
        names = ", ".join(facts)
        marks = ", ".join("?" for _ in facts)
        run(
            f"create table release as select * from (values ({marks})) t({names})",
            [*facts.values()],
        )
        run("use memory")
        run(f"detach {audience}")
    if previous is not None:
        connection.execute("detach previous")


def _previous(connection: duckdb.DuckDBPyConnection, table: str) -> list[str] | None:
    """The columns of the previous release's table; None where there is none."""
    rows = connection.execute(
        """select column_name from duckdb_columns()
        where database_name = 'previous' and table_name = ? order by column_index""",
        [table],
    ).fetchall()
    return [name for (name,) in rows] or None


def _quoted(columns: list[str], prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{column}"' for column in columns)


def _stamped(source: str, columns: list[str], release_id: str) -> str:
    said = _quoted([column for column in columns if column != "release_id"])
    return f"select {said}, '{release_id}' as release_id from {source} order by all"


def _findings(source: str, columns: list[str], release_id: str, before: list[str] | None) -> str:
    """Findings of this run with their life so far, and those that are gone as `resolved`.

    A finding that comes back is new again, and keeps the release in which it was first seen.
    """
    life = ("first_seen_release", "last_seen_release")
    said = [column for column in columns if column not in life]
    kept = ", ".join(f"'{status}'" for status in BY_HAND)
    if before is None:
        return (
            f"select * exclude (first_seen_release, last_seen_release), "
            f"'{release_id}' as first_seen_release, '{release_id}' as last_seen_release from "
            f"(select {_quoted(said)}, null as first_seen_release, null as last_seen_release "
            f"from {source}) order by all"
        )
    shared = [column for column in said if column in before]
    return f"""
        select now.* replace (case
            when now.status in ({kept}) then now.status
            when old.finding_id is null or old.status = 'resolved' then 'new'
            else 'persisting' end as status),
          coalesce(old.first_seen_release, '{release_id}') as first_seen_release,
          '{release_id}' as last_seen_release
        from (select {_quoted(said)} from {source}) now
        left join previous.finding old on old.finding_id = now.finding_id
        union all by name
        select {_quoted(shared, "old.")}, old.first_seen_release, old.last_seen_release
        from (select * replace ('resolved' as status) from previous.finding) old
        anti join {source} now on now.finding_id = old.finding_id
        order by all"""


def _evidence(source: str, columns: list[str], before: list[str] | None) -> str:
    """Evidence of this run, and of resolved findings what they rested on."""
    current = f"select * from {source}"
    if before is None:
        return current + " order by all"
    shared = _quoted([column for column in columns if column in before], "old.")
    return f"""{current} union all by name
        select {shared} from previous.finding_evidence old
        anti join warehouse.publish_auditors.finding now on now.finding_id = old.finding_id
        order by all"""


def write_quality(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write the table `quality_result` of both files anew: one row a check of any gate."""
    result = pl.DataFrame(rows, schema=QUALITY_RESULT, orient="row")
    for audience in AUDIENCES:
        with duckdb.connect(str(folder / f"{audience}.duckdb")) as connection:
            connection.register("result", result.to_arrow())
            connection.execute("create or replace table quality_result as from result")


def row_counts(folder: Path) -> dict[str, dict[str, int]]:
    """File → table → rows."""
    result: dict[str, dict[str, int]] = {}
    for audience in AUDIENCES:
        name = f"{audience}.duckdb"
        with duckdb.connect(str(folder / name), read_only=True) as connection:
            names = connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'main' order by 1"
            ).fetchall()
            result[name] = {
                table: connection.execute(f'select count(*) from "{table}"').fetchall()[0][0]
                for (table,) in names
            }
    return result


def as_timestamp(moment: datetime) -> str:
    """ISO 8601 to the second, Asia/Shanghai, for the manifest."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S+08:00")
