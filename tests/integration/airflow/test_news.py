"""Only what has news gets a process: the branch at the head of a landing DAG, run for real."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

FAMILY = "reference"
REGION = "region_code,valid_from,name,level\n440000000000,2000-01-01,广东省,province\n"


def deliver(home: Path) -> None:
    file = home / "inbox" / "region" / "region.csv"
    file.write_text(REGION, "utf-8")
    record = {
        "provider": "minzheng", "dataset": "region", "period": "2026-09", "mode": "full",
        "sequence": 1, "row_count": 1, "delivered_at": "2026-10-08T09:30:00",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }  # fmt: skip
    file.with_name("region.csv.control.json").write_text(json.dumps(record), "utf-8")


def states(dag_bag: DagBag, **params: str) -> dict[str, str]:
    """State of each task after a run of the landing DAG."""
    run = dag_bag.dags[f"land_{FAMILY}"].test(run_conf=params)
    return {task.task_id: str(task.state) for task in run.get_task_instances()}


def test_tasks_without_news_are_skipped(
    dag_bag: DagBag, yinling_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("YINLING_TOKEN_KEY", "YINLING_VAULT_KEY"):
        monkeypatch.setenv(name, "11" * 32)
    for dataset in ("region", "region_boundary"):
        (yinling_home / "inbox" / dataset).mkdir(parents=True)
    quiet = {"news": "success", "region": "skipped", "region_boundary": "skipped"}
    assert states(dag_bag) == {**quiet, "landed": "success"}
    deliver(yinling_home)
    assert states(dag_bag) == {**quiet, "region": "success", "landed": "success"}
    assert list((yinling_home / "lake" / "region").glob("region.minzheng.*"))
    # A source that cannot be asked is news: its own task says what is wrong.
    (yinling_home / "inbox" / "region_boundary").rmdir()
    found = states(dag_bag)
    assert (found["region"], found["region_boundary"]) == ("skipped", "failed")
