"""What a build leaves as it is: only what surely comes out the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from yinling import unchanged
from yinling.settings import Settings


def model(name: str, *above: str, kind: str = "table", schema: str = "core") -> dict[str, Any]:
    return {
        "name": name,
        "resource_type": "seed" if kind == "seed" else "model",
        "schema": schema,
        "config": {"materialized": kind},
        "checksum": {"checksum": name},
        "depends_on": {"nodes": list(above)},
    }


@pytest.fixture
def built(tmp_path: Path) -> Settings:
    """A warehouse after a complete build on one batch of two datasets."""
    settings = Settings(home=tmp_path)
    for dataset in ("facility", "meal_order"):
        (settings.lake / dataset / f"{dataset}.440203.2026-09.0001").mkdir(parents=True)
    nodes = {
        "model.staged": model("staged", "source.lake.facility", kind="view", schema="staging"),
        "model.fct_house": model("fct_house", "model.staged"),
        "model.fct_meal": model("fct_meal", "source.lake.meal_order"),
        "model.both": model("both", "model.staged", "model.fct_meal"),
        "model.grows": model("grows", "source.lake.facility", kind="incremental"),
        "seed.calendar": model("calendar", kind="seed"),
        "seed.lost": model("lost", kind="seed"),
        "model.seeded": model("seeded", "seed.calendar"),
        "model.seen": model("seen", "model.staged", kind="view"),
        "model.gone": model("gone", "source.lake.facility"),
        "model.lead": model("lead", "source.lake.facility", schema="audit"),
    }
    target = settings.warehouse.parent / "dbt" / "target"
    target.mkdir(parents=True)
    (target / "manifest.json").write_text(json.dumps({"nodes": nodes}), "utf-8")
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create schema core; create schema staging")
        for name in ("fct_house", "fct_meal", "both", "grows", "seeded", "calendar"):
            connection.execute(f"create table core.{name} (one int)")
        connection.execute("create view core.seen as select 1 as one")
        connection.execute("create view staging.staged as select 1 as one")
    unchanged.remember(settings, unchanged.seen(settings))
    return settings


def left(settings: Settings) -> list[str]:
    return unchanged.names(settings, unchanged.seen(settings))


def test_what_has_no_news_stays(built: Settings) -> None:
    assert left(built) == ["both", "calendar", "fct_house", "fct_meal", "seen", "staged"]


def test_a_new_batch_concerns_all_that_is_made_from_it(built: Settings) -> None:
    (built.lake / "meal_order" / "meal_order.440203.2026-10.0002").mkdir()
    assert left(built) == ["calendar", "fct_house", "seen", "staged"]


def test_a_home_that_was_moved_is_built_whole(built: Settings) -> None:
    elsewhere = built.home.rename(built.home.with_name("elsewhere"))
    assert left(Settings(home=elsewhere)) == []


def test_another_project_is_built_whole(built: Settings) -> None:
    now = unchanged.seen(built)
    assert unchanged.names(built, {**now, "project": "another"}) == []


def test_another_project_s_manifest_is_not_trusted(built: Settings) -> None:
    # A changed project was read by dbt, and taken back before it was built.
    target = built.warehouse.parent / "dbt" / "target" / "manifest.json"
    nodes = {"model.fct_meal": model("fct_meal", "source.lake.facility")}
    target.write_text(json.dumps({"nodes": nodes}), "utf-8")
    assert left(built) == []


def test_without_what_the_last_build_left_all_is_built(built: Settings) -> None:
    built.warehouse.unlink()
    assert left(built) == []
