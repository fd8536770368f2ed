"""Promises that every model of the foundation keeps: grain, key test, words, length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from yinling.settings import PROJECT_DIR

MODELS = PROJECT_DIR / "dbt_project" / "models"
SQL = [
    path
    for room in ("staging", "core", "health")
    for path in sorted((MODELS / room).rglob("*.sql"))
]


def declared(path: Path) -> dict[str, Any]:
    (model,) = yaml.safe_load(path.with_suffix(".yml").read_text("utf-8"))["models"]
    return dict(model)


@pytest.mark.parametrize("path", SQL, ids=[path.stem for path in SQL])
def test_a_model_says_what_it_is(path: Path) -> None:
    model = declared(path)
    names = [column["name"] for column in model["columns"]]
    grain = model["config"]["meta"]["grain"]
    assert model["name"] == path.stem
    assert model["description"]
    assert all(column["description"] and column["data_type"] for column in model["columns"])
    assert len(names) == len(set(names))
    assert set(grain) <= set(names)
    tested = [test["unique_grain"]["arguments"]["columns"] for test in model["data_tests"]]
    assert tested == [grain]


@pytest.mark.parametrize("path", SQL, ids=[path.stem for path in SQL])
def test_a_model_is_short_and_ends_in_final(path: Path) -> None:
    lines = path.read_text("utf-8").rstrip().splitlines()
    assert len(lines) <= 120
    assert lines[-1] == "select * from final" or lines[-1].startswith(
        ("{{ stage(", "{{ typed_rows(")
    )
