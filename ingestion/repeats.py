"""Values that come again: each is checked, typed and tokenised once a batch, not once a row.

Most delivered columns repeat (codes, places, months, the people of a payment list, who come again
month after month). Such a column becomes its different values and, for every row, the place of its
value among them; the checks see each value once. What goes to the lake stays coded (categorical),
so that Parquet's dictionaries are written without looking at the rows' text again.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event, Lock

import numpy as np
import polars as pl

from ingestion.checks import Examined, examine
from ingestion.contracts import Column, Contract

SAMPLE = 2_000  # rows; a shorter chunk is not worth the trouble
# What one column may remember; then it forgets all and starts again.
MOST_VALUES, MOST_BYTES = 250_000, 32 << 20
# Of rows drawn from all of 100,000 so many differ when each value stands in three on the whole.
_DIFFERENT_FAR = 0.97
_DIFFERENT_NEAR = 0.8  # of rows that follow each other, as a person's do
_TRIED_ROWS, _DIFFERENT = 200_000, 0.8  # of all rows after so many; above it does not pay


class Memory:
    """What the columns of one batch have held so far.

    Chunks may be looked at by several threads at once and in any order. Which of them brings a
    value first decides its code, and so the bytes of the lake's file: chunks that take their `turn`
    find them in the same order every time.
    """

    def __init__(self, contract: Contract, key: str) -> None:
        # Of a key that is one column every value is new.
        self._columns = {
            column.name: _Column(column, key)
            for column in contract.columns
            if contract.key != [column.name]
        }
        self._newest: Turn | None = None

    def turn(self) -> Turn:
        """The next chunk's turn; to be asked for in the order of the chunks."""
        self._newest = Turn(self, list(self._columns), self._newest)
        return self._newest

    def look(self, name: str, raw: pl.Series) -> Repeats | None:
        """The column's values and places, or None where most values are different."""
        known = self._columns.get(name)
        return known.look(raw) if known is not None and len(raw) >= SAMPLE else None


class Turn:
    """One chunk's look at the memory: at each column after the chunk before it, whoever is faster.

    A context, at whose end the chunks behind go on, whatever this one has looked at.
    """

    def __init__(self, memory: Memory, columns: list[str], before: Turn | None) -> None:
        self._memory, self._before = memory, before
        self._past = {name: Event() for name in columns}

    def look(self, name: str, raw: pl.Series) -> Repeats | None:
        """As `Memory.look`."""
        self._wait(name)
        found = self._memory.look(name, raw)
        if name in self._past:
            self._past[name].set()
        return found

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for name, past in self._past.items():
            self._wait(name)
            past.set()
        self._before = None

    def _wait(self, name: str) -> None:
        if self._before is not None and name in self._past:
            self._before._past[name].wait()


@dataclass(frozen=True)
class Repeats:
    """A column of a chunk as values and its rows' places.

    Attributes:
        seen: what became of the values (the first is null), texts coded.
        reasons: why each value is refused, null where it is not; None when none is.
        places: for each row the index of its value.
    """

    seen: Examined
    reasons: pl.Series | None
    places: pl.Series
    _values: _Values

    def rows(self, of_values: pl.Series) -> pl.Series:
        """From one entry a value to one a row."""
        return of_values.gather(self.places)

    def unsealed(self, rows: pl.Series | None) -> pl.Series:
        """Indices of the values in the chosen rows (default: all) that no chunk asked for yet."""
        places = self.places if rows is None else self.places.filter(rows)
        return self._values.unsealed(places.to_numpy())


class _Column:
    """One column's values, generation after generation."""

    def __init__(self, column: Column, key: str) -> None:
        self._column, self._key = column, key
        self._values = _Values()
        self._rows, self._given_up = 0, False
        self._lock = Lock()

    def look(self, raw: pl.Series) -> Repeats | None:
        if self._given_up:
            return None
        # People come again after more rows than any chunk has, and their tokens are dear.
        if not self._rows and self._column.personal is None and not _seems_to_repeat(raw):
            return None
        with self._lock:
            values = self._values
            found = values.look(self._column, raw, self._key)
            self._rows += len(raw)
            if self._rows >= _TRIED_ROWS and values.count > _DIFFERENT * self._rows:
                self._given_up, self._values = True, _Values()
            elif values.count > MOST_VALUES or values.bytes > MOST_BYTES:
                self._values, self._rows = _Values(), 0
        return found


class _Values:
    """Different values of one column and what became of them; null is the first."""

    def __init__(self) -> None:
        self._texts = pl.Categorical(pl.Categories.random())
        self._held = pl.Series(dtype=self._texts)  # polars forgets codes that no series has
        self._codes: dict[str, pl.Categorical] = {}
        self._seen = Examined({})
        self._reasons = pl.Series(dtype=pl.String)
        self._refused = False  # any value but null
        self._sealed = np.zeros(0, dtype=np.bool_)
        self._lock = Lock()
        self.count = self.bytes = 0

    def look(self, column: Column, raw: pl.Series, key: str) -> Repeats:
        """A chunk's values, after those that are new among them were examined."""
        places = raw.cast(self._texts).to_physical() + 1
        if blank := places.null_count() > 0:
            places = places.fill_null(0)
        greatest = places.max()
        assert isinstance(greatest, int)  # noqa: S101 (a chunk has rows)
        if greatest >= self.count:
            self._append(column, self._new(raw, places), key)
            if self.count != greatest + 1:  # or a person would get another's token
                raise RuntimeError(f"{self.count} values, codes up to {greatest}")
        reasons = self._reasons if self._refused or blank else None
        return Repeats(self._seen, reasons, places, self)

    def _new(self, raw: pl.Series, places: pl.Series) -> pl.Series:
        """The values that were not seen before, in the order of their places."""
        found = pl.DataFrame({"place": places, "text": raw}).filter(
            pl.col("place") >= max(1, self.count)
        )
        new = found.unique("place").sort("place")["text"].rename(raw.name)
        return new if self.count else pl.concat([new.clear(1), new])

    def unsealed(self, places: np.ndarray) -> pl.Series:
        """Which of the values at these places were never asked for; from now on they were."""
        with self._lock:
            here = np.zeros(self.count, dtype=np.bool_)
            here[places] = True
            here[: len(self._sealed)] &= ~self._sealed
            sealed = here.copy()
            sealed[: len(self._sealed)] |= self._sealed
            self._sealed = sealed
        return pl.Series(np.flatnonzero(here))

    def _append(self, column: Column, texts: pl.Series, key: str) -> None:
        new, old, before = examine(column, texts, key), self._seen, self.count
        reasons = new.reasons()
        if reasons is None:
            reasons = pl.Series([None], dtype=pl.String).new_from_index(0, len(texts))
        self._reasons = pl.concat([self._reasons, reasons], rechunk=True)
        self._refused = self._reasons[1:].null_count() < len(self._reasons) - 1
        self._seen = Examined(
            {
                name: _joined(old.lake.get(name), self._coded(name, part))
                for name, part in new.lake.items()
            },
            doubtful=_doubts(old.doubtful, before, new.doubtful, len(texts)),
            clear=None if new.clear is None else _joined(old.clear, new.clear),
        )
        self.count += len(texts)
        self.bytes += int(texts.str.len_bytes().sum())

    def _coded(self, name: str, part: pl.Series) -> pl.Series:
        if part.dtype != pl.String:
            return part
        kind = self._codes.setdefault(name, pl.Categorical(pl.Categories.random()))
        return part.cast(kind)


def _joined(old: pl.Series | None, new: pl.Series) -> pl.Series:
    return new if old is None else pl.concat([old, new], rechunk=True)


def _doubts(
    old: pl.Series | None, before: int, new: pl.Series | None, more: int
) -> pl.Series | None:
    if old is None and new is None:
        return None
    none = pl.Series([False])
    return pl.concat(
        [
            none.new_from_index(0, before) if old is None else old,
            none.new_from_index(0, more) if new is None else new,
        ],
        rechunk=True,
    )


def _seems_to_repeat(column: pl.Series) -> bool:
    far = column.gather_every(len(column) // SAMPLE)
    if far.n_unique() <= _DIFFERENT_FAR * len(far):
        return True
    near = column.slice(len(column) // 2, SAMPLE // 2)
    return near.n_unique() <= _DIFFERENT_NEAR * len(near)


def constant(text: str, height: int) -> pl.Series:
    """One text in every row, coded."""
    return pl.repeat(text, height, dtype=pl.Enum([text]), eager=True)
