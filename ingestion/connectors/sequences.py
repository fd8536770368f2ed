"""Sequence numbers of deliveries that state none."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from ingestion.connectors.listing import Entry
from ingestion.contracts import Contract
from yinling.clock import this_second
from yinling.settings import Settings


class Sequences:
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
        delivered = entry.modified if later or not replaced else max(this_second(), moment)
        self._note(provider, period, number, digest)
        self._landed(provider, period, number, delivered, entry.name)
        return number, delivered
