"""Quarantine: the refused rows, as delivered, with the reason and the place.

One Parquet file a batch (`landing/<dataset>/<batch_id>/quarantine.parquet`, absent when nothing was
refused), written once: a replay (`ingestion.replay`) makes a batch beside it. It holds personal
data in the clear and never leaves landing. After their time the texts go
(`ingestion.refusals.forget`); which rows were refused, where and why, stays.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from ingestion.contracts import Contract
from ingestion.marks import FAULT, TEXT, UNSPLIT, unmarked
from ingestion.reasons import REASONS
from yinling.settings import Settings

FILE = "quarantine.parquet"
SCHEMA = pl.Schema(
    {
        "batch_id": pl.String(),
        "dataset": pl.String(),
        "row_no": pl.Int64(),
        "column": pl.String(),
        "reason": pl.String(),
        "raw_value": pl.String(),
        "raw_row": pl.String(),
        "message_zh": pl.String(),
        "key": pl.String(),
    }
)


def refused_rows(
    contract: Contract, raw: pl.DataFrame, lineage: pl.DataFrame, faults: pl.DataFrame
) -> pl.DataFrame:
    """Rows of SCHEMA from refused text, one a row; the lake's `key` is left to who knows it.

    Args:
        raw: the refused rows' text.
        lineage: the same rows' batch_id and row_no.
        faults: the same rows' column and reason.
    """
    values = unmarked(raw.columns)
    messages = {reason: known.message for reason, known in REASONS.items()}
    places = [pl.when(pl.col("_column") == name).then(pl.col(name)) for name in values]
    # A row that could not be split has no values, only its text.
    text = [pl.when(pl.col("_column") == "").then(pl.col(TEXT))] if TEXT in raw.columns else []
    unsplit = [
        pl.when(pl.col(FAULT).is_in(UNSPLIT)).then(pl.struct(TEXT).struct.json_encode())
        for _ in text
    ]
    prefixed = [
        lineage["batch_id"].alias("_batch_id"),
        lineage["row_no"].alias("_row_no"),
        faults["column"].alias("_column"),
        faults["reason"].alias("_reason"),
    ]
    place = pl.col("_column").replace_strict(contract.titles, return_dtype=pl.String())
    message = pl.col("_reason").replace_strict(messages, return_dtype=pl.String())
    return raw.with_columns(prefixed).select(
        batch_id="_batch_id",
        dataset=pl.lit(contract.name),
        row_no="_row_no",
        column="_column",
        reason="_reason",
        raw_value=pl.coalesce(*places, *text),
        raw_row=pl.coalesce(*unsplit, pl.struct(values).struct.json_encode()),
        message_zh=pl.format("第{}行“{}”：{}", "_row_no", place, message),
        key=pl.lit(None, dtype=pl.String),
    )


def summary(refused: pl.DataFrame) -> list[dict[str, Any]]:
    """How many rows were refused, by column and reason: what of it may leave landing."""
    counted = refused.group_by("column", "reason").agg(rows=pl.len())
    return counted.sort("column", "reason").to_dicts()


def rows(
    settings: Settings,
    dataset: str | None = None,
    batch_id: str | None = None,
    reason: str | None = None,
) -> pl.DataFrame:
    """Refused rows of committed batches.

    Grain: one refused row, in dataset, batch and row order; columns as in SCHEMA. Holds personal
    data in the clear: for the identity repair queue, never for the lake or a release.
    """
    pattern = f"{dataset or '*'}/{batch_id or '*'}/{FILE}"
    files = [
        file
        for file in sorted(settings.landing.glob(pattern))
        if (settings.lake / file.parent.parent.name / file.parent.name).is_dir()
    ]
    if not files:
        return SCHEMA.to_frame()
    frame = pl.scan_parquet(files, schema=SCHEMA, missing_columns="insert")
    if reason is not None:
        frame = frame.filter(pl.col("reason") == reason)
    return frame.collect()
