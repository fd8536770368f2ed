"""What Airflow's DAG files are made of: a DAG file names a part, this module builds it.

Every task runs a `yinling` command in a process of its own, so that Airflow and the command line
do the same thing, and a task that runs out of memory takes nothing else with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetAll,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    Param,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from ingestion.contracts import FAMILIES, Contract, load_contracts
from yinling.alerts import alert_once, on_failure
from yinling.clock import SHANGHAI
from yinling.commands.common import BUSY, OK, USAGE
from yinling.settings import Settings, load_settings

WRITER_POOL = "warehouse_writer"
PERIOD = Param(
    None,
    type=["null", "string"],
    pattern=r"^\d{4}-\d{2}$",
    title="Period 所属期",
    description="Backfill one month (2026-09). Empty: whatever is new. 补数填年月，留空取新数据。",
)


def dataset_asset(dataset: str) -> Asset:
    """A dataset in the lake: updated when a batch of it was committed."""
    return Asset(f"lake/{dataset}", uri=f"yinling://lake/{dataset}")


def family_asset(family: str) -> Asset:
    """A family of feeds: updated when all of its feeds have been looked at."""
    return Asset(f"landed/{family}", uri=f"yinling://landed/{family}")


WAREHOUSE = Asset("warehouse", uri="yinling://warehouse")
RELEASE = Asset("release", uri="yinling://release")


def nightly(cron: str) -> CronTriggerTimetable:
    """A clock in Asia/Shanghai.

    A DAG seen for the first time waits for its next hour: Airflow's default would also run it at
    once when less than a tenth of the interval has passed.
    """
    return CronTriggerTimetable(cron, timezone=SHANGHAI.key, run_immediately=timedelta(0))


def defaults(settings: Settings, owner: str) -> dict[str, Any]:
    """What every task has: an owner, retries with growing pauses, an alert when all fail."""
    chosen = settings.orchestration
    return {
        "owner": owner,
        "retries": chosen.retries,
        "retry_delay": timedelta(seconds=chosen.retry_seconds),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=chosen.timeout_hours),
        "on_failure_callback": on_failure,
    }


def command(*words: str) -> dict[str, Any]:
    """Run `yinling <words> --json` and return what it printed; its lines go into the task's log.

    Raises:
        AirflowFailException: wrong usage or settings; trying again cannot help.
        RuntimeError: anything else that failed, another run being at work included: try again.
    """
    line = [sys.executable, "-m", "yinling", *words, "--json"]
    print("$ yinling", *words, "--json", flush=True)
    # Apart: what is said on the way may hold anything, the result is JSON and nothing else.
    done = subprocess.run(line, capture_output=True, text=True)  # noqa: S603
    print(done.stdout, done.stderr, sep="", flush=True)
    if done.returncode == OK:
        return dict(json.loads(done.stdout)) if done.stdout.strip() else {}
    said = done.stderr.strip() or done.stdout.strip()
    reason = said.splitlines()[-1:] or ["no output"]
    if done.returncode == USAGE:
        raise AirflowFailException(reason[0])
    kind = "busy" if done.returncode == BUSY else f"exit code {done.returncode}"
    raise RuntimeError(f"yinling {words[0]}: {kind}: {reason[0]}")


def _landed_contracts(settings: Settings) -> dict[str, Contract]:
    """Contracts of the datasets that have a source."""
    contracts = load_contracts(settings.contracts)
    return {name: contracts[name] for name in sorted(settings.sources) if name in contracts}


def _asks(settings: Settings, dataset: str) -> bool:
    """Whether the source is asked about one person after the other: those whom others brought."""
    return settings.sources[dataset].mode == "lookup"


def landing_dag(family: str, cron: str) -> DAG:
    """One task a dataset of the family, then the family's asset: the warehouse waits for it.

    One process asks all sources of the family for news; datasets without are skipped without one.
    """
    settings = load_settings()
    contracts = {
        name: contract
        for name, contract in _landed_contracts(settings).items()
        if contract.family == family and not _asks(settings, name)
    }
    owners = ", ".join(sorted({contract.owner for contract in contracts.values()})) or "民政"
    with DAG(
        f"land_{family}",
        schedule=nightly(cron),
        catchup=False,
        max_active_runs=1,
        default_args=defaults(settings, owners),
        params={"period": PERIOD},
        tags=["landing", family],
        doc_md=_landing_doc(family, list(contracts.values())),
    ) as dag:
        landed = _landed.override(outlets=[family_asset(family)])()
        news = _news(sorted(contracts))
        for contract in contracts.values():
            news >> _landing(contract) >> landed
    return dag


def _landing(contract: Contract) -> Any:
    """The task that lands a dataset."""
    one = _land.override(
        task_id=contract.name,
        owner=contract.owner,
        outlets=[dataset_asset(contract.name)],
        max_active_tis_per_dag=1,
    )
    return one(contract.name)


@task.branch(task_id="news")
def _news(datasets: list[str]) -> list[str]:
    """The datasets to land: those with news, and those whose source could not be asked."""
    if not datasets or get_current_context()["params"].get("period"):
        return datasets
    return list(command("news", *datasets)["news"])


@task
def _land(dataset: str) -> list[str]:
    """Land one dataset; skipped, and its asset untouched, when nothing new has come."""
    context = get_current_context()
    period = context["params"].get("period")
    words = ["land", dataset, "--refused-ok", *(["--period", period] if period else [])]
    result = command(*words)
    # A refused delivery has its receipt; it must not hold up what the others delivered.
    for refusal in result["refused"]:
        alert_once(load_settings(), refusal.partition(":")[0], refusal)
    batches = list(result["new_batches"])
    if not batches:
        raise AirflowSkipException(f"{dataset}: nothing new")
    return batches


@task(task_id="landed", trigger_rule="none_failed")
def _landed() -> None:
    """All feeds of the family have been looked at."""


@task.short_circuit(ignore_downstream_trigger_rules=True, trigger_rule="all_done")
def _changed() -> bool:
    """Stops the run here when the current release is already made of exactly what is there."""
    return not command("current")["up_to_date"]


@task
def _run(*words: str) -> dict[str, Any]:
    """One command of the `yinling` command line."""
    return command(*words)


def warehouse_dag(cron: str) -> DAG:
    """Look-ups, gate 1, build, gate 2: when all families have landed, at `cron` at the latest.

    Look-ups ask about persons whom the families have brought; one that fails holds up nothing.
    """
    settings = load_settings()
    contracts = _landed_contracts(settings)
    families = sorted({contract.family for contract in contracts.values()})
    assets = [family_asset(family) for family in families or FAMILIES]
    with DAG(
        "warehouse",
        schedule=AssetOrTimeSchedule(timetable=nightly(cron), assets=AssetAll(*assets)),
        catchup=False,
        max_active_runs=1,
        default_args=defaults(settings, "数据工程"),
        tags=["warehouse"],
        doc_md=_WAREHOUSE_DOC,
    ) as dag:
        gate_landing = _run.override(task_id="gate_landing")("check", "landing")
        gate_warehouse = _run.override(task_id="gate_warehouse", outlets=[WAREHOUSE])(
            "check", "warehouse"
        )
        if settings.orchestration.dbt_tasks == "each":
            from yinling.cosmos_build import build_group

            build = build_group(settings, WRITER_POOL)
        else:
            build = _run.override(task_id="build", pool=WRITER_POOL)("build")
        changed = _changed()
        for name, contract in contracts.items():
            if _asks(settings, name):
                _landing(contract) >> changed
        changed >> gate_landing >> build >> gate_warehouse
    return dag


def release_dag() -> DAG:
    """Build the release beside the current one, gate 3, make it current."""
    settings = load_settings()
    with DAG(
        "release",
        schedule=[WAREHOUSE],
        catchup=False,
        max_active_runs=1,
        default_args=defaults(settings, "数据工程"),
        tags=["release"],
        doc_md=_RELEASE_DOC,
    ) as dag:
        _run.override(task_id="publish", pool=WRITER_POOL, outlets=[RELEASE])("publish")
    return dag


def maintenance_dag(cron: str) -> DAG:
    """Bounds everything that grows: logs, alerts, unfinished folders, Airflow's own tables."""
    settings = load_settings()
    with DAG(
        "maintenance",
        schedule=nightly(cron),
        catchup=False,
        max_active_runs=1,
        default_args=defaults(settings, "运维"),
        tags=["maintenance"],
        doc_md=_MAINTENANCE_DOC,
    ) as dag:
        _run.override(task_id="maintain", pool=WRITER_POOL)("maintain")
    return dag


def _landing_doc(family: str, contracts: list[Contract]) -> str:
    lines = [
        f"### land_{family}",
        "",
        "Fetches what the departments below have delivered and puts it into the lake: one task a",
        "dataset; a task with nothing new is skipped. Safe to run again at any time.",
        "接收下列部门交付的数据并入湖：每个数据集一个任务，无新数据即跳过；可随时重跑。",
        "",
        "Backfill 补数: trigger with `period` (2026-09).",
        "",
        "| dataset | 数据集 | owner 责任部门 | frequency 频率 |",
        "|---|---|---|---|",
    ]
    for item in contracts:
        cadence = f"{item.frequency.value} {item.frequency.unit}"
        lines.append(f"| {item.name} | {item.title} | {item.owner} | {cadence} |")
    return "\n".join(lines)


_WAREHOUSE_DOC = """### warehouse
Look-ups about persons whom the families have brought, gate 1 on what has landed, dbt build, gate 2
on what was built. A failed gate stops here: readers keep the release they have. Nothing runs when
nothing changed.
逐人查询、入库检查、建仓、建仓检查。检查不通过即停止，读者继续使用现行发布批次；无变化则不运行。
"""
_RELEASE_DOC = """### release
Builds the release beside the current one, runs gate 3 (no personal data, no small cells, figures
plausible against the last release) and switches readers over in one step.
`yinling rollback` goes back.
在现行批次旁生成新批次，通过第三道检查后一步切换；回退用 `yinling rollback`。
"""
_MAINTENANCE_DOC = """### maintenance
Bounds what grows: logs, alerts, folders of killed runs, Airflow's own history.
定期清理：日志、告警、中断任务遗留目录、Airflow 历史。
"""
