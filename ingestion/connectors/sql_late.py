"""Rows that came late: their cursor value was behind the last reading when they appeared.

A window before the last value is read again, and what the hub has already is left out, by
comparing with the rows that landing keeps of earlier batches. So each row lands once.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import polars as pl

from ingestion.connectors import sql_text
from ingestion.connectors.sql_plan import Plan
from ingestion.connectors.sql_spool import RAW_FILE, spooled_frames
from ingestion.register import delivered_file
from yinling.settings import Settings

_EXACT = pl.Decimal(38, 6)


class KnownRows:
    """The rows of a provider's batches, as landing keeps them."""

    def __init__(self, settings: Settings, batches: pl.DataFrame) -> None:
        """batches: the provider's (`ingestion.register.batches`)."""
        self._settings, self._batches = settings, batches

    def keys(self, plan: Plan) -> pl.DataFrame:
        """Two hashes (128 bits) of each row that can stand in the plan's window.

        A batch whose raw rows are no longer kept counts as unknown: its rows land again, as the
        same versions.
        """
        found = [_keys(pl.DataFrame({"": pl.Series([], dtype=pl.String)}))]
        one_value = plan.window == plan.since
        for dataset, batch_id, cursor in self._batches.select(
            "dataset", "batch_id", "cursor"
        ).iter_rows():
            raw = delivered_file(self._settings, dataset, batch_id, RAW_FILE)
            value = str(cursor).rsplit("|", 1)[0]
            if not raw.exists() or (value < str(plan.window) and not one_value):
                continue
            for frame in spooled_frames(raw):
                if plan.by in frame.columns:
                    by = pl.col(plan.by)
                    here = by == plan.since if one_value else by >= plan.window
                    found.append(_keys(frame.filter(here)))
        return pl.concat(found)


def _keys(frame: pl.DataFrame) -> pl.DataFrame:
    text = frame.select(sorted(frame.columns))
    return pl.DataFrame({"a": text.hash_rows(seed=1), "b": text.hash_rows(seed=2)})


def unknown_rows(
    lines: Iterator[bytes], names: list[str], known: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """Those of the rows that the hub does not have."""
    for block in lines:
        frame = sql_text.parse(block, names)
        keys = _keys(frame).with_row_index("at")
        fresh = keys.join(known, on=["a", "b"], how="anti")["at"]
        yield frame[fresh.sort()]


def totals(frame: pl.DataFrame, names: list[str]) -> dict[str, str]:
    """Sums of amounts given as text; what is no number is not in them."""
    sums = frame.select(pl.col(names).cast(_EXACT, strict=False).sum())
    return {name: str(Decimal(sums[name][0] or 0)) for name in names}
