"""Promises that every rule keeps: its words, its parameters, its tests, its shape."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contracts import load_contracts
from yinling.render import RenderError, model_names, rule_defaults
from yinling.settings import PROJECT_DIR

AUDIT = PROJECT_DIR / "dbt_project" / "models" / "audit"
RULES = {name: next(AUDIT.rglob(f"{name}.yml")) for name in model_names(AUDIT)}
COLUMNS = [
    "lead_key",
    "subject_kind",
    "subject_key",
    "subject_mask",
    "region_code",
    "programme_code",
    "month",
    "amount_low",
    "amount_point",
    "amount_high",
    "match_tier",
    "known_class",
    "role",
    "dataset",
    "batch_id",
    "row_no",
    "known_at",
    "fields",
]
WORDS = [
    "rule_version",
    "name_zh",
    "name_en",
    "family",
    "class",
    "severity",
    "logic_zh",
    "guards_zh",
    "legal_basis",
]


def declared(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(RULES[name].read_text("utf-8")))


def test_the_first_twelve_are_there() -> None:
    assert set(RULES) >= {
        *("l01", "l03", "l07", "d01", "d07", "d08"),
        *("e01", "f01", "h01", "h03", "n01", "u01"),
    }


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_what_it_is(name: str) -> None:
    (model,) = declared(name)["models"]
    meta = model["config"]["meta"]
    assert model["name"] == name == meta["rule_id"].lower()
    assert "rule" in model["config"]["tags"]
    assert all(meta[word] for word in WORDS)
    assert meta["class"] in "ABC"
    assert meta["severity"] in ("S1", "S2", "S3", "S4")
    assert meta["family"] == RULES[name].parent.name
    assert set(meta["feeds"]) <= set(load_contracts(PROJECT_DIR / "ingestion" / "contracts"))
    assert [column["name"] for column in model["columns"]] == COLUMNS


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_its_tests(name: str) -> None:
    tests = [test["name"].removeprefix(f"{name}_") for test in declared(name)["unit_tests"]]
    assert {"pass", "fail"} <= set(tests)
    assert any(test.startswith("boundary") for test in tests)
    assert sum(test.startswith("guard") for test in tests) >= 3
    assert all(test["model"] == name for test in declared(name)["unit_tests"])


@pytest.mark.parametrize("name", RULES)
def test_a_rule_uses_every_parameter_it_declares(name: str) -> None:
    sql = RULES[name].with_suffix(".sql").read_text("utf-8")
    for parameter in rule_defaults(AUDIT)[name]:
        assert re.search(rf"\b{parameter}\b", sql), parameter


@pytest.mark.parametrize("name", RULES)
def test_a_rule_opens_with_its_words(name: str) -> None:
    first = RULES[name].with_suffix(".sql").read_text("utf-8").splitlines()[0]
    meta = declared(name)["models"][0]["config"]["meta"]
    assert first == f"-- {meta['rule_id']} {meta['name_zh']}"


def test_a_rule_without_its_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "z99.sql").write_text("select 1", "utf-8")
    with pytest.raises(RenderError, match=r"z99\.yml beside it.*add-a-rule"):
        rule_defaults(tmp_path)
