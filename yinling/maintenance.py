"""Bounds what grows: unfinished folders of killed runs, logs, alerts, Airflow's own history."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from yinling.settings import Settings

LOG_DAYS = 30
ALERT_DAYS = 180
# A run that is still writing keeps touching its folder; a day without that means it was killed.
UNFINISHED_DAYS = 1
AIRFLOW_SECONDS = 600


def maintain(settings: Settings, now: float | None = None) -> dict[str, int]:
    """Delete what is past its time; returns how many of each kind went.

    Committed batches, receipts, the vault, the quality history and published releases are not
    touched: those have their own rules (publishing keeps `keep_releases`). Of the quarantine the
    texts go, never the rows' numbers and reasons.
    """
    from ingestion.refusals import forget

    moment = time.time() if now is None else now
    home = settings.home
    return {
        "unfinished": _delete(_unfinished(settings), moment, UNFINISHED_DAYS),
        "logs": _delete(home.glob("airflow/logs/**/*.log"), moment, LOG_DAYS)
        + _delete(home.glob("warehouse/logs/**/*.log*"), moment, LOG_DAYS),
        "alerts": _delete(home.glob("alerts/*.json"), moment, ALERT_DAYS),
        "quarantine_texts": forget(
            settings, datetime.fromtimestamp(moment, ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
        ),
        "airflow_tables": _airflow(),
    }


def _unfinished(settings: Settings) -> Iterator[Path]:
    """Hidden folders beside batches and releases: never renamed, so their run was killed."""
    for room in (settings.lake, settings.landing, settings.releases):
        yield from (path for path in room.glob("**/.*") if path.is_dir())


def _delete(paths: Iterator[Path], moment: float, days: int) -> int:
    old = [path for path in paths if _newest(path) < moment - days * 86_400]
    for path in old:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return len(old)


def _newest(path: Path) -> float:
    inside = path.rglob("*") if path.is_dir() else ()
    return max([path.stat().st_mtime, *(entry.stat().st_mtime for entry in inside)])


def _airflow() -> int:
    """Airflow's rows older than `LOG_DAYS`; 1 when cleaned, 0 where there is no Airflow here."""
    if not os.environ.get("AIRFLOW_HOME"):
        return 0
    before = datetime.now(ZoneInfo("Asia/Shanghai")) - timedelta(days=LOG_DAYS)
    command = [
        sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive",
        "--clean-before-timestamp", before.isoformat(timespec="seconds"),
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
        command, capture_output=True, text=True, timeout=AIRFLOW_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"`airflow db clean` failed: {done.stderr.strip()[-300:]}")
    return 1
