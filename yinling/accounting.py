"""Row accounting: what every committed batch read, loaded and refused."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

if TYPE_CHECKING:
    import polars as pl

    from yinling.settings import Settings


def accounting(settings: Settings) -> list[dict[str, Any]]:
    """One row a delivery that was loaded, replays of its quarantine counted in.

    `balanced` is true when rows_read (as the reader counted them) = rows_loaded + rows_quarantined,
    and the files in the lake and in the quarantine hold just as many.
    """
    from ingestion.register import batches, deliveries

    lake, quarantine = _rows_in_files(settings, batches(settings))
    rows = deliveries(settings).drop("control_sums", "sums", "refused_sums").to_dicts()
    return [row | {"balanced": _is_balanced(row, lake, quarantine)} for row in rows]


def _is_balanced(row: dict[str, Any], lake: Counter[str], quarantine: Counter[str]) -> bool:
    loaded, refused = row["rows_loaded"], row["rows_quarantined"]
    held = (lake[row["batch_id"]], quarantine[row["batch_id"]])
    return bool(row["rows_read"] == loaded + refused and held == (loaded, refused))


def _rows_in_files(settings: Settings, batches: pl.DataFrame) -> tuple[Counter[str], Counter[str]]:
    """Rows of each delivery in the lake, and left in its quarantine, by the files' footers."""
    from ingestion.quarantine import files
    from ingestion.register import batch_file

    lake, quarantine = Counter[str](), Counter[str]()
    for file in files(settings):
        quarantine[file.parent.name] += pq.read_metadata(file).num_rows
    for dataset, batch, replay_of in batches.select("dataset", "batch_id", "replay_of").iter_rows():
        file = batch_file(settings, dataset, batch)
        rows = pq.read_metadata(file).num_rows if file.exists() else 0
        lake[replay_of or batch] += rows
        if replay_of:
            quarantine[replay_of] -= rows
    return lake, quarantine


def refusals(settings: Settings) -> list[dict[str, Any]]:
    """Rows still refused, counted by dataset, column and reason, most first; no row's content."""
    from ingestion.refusals import waiting

    counted = waiting(settings).group_by("dataset", "column", "reason").len("rows")
    ordered = counted.sort("rows", "dataset", "column", descending=[True, False, False])
    return ordered.collect(engine="streaming").to_dicts()
