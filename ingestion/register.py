"""The register: every committed batch, read from the lake's manifests. It has no other state."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from yinling.settings import Settings

MANIFEST = "manifest.json"
HELD = "held.parquet"  # keys of refused rows of a full batch, as the lake has them
SCHEMA_FOLDER = "0-schema"
DELIVERED = "delivered"  # in a batch's room in landing: the bytes as they came, under their name
_SUMS = pl.List(pl.Struct({"column": pl.String(), "sum": pl.String()}))
SCHEMA = pl.Schema(
    {
        "batch_id": pl.String(),
        "dataset": pl.String(),
        "provider": pl.String(),
        "period": pl.String(),
        "mode": pl.String(),
        "sequence": pl.Int64(),
        "file": pl.String(),
        "sha256": pl.String(),
        "delivered_at": pl.Datetime("us"),
        "received_at": pl.Datetime("us"),
        "rows_read": pl.Int64(),
        "rows_loaded": pl.Int64(),
        "rows_quarantined": pl.Int64(),
        "control_rows": pl.Int64(),
        "control_sums": _SUMS,
        "sums": _SUMS,
        "refused_sums": _SUMS,
        "cursor": pl.String(),
        "contract_version": pl.String(),
        "schema_fingerprint": pl.String(),
        "replay_of": pl.String(),
    }
)


def batches(settings: Settings, dataset: str | None = None) -> pl.DataFrame:
    """Every committed batch, oldest first; replays of a quarantine are batches of their own.

    Grain: one batch; columns as in SCHEMA (sums are lists of column and decimal text). `replay_of`
    is null in deliveries.
    """
    files = settings.lake.glob(f"{dataset or '*'}/*/{MANIFEST}")
    rows = [_row(json.loads(file.read_bytes())) for file in files]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort(
        "dataset", "delivered_at", "batch_id"
    )


def deliveries(settings: Settings, dataset: str | None = None) -> pl.DataFrame:
    """Every delivery that was loaded, oldest first, with the rows that replays brought in since.

    Grain: one delivery; columns as in SCHEMA. rows_read is what the reader counted.
    """
    every = batches(settings, dataset)
    replayed = (
        every.filter(pl.col("replay_of").is_not_null())
        .group_by(batch_id="replay_of")
        .agg(replayed=pl.col("rows_loaded").sum())
    )
    told = every.filter(pl.col("replay_of").is_null())
    more = pl.col("replayed").fill_null(0)
    return (
        told.join(replayed, on="batch_id", how="left", maintain_order="left")
        .with_columns(
            rows_loaded=pl.col("rows_loaded") + more,
            rows_quarantined=pl.col("rows_quarantined") - more,
        )
        .drop("replayed")
    )


def committed(settings: Settings, dataset: str) -> set[str]:
    """Ids of a dataset's committed batches (a listing; no manifest is read)."""
    folder = settings.lake / dataset
    if not folder.is_dir():
        return set()
    return {path.name for path in folder.iterdir()} - {SCHEMA_FOLDER}


def manifest(settings: Settings, dataset: str, batch_id: str) -> dict[str, Any]:
    """One committed batch's manifest, as written."""
    path = settings.lake / dataset / batch_id / MANIFEST
    value: dict[str, Any] = json.loads(path.read_bytes())
    return value


def batch_file(settings: Settings, dataset: str, batch_id: str) -> Path:
    """The Parquet file of a committed batch."""
    return settings.lake / dataset / batch_id / "data.parquet"


def delivered_file(settings: Settings, dataset: str, batch_id: str, file: str) -> Path:
    """A committed batch's bytes as they came; the oldest batches have them beside their own files.

    In a folder of their own they may have any name, be it that of a file of landing's.
    """
    room = settings.landing / dataset / batch_id
    apart = room / DELIVERED
    return (apart if apart.is_dir() else room) / file


def _row(value: dict[str, Any]) -> dict[str, Any]:
    sums = {
        "control_sums": value["control"]["sums"],
        "sums": value["sums"],
        "refused_sums": value["refused_sums"],
    }
    return {
        **{name: value.get(name) for name in SCHEMA},
        "delivered_at": datetime.fromisoformat(value["delivered_at"]),
        "received_at": datetime.fromisoformat(value["received_at"]),
        "control_rows": value["control"]["rows"],
        **{name: [{"column": c, "sum": s} for c, s in part.items()] for name, part in sums.items()},
    }
