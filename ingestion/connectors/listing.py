"""What stands in a folder: which files are complete, and which of them landing has not got.

A file is taken when its control record stands beside it, or a done-file (`x.xlsx.done`, `x.ok`)
that is not older than the file, or when its name follows the source's `name_pattern`. Without a
control record it must have stopped growing. Names of unfinished uploads are passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from ingestion.contracts import Contract
from ingestion.register import delivered_file
from yinling.clock import SHANGHAI, this_second
from yinling.settings import Settings, Source

CONTROL_SUFFIX = ".control.json"
DONE_SUFFIXES = (".done", ".ok")
UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".filepart", ".uploading", ".crdownload", "~")


@dataclass(frozen=True)
class Entry:
    """What a listing says of a file; size -1: it is not there.

    Attributes:
        changed_ns: when it last got its bytes, its name or its place, where the listing says so;
            a file that is moved in with its old time of writing is new all the same.
    """

    name: str
    size: int
    mtime_ns: int
    changed_ns: int = field(default=0, compare=False)

    @property
    def modified(self) -> datetime:
        """When it was last written, Asia/Shanghai, whole seconds; by no clock later than now."""
        moment = datetime.fromtimestamp(self.mtime_ns // 1_000_000_000, SHANGHAI)
        return min(moment.replace(tzinfo=None), this_second())


@dataclass(frozen=True)
class Candidate:
    """A file that may be taken, with what stands beside it."""

    file: Entry
    control: Entry | None
    done: bool


def candidates(listing: Iterable[Entry], source: Source) -> list[Candidate]:
    """The files of a listing that may be taken, by time and name."""
    entries = {entry.name: entry for entry in listing}
    controls = {
        name.removesuffix(CONTROL_SUFFIX): entry
        for name, entry in entries.items()
        if name.endswith(CONTROL_SUFFIX)
    }
    done = {
        name[: name.rindex(".")]: entry.mtime_ns
        for name, entry in entries.items()
        if name.lower().endswith(DONE_SUFFIXES)
    }
    data = {name: entry for name, entry in entries.items() if _is_data(name)}
    found = [
        Candidate(
            data.get(name, Entry(name, -1, control.mtime_ns, control.changed_ns)), control, True
        )
        for name, control in controls.items()
        if not _is_unfinished(name)
    ]
    for name, entry in data.items():
        if name in controls:
            continue
        marked = done.get(name, done.get(name.rpartition(".")[0], -1)) >= entry.mtime_ns
        if marked or source.name_pattern is not None:
            found.append(Candidate(entry, None, marked))
    return sorted(found, key=lambda c: (c.file.mtime_ns, c.file.name))


def waiting(listing: Iterable[Entry], source: Source) -> list[str]:
    """Names of the files that nothing says are complete, and nothing ever will by itself."""
    entries = list(listing)
    taken = {candidate.file.name for candidate in candidates(entries, source)}
    return sorted(e.name for e in entries if _is_data(e.name) and e.name not in taken)


def _is_unfinished(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower().endswith(UNFINISHED)


def _is_data(name: str) -> bool:
    beside = name.endswith(CONTROL_SUFFIX) or name.lower().endswith(DONE_SUFFIXES)
    return not beside and not _is_unfinished(name)


def settled(
    found: list[Candidate], again: Callable[[], Iterable[Entry]], seconds: float
) -> list[Candidate]:
    """Those that a second look, `seconds` later, finds unchanged; the others wait.

    So does a file whose control record has come in between, and a record whose file has.
    """
    if not found:
        return []
    time.sleep(seconds)
    now = {entry.name: entry for entry in again()}

    def is_settled(candidate: Candidate) -> bool:
        file = candidate.file
        same = now.get(file.name) == (None if file.size < 0 else file)
        return same and (candidate.control is not None or file.name + CONTROL_SUFFIX not in now)

    return [candidate for candidate in found if is_settled(candidate)]


def news(
    settings: Settings, contract: Contract, known: pl.DataFrame, found: list[Candidate]
) -> list[Candidate]:
    """Those that landing does not hold as they are: the same file beside the same control record.

    Names, sizes and times of change say so. A control record that comes later is news; one that is
    cleared away is not. Of a file name only the newest batch counts: what is put back in its place
    is news, with the time that it had before too.
    """
    newest = known.sort("received_at", "sequence").unique("file", keep="last")
    landed = set[tuple[Entry | None, Entry | None]]()
    for batch_id, name in newest.select("batch_id", "file").iter_rows():
        file = delivered_file(settings, contract.name, batch_id, name)
        kept = _kept(file)
        landed |= {(kept, None), (kept, _kept(file.with_name(name + CONTROL_SUFFIX)))}
    return [candidate for candidate in found if (candidate.file, candidate.control) not in landed]


def _kept(file: Path) -> Entry | None:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return Entry(file.name, stat.st_size, stat.st_mtime_ns)
