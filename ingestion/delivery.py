"""A delivery: what it is and the way to its rows, whatever brought it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from ingestion.contracts import Contract
from ingestion.drift import SchemaReport
from ingestion.errors import DeliveryError
from yinling.clock import SHANGHAI
from yinling.settings import Settings, Source


def wall_clock(moment: datetime) -> datetime:
    """Asia/Shanghai wall-clock time without zone, whole seconds kept as they are."""
    if moment.tzinfo is None:
        return moment
    return moment.astimezone(SHANGHAI).replace(tzinfo=None)


@dataclass
class Delivery:
    """One delivery on its way in.

    Attributes:
        file: name of the raw bytes in landing.
        frames: given the batch's folder for raw bytes, leaves them there and yields the rows
            as text columns; may complete sha256, row_count, control_sums and cursor on the way.
        reread: given the raw file in landing, yields the same frames again.
        rows_hint: about how many rows, to decide whether to take several deliveries together.
        digest: finds the raw bytes' SHA-256; "" while there are none.
        stated_sha256: what the control record says that it is.
        control_sha256: hash of the control record, to know a refused delivery again.
        schema: what columns it had; a connector that knows the columns' types in the system puts
            them into `schema.types` before the first frame.
        read_at: when the rows were read, where that is later than what `delivered_at` says: by then
            what has happened has happened.
        replay: 0, or the how manieth replay of the delivery's quarantine this is.
    """

    dataset: str
    provider: str
    period: str
    mode: str
    sequence: int
    file: str
    delivered_at: datetime
    frames: Callable[[Path], Iterator[pl.DataFrame]]
    reread: Callable[[Path], Iterator[pl.DataFrame]]
    rows_hint: int
    digest: Callable[[], str] = str
    stated_sha256: str | None = None
    row_count: int | None = None
    control_sums: dict[str, Decimal] = field(default_factory=dict)
    control_sha256: str = ""
    legal_basis: str | None = None
    cursor: str | None = None
    warnings: list[str] = field(default_factory=list)
    schema: SchemaReport = field(default_factory=SchemaReport)
    read_at: datetime | None = None
    replay: int = 0

    @property
    def delivery_id(self) -> str:
        """What the rows name as their batch: the same delivery always gets the same id."""
        return f"{self.dataset}.{self.provider}.{self.period}.{self.sequence:04d}"

    @property
    def batch_id(self) -> str:
        """The batch's id and folder: the delivery's, or that of a replay of its quarantine."""
        return self.delivery_id + (f".r{self.replay:02d}" if self.replay else "")

    @cached_property
    def sha256(self) -> str:
        """Hash of the raw bytes, found when somebody asks: of most files after they are read."""
        return self.digest()

    def damage(self) -> DeliveryError | None:
        """What to say of bytes that are not those that the control record was written for."""
        if not self.sha256 or self.stated_sha256 in (None, self.sha256):
            return None
        return DeliveryError(
            "hash", f"文件 {self.file} 与控制记录的摘要不符，传输中可能受损。请重新报送。"
        )

    def fits(self, batch: Mapping[str, Any]) -> bool:
        """Whether the control record says of a batch with the same bytes what the batch is.

        Args:
            batch: its row of the register.
        """
        if self.row_count is None:
            return True
        if (self.mode, self.row_count) != (batch["mode"], batch["rows_read"]):
            return False
        stated, loaded, refused = (
            {item["column"]: Decimal(item["sum"]) for item in batch[name]}
            for name in ("control_sums", "sums", "refused_sums")
        )
        # What was reconciled once stays so, unreadable values and all.
        return self.control_sums == stated or all(
            name in loaded and loaded[name] + refused[name] == total
            for name, total in self.control_sums.items()
        )


# Whoever leaves off closes it: until then a connection may be open.
Deliveries = Generator[Delivery, None, None]


class Connector(Protocol):
    """Finds what a source has that the hub does not have yet."""

    def __call__(
        self, settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
    ) -> Deliveries:
        """New deliveries in the order in which they are to be landed.

        Args:
            known: the dataset's committed manifests (`ingestion.register.batches`).
        """
        ...
