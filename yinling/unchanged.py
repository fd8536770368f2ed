"""What a build may leave as it is: nothing it is made from has changed.

Kept is what the last complete build saw: the batches of every dataset, and fingerprints of the dbt
project and of the lineage that its manifest tells. Seeds and views are what the project says,
whatever has landed. Of the tables only the core's plain ones qualify; models that grow by batch
decide for themselves, and what comes after the core nearly always has news.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from ingestion import register
from ingestion.contracts import load_contracts
from ingestion.durable import write_json
from yinling.lineage import Lineage, lineage
from yinling.settings import Settings

SOURCES = ("models", "macros", "seeds", "dbt_project.yml", "profiles.yml")


def _state_file(settings: Settings) -> Path:
    return settings.warehouse.parent / "dbt" / "built.json"


def seen(settings: Settings) -> dict[str, Any]:
    """What a build that starts now sees: the project's fingerprint, and batches by dataset."""
    # The views of staging name the lake's place.
    digest = hashlib.sha256(f"{version('dbt-core')} {version('duckdb')} {settings.lake}".encode())
    for name in SOURCES:
        path = settings.dbt_project / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(str(file.relative_to(settings.dbt_project)).encode())
                digest.update(file.read_bytes())
    names = load_contracts(settings.contracts)
    batches = {name: sorted(register.committed(settings, name)) for name in names}
    return {"project": digest.hexdigest(), "batches": batches}


def remember(settings: Settings, what: dict[str, Any]) -> None:
    """Keep what a complete build has seen, once it is through."""
    write_json(_state_file(settings), {**what, "lineage": _fingerprint(lineage(settings))})


def names(settings: Settings, now: dict[str, Any]) -> list[str]:
    """Names of models and seeds that would come out as they are; empty when in doubt."""
    file = _state_file(settings)
    if not (file.exists() and settings.warehouse.exists()):
        return []
    before = json.loads(file.read_text("utf-8"))
    made = lineage(settings)
    if before["project"] != now["project"] or before.get("lineage") != _fingerprint(made):
        return []
    told = before["batches"]
    same = {name for name, batches in now["batches"].items() if told.get(name) == batches}
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        there = connection.execute(
            "select schema_name, table_name from duckdb_tables()"
            " union all select schema_name, view_name from duckdb_views()"
        ).fetchall()
    present = set(there)
    return sorted(
        name for name, node in made.items() if (node.schema, name) in present and _stays(node, same)
    )


def _fingerprint(made: dict[str, Lineage]) -> str:
    """Of what a manifest says of every model and seed."""
    nodes = sorted(
        (name, node.schema, node.materialized, *sorted(node.checksums), *sorted(node.datasets))
        for name, node in made.items()
    )
    return hashlib.sha256(json.dumps(nodes).encode()).hexdigest()


def _stays(node: Lineage, same: set[str]) -> bool:
    if node.materialized in ("seed", "view"):
        return True
    if (node.schema, node.materialized) != ("core", "table"):
        return False
    return bool(node.datasets) and node.datasets <= same
