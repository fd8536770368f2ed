"""The demo: the whole hub on one machine, on the synthetic province.

Each step does nothing when its work is already done, so running it again is quick and safe.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from yinling import airflow_server, summary
from yinling.commands import common
from yinling.locks import exclusive
from yinling.processes import ServerError, Servers
from yinling.settings import PROJECT_DIR, Settings, default_home, load_settings

SUPERSET_PYTHON = PROJECT_DIR / ".venv-superset" / "bin" / "python"
SUPERSET_SECONDS = 600
RUN_SECONDS = 1_800


class DemoError(Exception):
    """The demo cannot go on; the message says which step, why and what to do."""


class Clock:
    """Progress lines: what was done, how long it took, how long since the start."""

    def __init__(self) -> None:
        self.begin = time.monotonic()

    def line(self, what: str, seconds: float) -> None:
        total = time.monotonic() - self.begin
        common.say(f"{what:<52} {seconds:6.1f} s   (total {total:5.0f} s)")

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time a step and say so when it is done."""
        begin = time.monotonic()
        yield
        self.line(what, time.monotonic() - begin)


def servers_of(home: Path) -> Servers:
    """The servers of the home's demo."""
    return Servers(home / "demo" / "servers")


def up(scale: str) -> None:
    """Bring the demo up and print where to go.

    Raises:
        DemoError: a run in Airflow failed, or Superset could not be prepared.
        ServerError: a server did not start in time.
    """
    home = default_home()
    home.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    with exclusive(home, "demo"):
        superset = _superset("bootstrap")
        try:
            _province(home, scale, clock)
            _departments(home, clock)
            settings = load_settings()
            pipeline(settings, clock)
            _finish_superset(superset, settings, clock)
        finally:
            if superset.poll() is None:
                superset.terminate()
        _report(settings, clock)


def _province(home: Path, scale: str, clock: Clock) -> None:
    """Make the province once; its own record is written last: a half-made one is made again."""
    from synthetic.province import generate

    record = home / "demo" / "province.json"
    if record.exists():
        made = json.loads(record.read_text("utf-8"))["scale"]
        if made != scale:
            raise DemoError(
                f"{home} holds the province at scale {made}, not {scale}. "
                "Run `make clean` first, or name another folder: YINLING_HOME=/path make demo"
            )
        clock.line(f"synthetic province, scale {scale}: there already", 0)
        return
    with clock.step(f"synthetic province, scale {scale}"):
        generate(home, scale)


def _departments(home: Path, clock: Clock) -> None:
    """PostgreSQL and the REST services of the departments."""
    from synthetic.departments import start

    with clock.step("department systems (PostgreSQL, REST, inbox)"):
        start(home)


def pipeline(settings: Settings, clock: Clock) -> None:
    """Run the DAGs: every family lands, then warehouse and release follow by their assets.

    Raises:
        DemoError: a task failed; the message gives its last words.
        ServerError: Airflow did not start, or a run took too long.
    """
    servers = servers_of(settings.home)
    with clock.step("Airflow"):
        port = airflow_server.start(settings, servers, os.environ)
        airflow = airflow_server.Airflow(port, airflow_server.password(settings))
        airflow.prepare()
    begun = {run["dag_run_id"] for run in airflow.runs()}
    landing = sorted(name for name in airflow.dags() if name.startswith("land_"))
    started = {name: airflow.trigger(name) for name in landing}
    seen: set[str] = set()

    def landed() -> bool:
        for run in airflow.runs():
            ours = run["dag_run_id"] == started.get(run["dag_id"]) and run["dag_id"] not in seen
            if ours and run["state"] in ("success", "failed"):
                seen.add(run["dag_id"])
                clock.line(f"  {run['dag_id']}: {_outcome(airflow, run)}", run["duration"] or 0)
        return len(seen) == len(started)

    airflow.wait(landed, "Landing", RUN_SECONDS)
    _raise_failed(airflow, list(started.items()))
    for name in ("warehouse", "release"):
        run = _follow(airflow, name, begun)
        clock.line(f"  {name}: {_outcome(airflow, run)}", run["duration"] or 0)
        _raise_failed(airflow, [(name, run["dag_run_id"])])
        if not _did_something(airflow, run):
            break


def _follow(airflow: airflow_server.Airflow, dag: str, before: set[str]) -> dict[str, Any]:
    """Wait for the run that the assets started after `before` was read; returns it finished."""
    found: list[dict[str, Any]] = []

    def finished() -> bool:
        found[:] = [run for run in airflow.runs(dag) if run["dag_run_id"] not in before]
        return bool(found) and found[0]["state"] in ("success", "failed")

    airflow.wait(finished, dag, RUN_SECONDS)
    return found[0]


def _did_something(airflow: airflow_server.Airflow, run: dict[str, Any]) -> bool:
    tasks = airflow.tasks(run["dag_id"], run["dag_run_id"])
    return any(t["task_id"] == "gate_warehouse" and t["state"] != "skipped" for t in tasks)


def _outcome(airflow: airflow_server.Airflow, run: dict[str, Any]) -> str:
    """`success`, with how many feeds had something new."""
    tasks = airflow.tasks(run["dag_id"], run["dag_run_id"])
    skipped = sum(task["state"] == "skipped" for task in tasks)
    if run["state"] == "success" and skipped:
        return f"success, nothing new for {skipped} of {len(tasks)} tasks"
    return str(run["state"])


def _raise_failed(airflow: airflow_server.Airflow, runs: list[tuple[str, str]]) -> None:
    lines = [
        f"{dag}.{task['task_id']}: {airflow.reason(dag, run, task)}"
        for dag, run in runs
        for task in airflow.tasks(dag, run)
        if task["state"] == "failed"
    ]
    if lines:
        raise DemoError(
            "These tasks failed:\n  " + "\n  ".join(lines) + f"\nTheir logs: {airflow.address}. "
            "When the cause is mended, run `make demo` again: it goes on from there."
        )


def _superset(action: str, *more: str) -> subprocess.Popen[str]:
    """One of Superset's own commands, in its own environment."""
    if not SUPERSET_PYTHON.exists():
        raise DemoError("Superset's environment is missing. Run `make demo`, which installs it.")
    module = "superset_assets.bootstrap" if action == "bootstrap" else "superset_assets.server"
    words = [] if action == "bootstrap" else [action]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [str(SUPERSET_PYTHON), "-m", module, *words, *more],
        cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _finish(process: subprocess.Popen[str], what: str) -> str:
    try:
        output, _ = process.communicate(timeout=SUPERSET_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise DemoError(f"{what} took longer than {SUPERSET_SECONDS} s and was stopped.") from None
    if process.returncode:
        raise DemoError(f"{what} failed: {output.strip()}")
    return output


def _finish_superset(process: subprocess.Popen[str], settings: Settings, clock: Clock) -> None:
    with clock.step("Superset: dashboards, roles, server"):
        _finish(process, "Preparing Superset")
        _finish(_superset("start"), "Starting Superset")


def _report(settings: Settings, clock: Clock) -> None:
    """Figures, leads, accounting, addresses."""
    from yinling.accounting import accounting

    release = (settings.releases / "current").resolve().name
    batches = accounting(settings)
    read, loaded, refused = (
        sum(row[key] for row in batches) for key in ("rows_read", "rows_loaded", "rows_quarantined")
    )
    figures = summary.indicators(settings)
    regions = [key for key in (figures[0] if figures else {}) if key not in ("indicator", "unit")]
    columns = {"indicator": "指标", "unit": "单位", **{name: name for name in regions}}
    leads = summary.findings(settings)
    known = logins()
    if common.options.as_json:
        common.emit(
            {"release_id": release, "indicators": figures, "findings": leads, "logins": known,
             "rows": {"read": read, "loaded": loaded, "quarantined": refused}}
        )  # fmt: skip
        return
    common.say(f"\nRelease {release}. Every person in it is made up (合成数据).")
    balance = f"{read:,} rows read = {loaded:,} loaded + {refused:,} quarantined"
    common.say(f"{len(batches)} batches: {balance}\n")
    common.table("指标 Indicators", figures, columns)
    common.table(
        "疑点 Leads", leads,
        {"rule_id": "规则", "name_zh": "名称", "severity": "级别", "findings": "条数",
         "amount": "涉及金额（元）"},
    )  # fmt: skip
    common.table("登录 Logins", known, LOGIN_COLUMNS)
    common.say(
        f"Ready after {time.monotonic() - clock.begin:.0f} s. Stop: make stop. Delete: make clean."
    )


LOGIN_COLUMNS = {
    "address": "address", "role": "role", "user": "user", "password": "password", "sees": "sees",
}  # fmt: skip


def logins() -> list[dict[str, Any]]:
    """Address, role, user and password of every login of the demo."""
    settings = load_settings()
    servers = servers_of(settings.home)
    rows = _superset_logins(settings.home)
    port = servers.port(airflow_server.NAME)
    rows.append(
        {
            "address": f"http://127.0.0.1:{port}" if port else "Airflow (stopped)",
            "role": "engineer",
            "user": airflow_server.USER,
            "password": airflow_server.password(settings),
            "sees": "pipeline runs 流水线",
        }
    )
    return rows


def _superset_logins(home: Path) -> list[dict[str, Any]]:
    state, file = home / "superset" / "server.json", home / "superset" / "demo-logins.json"
    if not file.exists():
        return []
    address = json.loads(state.read_text("utf-8"))["address"] if state.exists() else "(stopped)"
    return [
        {
            "address": address, "role": row["role"], "user": row["username"],
            "password": row["password"], "sees": row.get("region", ""),
        }
        for row in json.loads(file.read_text("utf-8"))
    ]  # fmt: skip


def stop() -> None:
    """Stop every server of the demo, whatever state each is in."""
    home = default_home()
    clock = Clock()
    for name, halt in _halts(home).items():
        begin = time.monotonic()
        try:
            was = halt()
        except (ServerError, DemoError, OSError) as error:
            common.say(f"{name}: {error}")
        else:
            clock.line(
                f"{name}: {'stopped' if was else 'was not running'}", time.monotonic() - begin
            )


def _halts(home: Path) -> dict[str, Callable[[], bool]]:
    from synthetic import departments

    def halt_departments() -> bool:
        running = departments.status(home)
        departments.stop(home)
        return bool(running["postgresql"] or running["rest"])

    def halt_superset() -> bool:
        if not (home / "superset" / "server.json").exists():
            return False
        return "was not" not in _finish(_superset("stop"), "Stopping Superset")

    return {
        "Superset": halt_superset,
        "Airflow": lambda: servers_of(home).stop(airflow_server.NAME),
        "department systems": halt_departments,
    }


def clean() -> None:
    """Stop everything and delete the home folder of the demo.

    Raises:
        DemoError: the folder holds something other than a demo.
    """
    home = default_home()
    if not home.exists():
        common.say(f"{home} is not there.")
        return
    if not (home / "demo").exists() and any(home.iterdir()):
        raise DemoError(f"{home} holds no demo; delete it yourself if that is what you want.")
    stop()
    shutil.rmtree(home)
    common.say(f"deleted {home}")
