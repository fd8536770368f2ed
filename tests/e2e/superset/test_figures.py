"""Every figure that a chart gets is DuckDB's, to the last digit; also right after a new release."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from typing import Any

import duckdb
import httpx
import pytest
import yaml

from superset_assets import runtime
from tests.e2e.superset.site import Site, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_every_indicator_value_is_duckdbs(site: Site) -> None:
    ids = site.dataset_ids()
    wanted = ["indicator_id", "region_code", "month", "numerator", "denominator", "value"]
    with site.api("engineer") as client:
        _, found = rows(client, ids["indicator_overview"], wanted)
    truth = site.query(
        "officials",
        "select indicator_id, region_code, strftime(period_end, '%Y-%m'), numerator, denominator,"
        " value from indicator_value where period_kind = 'month'",
    )
    assert len(found) == len(truth) == 12 * 24 * 35
    shown = {(row["indicator_id"], row["region_code"], row["month"]): row for row in found}
    for indicator, region, month, numerator, denominator, value in truth:
        row = shown[indicator, region, month]
        for key, exact in (
            ("numerator", numerator),
            ("denominator", denominator),
            ("value", value),
        ):
            given = row[key]
            assert (given is None) == (exact is None), (row, key)
            if exact is not None:
                assert Decimal(str(given)) == exact, (row, key)


def test_every_dataset_gives_what_its_sql_gives(site: Site) -> None:
    """All cells of all datasets: what Superset answers against what DuckDB answers."""
    ids = site.dataset_ids()
    with site.api("engineer") as client:
        for file in sorted((runtime.ASSETS_DIR / "datasets").rglob("*.yaml")):
            dataset = yaml.safe_load(file.read_text("utf-8"))
            columns = [
                column["column_name"] for column in dataset["columns"] if not column["is_dttm"]
            ]
            status, found = rows(client, ids[dataset["table_name"]], columns)
            assert status == 200, file.name
            truth = site.query(
                file.parent.name, f"select {', '.join(columns)} from ({dataset['sql']}) as t"
            )
            given = sorted(tuple(_plain(row[column]) for column in columns) for row in found)
            assert given == sorted(tuple(_plain(cell) for cell in row) for row in truth), file.name


def _plain(cell: Any) -> str:
    """One text for one value, however it travelled: 5.90, 5.9 and Decimal('5.9000') are equal."""
    if isinstance(cell, bool) or cell is None:
        return str(cell)
    if isinstance(cell, int | float | Decimal):
        return format(Decimal(str(cell)).normalize(), "f")
    return str(cell)


def test_exposure_is_the_union_not_the_sum_of_the_leads(site: Site) -> None:
    ids = site.dataset_ids()
    metric = {
        "expressionType": "SIMPLE",
        "column": {"column_name": "amount_point"},
        "aggregate": "SUM",
        "label": "sum",
    }
    with site.api("auditor") as client:
        _, found = rows(client, ids["exposure_by_place"], ["side_text"], metrics=[metric])
    (truth,) = site.query("auditors", "select sum(amount_point) from exposure")
    assert sum(Decimal(str(row["sum"])) for row in found) == truth[0]


def test_a_new_release_is_seen_at_once(site: Site) -> None:
    ids = site.dataset_ids()
    releases = site.home / "releases"
    old = (releases / "current").resolve()
    new = releases / "20261130-n3w0000000"
    chosen = [
        {"col": "indicator_id", "op": "==", "val": "elder_care_bed_total"},
        {"col": "region_code", "op": "==", "val": "440000000000"},
        {"col": "month", "op": "==", "val": "2026-10"},
    ]
    with site.api("guangdong") as client:
        _, before = rows(client, ids["indicator_overview"], ["value"], filters=chosen)
        assert rows(client, ids["indicator_overview"], ["value"], filters=chosen)[1] == before
        shutil.copytree(old, new)
        with duckdb.connect(str(new / "officials.duckdb")) as connection:
            connection.execute("update indicator_value set value = 4711 where value is not null")
        pointer = releases / "next"
        pointer.symlink_to(new.name)
        pointer.replace(releases / "current")
        try:
            _, after = rows(client, ids["indicator_overview"], ["value"], filters=chosen)
            assert after == [{"value": 4711.0}] != before
        finally:
            pointer.symlink_to(old.name)
            pointer.replace(releases / "current")
        assert rows(client, ids["indicator_overview"], ["value"], filters=chosen)[1] == before


def test_before_the_first_release_the_page_says_so(site: Site) -> None:
    pointer = site.home / "releases" / "current"
    release = pointer.readlink()
    with httpx.Client(base_url=site.address, follow_redirects=True) as visitor:
        page = visitor.get("/login/")
        token = re.search(r'csrf_token[^>]*value="([^"]+)"', page.text)
        form = {"username": "guangdong", "password": site.passwords["guangdong"]}
        if token:
            form["csrf_token"] = token[1]
        pointer.unlink()
        try:
            answer = visitor.post("/login/", data=form)
            assert answer.status_code == 503
            assert "还没有发布数据" in answer.text
        finally:
            pointer.symlink_to(release)
