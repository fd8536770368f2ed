"""Hand delivery: a file from a memory stick or a mail gets its control record and goes in.

What the file is, is guessed and said; row count, sums and hash are worked out from the file. It is
put into the source's folder in two renames, the control record first: no run finds the file without
it, and one that looks in between waits for the file.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from ingestion import guessing, parsing, register
from ingestion.connectors.listing import CONTROL_SUFFIX
from ingestion.contracts import Contract, load_contracts
from ingestion.control import Control, known_as, parse_control, real_period
from ingestion.durable import sync, write_json
from ingestion.errors import DeliveryError
from ingestion.readers import file_frames
from yinling.clock import this_second
from yinling.settings import Settings, Source

OWN_INBOX = ".by-hand"
_BLOCK = 1 << 20
Tell = Callable[[str, int, int], None]


@dataclass
class Given:
    """What whoever delivers says; None is guessed."""

    dataset: str | None = None
    provider: str | None = None
    period: str | None = None
    mode: str | None = None
    sequence: int | None = None


@dataclass
class Handover:
    """A file that is ready to go in.

    Attributes:
        assumed: (what, value, why) of everything that nobody said.
        missing: what could not be guessed: `provider`, `period`.
        before: id of the batch that has the very same bytes already, or name of the waiting file.
    """

    file: Path
    contract: Contract
    folder: Path
    via_source: bool
    sha256: str
    size: int
    rows: int
    sums: dict[str, str]
    encoding: str
    values: dict[str, Any] = field(default_factory=dict)
    assumed: list[tuple[str, str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    before: str = ""

    @property
    def batch_id(self) -> str:
        """The id that the batch will have."""
        value = self.values
        number = f"{value['sequence']:04d}"
        return f"{self.contract.name}.{value['provider']}.{value['period']}.{number}"


def prepare(settings: Settings, file: Path, given: Given, tell: Tell) -> Handover:
    """Look at a file and work out everything that its control record needs.

    Args:
        tell: is told (stage, done, of how many) as the bytes are read.

    Raises:
        DeliveryError: no file, no such dataset, or a file that cannot be read.
    """
    if not file.is_file():
        raise DeliveryError("missing_file", f"没有文件 {file}。请检查路径。")
    if not file.stat().st_size:
        raise DeliveryError("empty_file", f"文件 {file.name} 是空的（0 字节）。请重新导出。")
    contracts = load_contracts(settings.contracts)
    assumed = []
    name = given.dataset
    if name is None:
        name, why = guessing.dataset_of(file, contracts)
        assumed.append(("数据集", f"{name}（{contracts[name].title}）", why))
    if name not in contracts:
        raise DeliveryError("unknown_dataset", f"没有数据集 {name}。可用：{'、'.join(contracts)}。")
    contract, source = contracts[name], settings.sources.get(name)
    via_source = source is not None and source.connector == "folder" and source.path is not None
    folder = (
        settings.home / str(source.path)
        if source is not None and via_source
        else settings.landing / name / OWN_INBOX
    )
    agreed = ((source.encoding if source else None) or contract.encoding).lower()
    done = Handover(
        file=file,
        contract=contract,
        folder=folder,
        via_source=via_source,
        sha256=_digest(file, tell),
        size=file.stat().st_size,
        rows=0,
        sums={},
        encoding=guessing.encoding_of(file, agreed),
        assumed=assumed,
    )
    counties = _count(done, tell)
    _fill(done, settings, source, given, counties)
    return done


def _digest(file: Path, tell: Tell) -> str:
    digest, read, size = hashlib.sha256(), 0, file.stat().st_size
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            read += len(block)
            tell("计算摘要", read, size)
    return digest.hexdigest()


def _count(done: Handover, tell: Tell) -> set[str]:
    """Rows and sums into `done`; returns the counties in the data.

    A sum is stated for columns of amounts of which every value can be read.
    """
    sums: dict[str, Decimal | None] = {}
    counties: set[str] = set()
    for frame in file_frames(done.file, done.encoding, done.contract, done.notes):
        done.rows += frame.height
        tell("核对行数与合计", done.rows, 0)
        names = done.contract.headers.mapping(frame.columns)
        counties |= guessing.counties_in(done.contract, frame)
        for header, name in names.items():
            if not done.contract.by_name[name].physical_type.startswith("decimal"):
                continue
            text = parsing.tidy(frame[header])
            parsed = parsing.number(text)
            before = sums.get(name, Decimal(0))
            if before is None or parsed.null_count() > text.null_count():
                sums[name] = None
            else:
                sums[name] = before + Decimal(parsed.sum() or 0)
    done.sums = {name: str(total) for name, total in sums.items() if total is not None}
    return counties


def _fill(
    done: Handover, settings: Settings, source: Source | None, given: Given, counties: set[str]
) -> None:
    """Provider, period, mode and sequence: said, guessed, or missing."""
    known = register.batches(settings, done.contract.name)
    waiting = _waiting(done)
    same = known.filter(pl.col("sha256") == done.sha256)["batch_id"].to_list()
    same += [name for name, control in waiting.items() if control.sha256 == done.sha256]
    done.before = same[0] if same else ""
    provider = given.provider
    if provider is None:
        guess = guessing.provider_of(done.file, done.contract, source, known, counties)
        provider = _take(done, "provider", "报送单位", guess)
    period = given.period
    if period is None:
        period = _take(done, "period", "期次", guessing.period_of(done.file))
    done.values = {"provider": provider, "period": period}
    if done.missing or provider is None or period is None:
        return
    for title, value, check in (("报送单位", provider, known_as), ("期次", period, real_period)):
        try:
            check(value)
        except ValueError as error:
            raise DeliveryError("bad_control", f"{title}“{value}”：{error}。") from error
    mode = given.mode
    if mode is None:
        mode, why = guessing.mode_of(done.contract, known, provider)
        done.assumed.append(("方式", {"full": "全量", "increment": "增量"}[mode], why))
    taken = _sequences(settings, done.contract, known, waiting, provider, period)
    sequence = given.sequence
    if sequence is None:
        sequence = max(taken, default=0) + 1
        done.assumed.append(("序号", str(sequence), "该单位该期次的下一个序号"))
    elif sequence in taken and not done.before:
        raise DeliveryError(
            "sequence_reused",
            f"{provider} 的 {period} 第 {sequence} 号批次已经报送过，这次的内容不同。"
            f"更正请用新的序号：--sequence {max(taken) + 1}（或不写，由系统编号）。",
        )
    done.values |= {"mode": mode, "sequence": sequence}


def _take(done: Handover, name: str, title: str, guess: tuple[str, str] | None) -> str | None:
    if guess is None:
        done.missing.append(name)
        return None
    done.assumed.append((title, *guess))
    return guess[0]


def _waiting(done: Handover) -> dict[str, Control]:
    """Control records in the folder by their file's name; unreadable ones are landing's affair.

    Nor does the one count that a killed run of this very delivery left without its file.
    """
    found = {}
    for record in done.folder.glob(f"*{CONTROL_SUFFIX}") if done.folder.is_dir() else ():
        try:
            control = parse_control(record.read_bytes(), record.name, done.contract.name)
        except DeliveryError:
            continue
        file = record.with_name(record.name.removesuffix(CONTROL_SUFFIX))
        if file.exists() or control.sha256 != done.sha256:
            found[file.name] = control
    return found


def _sequences(
    settings: Settings,
    contract: Contract,
    known: pl.DataFrame,
    waiting: dict[str, Control],
    provider: str,
    period: str,
) -> set[int]:
    """Sequence numbers that the provider has used for the period: loaded, refused or waiting."""
    mine = known.filter((pl.col("provider") == provider) & (pl.col("period") == period))
    prefix = f"{contract.name}.{provider}.{period}."
    refused = {
        int(room.name.removeprefix(prefix).partition(".")[0])
        for room in (settings.landing / contract.name).glob(f"{prefix}*.refused-*")
    }
    queued = {c.sequence for c in waiting.values() if (c.provider, c.period) == (provider, period)}
    return set(mine["sequence"].to_list()) | refused | queued


def place(done: Handover, tell: Tell) -> Path:
    """Put the file and its control record into the folder, whole or not at all.

    Returns:
        The file's new place.
    """
    done.folder.mkdir(parents=True, exist_ok=True)
    target = done.folder / done.file.name
    hidden = done.file.name.startswith((".", "~"))
    if hidden or _is_taken(target, done):
        target = done.folder / f"{done.batch_id}{done.file.suffix.lower()}"
    draft = done.folder / f".{done.batch_id}.part"
    try:
        copied = 0
        with done.file.open("rb") as source, draft.open("wb") as copy:
            while block := source.read(_BLOCK):
                copy.write(block)
                copied += len(block)
                tell("复制", copied, done.size)
        shutil.copystat(done.file, draft)
        sync(draft)
        record = target.with_name(target.name + CONTROL_SUFFIX)
        write_json(record, _control(done))
        try:
            draft.replace(target)
        except OSError:
            record.unlink()
            raise
    finally:
        draft.unlink(missing_ok=True)
    return target


def _is_taken(target: Path, done: Handover) -> bool:
    """Whether another delivery has the name; half of this one is what a killed run left."""
    record = target.with_name(target.name + CONTROL_SUFFIX)
    if record.exists():
        return target.exists() or not _is_half(record, done.contract.name, done.sha256)
    return target.exists() and _digest(target, lambda *_: None) != done.sha256


def _is_half(record: Path, dataset: str, digest: str) -> bool:
    """Whether a control record that stands alone was written for these bytes."""
    try:
        return parse_control(record.read_bytes(), record.name, dataset).sha256 == digest
    except DeliveryError:
        return False


def _control(done: Handover) -> dict[str, Any]:
    moment = this_second()
    return {
        "dataset": done.contract.name,
        **done.values,
        "row_count": done.rows,
        "control_sums": done.sums,
        "sha256": done.sha256,
        "delivered_at": moment.isoformat(),
        "legal_basis": done.contract.legal_basis,
        "encoding": done.encoding,
    }


def clear_away(done: Handover, target: Path) -> None:
    """Remove what was put into the hub's own inbox: landing has the bytes now."""
    if not done.via_source:
        target.with_name(target.name + CONTROL_SUFFIX).unlink(missing_ok=True)
        target.unlink(missing_ok=True)


def landing_settings(settings: Settings, done: Handover) -> Settings:
    """Settings under which the dataset's source is the folder that the file was put into."""
    if done.via_source:
        return settings
    folder = Source(connector="folder", path=str(done.folder))
    return settings.model_copy(update={"sources": {**settings.sources, done.contract.name: folder}})
