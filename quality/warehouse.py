"""Gate "warehouse": grain and keys of what dbt built, relations, and sums from lake to core.

A table is looked at again only if a batch of a dataset that it is made from has come in, its SQL
changed, or its size did: see `marks`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

from ingestion.contracts import Contract
from quality.engine import Session
from quality.model import Check
from quality.suites import Relation, SqlCheck, suite
from yinling.lineage import Lineage
from yinling.settings import Settings

GATE = "warehouse"
_NAME = re.compile(r"[a-z_]+\.\w+")
# Rooms whose grain is checked here; staging views are held against the lake instead.
ROOMS = ("core", "indicators", "audit", "publish_officials", "publish_auditors")


Relations = dict[tuple[str, str], str]


def load(session: Session, settings: Settings, contracts: Mapping[str, Contract]) -> Relations:
    """What a check may name, (schema, table) → query; `see` makes views of those it does name.

    The warehouse's tables under their own schema names; `lake`, the rows of every batch that the
    last build saw (`staging.lake_batch`), so that batches which have landed since do not look like
    lost rows; `standing`, those of the batches whose place no full delivery has taken.
    """
    session.attach(settings.warehouse, "warehouse")
    tables = session.connection.execute(
        """select schema_name, table_name from duckdb_tables() where database_name = 'warehouse'
        union all select schema_name, view_name from duckdb_views()
        where database_name = 'warehouse' and not internal"""
    ).fetchall()
    found = {
        (schema, table): f'select * from warehouse."{schema}"."{table}"' for schema, table in tables
    }
    for schema, batches in (
        ("lake", _seen_batches(session, found)),
        ("standing", _seen_batches(session, found, "is_live")),
    ):
        for name in set(contracts) & set(batches):
            files = [
                str(settings.lake / name / batch / "data.parquet")
                for batch in sorted(batches[name])
            ]
            found[schema, name] = (
                f"select * from "
                f"read_parquet({files!r}, union_by_name = true, hive_partitioning = false)"
            )
    return found


def whole_run(connection: duckdb.DuckDBPyConnection) -> int | None:
    """Number of the last dbt run on the attached `warehouse`; None if it did not end well."""
    try:
        row = connection.execute("select run, is_whole from warehouse.staging.run_state").fetchone()
    except duckdb.CatalogException:
        return None
    return int(row[0]) if row and row[1] else None


def see(session: Session, relations: Relations, made: Iterable[Check]) -> None:
    """Views of the relations that the checks name: to bind one of the lake, all its files open."""
    words = " ".join(f"{check.sql} {check.count}" for check in made).replace('"', "")
    named = {_pair(name) for name in _NAME.findall(words)} & set(relations)
    for schema in {schema for schema, _ in named}:
        session.connection.execute(f'create schema if not exists "{schema}"')
    for schema, table in sorted(named):
        session.connection.execute(
            f'create view "{schema}"."{table}" as {relations[schema, table]}'
        )


def _seen_batches(
    session: Session, relations: Relations, which: str = "true"
) -> dict[str, set[str]]:
    """The batches that the last build saw, by dataset."""
    if ("staging", "lake_batch") not in relations:
        return {}
    found: dict[str, set[str]] = defaultdict(set)
    rows = session.connection.execute(
        f"select dataset, batch_id from warehouse.staging.lake_batch where {which}"
    ).fetchall()
    for dataset, batch in rows:
        found[dataset].add(batch)
    return found


def checks(
    relations: Relations, models: Mapping[str, Lineage], contracts: Mapping[str, Contract]
) -> list[Check]:
    """All checks that apply to the tables there are."""
    present = set(relations)
    words = suite(GATE)
    made: list[Check] = []
    for schema, table in sorted(present):
        if schema in ROOMS and table in models and models[table].grain:
            made.append(_grain_check(schema, table, models[table].grain))
    made += [
        _reconcile(contract, all_stand=_all_stand(relations, contract.name))
        for contract in contracts.values()
        if {("lake", contract.name), ("staging", f"stg_{contract.name}")} <= present
    ]
    made += [
        _relation(relation)
        for relation in words.relations
        if {_pair(relation.table), _pair(relation.to)} <= present
    ]
    made += [
        _sql(check) for check in words.checks if {_pair(need) for need in check.needs} <= present
    ]
    return made


def _all_stand(relations: Relations, dataset: str) -> bool:
    return relations["lake", dataset] == relations.get(("standing", dataset))


def _pair(name: str) -> tuple[str, str]:
    schema, _, table = name.partition(".")
    return schema, table


def _word(kind: str) -> dict[str, Any]:
    return suite(GATE).words[kind].model_dump()


def _grain_check(schema: str, table: str, grain: Iterable[str]) -> Check:
    columns = ", ".join(f'"{column}"' for column in grain)
    relation = f'"{schema}"."{table}"'
    return Check(
        id=f"{GATE}.{table}.grain",
        gate=GATE,
        scope=table,
        # Hashes first: eight bytes a row to count. Rows that share one are compared themselves.
        sql=f"""with shared as (
            select hash({columns}) as h from {relation} group by h having count(*) > 1
        )
        select {columns}, count(*) as n from {relation}
        where hash({columns}) in (select h from shared)
        group by {columns} having count(*) > 1""",
        count=f"select count(*) from {relation}",
        **_word("grain"),
    )


def _reconcile(contract: Contract, *, all_stand: bool) -> Check:
    """Every key that stands is in staging, and nothing that is not in the lake.

    `standing` are the batches whose place no full delivery has taken; of the others only single
    rows stand. Where all stand, the lake's keys are staging's, neither more nor less.
    """
    table = f"stg_{contract.name}"
    key = ", ".join(f'"{column}"' for column in contract.key_lake_columns())
    standing = "lake" if all_stand else f'(select distinct {key} from standing."{contract.name}")'
    return Check(
        id=f"{GATE}.{table}.reconcile",
        gate=GATE,
        scope=table,
        sql=f"""with lake as materialized (select distinct {key} from lake."{contract.name}"),
        counted as (
            select (select count(*) from {standing}) as standing_keys,
              (select count(*) from lake) as lake_keys,
              -- A column named, or every column of the view would be read to count its rows.
              (select count("{contract.key_lake_columns()[0]}") from staging."{table}")
                as staging_rows
        )
        select * from counted where staging_rows < standing_keys or staging_rows > lake_keys""",
        count=f'select count(*) from lake."{contract.name}"',
        **_word("reconcile"),
    )


def _relation(relation: Relation) -> Check:
    _, table = _pair(relation.table)
    word = suite(GATE).words["relation"]
    column = relation.column
    return Check(
        id=f"{GATE}.{table}.{column}.relation",
        gate=GATE,
        scope=table,
        title=word.title,
        meaning=word.meaning + f"（{column} → {relation.to}）",
        remedy=relation.remedy,
        severity=relation.severity,
        threshold=relation.threshold,
        # Each value is looked up once, and a strange one counts as often as it stands there.
        sql=f"""with told as (
            select "{column}", count(*) as n from {relation.table}
            where "{column}" is not null group by "{column}"
        )
        select t."{column}" from told t, range(t.n)
        where not exists (select 1 from {relation.to} r
          where r."{relation.to_column}" = t."{column}")""",
        count=f'select count("{column}") from {relation.table}',
    )


def _sql(check: SqlCheck) -> Check:
    body = check.model_dump(exclude={"id", "needs"})
    return Check(id=f"{GATE}.{check.id}", gate=GATE, **body)


def marks(
    session: Session,
    relations: Relations,
    upstream: Mapping[str, Lineage],
    made: Iterable[Check],
) -> dict[str, str | None]:
    """Scope → a fingerprint of what its table is made from; None where that is not known.

    It covers the batches that the build saw of every dataset upstream, the model's own SQL, and
    the table's rows.
    """
    scopes = {check.scope for check in made}
    batches = _seen_batches(session, relations)
    if not upstream or not batches:
        return dict.fromkeys(scopes)
    sizes = dict(
        session.connection.execute(
            """select table_name, coalesce(estimated_size, 0) from duckdb_tables()
            where database_name = 'warehouse'"""
        ).fetchall()
    )
    result: dict[str, str | None] = {}
    for scope in scopes:
        if scope not in upstream:
            result[scope] = None
            continue
        model = upstream[scope]
        content = {
            "sql": sorted(model.checksums),
            "rows": sizes.get(scope, 0),
            "batches": {name: sorted(batches.get(name, ())) for name in sorted(model.datasets)},
        }
        result[scope] = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    return result
