"""Writing that survives a power cut or is not there at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingestion.errors import IngestionError
from yinling.locks import BusyError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room, or none for this account or file


def sync(path: Path) -> None:
    """Force a file's bytes, or a folder's entries, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by the JSON text of `value`: readers see the old text or all of the new."""
    text = json.dumps(value, ensure_ascii=False, indent=1, default=str)
    write_whole(path, f"{text}\n".encode())


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` by the bytes: readers see the old ones or all of the new, for good."""
    made(path.parent)
    # Workers may write the same file at the same time, each its own draft.
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(path.parent)


def fresh(folder: Path) -> Path:
    """An empty folder in place of whatever an interrupted run left there.

    Who keeps it syncs it and the folder above when all is in it.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def made(folder: Path) -> Path:
    """The folder, made with those above it where they are missing; a power cut leaves it there."""
    if not folder.is_dir():
        made(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)
    return folder


def commit(draft: Path, final: Path) -> None:
    """Make a finished folder appear under its final name in one step, for good."""
    for file in draft.iterdir():
        sync(file)
    sync(draft)
    made(final.parent)
    draft.rename(final)
    sync(final.parent)


@contextmanager
def single_writer(folder: Path, what: str) -> Iterator[None]:
    """Hold the folder's lock; the lock ends with the process, however it ends.

    Raises:
        BusyError: another process holds it.
    """
    made(folder)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"{what} is being landed by another run. Wait until it ends, then start again."
            ) from error
        yield


@contextmanager
def plain_disk_errors(home: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden folder into a sentence.

    Raises:
        IngestionError: in place of the OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise IngestionError(
                f"The disk under {home} is full; the unfinished batch was not loaded and nothing"
                " committed was touched. Free some space, then start again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise IngestionError(
                f"{error.filename} cannot be written or read. Give this account the right to it."
            ) from error
        raise
