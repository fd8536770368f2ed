"""A lake made straight from the ground truth, as if landing had done all its work.

For tests that hold the warehouse against the truth: every row the departments deliver and landing
accepts goes in, in its batch, under its row number. Tokens are plain hashes; nobody in it exists.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import polars_hash as plh

from ingestion.contracts import Column, Contract

LAST_DELIVERY = datetime(2026, 11, 8, 9)


def truth_rows(file: Path) -> pl.DataFrame:
    """The accepted rows of `truth/clean/<dataset>.parquet`, days and moments as such.

    Adds `_batch_id`, `_row_no` and `_period` (YYYY-MM, of the batch).
    """
    rows = pl.read_parquet(file).filter(pl.col("_refused").is_null())
    texts = [name for name, kind in rows.schema.items() if kind == pl.String]
    rows = rows.with_columns(pl.col(texts).replace("", None))
    days = [name for name in texts if name.endswith(("_on", "_from", "_to", "_date"))]
    moments = [name for name in texts if name.endswith("_at")]
    system = f"{file.stem}.test.2026-10.0001"
    return rows.with_columns(
        pl.col(days).str.to_date("%Y-%m-%d"),
        pl.col(moments).str.to_datetime(time_unit="us"),
        pl.col("_batch_id").fill_null(system),
    ).with_columns(_period=pl.col("_batch_id").str.split(".").list.get(2))


def write(truth: Path, lake: Path, contracts: dict[str, Contract]) -> dict[str, int]:
    """Write the truth of a province (its folder `clean`) into an empty lake.

    Returns:
        Rows by dataset.
    """
    counts = {}
    for name, contract in contracts.items():
        _commit(lake / name / "0-schema", pl.DataFrame(schema=contract.polars_schema()))
        file = truth / f"{name}.parquet"
        if not file.exists():
            continue
        rows = truth_rows(file)
        counts[name] = rows.height
        for (batch,), part in rows.partition_by("_batch_id", as_dict=True).items():
            folder = lake / name / str(batch)
            _commit(folder, _lake_rows(part, contract))
            (folder / "manifest.json").write_text(json.dumps(_manifest(str(batch), part.height)))
    return counts


def _delivered(period: str) -> datetime:
    end = (date.fromisoformat(f"{period}-01") + timedelta(days=32)).replace(day=8)
    return min(datetime(end.year, end.month, end.day, 9), LAST_DELIVERY)


def _lake_rows(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    made = [part for column in contract.columns for part in _parts(column)]
    told = pl.lit(_delivered(rows["_period"][0]))
    known = told if contract.known_at == "delivery" else pl.col(contract.known_at)
    return rows.select(
        *made,
        batch_id="_batch_id",
        row_no="_row_no",
        known_at=known.cast(pl.Datetime("us")).fill_null(told),
    ).select(pl.col(name).cast(kind) for name, kind in contract.polars_schema().items())


def _parts(column: Column) -> list[pl.Expr]:
    source = pl.col(column.name)
    if column.personal in (None, "location"):
        return [source]
    text = source.cast(pl.String)
    hashed: pl.Expr = plh.col(column.name).chash.sha2_256()
    token = hashed.str.slice(0, 32)
    made = {
        "token": pl.when(source.is_not_null()).then(token),
        "mask": text.str.slice(0, 4) + "***",
        "form": pl.when(source.is_not_null()).then(pl.lit("exact")),
    }
    return [made[name.removeprefix(f"{column.name}_")].alias(name) for name, _ in column.lake]


def _commit(folder: Path, rows: pl.DataFrame) -> None:
    folder.mkdir(parents=True)
    rows.write_parquet(folder / "data.parquet")


def _manifest(batch: str, rows: int) -> dict[str, object]:
    dataset, provider, period, sequence = batch.split(".")
    at = _delivered(period).isoformat()
    return {
        "batch_id": batch,
        "dataset": dataset,
        "provider": provider,
        "period": period,
        # The first delivery is whole; of facilities, every one is.
        "mode": "full" if int(sequence) == 1 or dataset == "facility" else "increment",
        "sequence": int(sequence),
        "delivered_at": at,
        "received_at": at,
        "rows_read": rows,
        "rows_loaded": rows,
        "rows_quarantined": 0,
    }
