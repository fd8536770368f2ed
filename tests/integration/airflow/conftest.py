"""One Airflow home for all tests here: SQLite, migrated once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).resolve().parents[3]
# Airflow reads its settings when it is first imported, so they stand here before any test does.
_FOLDER = tempfile.TemporaryDirectory(prefix="yinling-airflow-")
HOME = Path(_FOLDER.name)
os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow/airflow.db",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
)


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """The metadata database, made once."""
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def yinling_home() -> Iterator[Path]:
    """A home whose settings name a folder source for every contract."""
    home = HOME / "yinling"
    home.mkdir()
    contracts = sorted(path.stem for path in (ROOT / "ingestion" / "contracts").glob("*.yaml"))
    blocks = [
        f'[sources.{name}]\nconnector = "folder"\npath = "{home}/inbox/{name}"\n'
        for name in contracts
    ]
    head = 'synthetic = true\n[orchestration]\ndbt_tasks = "one"\nretries = 1\nretry_seconds = 1\n'
    (home / "yinling.toml").write_text(head + "".join(blocks), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YINLING_HOME", str(home))
        yield home


@pytest.fixture(scope="session")
def dag_bag(airflow_database: None, yinling_home: Path) -> DagBag:
    """Every DAG, as the DAG processor reads them."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))
