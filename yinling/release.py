"""Releases: build beside the current one, check, switch in one step, keep some to go back to.

`releases/<id>/` appears by one rename when it is whole and checked; `releases/current` is a
relative link that one rename replaces. A run that dies at any instant leaves readers the release
they had, and its rerun ends where an undisturbed run would have ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.durable import DISK_FULL, sync, write_json
from quality import history
from quality.gates import GATES, require_warehouse, run_gate
from quality.model import Outcome
from yinling import release_files as files
from yinling.clock import this_second
from yinling.locks import exclusive
from yinling.settings import Settings

LOCK = "publish"
MANIFEST = "manifest.json"


class ReleaseError(Exception):
    """Nothing was published; the message says why and what to do."""


@dataclass(frozen=True)
class ReleaseInfo:
    """One release. `changed` is false when publishing found it already current."""

    release_id: str
    path: Path
    data_date: str
    published_at: str
    synthetic: bool
    changed: bool = False

    def __str__(self) -> str:
        return self.release_id


def publish(settings: Settings) -> ReleaseInfo:
    """Publish what the warehouse's publish schemas hold, if the gate "release" lets it.

    The id comes from the data's date and the content: the same content has the same id, and
    publishing it again changes nothing.

    Raises:
        GateError: gate "warehouse" has not passed since the last build.
        GateFailed: a stop check failed; the current release stays.
        ReleaseError: no warehouse, nothing to publish, disk full, or a damaged release.
        BusyError: another publish or rollback is at work.
    """
    if not settings.warehouse.exists():
        raise ReleaseError(f"No warehouse at {settings.warehouse}. Run `yinling build` first.")
    settings.releases.mkdir(parents=True, exist_ok=True)
    with exclusive(settings.home, LOCK), _plain_errors(settings):
        _sweep(settings)
        with files.workspace(settings) as connection:
            require_warehouse(settings, connection)
            release_id, facts = _identify(settings, connection)
            target = settings.releases / release_id
            changed = current_id(settings) != release_id
            if target.exists():
                _verify(target)
            else:
                folder = settings.releases / f".tmp-{release_id}-{os.getpid()}"
                folder.mkdir()
                previous = settings.releases / "current" / "auditors.duckdb"
                files.build(
                    connection, folder, facts, previous.resolve() if previous.exists() else None
                )
                extra = _manifest_facts(settings, connection)
        if not target.exists():
            _finish(settings, folder, facts, extra)
            folder.rename(target)
            sync(settings.releases)
        if changed:
            _switch(settings, release_id)
        _prune(settings)
        return _info(target, changed)


def rollback(settings: Settings, release_id: str | None = None) -> ReleaseInfo:
    """Make an older release the current one; by default the one published before it.

    Nothing is deleted. The next publish makes the warehouse's content current again.

    Raises:
        ReleaseError: there is no such release, or its files are not what was published.
        BusyError: a publish or rollback is at work.
    """
    with exclusive(settings.home, LOCK), _plain_errors(settings):
        kept = _kept(settings)
        current = current_id(settings)
        if release_id is None:
            ids = [info.release_id for info in kept]
            older = ids[ids.index(current) + 1 :] if current in ids else []
            if not older:
                raise ReleaseError("There is no older release to go back to: `yinling releases`.")
            release_id = older[0]
        elif release_id not in {info.release_id for info in kept}:
            listed = ", ".join(info.release_id for info in kept) or "none"
            raise ReleaseError(f"No release `{release_id}`. Kept, newest first: {listed}.")
        target = settings.releases / release_id
        _verify(target)
        if release_id != current:
            _switch(settings, release_id)
        return _info(target, release_id != current)


def list_releases(settings: Settings) -> list[dict[str, Any]]:
    """The releases kept, newest first: release_id, data_date, published_at, synthetic, current."""
    current = current_id(settings)
    return [
        {
            "release_id": info.release_id,
            "data_date": info.data_date,
            "published_at": info.published_at,
            "synthetic": info.synthetic,
            "current": info.release_id == current,
        }
        for info in _kept(settings)
    ]


def current_id(settings: Settings) -> str | None:
    """The id of the release that everybody reads."""
    pointer = settings.releases / "current"
    return pointer.readlink().name if pointer.is_symlink() else None


def _identify(
    settings: Settings, connection: duckdb.DuckDBPyConnection
) -> tuple[str, dict[str, Any]]:
    for audience, schema in files.AUDIENCES.items():
        if not files.tables(connection, audience):
            raise ReleaseError(
                f"The warehouse has nothing to publish in `{schema}`. Run `yinling build` first."
            )
    content = files.content_fingerprint(connection)
    day = files.data_date(connection)
    if day is None:
        raise ReleaseError(
            "No published figure has a date: indicator_value is empty. Check that the feeds "
            "have landed (`yinling status`), then build again."
        )
    batches, batch_set = files.batch_set(connection)
    release_id = f"{day:%Y%m%d}-{content[:10]}"
    return release_id, {
        "release_id": release_id,
        "data_date": day,
        "published_at": this_second(),
        "previous_release_id": current_id(settings),
        "batches": batches,
        "batch_set": batch_set,
        "content_fingerprint": content,
        "project_fingerprint": files.project_fingerprint(settings),
        "suppression_threshold": settings.suppression.officials,
        "synthetic": settings.synthetic,
    }


def _manifest_facts(settings: Settings, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    return {"data_dates": files.data_dates(connection)}


def _finish(settings: Settings, folder: Path, facts: dict[str, Any], extra: dict[str, Any]) -> None:
    """Gate 3, its results, the manifest, and everything down to the disk."""
    files.write_quality(folder, _quality_rows(settings, GATES[:2]))
    run_gate(settings, "release", folder=folder)
    files.write_quality(folder, _quality_rows(settings, GATES))
    published: datetime = facts["published_at"]
    manifest = (
        facts
        | extra
        | {
            "data_date": facts["data_date"].isoformat(),
            "published_at": files.as_timestamp(published),
            "duckdb": duckdb.__version__,
            "sha256": {
                f"{name}.duckdb": _sha256(folder / f"{name}.duckdb") for name in files.AUDIENCES
            },
            "rows": files.row_counts(folder),
        }
    )
    write_json(folder / MANIFEST, manifest)
    for file in folder.iterdir():
        sync(file)
    sync(folder)


def _quality_rows(settings: Settings, gates: tuple[str, ...]) -> list[dict[str, Any]]:
    def row(outcome: Outcome) -> dict[str, Any]:
        return {
            "check_id": outcome.check_id,
            "gate": outcome.gate,
            "scope": outcome.scope,
            "name_zh": outcome.title,
            "meaning_zh": outcome.meaning,
            "remedy_zh": outcome.remedy,
            "severity": outcome.severity,
            "status": outcome.status,
            "numerator": outcome.numerator,
            "denominator": outcome.denominator,
            "threshold": outcome.threshold,
            "state": outcome.state,
            "since": outcome.since,
            "checked_at": outcome.checked_at,
        }

    return [
        row(outcome)
        for gate in gates
        for outcome in history.latest(settings.quality, gate).values()
    ]


def _kept(settings: Settings) -> list[ReleaseInfo]:
    """Whole releases, newest first."""
    found = [
        _info(file.parent)
        for file in settings.releases.glob(f"[!.]*/{MANIFEST}")
        if file.parent.name != "current"
    ]
    return sorted(found, key=lambda info: (info.published_at, info.release_id), reverse=True)


def _info(folder: Path, changed: bool = False) -> ReleaseInfo:
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    return ReleaseInfo(
        release_id=manifest["release_id"],
        path=folder,
        data_date=manifest["data_date"],
        published_at=manifest["published_at"],
        synthetic=manifest["synthetic"],
        changed=changed,
    )


def _verify(folder: Path) -> None:
    """Raises ReleaseError when the files are not those that were published."""
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    for name, wanted in manifest["sha256"].items():
        file = folder / name
        if not file.exists() or _sha256(file) != wanted:
            raise ReleaseError(
                f"{file} is not what was published (missing or changed). Remove the folder "
                f"{folder.name} from {folder.parent} and publish again, or choose another release."
            )


def _switch(settings: Settings, release_id: str) -> None:
    """One rename: readers see the old release or the new one, never neither."""
    link = settings.releases / f".current-{os.getpid()}"
    link.symlink_to(release_id)
    link.replace(settings.releases / "current")
    sync(settings.releases)


def _prune(settings: Settings) -> None:
    """Forget the oldest beyond `keep_releases`; never the current one."""
    current = current_id(settings)
    others = [info for info in _kept(settings) if info.release_id != current]
    for info in others[max(settings.keep_releases - 1, 0) :]:
        # Out of sight first: a half-deleted folder must not look like a release.
        gone = settings.releases / f".tmp-old-{info.release_id}"
        info.path.rename(gone)
        shutil.rmtree(gone)


def _sweep(settings: Settings) -> None:
    """Remove what a killed run left; the lock says that nobody else is at work."""
    for path in settings.releases.glob(".tmp-*"):
        shutil.rmtree(path)
    for path in settings.releases.glob(".current-*"):
        path.unlink()


@contextmanager
def _plain_errors(settings: Settings) -> Iterator[None]:
    """Errors of disk and engine in plain words; the half-built release is removed."""
    try:
        yield
    except BaseException as error:
        _sweep(settings)
        text = str(error)
        # DuckDB's errors carry the system's words, not its number.
        full = isinstance(error, OSError) and error.errno in DISK_FULL
        if full or any(os.strerror(number) in text for number in DISK_FULL):
            free = shutil.disk_usage(settings.releases).free // 2**20
            raise ReleaseError(
                f"The disk under {settings.releases} is full, or a limit on files is reached "
                f"({free} MiB free). The current release stays as it is. Free space or lower "
                "`keep_releases`, then publish again."
            ) from error
        if isinstance(error, duckdb.IOException) and "lock" in text:
            raise ReleaseError(
                "The warehouse is being written by another run. Wait until it ends, then publish "
                "again. The current release stays as it is."
            ) from error
        raise


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
