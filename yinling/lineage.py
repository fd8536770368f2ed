"""What each model is made from, as dbt's manifest of the last build tells it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from yinling.settings import Settings


@dataclass(frozen=True)
class Lineage:
    """One model or seed: where it stands, and what is above it.

    Attributes:
        checksums: of its SQL and of all models above it.
        datasets: of the lake, from which it comes.
    """

    schema: str
    materialized: str
    checksums: frozenset[str]
    datasets: frozenset[str]


def lineage(settings: Settings) -> dict[str, Lineage]:
    """Name of model or seed → what it is made from; empty before the first build."""
    file = settings.warehouse.parent / "dbt" / "target" / "manifest.json"
    if not file.exists():
        return {}
    nodes: dict[str, Any] = json.loads(file.read_text("utf-8"))["nodes"]

    @cache
    def climb(key: str) -> tuple[frozenset[str], frozenset[str]]:
        if key.startswith("source."):
            return frozenset(), frozenset({key.rpartition(".")[2]})
        node = nodes.get(key)
        if node is None:
            return frozenset(), frozenset()
        above = [climb(parent) for parent in node["depends_on"].get("nodes", ())]
        sums = {f"{key}:{node['checksum']['checksum']}"}.union(*(sums for sums, _ in above))
        return frozenset(sums), frozenset().union(*(sets for _, sets in above))

    return {
        node["name"]: Lineage(node["schema"], node["config"]["materialized"], *climb(key))
        for key, node in nodes.items()
        if node["resource_type"] in ("model", "seed")
    }
