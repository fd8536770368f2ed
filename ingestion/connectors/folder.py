"""A folder into which departments put files, each with its control record beside it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import polars as pl

from ingestion.contracts import Contract
from ingestion.delivery import SHANGHAI, Control, Delivery, parse_control
from ingestion.errors import DeliveryError, SourceError
from ingestion.readers import file_frames
from yinling.settings import Settings, Source

CONTROL_SUFFIX = ".control.json"
_BYTES_A_ROW = 60


def folder_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Iterator[Delivery]:
    """Every delivery in the folder, by time of delivery; a file without control record waits.

    A file that landing already holds byte for byte (size and time of change say so) is left out,
    so that a folder without news costs a listing.

    Raises:
        SourceError: the folder does not exist, or no path is set.
    """
    if source.path is None:
        raise SourceError(f"sources.{contract.name}: `path` is not set. Set it to the folder.")
    folder = settings.home / source.path
    if not folder.is_dir():
        raise SourceError(f"sources.{contract.name}: {folder} is no folder. Correct `path`.")
    encoding = (source.encoding or contract.encoding).lower()
    landed = {
        (file, stat.st_size, stat.st_mtime_ns)
        for batch_id, file in known.select("batch_id", "file").iter_rows()
        if (stat := _stat(settings.landing / contract.name / batch_id / file)) is not None
    }
    found = []
    for record in sorted(folder.glob(f"*{CONTROL_SUFFIX}")):
        file = record.with_name(record.name.removesuffix(CONTROL_SUFFIX))
        stat = _stat(file)
        if stat is not None and (file.name, stat.st_size, stat.st_mtime_ns) in landed:
            continue
        try:
            found.append(_delivery(contract, encoding, file, record))
        except DeliveryError as error:
            found.append(_unidentified(contract, file, record, error))
    yield from sorted(found, key=lambda d: (d.delivered_at, d.provider, d.sequence, d.file))


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _delivery(contract: Contract, encoding: str, file: Path, record: Path) -> Delivery:
    text = record.read_bytes()
    control = parse_control(text, record.name, contract.name)
    digest, size = _digest(file, control)
    return Delivery(
        dataset=contract.name,
        provider=control.provider,
        period=control.period,
        mode=control.mode,
        sequence=control.sequence,
        file=file.name,
        delivered_at=control.delivered_at,
        frames=partial(_frames, file, encoding, control.sha256, digest),
        reread=partial(file_frames, encoding=encoding),
        rows_hint=max(control.row_count, size // _BYTES_A_ROW),
        sha256=digest,
        row_count=control.row_count,
        control_sums=control.control_sums,
        control_sha256=hashlib.sha256(text).hexdigest(),
        legal_basis=control.legal_basis,
    )


def _unidentified(contract: Contract, file: Path, record: Path, error: DeliveryError) -> Delivery:
    """A delivery whose control record cannot be read: refused under its file's name."""

    def refuse(_: Path) -> Iterator[pl.DataFrame]:
        raise error

    return Delivery(
        dataset=contract.name,
        provider=f"unidentified-{hashlib.sha256(file.name.encode()).hexdigest()[:8]}",
        period="0000",
        mode="full",
        sequence=0,
        file=file.name,
        delivered_at=datetime.fromtimestamp(int(record.stat().st_mtime), SHANGHAI).replace(
            tzinfo=None
        ),
        frames=refuse,
        reread=refuse,
        rows_hint=0,
        control_sha256=hashlib.sha256(record.read_bytes()).hexdigest(),
    )


def _digest(file: Path, control: Control) -> tuple[str, int]:
    if not file.exists():
        return "", 0
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), file.stat().st_size


def _frames(
    file: Path, encoding: str, stated: str | None, digest: str, room: Path
) -> Iterator[pl.DataFrame]:
    """Keeps the file as delivered (with its time, to know it again), then reads that copy."""
    if not file.exists():
        raise DeliveryError("missing_file", f"只有控制记录，没有数据文件 {file.name}。请补报文件。")
    if stated is not None and stated != digest:
        raise DeliveryError(
            "hash", f"文件 {file.name} 与控制记录的摘要不符，传输中可能受损。请重新报送。"
        )
    raw = room / file.name
    shutil.copy2(file, raw)
    raw.chmod(0o600)
    yield from file_frames(raw, encoding)
