"""Bounds what grows: unfinished folders of killed runs, logs, alerts, Airflow's own history."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from yinling.clock import SHANGHAI
from yinling.locks import BusyError
from yinling.settings import Settings

LOG_DAYS = 30
ALERT_DAYS = 180
# A run that is still writing keeps touching its folder; a day without that means it was killed.
UNFINISHED_DAYS = 1
AIRFLOW_SECONDS = 600


def maintain(settings: Settings, now: float | None = None) -> dict[str, int]:
    """Delete what is past its time; returns how many of each kind went.

    Datasets that are being landed are left alone.

    Committed batches, receipts, the vault, the quality history and published releases are not
    touched: those have their own rules (publishing keeps `keep_releases`). Of the quarantine the
    texts go, never the rows' numbers and reasons.
    """
    from ingestion.refusals import forget

    moment = time.time() if now is None else now
    home = settings.home
    return {
        "unfinished": sum(_tidy(settings, name, moment) for name in _datasets(settings))
        + _delete(_left_elsewhere(settings), moment, UNFINISHED_DAYS),
        "logs": _delete(home.glob("airflow/logs/**/*.log"), moment, LOG_DAYS)
        + _delete(home.glob("warehouse/logs/**/*.log*"), moment, LOG_DAYS),
        "alerts": _delete(home.glob("alerts/*.json"), moment, ALERT_DAYS),
        "quarantine_texts": forget(
            settings, datetime.fromtimestamp(moment, SHANGHAI).replace(tzinfo=None)
        ),
        "airflow_tables": _airflow(),
    }


def unfinished(settings: Settings, moment: float) -> list[Path]:
    """What killed runs left and nobody has touched for a day: doctor tells of it."""
    found = [path for name in _datasets(settings) for path in _left(settings, name)]
    return _old([*found, *_left_elsewhere(settings)], moment, UNFINISHED_DAYS)


def _datasets(settings: Settings) -> list[str]:
    """Those that were ever landed."""
    return sorted(room.name for room in settings.landing.glob("[!.]*/"))


def _left(settings: Settings, dataset: str) -> Iterator[Path]:
    """Of one dataset: drafts of batches, rooms in landing of batches that never came to be, what a
    reading was to go on from, and files that were being replaced.

    A room with a receipt was whole: its batch is not in the lake because somebody took it out.
    What was handed in by hand waits until it is landed.
    """
    from ingestion.batch import DRAFTS, RECEIPT
    from ingestion.handover import OWN_INBOX
    from ingestion.register import committed

    lake, landing = settings.lake / dataset, settings.landing / dataset
    yield from (settings.home / DRAFTS).glob(f"{dataset}.*")
    for room in (lake, landing):
        yield from (path for path in room.glob(".*/") if path.name != OWN_INBOX)
        yield from room.rglob(".*.part")
    whole = committed(settings, dataset)
    for room in landing.glob(f"{dataset}.*/"):
        if (
            room.name not in whole
            and ".refused-" not in room.name
            and not (room / RECEIPT).exists()
        ):
            yield room


def _left_elsewhere(settings: Settings) -> Iterator[Path]:
    yield from settings.releases.glob(".*/")
    for room in (settings.receipts, settings.quality, settings.home / "alerts"):
        yield from room.rglob(".*.part")


def _tidy(settings: Settings, dataset: str, moment: float) -> int:
    """Delete what killed runs left of a dataset, and hand out the receipts that they did not.

    Whoever is landing the dataset goes on undisturbed: it is looked at the next time.
    """
    from ingestion.batch import complete_receipts
    from ingestion.durable import single_writer

    try:
        with single_writer(settings.landing / dataset, f"`{dataset}`"):
            complete_receipts(settings, dataset)
            return _delete(_left(settings, dataset), moment, UNFINISHED_DAYS)
    except BusyError:
        return 0


def _delete(paths: Iterable[Path], moment: float, days: int) -> int:
    old = _old(paths, moment, days)
    for path in old:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # it lay in a folder that went
    return len(old)


def _old(paths: Iterable[Path], moment: float, days: int) -> list[Path]:
    return [path for path in paths if _newest(path) < moment - days * 86_400]


def _newest(path: Path) -> float:
    """When something of it was last touched; never long ago for what goes while it is looked at."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    try:
        return float(max(entry.lstat().st_mtime for entry in (path, *inside)))
    except FileNotFoundError:
        return math.inf


def _airflow() -> int:
    """Airflow's rows older than `LOG_DAYS`; 1 when cleaned, 0 where there is no Airflow here."""
    if not os.environ.get("AIRFLOW_HOME"):
        return 0
    before = datetime.now(SHANGHAI) - timedelta(days=LOG_DAYS)
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
