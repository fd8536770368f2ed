"""Intake: a delivery's rows, read in chunks, checked and written into its batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import polars as pl

from ingestion.batch import Batch
from ingestion.contracts import Contract
from ingestion.delivery import Delivery
from ingestion.drift import History, conform
from ingestion.readers import CHUNK_ROWS, gathered
from ingestion.repeats import Memory, Turn
from ingestion.tokens import TokenKey
from ingestion.transform import Chunk, transform


class Intake:
    """Fills the batches of one dataset.

    Args:
        key: the dataset's tokens are made with it.
        history: columns that each provider delivered last.
        threads: chunks that are checked at the same time.
        tell: is told of batches and rows as they are done.
    """

    def __init__(
        self,
        contract: Contract,
        key: TokenKey,
        history: History,
        threads: int,
        tell: Callable[[int, int], None],
    ) -> None:
        self.contract, self.key, self.history = contract, key, history
        self.threads, self.tell = max(1, threads), tell

    def chunks(self, batch: Batch) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """The delivery's rows in the contract's columns, with their lineage."""
        start, delivery = 1, batch.delivery
        frames = gathered(batch.frames(), CHUNK_ROWS // 2)
        delivery.schema.last = self.history.last(self.contract.name, delivery.provider)
        for frame in frames:
            raw = conform(self.contract, frame, delivery.schema)
            yield raw, _lineage(delivery, start, raw.height)
            start += raw.height

    def stream(self, batch: Batch) -> None:
        """Chunks are read, checked and written at the same time, in order and a few at once."""
        memory = Memory(self.contract, self.key)
        with ThreadPoolExecutor(self.threads) as checking, ThreadPoolExecutor(1) as writing:
            pending: deque[Future[None]] = deque()
            for raw, lineage in self.chunks(batch):
                chunk = checking.submit(self._checked, raw, lineage, memory.turn())
                pending.append(writing.submit(self._add_checked, batch, chunk))
                if len(pending) > self.threads:
                    pending.popleft().result()
            for written in pending:
                written.result()

    def together(
        self, batches: dict[str, Batch], parts: Iterable[tuple[pl.DataFrame, pl.DataFrame]]
    ) -> None:
        """Chunks of several small batches are checked as one frame."""
        raw, lineage = zip(*parts, strict=True)
        chunk = transform(
            self.contract, pl.concat(raw, how="diagonal"), pl.concat(lineage), self.key
        )
        for batch_id, part in chunk.by_batch().items():
            self._add(batches[batch_id], part)

    def _checked(self, raw: pl.DataFrame, lineage: pl.DataFrame, turn: Turn) -> Chunk:
        with turn:
            return transform(self.contract, raw, lineage, self.key, turn)

    def _add_checked(self, batch: Batch, chunk: Future[Chunk]) -> None:
        self._add(batch, chunk.result())

    def _add(self, batch: Batch, chunk: Chunk) -> None:
        batch.add(chunk)
        self.tell(0, chunk.good.height + chunk.refused.height)


def _lineage(delivery: Delivery, start: int, height: int) -> pl.DataFrame:
    return pl.select(
        batch_id=pl.repeat(delivery.batch_id, height, dtype=pl.String()),
        row_no=pl.int_range(start, start + height, dtype=pl.Int64()),
        known_at=pl.repeat(delivery.delivered_at, height, dtype=pl.Datetime("us")),
        told_at=pl.repeat(
            delivery.read_at or delivery.delivered_at, height, dtype=pl.Datetime("us")
        ),
    )
