"""Who sees which rows, asked through the API as a program would: deny by default."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from superset_assets import access, runtime
from tests.e2e.superset.site import Site, rows, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

COUNTY = "360735000000"
PATH = ["province_code", "prefecture_code", "county_code"]


def assets(database: str) -> list[dict[str, Any]]:
    return [
        yaml.safe_load(file.read_text("utf-8"))
        for file in sorted((runtime.ASSETS_DIR / "datasets" / database).glob("*.yaml"))
    ]


def columns(dataset: dict[str, Any]) -> list[str]:
    return [column["column_name"] for column in dataset["columns"]]


@pytest.fixture(scope="module")
def ids(site: Site) -> dict[str, int]:
    return site.dataset_ids()


@pytest.fixture(scope="module")
def county(site: Site) -> Iterator[httpx.Client]:
    with site.api("shicheng") as client:
        yield client


@pytest.fixture(scope="module")
def placed() -> list[dict[str, Any]]:
    """The officials' datasets whose rows belong to a place."""
    without = access.load()["without_region"]
    return [dataset for dataset in assets("officials") if dataset["table_name"] not in without]


def test_a_county_official_sees_the_own_county_and_no_other(
    site: Site, ids: dict[str, int], county: httpx.Client, placed: list[dict[str, Any]]
) -> None:
    for dataset in placed:
        name = dataset["table_name"]
        status, found = rows(county, ids[name], columns(dataset))
        assert status == 200
        assert {row["county_code"] for row in found} == {COUNTY}, name
        for code in ("region_code", "member_code", "scope_code"):
            if code in columns(dataset):
                assert {row[code] for row in found} == {COUNTY}, name


def test_a_provincial_official_sees_the_province_and_no_other(
    site: Site, ids: dict[str, int], placed: list[dict[str, Any]]
) -> None:
    with site.api("guangdong") as client:
        for dataset in placed:
            _, found = rows(client, ids[dataset["table_name"]], columns(dataset))
            assert {row["province_code"] for row in found} == {"440000000000"}
        _, found = rows(client, ids["indicator_overview"], ["county_code"])
    assert len({row["county_code"] for row in found} - {None}) == 13


def test_a_filter_cannot_reach_another_county(ids: dict[str, int], county: httpx.Client) -> None:
    chosen = [{"col": "region_code", "op": "==", "val": "440203000000"}]
    assert rows(county, ids["indicator_overview"], ["value"], filters=chosen) == (200, [])


@pytest.mark.parametrize(
    "expression",
    [
        "(select max(value) from indicator_value)",
        "value) from indicator_value --",
        "(select content from read_text('/etc/passwd'))",
    ],
)
def test_sql_of_ones_own_is_refused(
    ids: dict[str, int], county: httpx.Client, expression: str
) -> None:
    metric = {"expressionType": "SQL", "sqlExpression": f"max({expression})", "label": "x"}
    status, found = rows(county, ids["indicator_overview"], [], metrics=[metric])
    assert status != 200 or not found


def test_a_where_clause_of_ones_own_cannot_escape(
    ids: dict[str, int], county: httpx.Client
) -> None:
    for clause in ("1 = 1) or (1 = 1", "1 = 1 or 1 = 1", "true or province_code is not null"):
        status, found = rows(
            county, ids["indicator_overview"], ["county_code"], extras={"where": clause}
        )
        assert status != 200 or {row["county_code"] for row in found} <= {COUNTY}


def test_officials_cannot_reach_what_auditors_read(site: Site, ids: dict[str, int]) -> None:
    for username in ("shicheng", "guangdong"):
        with site.api(username) as client:
            for dataset in assets("auditors"):
                status, _ = rows(client, ids[dataset["table_name"]], columns(dataset)[:1])
                assert status == 403
            listed = client.get("/api/v1/dashboard/").json()["result"]
            assert {board["slug"] for board in listed} == {"overview", "data-health"}


def test_officials_have_no_sql_lab_and_write_nothing(site: Site, ids: dict[str, int]) -> None:
    for username in ("shicheng", "guangdong", "auditor"):
        with site.api(username) as client:
            client.headers["X-CSRFToken"] = client.get("/api/v1/security/csrf_token/").json()[
                "result"
            ]
            client.headers["Referer"] = site.address
            sql = {"database_id": 1, "sql": "select 1", "runAsync": False}
            assert client.post("/api/v1/sqllab/execute/", json=sql).status_code == 403
            assert client.get("/api/v1/database/").status_code == 403
            assert client.get("/api/v1/rowlevelsecurity/").status_code == 403
            name = {"dashboard_title": "x"}
            assert client.post("/api/v1/dashboard/", json=name).status_code == 403
            mine = f"/api/v1/dataset/{ids['indicator_overview']}"
            assert client.put(mine, json={"sql": "select 1"}).status_code == 403


def test_nobody_without_a_login_sees_anything(site: Site, ids: dict[str, int]) -> None:
    with httpx.Client(base_url=site.address) as stranger:
        status, _ = rows(stranger, ids["indicator_overview"], ["value"])
        assert status in (401, 403)


def test_what_the_login_page_reports_cannot_undo_a_login(site: Site) -> None:
    with httpx.Client(base_url=site.address) as stranger:
        assert "session" in stranger.get("/login/").cookies
        answer = stranger.post("/superset/log/?explode=events", data={"events": "[]"})
    assert (answer.status_code, answer.headers.get("set-cookie")) == (204, None)


def test_a_user_without_a_region_sees_no_row(site: Site, ids: dict[str, int]) -> None:
    with site.api("engineer") as engineer:
        engineer.headers["X-CSRFToken"] = engineer.get("/api/v1/security/csrf_token/").json()[
            "result"
        ]
        engineer.headers["Referer"] = site.address
        roles = engineer.get("/api/v1/security/roles/", params={"q": "(page_size:100)"}).json()
        official = next(r["id"] for r in roles["result"] if r["name"] == "provincial_official")
        made = engineer.post(
            "/api/v1/security/users/",
            json={
                "username": "nowhere",
                "first_name": "无",
                "last_name": "地区",
                "email": "nowhere@localhost.invalid",
                "password": "Nowhere-2026",
                "active": True,
                "roles": [official],
            },
        )
        assert made.status_code == 201, made.text
    with site.api("nowhere", "Nowhere-2026") as client:
        for dataset in assets("officials"):
            found = rows(client, ids[dataset["table_name"]], columns(dataset)[:1])
            assert found == (200, []), dataset["table_name"]


def test_the_bootstrap_does_nothing_when_nothing_changed(site: Site) -> None:
    begin = time.monotonic()
    again = run(site.home, "bootstrap")
    assert again.returncode == 0 and "nothing changed" in again.stdout
    assert time.monotonic() - begin < 10
