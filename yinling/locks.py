"""One run at a time: advisory file locks that vanish with the process holding them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BusyError(Exception):
    """Another run holds the lock; the message says which run and what to do."""


@contextmanager
def exclusive(home: Path, name: str) -> Iterator[None]:
    """Hold `<home>/locks/<name>.lock` while the block runs.

    The kernel releases the lock when the process ends, however it ends, so a killed run never
    leaves a lock behind. The file keeps the holder's process id for the message only.

    Raises:
        BusyError: another process holds it.
    """
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(
                f"Another run is at work on `{name}` (process {holder}). "
                "Wait until it ends, then run this again; nothing was changed."
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def held(home: Path) -> dict[str, str]:
    """Locks held right now: name → process id of the holder."""
    found: dict[str, str] = {}
    for path in sorted((home / "locks").glob("*.lock")):
        with path.open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found[path.stem] = file.read().strip() or "unknown"
    return found
