"""A small hand-made lake: batches written straight from rows, typed by the contracts.

For tests of the warehouse that need a few rows of a known shape; landing is not involved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.contracts import Contract, load_contracts
from yinling.settings import PROJECT_DIR


def token(text: str) -> str:
    """A stand-in for the keyed token: 32 hex digits, the same for the same text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass
class Lake:
    """A lake folder in the making.

    A row gives lake columns by name; `<column>` of a personal column (`id_no="A"`) is turned into
    its token, mask and form; money may be given as text. Columns not given are null.
    """

    home: Path
    contracts: dict[str, Contract] = field(
        default_factory=lambda: load_contracts(PROJECT_DIR / "ingestion" / "contracts")
    )

    @property
    def folder(self) -> Path:
        return self.home / "lake"

    def start(self) -> Lake:
        """Give every dataset its empty schema file, as landing does."""
        for name, contract in self.contracts.items():
            self._write(name, "0-schema", pl.DataFrame(schema=contract.polars_schema()))
            held = pl.DataFrame(schema={"key": pl.String()})
            held.write_parquet(self.folder / name / "0-schema" / "held.parquet")
        return self

    def add(
        self,
        dataset: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        period: str = "2026-09",
        sequence: int = 1,
        provider: str = "test",
        known_at: datetime = datetime(2026, 10, 8, 9, 0),
        mode: str = "increment",
        refused: Sequence[str] = (),
    ) -> str:
        """Commit one batch; a row may carry its own known_at. Returns the batch id.

        refused: keys of rows that were delivered and refused.
        """
        contract = self.contracts[dataset]
        batch_id = f"{dataset}.{provider}.{period}.{sequence:04d}"
        filled = [
            {"batch_id": batch_id, "row_no": number, "known_at": known_at}
            | self._expanded(contract, row)
            for number, row in enumerate(rows, start=1)
        ]
        schema = contract.polars_schema()
        for row in filled:
            unknown = set(row) - set(schema)
            if unknown:
                raise ValueError(f"{dataset} has no lake column {sorted(unknown)}")
        self._write(dataset, batch_id, pl.DataFrame(filled, schema=schema))
        manifest = {
            "batch_id": batch_id,
            "dataset": dataset,
            "provider": provider,
            "period": period,
            "mode": mode,
            "sequence": sequence,
            "file": f"{batch_id}.csv",
            "sha256": hashlib.sha256(batch_id.encode()).hexdigest(),
            "delivered_at": known_at.isoformat(),
            "received_at": known_at.isoformat(),
            "rows_read": len(filled) + len(refused),
            "rows_loaded": len(filled),
            "rows_quarantined": len(refused),
            "control": {"rows": None, "sums": {}},
            "sums": {},
            "refused_sums": {},
            "cursor": None,
        }
        if refused:
            keys = pl.DataFrame({"key": refused})
            keys.write_parquet(self.folder / dataset / batch_id / "held.parquet")
        path = self.folder / dataset / batch_id / "manifest.json"
        path.write_text(json.dumps(manifest), "utf-8")
        return batch_id

    def _expanded(self, contract: Contract, row: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in row.items():
            column = contract.by_name.get(name)
            if column is None or column.personal in (None, "location"):
                money = (
                    isinstance(value, str)
                    and column is not None
                    and column.physical_type.startswith("decimal")
                )
                values[name] = Decimal(value) if money else value
                continue
            for lake_name, _ in column.lake:
                suffix = lake_name.removeprefix(f"{name}_")
                made = {"token": token(str(value)), "mask": f"{value}***", "form": "exact"}
                values.setdefault(lake_name, None if value is None else made[suffix])
        # A form given beside the clear column wins over the made one.
        return values | {k: v for k, v in row.items() if k.endswith("_form")}

    def _write(self, dataset: str, batch: str, frame: pl.DataFrame) -> None:
        folder = self.folder / dataset / batch
        folder.mkdir(parents=True)
        frame.write_parquet(folder / "data.parquet")
