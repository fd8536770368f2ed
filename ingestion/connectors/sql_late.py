"""Rows that came late: their cursor value was behind the last reading when they appeared.

The rows of the last value, and of a window before it, are looked at again. What the hub has already
is left out, by comparing with the rows that landing keeps of earlier batches. So each row lands
once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import polars as pl

from ingestion.connectors import sql_text
from ingestion.connectors.sql_plan import Mark, Plan
from ingestion.connectors.sql_spool import RAW_FILE, spooled_frames
from ingestion.register import delivered_file
from yinling.settings import Settings

_EXACT = pl.Decimal(38, 6)


class KnownRows:
    """The rows of a provider's batches, as landing keeps them."""

    def __init__(self, settings: Settings, batches: pl.DataFrame) -> None:
        """batches: the provider's (`ingestion.register.batches`)."""
        self._settings, self._batches = settings, batches

    def frames(self, plan: Plan) -> Iterator[pl.DataFrame]:
        """All rows of the batches that may have some of those that the plan looks at again.

        A batch whose raw rows are no longer kept counts as unknown: its rows land again, as the
        same versions.
        """
        for dataset, batch_id, cursor in self._batches.select(
            "dataset", "batch_id", "cursor"
        ).iter_rows():
            raw = delivered_file(self._settings, dataset, batch_id, RAW_FILE)
            if raw.exists() and cursor is not None and _reaches(Mark.parse(cursor), plan):
                yield from spooled_frames(raw)


def _reaches(mark: Mark, plan: Plan) -> bool:
    if plan.blank_changed:
        return True
    # Only times have an order as text.
    if plan.window == plan.since:
        return mark.value == plan.since
    return mark.value is not None and mark.value >= str(plan.window)


def unknown_rows(
    read: Callable[[], Iterator[bytes]], names: list[str], known: Iterator[pl.DataFrame]
) -> pl.DataFrame:
    """Those of the rows that the hub does not have.

    Two hashes (128 bits) of each row are in memory. Most often the hub has them all; else they are
    read once more.
    """
    keys = [_keys(sql_text.parse(block, names), names) for block in read()]
    unknown = pl.concat([_keys(_none(names), names), *keys]).unique()
    for frame in known:
        unknown = unknown.join(_keys(frame, names), on=["a", "b"], how="anti")
        if unknown.is_empty():
            return _none(names)
    found = [_none(names)]
    for block in read():
        frame = sql_text.parse(block, names)
        at = _keys(frame, names).with_row_index("at").join(unknown, on=["a", "b"], how="semi")["at"]
        found.append(frame[at.sort()])
    return pl.concat(found)


def _none(names: list[str]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(names, pl.String()))


def _keys(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Of the columns that the table has now; one that it did not have is empty."""
    blank = pl.lit(None, pl.String())
    text = frame.select(
        (pl.col(n) if n in frame.columns else blank).alias(n) for n in sorted(names)
    )
    return pl.DataFrame({"a": text.hash_rows(seed=1), "b": text.hash_rows(seed=2)})


def totals(frame: pl.DataFrame, names: list[str]) -> dict[str, str]:
    """Sums of amounts given as text; what is no number is not in them."""
    sums = frame.select(pl.col(names).cast(_EXACT, strict=False).sum())
    return {name: str(Decimal(sums[name][0] or 0)) for name in names}
