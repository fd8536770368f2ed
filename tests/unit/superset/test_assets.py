"""The asset files fit together, fit the published interface, and speak Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from superset_assets import access, runtime
from tests.support.published import build_release

ASSETS = runtime.ASSETS_DIR
ENGLISH = re.compile(r"[A-Za-z]{3,}")
# Words that are the same in every language of an office.
ALLOWED = {"CSV", "Excel", "PDF"}


@cache
def load(folder: str) -> dict[str, dict[str, Any]]:
    """uuid → asset of one folder; `file` is the path inside the assets."""
    found = {}
    for file in sorted((ASSETS / folder).rglob("*.yaml")):
        asset = yaml.safe_load(file.read_text("utf-8"))
        assert asset["uuid"] not in found, f"{file}: uuid used twice"
        found[asset["uuid"]] = {**asset, "file": file.relative_to(ASSETS).as_posix()}
    return found


def datasets() -> list[dict[str, Any]]:
    return list(load("datasets").values())


def name(asset: dict[str, Any]) -> str:
    return Path(asset["file"]).stem


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_release(tmp_path_factory.mktemp("home"))


def columns_used(chart: dict[str, Any]) -> Iterator[str]:
    """Every column of its dataset that a chart names."""
    params = chart["params"]
    yield from params.get("all_columns", [])
    groups = params.get("groupby", [])
    yield from [groups] if isinstance(groups, str) else groups  # a heat map has one
    yield from (part for key in ("x_axis", "line_column") if (part := params.get(key)))
    yield from (yaml.safe_load(order)[0] for order in params.get("order_by_cols", []))
    for metric in [*params.get("metrics", []), *([params["metric"]] if "metric" in params else [])]:
        if metric["expressionType"] == "SIMPLE":
            yield metric["column"]["column_name"]
    yield from (part["column_name"] for part in params.get("tooltip_contents", []))


def texts(value: Any, keys: frozenset[str]) -> Iterator[str]:
    """Every text that stands under one of the keys, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in keys and isinstance(inner, str):
                yield inner
            yield from texts(inner, keys)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, keys)


@pytest.mark.parametrize("dataset", datasets(), ids=name)
def test_a_dataset_gives_the_columns_it_declares(dataset: dict[str, Any], release: Path) -> None:
    database = load("databases")[dataset["database_uuid"]]["database_name"]
    with duckdb.connect(str(release / f"{database}.duckdb"), read_only=True) as connection:
        given = connection.execute(f"describe {dataset['sql']}").fetchall()
        rows = connection.execute(f"select count(*) from ({dataset['sql']}) as t").fetchone()
    declared = {column["column_name"]: column["type"] for column in dataset["columns"]}
    assert {column[0]: column[1] for column in given} == declared
    assert rows is not None and rows[0] > 0


@pytest.mark.parametrize("dataset", datasets(), ids=name)
def test_a_dataset_is_named_as_its_file(dataset: dict[str, Any]) -> None:
    assert dataset["table_name"] == name(dataset)


def test_no_dataset_is_named_as_a_published_table(release: Path) -> None:
    """Superset would put the dataset's row rule inside its own SQL, where the columns are not."""
    for database in load("databases").values():
        file = release / f"{database['database_name']}.duckdb"
        with duckdb.connect(str(file), read_only=True) as connection:
            tables = {table for (table,) in connection.execute("show tables").fetchall()}
        assert tables and not tables & {dataset["table_name"] for dataset in datasets()}


@pytest.mark.parametrize("dataset", datasets(), ids=name)
def test_row_security_can_tell_the_region_of_every_dataset(dataset: dict[str, Any]) -> None:
    columns = {column["column_name"] for column in dataset["columns"]}
    needed = {"province_code", "prefecture_code", "county_code"}
    if dataset["table_name"] in access.load()["without_region"]:
        assert not columns & (needed | {"region_code", "member_code"})
    else:
        assert needed <= columns


@pytest.mark.parametrize("chart", list(load("charts").values()), ids=name)
def test_a_chart_names_columns_of_its_dataset(chart: dict[str, Any]) -> None:
    dataset = load("datasets")[chart["dataset_uuid"]]
    declared = {column["column_name"] for column in dataset["columns"]}
    assert set(columns_used(chart)) <= declared
    assert chart["params"]["viz_type"] == chart["viz_type"]


@pytest.mark.parametrize("board", list(load("dashboards").values()), ids=name)
def test_a_dashboard_shows_charts_that_exist(board: dict[str, Any]) -> None:
    position = board["position"]
    shown = {k: v for k, v in position.items() if isinstance(v, dict) and v["type"] == "CHART"}
    numbers = [part["meta"]["chartId"] for part in shown.values()]
    assert len(numbers) == len(set(numbers))
    for part in shown.values():
        chart = load("charts")[part["meta"]["uuid"]]
        assert part["meta"]["sliceName"] == chart["slice_name"]
    for key, part in position.items():
        for child in part.get("children", []) if isinstance(part, dict) else []:
            assert position[child]["parents"][-1] == key
    metadata = board["metadata"]
    for each in metadata["native_filter_configuration"]:
        assert set(each["scope"]["excluded"]) <= set(numbers)
        for target in each["targets"]:
            dataset = load("datasets")[target["datasetUuid"]]
            assert target["column"]["name"] in {c["column_name"] for c in dataset["columns"]}
    for number, own in metadata["chart_configuration"].items():
        assert int(number) in numbers
        assert set(own["crossFilters"]["scope"]["excluded"]) <= set(numbers)


def test_every_chart_is_shown() -> None:
    shown = {
        part["meta"]["uuid"]
        for board in load("dashboards").values()
        for part in board["position"].values()
        if isinstance(part, dict) and part["type"] == "CHART"
    }
    assert shown == set(load("charts"))


def test_titles_columns_and_filters_are_chinese() -> None:
    keys = frozenset(
        {
            "slice_name",
            "dashboard_title",
            "verbose_name",
            "description",
            "text",
            "name",
            "sliceName",
        }
    )
    said = [
        text
        for folder in ("datasets", "charts", "dashboards")
        for asset in load(folder).values()
        for text in texts(
            {**asset, "targets": None} if folder != "dashboards" else _without_targets(asset), keys
        )
    ]
    assert said
    for text in said:
        assert not set(ENGLISH.findall(text)) - ALLOWED, text


def _without_targets(board: dict[str, Any]) -> dict[str, Any]:
    """A dashboard without its filters' targets, which name columns, not titles."""
    filters = [
        {key: value for key, value in each.items() if key != "targets"}
        for each in board["metadata"]["native_filter_configuration"]
    ]
    return {**board, "metadata": {**board["metadata"], "native_filter_configuration": filters}}


def test_templates_speak_chinese() -> None:
    for chart in load("charts").values():
        template = chart["params"].get("handlebarsTemplate", "")
        plain = re.sub(r"\{\{.*?\}\}|<[^>]*>", " ", template)
        # What is left of a path's drawing commands are single letters.
        assert not ENGLISH.findall(plain), chart["file"]
        # A blank line ends an HTML block of Markdown: the rest would be shown as text.
        assert "\n\n" not in template


def test_no_title_names_a_place() -> None:
    for board in load("dashboards").values():
        for text in texts(board, frozenset({"dashboard_title", "text", "sliceName"})):
            assert "全省" not in text and "全市" not in text


def test_assets_hold_no_address() -> None:
    for file in ASSETS.rglob("*.yaml"):
        assert "://" not in re.sub(r"duckdb:///\w+|tile:///yinling/", "", file.read_text("utf-8"))


def test_databases_are_read_only_and_closed() -> None:
    for database in load("databases").values():
        arguments = database["extra"]["engine_params"]["connect_args"]
        assert arguments["read_only"] is True
        assert arguments["config"]["enable_external_access"] is False
        assert arguments["config"]["lock_configuration"] is True
        assert not database["allow_dml"] and not database["expose_in_sqllab"]


def test_colours_are_never_red_against_green() -> None:
    """Every colour of our own styles: blue, amber, grey; neither strong red nor strong green."""
    for file in ASSETS.rglob("*.yaml"):
        for code in re.findall(r"#([0-9a-f]{6})\b", file.read_text("utf-8")):
            red, green, blue = (int(code[at : at + 2], 16) for at in (0, 2, 4))
            assert not (green > red + 30 and green > blue + 30), code
            assert not (red > 160 and green < 70 and blue < 70), code
