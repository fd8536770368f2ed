"""A lake made straight from clear rows, as if landing had taken them all.

For tests that hold the warehouse against the ground truth: what the departments would have
delivered without any damage goes in whole. Tokens are plain hashes; nobody in it exists.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import polars as pl
import polars_hash as plh

from ingestion.contracts import Column, Contract

KNOWN_AT = datetime(2026, 11, 8, 9)
PERIOD = "2026-10"


def write(folder: Path, lake: Path, contracts: dict[str, Contract]) -> dict[str, int]:
    """Write every dataset of `folder` (<dataset>.parquet in contract columns) as one batch.

    Returns:
        Rows by dataset; a dataset without a file gets its empty schema file only.
    """
    counts = {}
    for name, contract in contracts.items():
        empty = pl.DataFrame(schema=contract.polars_schema())
        _commit(lake / name / "0-schema", empty, None)
        file = folder / f"{name}.parquet"
        if file.exists():
            rows = _rows(pl.read_parquet(file), contract)
            _commit(lake / name / f"{name}.test.{PERIOD}.0001", rows, name)
            counts[name] = rows.height
    return counts


def typed(clear: pl.DataFrame) -> pl.DataFrame:
    """The rows with days and moments as such, where they stand as text; a blank is null."""
    texts = [name for name, kind in clear.schema.items() if kind == pl.String]
    clear = clear.with_columns(pl.col(texts).replace("", None))
    days = [name for name in texts if name.endswith(("_on", "_from", "_to", "_date"))]
    moments = [name for name in texts if name.endswith("_at")]
    return clear.with_columns(
        pl.col(days).str.to_date("%Y-%m-%d"),
        pl.col(moments).str.to_datetime(time_unit="us"),
    )


def _rows(clear: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    batch = f"{contract.name}.test.{PERIOD}.0001"
    made = [part for column in contract.columns for part in _parts(column)]
    return (
        typed(clear)
        .select(made)
        .with_row_index("row_no", offset=1)
        .with_columns(batch_id=pl.lit(batch), known_at=pl.lit(KNOWN_AT))
        .select(pl.col(name).cast(kind) for name, kind in contract.polars_schema().items())
    )


def _parts(column: Column) -> list[pl.Expr]:
    source = pl.col(column.name)
    if column.personal in (None, "location"):
        return [source]
    text = source.cast(pl.String)
    token = plh.col(column.name).cast(pl.String).chash.sha2_256().str.slice(0, 32)
    made = {
        "token": pl.when(source.is_not_null()).then(token),
        "mask": text.str.slice(0, 4) + "***",
        "form": pl.when(source.is_not_null()).then(pl.lit("exact")),
    }
    return [made[name.removeprefix(f"{column.name}_")].alias(name) for name, _ in column.lake]


def _commit(folder: Path, rows: pl.DataFrame, dataset: str | None) -> None:
    folder.mkdir(parents=True)
    rows.write_parquet(folder / "data.parquet")
    if dataset is None:
        return
    manifest = {
        "batch_id": folder.name,
        "dataset": dataset,
        "provider": "test",
        "period": PERIOD,
        "mode": "full",
        "sequence": 1,
        "delivered_at": KNOWN_AT.isoformat(),
        "received_at": KNOWN_AT.isoformat(),
        "rows_read": rows.height,
        "rows_loaded": rows.height,
        "rows_quarantined": 0,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
