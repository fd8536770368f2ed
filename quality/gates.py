"""Run a gate: find what changed, check it, keep the history, draw the page, answer yes or no."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingestion import register
from ingestion.contracts import Contract, load_contracts
from ingestion.durable import write_json
from quality import history, lake, landing, release, warehouse
from quality.engine import open_session
from quality.express import judge
from quality.model import GateError, GateFailed, GateResult, Outcome
from quality.page import render
from quality.suites import code_fingerprint
from yinling.clock import now
from yinling.lineage import lineage
from yinling.settings import Settings

GATES = ("landing", "warehouse", "release")


def run_gate(
    settings: Settings,
    name: str,
    *,
    datasets: Iterable[str] | None = None,
    folder: Path | None = None,
    anew: bool = False,
) -> GateResult:
    """Run one gate and record it.

    Args:
        datasets: gate "landing" only: look at these datasets; the others keep their last word.
        folder: gate "release" only: the release folder to look at; default the current one.
        anew: look at everything, also at what has not changed since it passed.

    Raises:
        GateFailed: a check of severity stop failed or could not run; its message lists them.
        GateError: there is nothing to look at, or the warehouse is being written.
    """
    if name not in GATES:
        raise GateError(f"No gate `{name}`. Gates: {', '.join(GATES)}.")
    before = history.latest(settings.quality, name)
    try:
        if name == "landing":
            outcomes, done = _landing(settings, before, set(datasets or ()), anew)
        elif name == "warehouse":
            outcomes, done = _warehouse(settings, before, anew)
        else:
            outcomes, done = _release(settings, folder or settings.releases / "current")
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise GateError(
                "The warehouse is being written by another run. Wait until it ends, then run "
                f"this again. ({error})"
            ) from error
        raise
    return _conclude(settings, name, before, outcomes, done)


def _conclude(
    settings: Settings,
    name: str,
    before: dict[str, Outcome],
    outcomes: list[Outcome],
    done: dict[str, Any],
) -> GateResult:
    run_at = now()
    looked_at = set(done.pop("ids"))
    changed = [o for o in outcomes if o.check_id in looked_at]
    carried = [o for o in outcomes if o.check_id not in looked_at]
    final = sorted(
        history.compare(changed, before) + history.carry(carried), key=lambda o: o.check_id
    )
    page = settings.quality / "index.html"
    if changed or not page.exists():
        run_id = history.append(settings.quality, name, run_at, final)
        render(settings)
    else:
        run_id = f"{name}.unchanged"
    result = GateResult(name, run_id, run_at, tuple(final), page, len(changed))
    _remember(settings, name, done, final, result.passed)
    if not result.passed:
        raise GateFailed(result)
    return result


def _state_file(settings: Settings, gate: str) -> Path:
    return settings.quality / "state" / f"{gate}.json"


def _state(settings: Settings, gate: str) -> dict[str, Any]:
    """What the gate kept when it last ran; empty when its own code or suites changed since."""
    file = _state_file(settings, gate)
    if not file.exists():
        return {}
    state: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return state if state.get("code") == code_fingerprint() else {}


def _scopes(settings: Settings, gate: str) -> dict[str, Any]:
    """What the gate has passed already."""
    scopes: dict[str, Any] = _state(settings, gate).get("scopes", {})
    return scopes


def require_warehouse(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """That gate "warehouse" is open for what the attached `warehouse` holds now.

    Raises:
        GateError: the last build did not end well, or the gate has not passed since.
    """
    run = warehouse.whole_run(connection)
    if run is None or _state(settings, "warehouse").get("run") != run:
        raise GateError(
            "Gate `warehouse` has not passed since the warehouse was last built. Run "
            "`yinling check warehouse`, then publish again. The current release stays as it is."
        )


def _remember(
    settings: Settings,
    gate: str,
    done: dict[str, Any],
    outcomes: Iterable[Outcome],
    passed: bool,
) -> None:
    """Keep what passed. A scope with a failed stop check or an error is looked at again."""
    scopes = done.get("scopes")
    if scopes is None:
        return
    closed = {o.scope for o in outcomes if o.stops or o.status == "error"}
    kept = {
        scope: value
        for scope, value in (_scopes(settings, gate) | scopes).items()
        if scope not in closed
    }
    state = {"code": code_fingerprint(), "scopes": kept, "run": done.get("run") if passed else None}
    write_json(_state_file(settings, gate), state)


def _landing(
    settings: Settings, before: dict[str, Outcome], wanted: set[str], anew: bool
) -> tuple[list[Outcome], dict[str, Any]]:
    contracts = load_contracts(settings.contracts)
    unknown = wanted - set(contracts)
    if unknown:
        raise GateError(f"No contract for {', '.join(sorted(unknown))}. See ingestion/contracts/.")
    names = wanted or set(contracts)
    batches = register.batches(settings).filter(pl.col("dataset").is_in(sorted(names)))
    committed = dict(batches.group_by("dataset").agg("batch_id").iter_rows())
    state = {} if anew else _scopes(settings, "landing")
    at = now()
    scopes, seen = {}, {}
    for name in sorted(names):
        mine = set(committed.get(name, ()))
        mark = _contract_mark(settings, contracts[name])
        passed = state.get(name, {})
        known = set(passed.get("batches", ())) if passed.get("contract") == mark else set()
        scopes[name] = lake.Scope(frozenset(mine - known), bool(mine) or name in settings.sources)
        seen[name] = {"contract": mark, "batches": sorted(mine), "day": str(at.date())}
    idle = not any(scope.fresh for scope in scopes.values())
    same_day = all(state.get(name, {}).get("day") == str(at.date()) for name in names)
    kept = [o for o in before.values() if o.scope in contracts]
    if idle and same_day and kept:
        return kept, {"ids": ()}
    checks = [check for name in scopes for check in landing.checks(contracts[name], scopes[name])]
    with open_session(settings) as session:
        lake.load(session, settings, contracts, batches, scopes, at)
        raws = session.run("landing", checks)
    outcomes = judge(checks, raws, now())
    ids = {outcome.check_id for outcome in outcomes}
    carried = [outcome for outcome in kept if outcome.check_id not in ids]
    return outcomes + carried, {"ids": ids, "scopes": seen}


def _contract_mark(settings: Settings, contract: Contract) -> str:
    content = (settings.contracts / f"{contract.name}.yaml").read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


def _warehouse(
    settings: Settings, before: dict[str, Outcome], anew: bool
) -> tuple[list[Outcome], dict[str, Any]]:
    if not settings.warehouse.exists():
        raise GateError(f"No warehouse at {settings.warehouse}. Run `yinling build` first.")
    contracts = load_contracts(settings.contracts)
    state = {} if anew else _scopes(settings, "warehouse")
    with open_session(settings) as session:
        relations, models = warehouse.load(session, settings, contracts), lineage(settings)
        run = warehouse.whole_run(session.connection)
        if run is None:
            raise GateError(
                "The last build of the warehouse did not end well, so there is nothing to check."
                " Run `yinling build` first; what failed stands in"
                f" {settings.warehouse.parent / 'dbt' / 'run.log'}."
            )
        checks = warehouse.checks(relations, models, contracts)
        marks = warehouse.marks(session, relations, models, checks)
        due = [
            check
            for check in checks
            if check.id not in before or marks[check.scope] != state.get(check.scope, object())
        ]
        warehouse.see(session, relations, due)
        raws = session.run("warehouse", due)
    outcomes = judge(due, raws, now())
    ids = {outcome.check_id for outcome in outcomes}
    carried = [before[check.id] for check in checks if check.id not in ids]
    scopes = {scope: mark for scope, mark in marks.items() if mark is not None}
    return outcomes + carried, {"ids": ids, "scopes": scopes, "run": run}


def _release(settings: Settings, folder: Path) -> tuple[list[Outcome], dict[str, Any]]:
    if not (folder / "officials.duckdb").exists():
        raise GateError(f"No release in {folder}. Run `yinling publish` first.")
    checked_at: datetime = now()
    with open_session(settings) as session:
        release.load(session, settings, folder)
        checks = release.checks(session, settings)
        raws = session.run("release", checks)
    outcomes = judge(checks, raws, checked_at)
    return outcomes, {"ids": {outcome.check_id for outcome in outcomes}}
