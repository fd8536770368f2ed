"""What each model is made from, as dbt's manifest of the last build tells it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from yinling.render import BY_CONSTRUCTION
from yinling.settings import Settings

_COLUMN = re.compile(r"^[a-z][a-z0-9_]*$")  # a grain told in words only cannot be checked


@dataclass(frozen=True)
class Lineage:
    """One model or seed: where it stands, and what is above it.

    Attributes:
        checksums: of its SQL and of all models above it.
        datasets: of the lake, from which it comes.
        grain: columns that together tell its rows apart, from `meta.grain` or the primary_key
            constraint. Empty where the model's own form guarantees it, given the grain of what it
            is made from: such a test is tagged, and belongs to the test suite.
    """

    schema: str
    materialized: str
    checksums: frozenset[str]
    datasets: frozenset[str]
    grain: tuple[str, ...]


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

    guaranteed = set(_by_construction(nodes.values()))
    return {
        node["name"]: Lineage(
            node["schema"],
            node["config"]["materialized"],
            *climb(key),
            () if key in guaranteed else _grain(node),
        )
        for key, node in nodes.items()
        if node["resource_type"] in ("model", "seed")
    }


def _by_construction(nodes: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for node in nodes:
        test = node.get("test_metadata") or {}
        if test.get("name") == "unique_grain" and BY_CONSTRUCTION in node["tags"]:
            yield node["attached_node"]


def _grain(node: Mapping[str, Any]) -> tuple[str, ...]:
    declared = node["config"].get("meta", {}).get("grain")
    if isinstance(declared, list) and all(_COLUMN.match(str(column)) for column in declared):
        return tuple(declared)
    for constraint in node.get("constraints", ()):
        if constraint["type"] == "primary_key":
            return tuple(constraint["columns"])
    return ()
