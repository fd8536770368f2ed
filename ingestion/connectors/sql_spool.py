"""What is read from a database, as it is read: kept in landing, so that a lost connection costs
only the piece that was on its way.

`rows.tsv.zst` is a row of Zstandard frames (`zstdcat` shows the table): a line of column names,
then blocks of lines. Before each stands a skippable frame with its size, by which blocks are found.
`reading.json` says which rows these are to be and up to where they are safe on the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import polars_hash  # noqa: F401 (registers the `chash` namespace)
import pyarrow as pa

from ingestion.characters import times
from ingestion.connectors import sql_text
from ingestion.durable import write_json

RAW_FILE = "rows.tsv.zst"
JOURNAL = "reading.json"
_SKIPPABLE = 0x184D2A50
_HEAD = struct.Struct("<IIQQ")  # magic, length of what follows, packed and plain size of the block
_LEVEL = 1


class Spool:
    """One reading on its way to the disk, begun or taken up again.

    Attributes:
        about: what the rows are to be (the caller's words), None when nothing was begun.
        rows: how many are safe.
        mark: up to where, in the caller's terms.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / RAW_FILE
        self.about: dict[str, Any] | None = None
        self.names: list[str] = []
        self.rows, self._written, self._safe = 0, 0, 0
        self.mark: dict[str, Any] | None = None
        journal = folder / JOURNAL
        if journal.exists():
            known = json.loads(journal.read_bytes())
            if self.file.exists() and self.file.stat().st_size >= known["bytes"]:
                self.about, self.names = known["about"], known["names"]
                self.rows, self.mark, self._safe = known["rows"], known["mark"], known["bytes"]

    def begin(self, about: dict[str, Any], names: list[str]) -> None:
        """Start from nothing."""
        self.discard()
        self.folder.mkdir(parents=True, mode=0o700)
        self.about, self.names = about, names
        with self.file.open("wb") as file:
            _write(file, "\t".join(names).encode() + b"\n")
            self._safe = file.tell()
        self._note()

    def take(self, blocks: Iterator[tuple[bytes, Any]]) -> Iterator[bytes]:
        """Append blocks of lines, and hand each on; one with a mark makes all up to it safe."""
        with self.file.open("r+b") as file, ThreadPoolExecutor(1) as pool:
            file.truncate(self._safe)
            file.seek(self._safe)
            self._written = self.rows
            before: Future[None] | None = None
            for block, mark in blocks:
                if before is not None:
                    before.result()
                before = pool.submit(self._put, file, block, mark)  # packed while the next comes
                if block:
                    yield block
            if before is not None:
                before.result()

    def _put(self, file: Any, block: bytes, mark: Any) -> None:
        self._written += _append(file, block)
        if mark is not None:
            file.flush()
            os.fsync(file.fileno())
            self.rows, self.mark, self._safe = self._written, mark, file.tell()
            self._note()

    def cut(self, column: str, kept_rows: int) -> str | None:
        """Drop the last rows, all that share the last value of a column, and return that value.

        In an ordered reading there may be more of them; None when there is no such value.

        Args:
            kept_rows: the first rows, which are no part of the ordered reading.
        """
        blocks = [] if self.rows == kept_rows else list(_blocks(self.file, self._safe))
        value = None
        while blocks and self.rows > kept_rows:
            at, plain = blocks.pop()
            frame = sql_text.parse(plain, self.names)
            value = frame[column][-1] if value is None else value
            kept = frame.filter(pl.col(column).ne_missing(value))
            self._safe, self.rows = at, self.rows - frame.height
            if kept.height:
                with self.file.open("r+b") as file:
                    file.truncate(at)
                    file.seek(at)
                    self.rows += _append(file, sql_text.render(kept))
                    self._safe = file.tell()
                break
        self._note()
        return value

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows that are safe, after a frame without rows."""
        return spooled_frames(self.file, self._safe)

    def digest(self) -> str:
        """SHA-256 of the file; empty when there is none."""
        if not self.file.exists():
            return ""
        with self.file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def fingerprint(self) -> str:
        """The same for the same rows, whatever their order."""
        if not self.file.exists():
            return ""
        total = 0
        for frame in spooled_frames(self.file):
            line = pl.concat_str(pl.all().fill_null(sql_text.NULL), separator="\t")
            digest = line.chash.sha2_256().str.slice(0, 12).str.to_integer(base=16)  # type: ignore[attr-defined]
            total += int(frame.select(digest.sum()).item())
        return f"{total:x}"

    def discard(self) -> None:
        """Forget the reading."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.about, self.rows, self.mark, self._safe = None, 0, None, 0

    def _note(self) -> None:
        write_json(
            self.folder / JOURNAL,
            {
                "about": self.about,
                "names": self.names,
                "rows": self.rows,
                "mark": self.mark,
                "bytes": self._safe,
            },
        )


def _append(file: Any, lines: bytes) -> int:
    if lines:
        _write(file, lines)
    return times("\n", lines)


def _write(file: Any, plain: bytes) -> None:
    packed = pa.Codec("zstd", compression_level=_LEVEL).compress(plain, asbytes=True)
    file.write(_HEAD.pack(_SKIPPABLE, 16, len(packed), len(plain)) + packed)


def _blocks(path: Path, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """(offset, plain lines) of each block; the first is the line of names."""
    codec = pa.Codec("zstd")
    with path.open("rb") as file:
        while end is None or file.tell() < end:
            at = file.tell()
            head = file.read(_HEAD.size)
            if not head:
                return
            _, _, packed, plain = _HEAD.unpack(head)
            yield at, codec.decompress(file.read(packed), plain, asbytes=True)


def spooled_frames(path: Path, end: int | None = None) -> Iterator[pl.DataFrame]:
    """The rows of a kept reading as columns of text, block by block, after a frame without rows."""
    blocks = _blocks(path, end)
    names = next(blocks)[1].decode().rstrip("\n").split("\t")
    yield pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
    for _, lines in blocks:
        yield sql_text.parse(lines, names)
