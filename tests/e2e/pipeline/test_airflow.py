"""The same way under Airflow: the same release, green in its UI, quick when nothing is new."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.pipeline.conftest import Hub
from tests.e2e.superset.site import chromium
from yinling import airflow_server, demo
from yinling.airflow_server import Airflow
from yinling.settings import Settings, load_settings

pytestmark = pytest.mark.timeout(1_200)


@pytest.fixture(scope="module")
def walked(new_home: Callable[[str], Hub]) -> Iterator[tuple[Hub, Settings]]:
    """A home whose DAGs have run once; Airflow is still up."""
    hub = new_home("airflow")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in hub.env.items():
            patch.setenv(name, value)
        settings = load_settings()
        try:
            demo.pipeline(settings, demo.Clock())
            yield hub, settings
        finally:
            demo.servers_of(hub.home).stop(airflow_server.NAME)


def api(settings: Settings) -> Airflow:
    port = demo.servers_of(settings.home).port(airflow_server.NAME)
    assert port is not None
    return Airflow(port, airflow_server.password(settings))


def test_both_ways_give_the_same_release(walked: tuple[Hub, Settings], undisturbed: Hub) -> None:
    hub, _ = walked
    assert hub.release == undisturbed.release
    assert hub.content() == undisturbed.content()


def test_every_run_is_green_also_to_the_eye(walked: tuple[Hub, Settings]) -> None:
    _, settings = walked
    airflow = api(settings)
    assert {run["state"] for run in airflow.runs()} == {"success"}
    assert {run["dag_id"] for run in airflow.runs()} >= {"warehouse", "release", "land_subsidy"}
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1600})
        page.goto(airflow.address, wait_until="commit")
        page.fill("input[name=username]", airflow_server.USER)
        page.fill("input[name=password]", airflow_server.password(settings))
        page.click("button[type=submit]")
        expect(page.get_by_text("Assets", exact=True).first).to_be_visible(timeout=60_000)
        page.goto(f"{airflow.address}/dags/warehouse/runs", wait_until="commit")
        expect(page.get_by_text("success", exact=False).first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("failed")).to_have_count(0)


def test_again_nothing_is_built_and_a_month_can_be_filled_in(walked: tuple[Hub, Settings]) -> None:
    hub, settings = walked
    airflow, before = api(settings), hub.release
    demo.pipeline(settings, demo.Clock())
    newest = airflow.runs("warehouse")[0]
    states = {t["task_id"]: t["state"] for t in airflow.tasks("warehouse", newest["dag_run_id"])}
    assert states["build"] == "skipped"
    assert hub.release == before

    # Backfill: the payments from September on come in again, as a new version.
    known = {b["batch_id"] for b in json.loads(hub.yinling("status", "--json").stdout)}
    run = airflow.trigger("land_subsidy", period="2026-09")
    airflow.wait(
        lambda: (
            next(r for r in airflow.runs("land_subsidy") if r["dag_run_id"] == run)["state"]
            in ("success", "failed")
        ),
        "land_subsidy",
        300,
    )
    batches = json.loads(hub.yinling("status", "--json").stdout)
    (added,) = [b for b in batches if b["batch_id"] not in known]
    assert added["dataset"] == "subsidy_payment"
    assert added["mode"] == "increment"
    assert added["rows_read"] > 0
