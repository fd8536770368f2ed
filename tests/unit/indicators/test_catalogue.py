"""Every indicator is one SQL and one YAML that say all a reader needs, and say it consistently."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from yinling.settings import PROJECT_DIR

FOLDER = PROJECT_DIR / "dbt_project" / "models" / "indicators"
FILES = sorted(p for p in FOLDER.rglob("*.sql") if not p.stem.startswith("int_"))
THEMES = {
    "population",
    "facility",
    "home_service",
    "medical_care",
    "workforce",
    "subsidy",
    "fund",
    "supply_demand",
}
REGIONS = {
    "shaoguan": "440200000000",
    "zhuhai": "440400000000",
    "sichuan": "510000000000",
    "yanzhou": "370812000000",
    "shicheng": "360735000000",
}
WORDS = [
    "name_zh",
    "name_en",
    "definition_zh",
    "numerator_zh",
    "usable_for_zh",
    "not_for_zh",
    "office_zh",
]
SCALE = {"%": 100, "人/千名": 1000, "张": 1, "户": 1, "个": 1, "家": 1}


def declared(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.with_suffix(".yml").read_text("utf-8")))


def meta(path: Path) -> dict[str, Any]:
    (model,) = declared(path)["models"]
    return dict(model["config"]["meta"])


def targets(indicator: str) -> list[dict[str, Any]]:
    (path,) = [p for p in FILES if p.stem == indicator]
    return list(meta(path)["targets"])


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_an_indicator_explains_itself(path: Path) -> None:
    document = declared(path)
    (model,) = document["models"]
    said = model["config"]["meta"]
    assert model["name"] == path.stem
    assert model["config"]["tags"] == ["indicator"]
    assert path.parent.name == said["theme"] and said["theme"] in THEMES
    assert all(said[word] for word in WORDS)
    assert said["direction"] in {"up", "down", "none"}
    assert said["value_kind"] in {"computed", "declared"}
    assert said["multiplier"] == SCALE[said["unit"]]
    assert (said["denominator_zh"] is None) == (said["multiplier"] == 1)
    assert said["definition"]["version"] and said["definition"]["valid_from"]
    assert {test["model"] for test in document["unit_tests"]} == {path.stem}


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_its_feeds_have_contracts_and_date_it(path: Path) -> None:
    feeds = set(meta(path)["feeds"])
    contracts = {p.stem for p in (PROJECT_DIR / "ingestion" / "contracts").glob("*.yaml")}
    dated = re.search(r"dated_by=\[([^\]]+)\]", path.read_text("utf-8"))
    assert feeds <= contracts
    assert dated and set(re.findall(r"'(\w+)'", dated.group(1))) <= feeds


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_its_targets_name_document_region_and_clause(path: Path) -> None:
    for target in meta(path).get("targets", []):
        assert target["region_code"] == REGIONS[target["document"]]
        assert target["direction"] in {"at_least", "at_most", "equal", "increase"}
        assert target["kind"] in {"binding", "expected", "task", "standard"}
        assert target["clause"]
        assert isinstance(target["is_baseline"], bool)
        # Only a wish in words, or a baseline that the document leaves open, has no number.
        if target["target_value"] is None:
            assert target["direction"] == "increase" or target["is_baseline"]


def test_contradicting_targets_stand_side_by_side() -> None:
    workers = [
        target["target_value"]
        for target in targets("social_workers_per_1000_elders")
        if target["document"] == "shicheng" and target["year"] == 2025
    ]
    visits = [
        target["year"]
        for target in targets("monthly_visit_rate")
        if target["document"] == "shicheng" and target["target_value"] == 100
    ]
    assert sorted(workers) == [1, 2]
    assert sorted(visits) == [2022, 2025]


def test_each_document_has_targets() -> None:
    found = {target["document"] for path in FILES for target in meta(path).get("targets", [])}
    assert found == set(REGIONS)
