"""Row accounting: what every committed batch read, loaded and refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yinling.settings import Settings


def accounting(settings: Settings) -> list[dict[str, Any]]:
    """One row a committed batch, by dataset and sequence, from the manifests in the lake.

    `balanced` is true when rows_read = rows_loaded + rows_quarantined.
    """
    rows: list[dict[str, Any]] = []
    for path in sorted(settings.lake.glob("*/*/manifest.json")):
        manifest = json.loads(path.read_text("utf-8"))
        read, loaded, refused = (
            int(manifest[key]) for key in ("rows_read", "rows_loaded", "rows_quarantined")
        )
        rows.append(manifest | {"balanced": read == loaded + refused})
    return rows
