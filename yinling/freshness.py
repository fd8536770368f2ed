"""Whether anything would change: the current release against the lake, the models, the settings."""

from __future__ import annotations

import json

from ingestion.register import deliveries
from yinling.release import MANIFEST
from yinling.release_files import batch_fingerprint, project_fingerprint
from yinling.settings import Settings


def up_to_date(settings: Settings) -> bool:
    """True when the current release was made of exactly what is there now.

    Compared are the batches in the lake (ids and file hashes), the models, contracts and suites,
    and the suppression threshold. Nothing is built and the warehouse is not opened.
    """
    manifest = settings.releases / "current" / MANIFEST
    if not manifest.exists():
        return False
    made = json.loads(manifest.read_text("utf-8"))
    return bool(
        made["batch_set"] == batch_set(settings)
        and made["project_fingerprint"] == project_fingerprint(settings)
        and made["suppression_threshold"] == settings.suppression.officials
    )


def batch_set(settings: Settings) -> str:
    """Which deliveries are in the lake and how much of each, as the release counts them."""
    told = deliveries(settings).select("batch_id", "sha256", "rows_loaded")
    return batch_fingerprint(told.rows())
