"""Landing: from the sources' deliveries to the lake, every row accounted for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from ingestion import quarantine, receipts, register, vault
from ingestion.batch import DISCARDED, Batch, complete_receipts, seal_for
from ingestion.connectors import CONNECTORS, connector, news
from ingestion.contracts import Contract, load_contracts
from ingestion.delivery import Deliveries, Delivery
from ingestion.divisions import attached, needed_first
from ingestion.drift import History
from ingestion.durable import made, plain_disk_errors, single_writer, sync, write_json
from ingestion.errors import BrokenOffError, DeliveryError, IngestionError
from ingestion.intake import Intake
from ingestion.known import Known
from ingestion.tokens import token_key
from yinling.clock import this_second
from yinling.locks import BusyError
from yinling.settings import Settings, SettingsError

GROUP_ROWS = 50_000  # deliveries are checked together up to so many rows
GROUP_DELIVERIES = 200
FILES = ("folder", "sftp")  # connectors whose deliveries stay where they are until they are read
DATA = "data.parquet"


@dataclass
class Landed:
    """What a run did.

    Attributes:
        receipts: of the deliveries that were loaded or refused in this run, in order.
        unchanged: batches that the hub had before this run.
    """

    receipts: list[dict[str, Any]] = field(default_factory=list)
    unchanged: int = 0

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """Receipts of the deliveries that were refused whole."""
        return [receipt for receipt in self.receipts if receipt["status"] == "rejected"]

    @property
    def rows_loaded(self) -> int:
        """Rows that this run brought into the lake."""
        return sum(int(receipt["rows_loaded"]) for receipt in self.receipts)

    @property
    def rows_quarantined(self) -> int:
        """Rows that this run refused."""
        return sum(int(receipt["rows_quarantined"]) for receipt in self.receipts)


def initialise(settings: Settings) -> None:
    """Make the folders (landing for its owner only) and a zero-row Parquet file a dataset.

    With these every dataset can be read before its first batch. Safe to repeat.
    """
    with plain_disk_errors(settings.home):
        for folder in (settings.lake, settings.receipts, settings.landing):
            made(folder)
        settings.landing.chmod(0o700)
        for contract in load_contracts(settings.contracts).values():
            file = settings.lake / contract.name / register.SCHEMA_FOLDER / DATA
            empty = contract.polars_schema().to_frame()
            if file.exists() and pl.read_parquet_schema(file) == empty.schema:
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_name(f".{DATA}.{os.getpid()}.part")
            empty.write_parquet(draft)
            draft.replace(file)


def land(
    settings: Settings,
    datasets: Iterable[str] | None = None,
    tell: Callable[[int, int], None] = lambda batches, rows: None,
    period: str | None = None,
) -> Landed:
    """Land whatever the sources have that the hub does not.

    Every delivery becomes one batch (or is refused whole, with a receipt); every row of a batch is
    in the lake or in the quarantine. Interrupted at any instant, the next run completes the work.

    Args:
        datasets: which datasets; default: every dataset that has a source in the settings.
        tell: is told of batches and rows as they are done.
        period: backfill from this month (YYYY-MM): of files, only the deliveries of that month;
            of cursor sources, everything from its first day on again, as a new version.

    Raises:
        ContractError, SourceError, BusyError, VaultError, IngestionError: in plain words; batches
            committed before stay.
        SettingsError: a key or an address is not set.
    """
    contracts = load_contracts(settings.contracts)
    chosen = list(datasets) if datasets is not None else list(settings.sources)
    for name in chosen:
        if name not in contracts:
            raise IngestionError(f"No contract for dataset `{name}`. Known: {', '.join(contracts)}")
        if name not in settings.sources:
            raise IngestionError(f"No source for `{name}`. Add [sources.{name}] to yinling.toml.")
    initialise(settings)
    done = Landed()
    for name in dict.fromkeys([*needed_first(settings, chosen), *chosen]):
        with plain_disk_errors(settings.home):
            _Dataset(settings, contracts[name], done, tell, period).run()
    return done


def has_news(settings: Settings, contract: Contract) -> bool:
    """Whether landing this dataset would do anything; what cannot be asked counts as news.

    So does a dataset that another run is landing now. Nothing is landed, and no service is asked
    about a person.
    """
    try:
        return _Dataset(settings, contract, Landed(), lambda batches, rows: None).has_news()
    except (IngestionError, BusyError, SettingsError, OSError):
        return True


class _Dataset:
    """Lands one dataset, alone."""

    def __init__(
        self,
        settings: Settings,
        contract: Contract,
        done: Landed,
        tell: Callable[[int, int], None],
        period: str | None = None,
    ) -> None:
        self.settings, self.done, self.tell = settings, done, tell
        self.contract = attached(settings, contract)
        self.period = period
        self.source = settings.sources[contract.name]
        self.room = settings.landing / contract.name
        self.key = token_key(settings)

    def run(self) -> None:
        if self.source.connector not in CONNECTORS:
            raise IngestionError(
                f"sources.{self.contract.name}: connector `{self.source.connector}` is unknown."
                f" Use one of {', '.join(CONNECTORS)}."
            )
        with single_writer(self.room, f"`{self.contract.name}`"):
            self.known = Known(self.settings, self.contract)
            batches = self.known.batches
            history = History(self.settings, batches)
            threads = self.settings.resources.threads
            self.intake = Intake(self.contract, self.key, history, threads, self.tell)
            self.done.unchanged += batches.height
            complete_receipts(self.settings, self.contract.name)
            told = batches if self.period is None else self._rewound(batches, self.period)
            with closing(self._deliveries(told)) as deliveries:
                self._land_all(deliveries)

    def _deliveries(self, known: pl.DataFrame) -> Deliveries:
        return connector(self.source.connector)(self.settings, self.source, self.contract, known)

    def _land_all(self, deliveries: Iterable[Delivery]) -> None:
        group: list[Delivery] = []
        for delivery in deliveries:
            if self.source.cursor is None and self.period not in (None, delivery.period):
                continue
            if any(delivery.batch_id == other.batch_id for other in group):
                self._land_group(group)
            if not self._is_new(delivery):
                continue
            # What streams from a system must be taken while its connection is open.
            if self.source.connector not in FILES or delivery.rows_hint > GROUP_ROWS // 2:
                self._land_group(group)
                self._land_large(delivery)
                continue
            group.append(delivery)
            rows = sum(other.rows_hint for other in group)
            if rows >= GROUP_ROWS or len(group) >= GROUP_DELIVERIES:
                self._land_group(group)
        self._land_group(group)

    def _rewound(self, known: pl.DataFrame, period: str) -> pl.DataFrame:
        """The register as a cursor source is told it: everything is known up to that month.

        The batch that comes of it carries the newest cursor again, so the next run goes on there.
        """
        if self.source.cursor is None:
            return known
        before = datetime.strptime(f"{period}-01", "%Y-%m-%d") - timedelta(microseconds=1)
        dated = self.contract.by_name[self.source.cursor].logical_type == "date"
        start = f"{before:%Y-%m-%d}" if dated else f"{before:%Y-%m-%d %H:%M:%S.%f}"
        rows = "" if self.source.connector == "rest" else "|0"
        return known.with_columns(cursor=pl.lit(start + rows))

    def has_news(self) -> bool:
        """Whether there is a delivery that the hub has neither taken nor refused.

        Raises:
            BusyError: a run is landing this dataset.
        """
        self.settings.landing.mkdir(parents=True, exist_ok=True, mode=0o700)
        ask = news(self.source.connector)
        with single_writer(self.room, f"`{self.contract.name}`"):
            known = Known(self.settings, self.contract)
            if ask is None:  # looking for deliveries, a connector may write where a run does
                return self._finds_news(known)
        return ask(self.settings, self.source, self.contract, known.batches)

    def _finds_news(self, known: Known) -> bool:
        with closing(self._deliveries(known.batches)) as deliveries:
            return any(
                not known.has(delivery) and known.refusal(delivery) is None
                for delivery in deliveries
            )

    def _is_new(self, delivery: Delivery) -> bool:
        """False for what the hub has or has refused already; a reused sequence is refused."""
        if self.known.has(delivery):
            return False
        if (before := self.known.refusal(delivery)) is not None:
            self.done.receipts.append(before)
            return False
        if delivery.batch_id in self.known:
            error = DeliveryError(
                "sequence_reused",
                f"批次 {delivery.batch_id} 已载入，本次同一序号的内容（或控制记录）不同。"
                "更正请使用新的序号重新报送。",
            )
            self._reject(delivery, error, self.known.receipt_name(delivery))
            return False
        return True

    @cached_property
    def _seal(self) -> vault.Seal | None:
        return seal_for(self.settings, self.contract)

    def _batch(self, delivery: Delivery) -> Batch:
        return Batch(self.settings, self.contract, delivery, self._seal)

    def _land_large(self, delivery: Delivery) -> None:
        try:
            with self._batch(delivery) as batch, self._refusing(delivery):
                self.intake.stream(batch)
                self._finish(batch)
        except BrokenOffError:
            shutil.rmtree(batch.room)

    def _land_group(self, group: list[Delivery]) -> None:
        """Many small deliveries are checked as one frame and committed each for itself.

        Empties the list.
        """
        with ExitStack() as stack:
            batches: dict[str, Batch] = {}
            parts: list[tuple[pl.DataFrame, pl.DataFrame]] = []
            for delivery in group:
                batch = stack.enter_context(self._batch(delivery))
                with self._refusing(delivery):
                    parts += list(self.intake.chunks(batch))
                    batches[delivery.batch_id] = batch
            if parts:
                self.intake.together(batches, parts)
            for batch in batches.values():
                with self._refusing(batch.delivery):
                    self._finish(batch)
        group.clear()

    @contextmanager
    def _refusing(self, delivery: Delivery) -> Iterator[None]:
        """A delivery that cannot be taken is refused with a receipt; the others go on."""
        try:
            yield
        except DeliveryError as error:
            self._reject(delivery, delivery.damage() or error)

    def _finish(self, batch: Batch) -> None:
        delivery = batch.delivery
        if (damage := delivery.damage()) is not None:
            raise damage
        receipt = batch.finish()
        self.known.add(delivery)
        self.intake.history.remember(delivery.provider, delivery.batch_id, delivery.schema.columns)
        write_json(self.known.receipts / f"{delivery.batch_id}.json", receipt)
        self.done.receipts.append(receipt)
        self.tell(1, 0)

    def _reject(self, delivery: Delivery, error: DeliveryError, name: str = "") -> None:
        """Nothing is loaded, and the provider gets a receipt.

        Args:
            name: the receipt's, where nothing was read (a batch of this id is loaded already);
                else what was received stays as evidence.
        """
        receipt = receipts.rejected(
            self.contract, delivery, error.code, str(error), this_second().isoformat()
        )
        if not name:
            name = f"{delivery.batch_id}.json"
            room = self.room / delivery.batch_id
            kept = room.with_name(f"{room.name}.refused-{delivery.sha256[:8]}")
            shutil.rmtree(kept, ignore_errors=True)
            room.rename(kept)
            sync(self.room)
            for half in (vault.FILE, quarantine.FILE, DISCARDED):
                (kept / half).unlink(missing_ok=True)
        write_json(self.known.receipts / name, receipt)
        self.done.receipts.append(receipt)
        self.tell(1, 0)
