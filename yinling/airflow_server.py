"""Airflow for one machine: SQLite, LocalExecutor, one API worker. For the demo and the tests."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from yinling.processes import ServerError, Servers, free_port
from yinling.settings import PROJECT_DIR, Settings

NAME = "airflow"
USER = "engineer"
WANTED_PORT = 8080
START_SECONDS = 180
POOLS = PROJECT_DIR / "dags" / "pools.json"
MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


def environment(settings: Settings, port: int, base: Mapping[str, str]) -> dict[str, str]:
    """Everything Airflow needs to know, on top of `base`."""
    home = settings.home / "airflow"
    bin_dir = Path(sys.executable).parent
    address = f"http://127.0.0.1:{port}"
    chosen = {
        "CORE__DAGS_FOLDER": PROJECT_DIR / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 2,
        "CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__AUTH_MANAGER": MANAGER,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__FERNET_KEY": "",
        "API__BASE_URL": address,
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__WORKERS": 1,
        "API__EXPOSE_CONFIG": False,
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 600,
        "DAG_PROCESSOR__REFRESH_INTERVAL": 600,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.5,
        "LOGGING__BASE_LOG_FOLDER": home / "logs",
        "USAGE_DATA_COLLECTION__ENABLED": False,
        "COSMOS__ENABLE_TELEMETRY": False,
    }
    return {
        **base,
        "YINLING_HOME": str(settings.home),
        "AIRFLOW_HOME": str(home),
        "PATH": f"{bin_dir}{os.pathsep}{base.get('PATH', os.defpath)}",
        "PYTHONPATH": str(PROJECT_DIR),
        **{f"AIRFLOW__{key}": str(value) for key, value in chosen.items()},
        # Secrets of this home folder, made once.
        **_secrets(home),
    }


def _secrets(home: Path) -> dict[str, str]:
    """Keys that all of Airflow's processes must share."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = home / "secrets.json"
    if not file.exists():
        names = ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")
        _private(file, json.dumps({name: secrets.token_urlsafe(32) for name in names}))
    return dict(json.loads(file.read_text("utf-8")))


def _private(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as handle:
        handle.write(text)


def password(settings: Settings) -> str:
    """The password of Airflow's one user, made once for this home folder."""
    file = settings.home / "airflow" / "passwords.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _private(file, json.dumps({USER: secrets.token_urlsafe(9)}))
    return str(json.loads(file.read_text("utf-8"))[USER])


def start(settings: Settings, servers: Servers, base: Mapping[str, str]) -> int:
    """Start Airflow unless it runs; returns its port.

    Raises:
        ServerError: its database cannot be made, or it did not come up.
    """
    if (running := servers.port(NAME)) is not None:
        return running
    port = free_port(WANTED_PORT)
    env = environment(settings, port, base)
    # Logs are read from disk on one machine, but Airflow serves them as well: on ports of its own.
    env["AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"] = str(free_port(8793))
    env["AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT"] = str(free_port(8893))
    password(settings)
    servers.start(NAME, [sys.executable, "-m", "airflow", "standalone"], env, port)
    servers.wait(NAME, lambda: healthy(port), START_SECONDS)
    return port


def healthy(port: int) -> bool:
    """Whether the API answers and the scheduler and the DAG processor have reported."""
    try:
        parts = httpx.get(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(
        (parts.get(name) or {}).get("status") == "healthy"
        for name in ("metadatabase", "scheduler", "dag_processor")
    )


class Airflow:
    """Airflow's REST API, as far as the demo needs it."""

    def __init__(self, port: int, secret: str) -> None:
        self.address = f"http://127.0.0.1:{port}"
        answer = httpx.post(
            f"{self.address}/auth/token", json={"username": USER, "password": secret}, timeout=30
        )
        answer.raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        self.client = httpx.Client(base_url=f"{self.address}/api/v2", headers=headers, timeout=60)

    def call(self, method: str, path: str, **more: Any) -> Any:
        """One request; the answer's JSON.

        Raises:
            ServerError: Airflow refuses or does not answer.
        """
        try:
            answer = self.client.request(method, path, **more)
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            detail = error.response.text[:300]
            raise ServerError(f"Airflow refused {method} {path}: {detail}") from error
        except httpx.HTTPError as error:
            raise ServerError(f"Airflow did not answer {method} {path}: {error}") from error
        return answer.json() if answer.content else {}

    def prepare(self) -> None:
        """Make the pools that `dags/pools.json` names, and wait until every DAG file is read.

        Raises:
            ServerError: a DAG file cannot be read, or not all were read in time.
        """
        known = {pool["name"] for pool in self.call("GET", "/pools")["pools"]}
        for name, pool in json.loads(POOLS.read_text("utf-8")).items():
            if name not in known:
                self.call("POST", "/pools", json={"name": name, **pool})
        wanted = {path.stem for path in POOLS.parent.glob("*.py")}

        def read() -> bool:
            if errors := self.import_errors():
                raise ServerError("Airflow cannot read these DAG files:\n" + "\n".join(errors))
            return wanted <= set(self.dags())

        self.wait(read, "Reading the DAG files", START_SECONDS)

    def dags(self) -> dict[str, str]:
        """DAG id → its next scheduled run; DAGs that the processor has read."""
        found = self.call("GET", "/dags", params={"limit": 100})["dags"]
        return {dag["dag_id"]: dag.get("next_dagrun_logical_date") or "" for dag in found}

    def import_errors(self) -> list[str]:
        """DAG files that cannot be read, with the reason."""
        found = self.call("GET", "/importErrors")["import_errors"]
        return [f"{item['filename']}: {item['stack_trace'].strip()[-400:]}" for item in found]

    def trigger(self, dag: str, **conf: Any) -> str:
        """Start a run; returns its id."""
        body = {"logical_date": None, "conf": conf}
        return str(self.call("POST", f"/dags/{dag}/dagRuns", json=body)["dag_run_id"])

    def runs(self, dag: str = "~") -> list[dict[str, Any]]:
        """Runs of a DAG (all of them by default), newest first."""
        params = {"order_by": "-run_after", "limit": 100}
        return list(self.call("GET", f"/dags/{dag}/dagRuns", params=params)["dag_runs"])

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """Task instances of one run."""
        return list(self.call("GET", f"/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"])

    def reason(self, dag: str, run: str, task: dict[str, Any]) -> str:
        """The last words of a task's log: an error's message, in one line."""
        path = (
            f"/dags/{dag}/dagRuns/{run}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        )
        lines = self.call("GET", path, headers={"Accept": "application/json"}).get("content", [])
        errors = [
            detail["exc_value"]
            for line in lines
            if isinstance(line, dict)
            for detail in line.get("error_detail") or []
        ]
        return str(errors[-1]) if errors else "see its log"

    def wait(self, done: Callable[[], bool], what: str, seconds: float) -> None:
        """Poll until `done()`.

        Raises:
            ServerError: not done in time.
        """
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise ServerError(
                    f"{what} was not finished after {seconds:.0f} s. See {self.address}"
                )
            time.sleep(1)
