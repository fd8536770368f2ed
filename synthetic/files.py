"""Writing deliveries: CSV (UTF-8, GB18030), XLSX and GeoJSON, each with its control record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from synthetic import xlsx

BROKEN = "\ue0ff"
"""Stands for a byte that is no text in any encoding; written as 0xFF."""
LEGAL_BASIS = "政务数据共享条例（国务院令第809号）"


@dataclass(frozen=True)
class Delivery:
    """One file to write: `rows` hold text only, in the order of the contract's columns."""

    dataset: str
    provider: str
    period: str
    sequence: int
    mode: str
    kind: str
    encoding: str
    delivered_at: datetime
    rows: pl.DataFrame
    sums: tuple[str, ...]

    @property
    def batch_id(self) -> str:
        return f"{self.dataset}.{self.provider}.{self.period}.{self.sequence:04d}"


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Every column as a department would type it; null stays null."""
    casts = []
    for name, kind in frame.schema.items():
        column = pl.col(name)
        if kind == pl.Date:
            column = column.dt.strftime("%Y-%m-%d")
        elif isinstance(kind, pl.Datetime):
            column = column.dt.strftime("%Y-%m-%d %H:%M:%S")
        elif kind == pl.Boolean:
            column = pl.when(column).then(pl.lit("true")).when(~column).then(pl.lit("false"))
        elif kind != pl.String:
            column = column.cast(pl.String)
        casts.append(column.alias(name))
    return frame.select(casts)


def control_sums(rows: pl.DataFrame, columns: tuple[str, ...]) -> dict[str, str]:
    """Exact totals of the columns, as decimal text."""
    return {
        column: str(rows[column].drop_nulls().cast(pl.Decimal(18, 2)).sum() or Decimal("0.00"))
        for column in columns
    }


def _write_geojson(path: Path, rows: pl.DataFrame) -> None:
    features = ",\n".join(
        f'{{"type":"Feature","properties":{{"region_code":"{code}"}},"geometry":{geometry}}}'
        for code, geometry in rows.select("region_code", "geometry").iter_rows()
    )
    path.write_text(f'{{"type":"FeatureCollection","features":[\n{features}\n]}}\n', "utf-8")


def write(inbox: Path, delivery: Delivery) -> Path:
    """Write the file, then its control record beside it (whoever waits for the record never sees
    half a file).

    Returns:
        The file's path: `inbox/<dataset>/<batch_id>.<ext>`.
    """
    folder = inbox / delivery.dataset
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{delivery.batch_id}.{delivery.kind}"
    if delivery.kind == "xlsx":
        xlsx.write(path, delivery.rows)
    elif delivery.kind == "geojson":
        _write_geojson(path, delivery.rows)
    else:
        data = delivery.rows.write_csv(null_value="").encode(delivery.encoding)
        path.write_bytes(data.replace(BROKEN.encode(delivery.encoding), b"\xff"))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    record = {
        "provider": delivery.provider,
        "dataset": delivery.dataset,
        "period": delivery.period,
        "mode": delivery.mode,
        "sequence": delivery.sequence,
        "row_count": len(delivery.rows),
        "control_sums": control_sums(delivery.rows, delivery.sums),
        "sha256": digest,
        "delivered_at": delivery.delivered_at.isoformat(),
        "legal_basis": LEGAL_BASIS,
    }
    path.with_name(path.name + ".control.json").write_text(
        json.dumps(record, ensure_ascii=False, indent=1) + "\n", "utf-8"
    )
    return path
