"""What a model is made from and what tells its rows apart, as dbt's manifest tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from yinling.lineage import lineage
from yinling.settings import Settings


def node(name: str, *above: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "resource_type": "model",
        "schema": "core",
        "checksum": {"checksum": "1"},
        "depends_on": {"nodes": above},
        "config": {"materialized": "table", "meta": more.pop("meta", {})},
        **more,
    }


def test_grain_and_datasets_come_from_the_manifest(tmp_path: Path) -> None:
    key = {"type": "primary_key", "columns": ["region_code", "month"]}
    guaranteed = {
        "resource_type": "test",
        "test_metadata": {"name": "unique_grain"},
        "tags": ["by_construction"],
        "attached_node": "model.y.fct_visit",
    }
    nodes = {
        "model.y.stg_visit": node("stg_visit", "source.y.lake.home_visit", schema="staging"),
        "model.y.int_visit": node("int_visit", "model.y.stg_visit", meta={"grain": ["visit_no"]}),
        "model.y.fct_visit": node("fct_visit", "model.y.int_visit", meta={"grain": ["visit_no"]}),
        "model.y.rate": node("rate", "model.y.fct_visit", constraints=[key]),
        "model.y.words": node("words", meta={"grain": ["one row a day"]}),
        "test.y.fct_visit": guaranteed,
    }
    settings = Settings(home=tmp_path)
    file = settings.warehouse.parent / "dbt" / "target" / "manifest.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"nodes": nodes}), "utf-8")
    found = lineage(settings)
    assert {name: model.grain for name, model in found.items()} == {
        "stg_visit": (),
        "int_visit": ("visit_no",),
        "fct_visit": (),  # its form guarantees it
        "rate": ("region_code", "month"),
        "words": (),  # told in words, which nobody can check
    }
    assert found["rate"].datasets == {"home_visit"}
    assert found["rate"].schema == "core"


def test_before_the_first_build_nothing_is_known(tmp_path: Path) -> None:
    assert lineage(Settings(home=tmp_path)) == {}
