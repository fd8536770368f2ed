"""One dataset's way out of its department."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Channel:
    """One dataset's way out.

    kind: postgresql, rest, lookup (a REST service that only answers about one person), csv, xlsx
    or geojson; provider: who delivers (a word, or `county` or
    `prefecture` for one delivery each); key: the contract's key; cursor: the column that says what
    is new; sums: columns whose totals stand in the control record; dated: which delivery brings a
    row: its month_number, or the day on which it began and the day on which it ended; catch_up:
    the first delivery is full and the next bring what is new (without it, each is whole).
    """

    dataset: str
    kind: str
    provider: str
    key: tuple[str, ...]
    cursor: str | None = None
    sums: tuple[str, ...] = ()
    schema: str = ""
    encoding: str = "utf-8"
    catch_up: bool = False
    dated: tuple[str, ...] = ()
