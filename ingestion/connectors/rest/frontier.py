"""Where a table was when it was last read: the durable cursor of an incremental service.

Text form `<value>|<rows>`: the newest cursor value, and how many rows the answer had at it, or in
the days before it that are looked at again, or beyond it (dates in the future, dates that are
none: a service answers those again and again). The hashes of these rows are kept with the batch
(`answered.parquet`). The next run asks for all of them once more and leaves out what it knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import polars as pl

from ingestion import parsing
from ingestion.connectors.rest.row_keys import row_keys


@dataclass(frozen=True)
class Mark:
    """A durable cursor.

    Attributes:
        value: the newest cursor value, empty while no row had one.
        rows: how many rows are known again by their hash; None: what lies beyond `value` is to be
            read, whether it is known or not.
    """

    value: str
    rows: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The cursor of this text; None for the fingerprint of a table that was read whole."""
        value, *counts = text.split("|")
        if value:
            try:
                datetime.fromisoformat(value)
            except ValueError:
                return None
        return cls(value, int(counts[0]) if counts and counts[0].isdigit() else None)

    def __str__(self) -> str:
        return self.value if self.rows is None else f"{self.value}|{self.rows}"


@dataclass(frozen=True)
class Scale:
    """How the cursor column counts time.

    Attributes:
        window: how far back late rows are looked for (nothing: only at the very value).
    """

    dated: bool
    window: timedelta

    @property
    def back(self) -> timedelta:
        """How far before the newest value the next run starts; a step brings the value itself."""
        step = timedelta(days=1) if self.dated else timedelta(microseconds=1)
        return max(self.window, step)

    def text(self, moment: datetime) -> str:
        """The moment as the service is asked with it."""
        style = "%Y-%m-%d" if self.dated else "%Y-%m-%d %H:%M:%S.%f"
        return moment.strftime(style).removesuffix(".000000")

    def since(self, mark: Mark) -> str | None:
        """What to ask with, to get everything that may be new after this mark."""
        if not mark.value:
            return None
        if mark.rows is None:
            return mark.value
        return self.text(datetime.fromisoformat(mark.value) - self.back)


class Frontier:
    """Follows the pages of an answer to the place where the next run starts.

    Args:
        last: the durable cursor before; it never goes back.
    """

    def __init__(self, scale: Scale, column: str, until: datetime, last: Mark | None) -> None:
        self._scale, self._column, self._until = scale, column, until
        self._last = last.value if last is not None else ""
        self._newest = datetime.fromisoformat(self._last) if self._last else None
        self._rows = pl.DataFrame(schema={"key": pl.String(), "moment": pl.Datetime("us")})

    def add(self, frame: pl.DataFrame) -> None:
        """Take note of a page's rows."""
        moments = parsing.timestamp(parsing.tidy(frame[self._column])).cast(pl.Datetime("us"))
        # What is no moment, or lies ahead of time, does not move the cursor.
        moments = moments.set((moments > self._until).fill_null(False), None)
        newest = moments.max()
        if isinstance(newest, datetime) and (self._newest is None or newest > self._newest):
            self._newest = newest
            self._rows = self._rows.filter(self._asked_again(self._rows["moment"]))
        again = self._asked_again(moments)
        keys = row_keys(frame.filter(again))
        self._rows.extend(pl.DataFrame({"key": keys, "moment": moments.filter(again)}))

    def _asked_again(self, moments: pl.Series) -> pl.Series:
        if self._newest is None:
            return moments.is_null()
        return (moments > self._newest - self._scale.back).fill_null(True)

    @property
    def keys(self) -> pl.DataFrame:
        """Hashes of the rows that the next run asks for once more."""
        return self._rows.select("key")

    @property
    def mark(self) -> Mark:
        """The durable cursor after the last page."""
        newest = self._last if self._newest is None else self._scale.text(self._newest)
        return Mark(newest, self._rows.height)
