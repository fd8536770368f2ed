"""Row accounting: what every committed batch read, loaded and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yinling.settings import Settings


def accounting(settings: Settings) -> list[dict[str, Any]]:
    """One row a delivery that was loaded, replays of its quarantine counted in.

    `balanced` is true when rows_read = rows_loaded + rows_quarantined.
    """
    from ingestion.register import deliveries

    rows = deliveries(settings).drop("control_sums", "sums", "refused_sums").to_dicts()
    return [
        row | {"balanced": row["rows_read"] == row["rows_loaded"] + row["rows_quarantined"]}
        for row in rows
    ]


def refusals(settings: Settings) -> list[dict[str, Any]]:
    """Rows still refused, counted by dataset, column and reason, most first; no row's content."""
    from ingestion.refusals import waiting

    counted = waiting(settings).group_by("dataset", "column", "reason").len("rows")
    ordered = counted.sort("rows", "dataset", "column", descending=[True, False, False])
    return ordered.collect(engine="streaming").to_dicts()
