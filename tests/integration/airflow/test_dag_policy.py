"""What every DAG must have, and that the files hold no logic."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingestion.contracts import FAMILIES, load_contracts

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).resolve().parents[3]
DAGS = ROOT / "dags"
WRITERS = {("warehouse", "build"), ("release", "publish"), ("maintenance", "maintain")}


def test_every_file_is_read_without_error(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == {path.stem for path in DAGS.glob("*.py")}


def test_every_family_of_feeds_has_its_dag_and_every_dataset_its_task(dag_bag: DagBag) -> None:
    assert {f"land_{name}" for name in FAMILIES} == {
        n for n in dag_bag.dags if n.startswith("land_")
    }
    for name, contract in load_contracts(ROOT / "ingestion" / "contracts").items():
        task = dag_bag.dags[f"land_{contract.family}"].get_task(name)
        assert task.owner == contract.owner
        assert [asset.name for asset in task.outlets] == [f"lake/{name}"]


def test_tags_docs_catchup_and_one_run_at_a_time(dag_bag: DagBag) -> None:
    for dag in dag_bag.dags.values():
        assert dag.tags, dag.dag_id
        assert dag.catchup is False, dag.dag_id
        assert dag.max_active_runs == 1, dag.dag_id
        assert dag.doc_md, dag.dag_id
        assert re.search(r"[a-z]{4}", dag.doc_md), f"{dag.dag_id}: English"
        assert re.search(r"[一-鿿]{4}", dag.doc_md), f"{dag.dag_id}: Chinese"
        assert str(dag.timezone) == "Asia/Shanghai", dag.dag_id


def test_every_task_has_owner_retries_with_back_off_time_out_and_alert(dag_bag: DagBag) -> None:
    from yinling.alerts import on_failure

    for dag in dag_bag.dags.values():
        for task in dag.tasks:
            name = f"{dag.dag_id}.{task.task_id}"
            assert task.owner not in ("", "airflow"), name
            assert task.retries >= 1, name
            assert task.retry_exponential_backoff, name
            assert task.execution_timeout is not None, name
            assert on_failure in task.on_failure_callback, name


def test_only_writers_take_the_one_slot(dag_bag: DagBag) -> None:
    found = {
        (dag.dag_id, task.task_id)
        for dag in dag_bag.dags.values()
        for task in dag.tasks
        if task.pool == "warehouse_writer"
    }
    assert found == WRITERS
    assert json.loads((DAGS / "pools.json").read_text("utf-8"))["warehouse_writer"]["slots"] == 1


def test_the_warehouse_waits_for_all_families(dag_bag: DagBag) -> None:
    condition = dag_bag.dags["warehouse"].timetable.asset_condition
    assert {asset.name for asset in condition.objects} == {f"landed/{name}" for name in FAMILIES}


def test_what_is_said_on_the_way_is_no_part_of_a_result(
    yinling_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from yinling.orchestration import command

    warning = "a library warns: {'old': 1}"
    code = f"import sys\nprint({warning!r}, file=sys.stderr)\n"
    (tmp_path / "sitecustomize.py").write_text(code, "utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    assert command("current") == {"up_to_date": False}
    assert warning in capfd.readouterr().out  # the task's log has it
    with pytest.raises(Exception, match="No source or contract: nothing_like_it"):
        command("news", "nothing_like_it")


def test_files_are_thin() -> None:
    """A docstring, one import from our own module, one call: no logic to test."""
    for path in DAGS.glob("*.py"):
        body = ast.parse(path.read_text("utf-8")).body
        kinds = [type(node).__name__ for node in body]
        assert kinds == ["Expr", "ImportFrom", "Assign"], path.name
        assert isinstance(body[2].value, ast.Call), path.name  # type: ignore[attr-defined]


def test_the_readme_is_the_timetable(dag_bag: DagBag) -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*)\|", (DAGS / "README.md").read_text("utf-8"), re.M)
    assert {name for name, _ in rows} == set(dag_bag.dags)
    for name, starts in rows:
        timetable = dag_bag.dags[name].timetable
        clock = getattr(timetable, "timetable", timetable)
        assert re.findall(r"`([^`]+)`", starts) == [
            expression for expression in [getattr(clock, "expression", None)] if expression
        ]
