"""The warehouse: dbt, run as a process of its own on one DuckDB file.

A process of its own, because DuckDB's lock on the file must end with the run, however it ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yinling import unchanged
from yinling.locks import exclusive
from yinling.processes import end_with_parent
from yinling.render import BY_CONSTRUCTION, render
from yinling.settings import Settings

FAILED = ("error", "fail", "runtime error")
LOCK = "dbt"
PROCESS = Path(__file__).with_name("dbt_process.py")
# What a build leaves to the test suite: unit tests, and tests of what a model's form guarantees;
# and to the gate that follows it: the grain of every table.
NOT_UNIT_TESTS = ["--exclude-resource-type", "unit_test"]
BUILD_FLAGS = [*NOT_UNIT_TESTS, "--exclude", f"tag:{BY_CONSTRUCTION}", "test_name:unique_grain"]


class BuildError(Exception):
    """The warehouse was not built; the message names the model or test, the reason, the log."""


@dataclass(frozen=True)
class Node:
    """One model, seed or test of a run: its name, what became of it, and its time in seconds."""

    name: str
    kind: str
    status: str
    seconds: float
    message: str


@dataclass(frozen=True)
class BuildResult:
    """What a run did, node by node, in the order in which they ended."""

    warehouse: Path
    nodes: tuple[Node, ...]

    @property
    def models(self) -> int:
        return sum(node.kind == "model" and node.status == "success" for node in self.nodes)

    @property
    def tests(self) -> int:
        return sum(node.kind == "test" and node.status == "pass" for node in self.nodes)

    @property
    def warnings(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.status == "warn")


def build(
    settings: Settings,
    select: str | Sequence[str] | None = None,
    full_refresh: bool = False,
    *,
    known_as_of: str | None = None,
    all_tests: bool = False,
    dbt: Dbt | None = None,
) -> BuildResult:
    """Build and test the warehouse, or the part that dbt's selection names.

    Tables of the core whose datasets have nothing new stay as they are.

    Args:
        full_refresh: rebuild the incremental models instead of adding the new batches.
        known_as_of: a past day (YYYY-MM-DD) or instant: builds, in full and in a file of its own
            beside the warehouse, what was known then.
        all_tests: run also the tests of what the models' own form guarantees.
        dbt: waits for the command, begun with these settings; default: a new one.

    Raises:
        BuildError: nothing has been landed, a model or a test failed, or dbt could not start.
        BusyError: another build is at work.
    """
    if not settings.lake.exists():
        raise BuildError(f"Nothing has been landed into {settings.lake}. `yinling land` first.")
    with exclusive(settings.home, LOCK):
        render(settings)
        arguments = ["build", *(NOT_UNIT_TESTS if all_tests else BUILD_FLAGS)]
        whole = not (select or known_as_of)
        now = unchanged.seen(settings) if whole else {}
        if whole and not (full_refresh or all_tests):
            kept = unchanged.names(settings, now)
            # Where something stays, dbt's manifest on disk is this project's already.
            arguments += [*kept, "--no-write-json"] if kept else []
        if select:
            # A test that needs a model outside the selection waits for the build of that model.
            arguments += ["--indirect-selection", "buildable"]
            arguments += ["--select", *([select] if isinstance(select, str) else select)]
        if full_refresh or known_as_of:
            arguments.append("--full-refresh")
        if known_as_of:
            arguments += ["--vars", json.dumps({"known_as_of": known_as_of})]
        if dbt is not None and not known_as_of:
            result = dbt.result(arguments)
        else:
            result = run_dbt(settings, arguments, warehouse_file(settings, known_as_of))
        if whole:
            unchanged.remember(settings, now)
        return result


def docs(settings: Settings) -> Path:
    """Data dictionary and lineage of the built warehouse, as one page that opens from disk.

    Raises:
        BuildError: there is no warehouse yet, or dbt could not read it.
        BusyError: a build is at work.
    """
    if not settings.warehouse.exists():
        raise BuildError(f"No warehouse at {settings.warehouse}. Run `yinling build` first.")
    with exclusive(settings.home, LOCK):
        render(settings)
        run_dbt(settings, ["docs", "generate", "--static"], settings.warehouse)
    return settings.warehouse.parent / "dbt" / "target" / "static_index.html"


def warehouse_file(settings: Settings, known_as_of: str | None = None) -> Path:
    """The warehouse of today, or the one of a past day beside it."""
    if not known_as_of:
        return settings.warehouse
    stamp = "".join(c for c in known_as_of if c.isalnum() or c == "-")
    return settings.warehouse.with_name(f"known-{stamp}.duckdb")


def dbt_environment(settings: Settings, warehouse: Path) -> dict[str, str]:
    """The environment in which dbt finds the project, the lake and the warehouse."""
    scratch = warehouse.parent / "dbt"
    return {
        **os.environ,
        "DBT_PROJECT_DIR": str(settings.dbt_project),
        "DBT_PROFILES_DIR": str(settings.dbt_project),
        "DBT_TARGET_PATH": str(scratch / "target"),
        "DBT_LOG_PATH": str(scratch),
        "DBT_LOG_LEVEL_FILE": "none",  # what it says on the terminal is the log
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_USE_COLORS": "false",
        **public_environment(settings, warehouse),
    }


def public_environment(settings: Settings, warehouse: Path) -> dict[str, str]:
    """What the dbt project reads of its environment; none of it is secret."""
    return {
        "YINLING_HOME": str(settings.home),
        "YINLING_LAKE": str(settings.lake),
        "YINLING_WAREHOUSE": str(warehouse),
        "YINLING_SUPPRESSION_OFFICIALS": str(settings.suppression.officials),
        "YINLING_THREADS": str(settings.resources.threads),
        "YINLING_MEMORY_LIMIT": settings.resources.memory_limit,
    }


class Dbt:
    """A dbt process for one command on one warehouse file.

    Its words go to `<warehouse folder>/dbt/run.log`. Leaving the block ends it.
    """

    def __init__(self, settings: Settings, arguments: Sequence[str], warehouse: Path) -> None:
        environment = dbt_environment(settings, warehouse)
        scratch = Path(environment["DBT_LOG_PATH"])
        scratch.mkdir(parents=True, exist_ok=True)
        self._warehouse = warehouse
        self._log, self._results = scratch / "run.log", scratch / "target" / "run_results.json"
        self._results.unlink(missing_ok=True)
        with self._log.open("w", encoding="utf-8") as words:
            self._process = subprocess.Popen(  # noqa: S603 (our own command)
                [sys.executable, "-P", str(PROCESS), str(self._results), *arguments],
                env=environment,
                cwd=settings.dbt_project,
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=subprocess.STDOUT,
                # A killed `yinling` must not leave a dbt behind that still holds the warehouse.
                preexec_fn=end_with_parent,
                text=True,
            )

    @classmethod
    def begin(cls, settings: Settings) -> Dbt:
        """One that reads the project beside other work, and waits for its command."""
        render(settings)
        return cls(settings, [], settings.warehouse)

    def __enter__(self) -> Dbt:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def result(self, command: Sequence[str] = ()) -> BuildResult:
        """What came of the command; of one that waits for it: this one.

        Raises:
            BuildError: dbt ended with an error.
        """
        self._process.communicate(json.dumps(command))
        nodes = _nodes(self._results)
        if self._process.returncode != 0:
            raise BuildError(_reason(nodes, self._log, self._process.returncode))
        return BuildResult(self._warehouse, nodes)


def run_dbt(settings: Settings, arguments: list[str], warehouse: Path) -> BuildResult:
    """One dbt command on one warehouse file.

    Raises:
        BuildError: dbt ended with an error.
    """
    with Dbt(settings, arguments, warehouse) as dbt:
        return dbt.result()


def _nodes(results: Path) -> tuple[Node, ...]:
    if not results.exists():
        return ()
    found: list[dict[str, Any]] = json.loads(results.read_text("utf-8"))["results"]
    return tuple(
        Node(
            name=result["unique_id"].split(".")[2],
            kind=result["unique_id"].split(".")[0],
            status=str(result["status"]),
            seconds=float(result["execution_time"]),
            message=str(result.get("message") or ""),
        )
        for result in found
    )


def _reason(nodes: tuple[Node, ...], log: Path, code: int) -> str:
    """The failed nodes with dbt's words, else the log's last lines."""
    failed = [node for node in nodes if node.status in FAILED]
    if not failed:
        tail = [line for line in log.read_text("utf-8").splitlines() if line.strip()][-15:]
        return f"dbt ended with code {code} before building anything:\n" + "\n".join(tail)
    first = failed[0]
    words = "\n".join(first.message.splitlines()[:12])
    more = f"\nAlso failed: {', '.join(node.name for node in failed[1:6])}." if failed[1:] else ""
    return (
        f"The warehouse was not built: {first.kind} `{first.name}` failed.\n{words}{more}\n"
        f"Correct it and run `yinling build` again. Everything dbt said: {log}"
    )
