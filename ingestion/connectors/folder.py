"""A folder into which departments put files: with control records, done-files, or by name."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import polars as pl

from ingestion.connectors.inbox import Inbox
from ingestion.connectors.listing import Candidate, Entry, candidates, news, settled
from ingestion.contracts import Contract
from ingestion.delivery import Deliveries
from ingestion.errors import SourceError
from yinling.settings import Settings, Source


def folder_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Deliveries:
    """Every complete delivery in the folder, by time of delivery; what is incomplete waits.

    A file that landing already holds with its control record (sizes and times of change say so) is
    left out, so that a folder without news costs a listing.

    Raises:
        SourceError: the folder does not exist, no path is set, or the name pattern is wrong.
    """
    if source.path is None:
        raise SourceError(f"sources.{contract.name}: `path` is not set. Set it to the folder.")
    folder = settings.home / source.path
    if not folder.is_dir():
        raise SourceError(f"sources.{contract.name}: {folder} is no folder. Correct `path`.")
    inbox = Inbox(settings, source, contract, known, _copy)
    new = news(settings, contract, known, candidates(listing(folder), source))
    fresh = [c for c in new if _may_grow(c, source.settle_seconds)]
    quiet = settled(fresh, lambda: listing(folder), source.settle_seconds)
    ready = [c for c in new if c not in fresh or c in quiet]
    found = [
        inbox.delivery(folder / c.file.name, folder / c.control.name if c.control else None, c)
        for c in ready
    ]
    yield from sorted(found, key=lambda d: (d.delivered_at, d.provider, d.sequence, d.file))


def listing(folder: Path) -> list[Entry]:
    """The folder's files."""
    found = []
    for path in folder.iterdir():
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            found.append(Entry(path.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return found


def _may_grow(candidate: Candidate, seconds: float) -> bool:
    """Whether somebody may still be writing it, or what belongs to it: file or control record is
    missing, nothing else says that it is complete, and it has not been there for long.
    """
    file = candidate.file
    half = file.size < 0 or not candidate.done
    return half and time.time() - max(file.mtime_ns, file.changed_ns) / 1e9 < seconds


def _copy(file: Path, raw: Path) -> None:
    shutil.copy2(file, raw)
