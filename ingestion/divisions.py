"""Division codes by date: which codes were in use on a day, as the feed `region` says.

A column with the contract property `division` is checked against it. The register of divisions is a
delivery like any other, so it must have been landed before the datasets that lean on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from ingestion import register
from ingestion.contracts import Contract, load_contracts
from ingestion.errors import IngestionError
from yinling.settings import Settings

REGISTER = "region"
SCHEMA = {"code": pl.String(), "start": pl.Date(), "end": pl.Date()}


def attached(settings: Settings, contract: Contract) -> Contract:
    """The contract with the register of divisions, if it asks for one.

    Raises:
        IngestionError: the register is not in the lake yet.
    """
    if not any(column.division for column in contract.columns):
        return contract
    known = divisions(settings)
    if known.is_empty():
        raise IngestionError(
            f"`{contract.name}` checks division codes by date, and no delivery of `{REGISTER}` has"
            f" been landed. Land `{REGISTER}` first, then start again."
        )
    return replace(contract, divisions=known)


def needed_first(settings: Settings, datasets: Sequence[str]) -> list[str]:
    """The register, where other datasets of the run lean on it."""
    contracts = load_contracts(settings.contracts)
    leaning = any(
        column.division
        for name in datasets
        if name in contracts
        for column in contracts[name].columns
    )
    return [REGISTER] if leaning and REGISTER in datasets else []


def divisions(settings: Settings) -> pl.DataFrame:
    """Every division code with its days: [code, start], end exclusive, null while in use."""
    files = [
        register.batch_file(settings, REGISTER, batch)
        for batch in sorted(register.committed(settings, REGISTER))
    ]
    if not files:
        return pl.DataFrame(schema=SCHEMA)
    newest_last = pl.scan_parquet(files).sort("known_at", "batch_id", "row_no")
    kept = newest_last.unique(["region_code", "valid_from"], keep="last", maintain_order=True)
    return kept.select(code="region_code", start="valid_from", end="valid_to").collect()
