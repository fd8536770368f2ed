"""Files that departments put somewhere: which are complete, and what each of them is.

A file is taken when its control record stands beside it, or a done-file (`x.xlsx.done`, `x.ok`)
that is not older than the file, or when its name follows the source's `name_pattern`. Without a
control record it must have stopped growing. Names of unfinished uploads are passed over.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock

import polars as pl

from ingestion.connectors.naming import Named, Naming, month_in
from ingestion.contracts import Contract
from ingestion.delivery import Control, Delivery, parse_control
from ingestion.durable import sync
from ingestion.errors import DeliveryError, SourceError
from ingestion.readers import file_frames
from ingestion.register import delivered_file
from yinling.clock import SHANGHAI
from yinling.settings import Settings, Source

CONTROL_SUFFIX = ".control.json"
DONE_SUFFIXES = (".done", ".ok")
UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".filepart", ".uploading", ".crdownload", "~")
_BYTES_A_ROW = 60
Bring = Callable[[Path, Path], None]  # puts a file into a batch's room in landing


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
        """When it was last written, Asia/Shanghai, whole seconds."""
        moment = datetime.fromtimestamp(self.mtime_ns // 1_000_000_000, SHANGHAI)
        return moment.replace(tzinfo=None)


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
        Candidate(data.get(name, Entry(name, -1, control.mtime_ns)), control, True)
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

    So does a file whose control record has come in between.
    """
    if not found:
        return []
    time.sleep(seconds)
    now = {entry.name: entry for entry in again()}

    def is_settled(candidate: Candidate) -> bool:
        file = candidate.file
        same = file.size < 0 or now.get(file.name) == file
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
        self._taken = _Sequences(settings, contract, known)

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


class _Sequences:
    """Sequence numbers for files that state none: each file's bytes keep the one they had.

    Bytes that come again after others of the same period are a delivery of their own: the later
    ones are taken back.
    """

    def __init__(self, settings: Settings, contract: Contract, known: pl.DataFrame) -> None:
        self._given: dict[tuple[str, str, str], int] = {}
        self._highest: dict[tuple[str, str], int] = {}
        self._newest: dict[tuple[str, str], tuple[int, datetime, str]] = {}
        for provider, period, sequence, digest, moment, file in known.select(
            "provider", "period", "sequence", "sha256", "delivered_at", "file"
        ).iter_rows():
            self._note(provider, period, sequence, digest)
            self._landed(provider, period, sequence, moment, file)
        for room in (settings.landing / contract.name).glob("*.refused-*"):
            batch_id, _, digest = room.name.rpartition(".refused-")
            _, provider, period, number = batch_id.split(".")
            self._note(provider, period, int(number), digest)

    def _note(self, provider: str, period: str, sequence: int, digest: str) -> None:
        key = (provider, period, digest[:8])
        self._given[key] = max(self._given.get(key, 0), sequence)
        highest = self._highest.get((provider, period), 0)
        self._highest[provider, period] = max(highest, sequence)

    def _landed(
        self, provider: str, period: str, sequence: int, moment: datetime, file: str
    ) -> None:
        before = self._newest.get((provider, period), (0, moment, file))
        self._newest[provider, period] = max(before, (sequence, moment, file))

    def next(self, provider: str, period: str, digest: str, entry: Entry) -> tuple[int, datetime]:
        """The number of these bytes, which stand in `entry`, and when they were delivered."""
        number = self._given.get((provider, period, digest[:8]))
        newest, moment, file = self._newest.get((provider, period), (0, entry.modified, ""))
        later, replaced = entry.modified > moment, entry.name == file
        if number is not None and not (number < newest and (later or replaced)):
            return number, entry.modified
        number = self._highest.get((provider, period), 0) + 1
        # Put in the newest's place with a time from before it, it is newer all the same.
        here = datetime.now(SHANGHAI).replace(tzinfo=None, microsecond=0)
        delivered = entry.modified if later or not replaced else max(here, moment)
        self._note(provider, period, number, digest)
        self._landed(provider, period, number, delivered, entry.name)
        return number, delivered


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
