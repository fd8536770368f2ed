"""Deliveries of the files that departments put somewhere: what each of them is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock

import polars as pl

from ingestion.connectors.listing import Candidate, Entry
from ingestion.connectors.naming import Named, Naming, month_in
from ingestion.connectors.sequences import Sequences
from ingestion.contracts import Contract
from ingestion.control import Control, parse_control
from ingestion.delivery import Delivery
from ingestion.durable import sync
from ingestion.errors import DeliveryError, SourceError
from ingestion.readers import file_frames
from yinling.settings import Settings, Source

_BYTES_A_ROW = 60
Bring = Callable[[Path, Path], None]  # puts a file into a batch's room in landing


class Inbox:
    """Makes deliveries of files on this machine.

    Args:
        bring: how a file gets into the batch's room.
    """

    def __init__(
        self,
        settings: Settings,
        source: Source,
        contract: Contract,
        known: pl.DataFrame,
        bring: Bring,
    ) -> None:
        self.settings, self.source, self.contract, self.bring = settings, source, contract, bring
        self.encoding = (source.encoding or contract.encoding).lower()
        where = f"sources.{contract.name}"
        self.naming = Naming(source.name_pattern, where) if source.name_pattern else None
        self._taken = Sequences(settings, contract, known)

    def delivery(self, file: Path, control: Path | None, candidate: Candidate) -> Delivery:
        """The delivery that the file is; one that cannot be told is refused when it is landed.

        Raises:
            SourceError: neither name, done-file nor settings say who delivers.
        """
        try:
            if control is not None:
                return self._controlled(file, control)
            return self._named(file, candidate.file)
        except DeliveryError as error:
            return self._unidentified(file, control, candidate.file, error)

    def _controlled(self, file: Path, record: Path) -> Delivery:
        text = record.read_bytes()
        control = parse_control(text, record.name, self.contract.name)
        if not self.settings.synthetic:  # made-up provinces have a calendar of their own
            control.refuse_future(record.name)
        return self._delivery(
            file,
            control,
            _Digest(file),
            control_sha256=hashlib.sha256(text).hexdigest(),
            record=record,
        )

    def _named(self, file: Path, entry: Entry) -> Delivery:
        """Without a control record: the name, the settings and the file's time say what it is."""
        notes = []
        named = self.naming.read(file.name) if self.naming else Named()
        known_as = (self.contract.name, self.contract.title)
        if named.dataset is not None and named.dataset not in known_as:
            raise DeliveryError(
                "bad_name",
                f"文件名 {file.name} 写的数据集是 {named.dataset}，此处应为 {self.contract.name}"
                f"（{self.contract.title}）。请放入对应的目录。",
            )
        provider = named.provider or self.source.provider
        if provider is None:
            raise SourceError(
                f"sources.{self.contract.name}: nothing says who delivers {file.name}. Set"
                " `provider`, or put {provider} into `name_pattern`."
            )
        period = named.period or month_in(file.name)
        if period is None:
            period = entry.modified.strftime("%Y-%m")
            notes.append(f"文件名未写期次，按文件时间记为 {period}")
        digest = _Digest(file)
        sequence, moment = named.sequence, entry.modified
        if sequence is None:
            sequence, moment = self._taken.next(provider, period, digest(), entry)
        mode = named.mode or self.source.mode
        control = {
            "provider": provider,
            "dataset": self.contract.name,
            "period": period,
            "mode": mode,
            "sequence": sequence,
        }
        text = json.dumps({**control, "sha256": digest()}, sort_keys=True)
        notes.append("没有控制记录：行数与合计无从核对")
        return self._delivery(
            file,
            Control.model_construct(
                **control,  # type: ignore[arg-type]
                row_count=None,
                delivered_at=moment,
            ),
            digest,
            control_sha256=hashlib.sha256(text.encode()).hexdigest(),
            warnings=notes,
        )

    def _delivery(
        self,
        file: Path,
        control: Control,
        digest: _Digest,
        control_sha256: str,
        record: Path | None = None,
        warnings: list[str] | None = None,
    ) -> Delivery:
        notes = warnings if warnings is not None else []
        encoding = control.encoding or self.encoding
        size = file.stat().st_size if file.exists() else 0
        return Delivery(
            dataset=self.contract.name,
            provider=control.provider,
            period=control.period,
            mode=control.mode,
            sequence=control.sequence,
            file=file.name,
            delivered_at=control.delivered_at,
            frames=partial(self._frames, file, record, encoding, digest, notes),
            reread=partial(file_frames, encoding=encoding, contract=self.contract),
            rows_hint=max(control.row_count or 0, size // _BYTES_A_ROW),
            digest=digest,
            stated_sha256=control.sha256,
            row_count=control.row_count,
            control_sums=control.control_sums,
            control_sha256=control_sha256,
            legal_basis=control.legal_basis,
            warnings=notes,
        )

    def _frames(
        self,
        file: Path,
        record: Path | None,
        encoding: str,
        digest: _Digest,
        notes: list[str],
        room: Path,
    ) -> Iterator[pl.DataFrame]:
        """Keeps file and control record as delivered (with their times, to know them again), then
        reads that copy.
        """
        if record is not None:
            self.bring(record, room / record.name)
        if not file.exists():
            raise DeliveryError(
                "missing_file", f"只有控制记录，没有数据文件 {file.name}。请补报文件。"
            )
        raw = room / file.name
        self.bring(file, raw)
        raw.chmod(0o600)
        with ThreadPoolExecutor(2) as beside:
            safe = beside.submit(sync, raw)  # or the batch waits for the disk at its end
            beside.submit(digest.of, raw)
            yield from file_frames(raw, encoding, self.contract, notes)
            safe.result()

    def _unidentified(
        self, file: Path, control: Path | None, entry: Entry, error: DeliveryError
    ) -> Delivery:
        """A delivery of which cannot be told what it is: refused under its file's name."""

        def refuse(room: Path) -> Iterator[pl.DataFrame]:
            if file.exists():
                self.bring(file, room / file.name)
            raise error

        text = control.read_bytes() if control is not None else f"{entry}".encode()
        return Delivery(
            dataset=self.contract.name,
            provider=f"unidentified-{hashlib.sha256(file.name.encode()).hexdigest()[:8]}",
            period="0000",
            mode="full",
            sequence=0,
            file=file.name,
            delivered_at=entry.modified,
            frames=refuse,
            reread=refuse,
            rows_hint=0,
            control_sha256=hashlib.sha256(text).hexdigest(),
        )


class _Digest:
    """SHA-256 of a file, found once: beside the reading, or before it where somebody asks."""

    def __init__(self, file: Path) -> None:
        self._file, self._found = file, ""
        self._alone = Lock()

    def __call__(self) -> str:
        return self.of(self._file)

    def of(self, file: Path) -> str:
        """The hash; `file` is the same file, or the copy that is being read. "" without one."""
        with self._alone:
            if not self._found and file.exists():
                with file.open("rb") as stream:
                    self._found = hashlib.file_digest(stream, "sha256").hexdigest()
            return self._found
