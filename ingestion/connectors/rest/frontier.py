"""Where a table was when it was last read: the durable cursor of an incremental service.

Text form `<value>|<inside>|<beyond>`: the newest cursor value; how many rows lie between it and
the start of the window before it (rows with that very value when nothing is looked back); how many
rows the service keeps answering beyond it (dates in the future, dates that are none). A row that
comes late changes a number, so it is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import polars as pl

from ingestion import parsing


@dataclass(frozen=True)
class Mark:
    """A durable cursor; counts are None where they are not known."""

    value: str
    inside: int | None = None
    beyond: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        value, *counts = text.split("|")
        numbers = [int(count) if count.isdigit() else None for count in [*counts, "", ""][:2]]
        return cls(value, *numbers)

    def __str__(self) -> str:
        counts = (self.inside, self.beyond)
        return "|".join([self.value, *("?" if count is None else str(count) for count in counts)])


@dataclass(frozen=True)
class Scale:
    """How the cursor column counts time.

    Attributes:
        window: how far back late rows are looked for (nothing: only at the very value).
    """

    dated: bool
    window: timedelta

    def text(self, moment: datetime) -> str:
        """The moment as the service is asked with it."""
        style = "%Y-%m-%d" if self.dated else "%Y-%m-%d %H:%M:%S.%f"
        return moment.strftime(style).removesuffix(".000000")

    def start(self, value: str) -> str:
        """What to ask with, to get the window and the rows at the value itself."""
        step = timedelta(days=1) if self.dated else timedelta(microseconds=1)
        return self.text(datetime.fromisoformat(value) - max(self.window, step))


class Frontier:
    """Follows the pages of an answer to the place where the next run starts."""

    def __init__(self, scale: Scale, column: str, until: datetime) -> None:
        self._scale, self._column, self._until = scale, column, until
        self._moments = pl.Series(dtype=pl.Datetime("us"))  # those in the window so far
        self._odd: list[pl.Series] = []  # texts of what is no moment or lies ahead of time

    def add(self, frame: pl.DataFrame) -> None:
        """Take note of a page's cursor values."""
        text = parsing.tidy(frame[self._column])
        moments = parsing.timestamp(text).cast(pl.Datetime("us"))
        sound = (moments <= self._until).fill_null(False)
        both = pl.concat([self._moments, moments.filter(sound)])
        newest = both.max()
        if isinstance(newest, datetime):
            self._moments = (
                both.filter(both > newest - self._scale.window)
                if (self._scale.window)
                else both.filter(both == newest)
            )
        self._odd.append(text.filter(~sound).drop_nulls())

    def mark(self, last: Mark | None) -> Mark | None:
        """The durable cursor after the last page; `last` when nothing newer came."""
        newest = self._moments.max()
        if not isinstance(newest, datetime):
            return last
        value = self._scale.text(newest)
        if last is not None and value <= last.value:
            return last
        odd = pl.concat(self._odd)
        return Mark(value, len(self._moments), int((odd > value).sum()))
