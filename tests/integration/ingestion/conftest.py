"""A home folder, keys, and deliveries to put into its inbox."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from ingestion.contracts import Contract, load_contracts
from yinling.settings import PROJECT_DIR, Settings, Source

CONTRACTS = load_contracts(PROJECT_DIR / "ingestion" / "contracts")
TOKEN_KEY, VAULT_KEY = "a key for tests", "11" * 32


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINLING_TOKEN_KEY", TOKEN_KEY)
    monkeypatch.setenv("YINLING_VAULT_KEY", VAULT_KEY)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Settings in which every dataset comes from a folder."""
    sources = {name: Source(connector="folder", path=f"inbox/{name}") for name in CONTRACTS}
    for name in CONTRACTS:
        (tmp_path / "inbox" / name).mkdir(parents=True)
    return Settings(home=tmp_path, sources=sources)


def funds(count: int, first_year: int = 1950) -> pl.DataFrame:
    """Rows of welfare_fund (no personal data), all sound, keys all different."""
    number = pl.int_range(count)
    return pl.select(
        region_code=pl.format("4402{}000000", (10 + number // 300).cast(pl.String).str.zfill(2)),
        year=(first_year + (number // 2) % 150).cast(pl.String),
        fund=pl.when(number % 2 == 0).then(pl.lit("lottery")).otherwise(pl.lit("budget")),
        total_amount=pl.format("{}.50", number),
        eldercare_amount=pl.format("{}", number),
    )


def identifier(serial: int) -> str:
    """A sound ID number of its own for each serial."""
    day = date(1930, 1, 1) + timedelta(days=serial // 900)
    body = f"440203{day:%Y%m%d}{serial % 900 + 1:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    return body + "10X98765432"[total % 11]


def stays(count: int, first: int = 0) -> pl.DataFrame:
    """Rows of facility_stay with a person each."""
    numbers = range(first, first + count)
    return pl.DataFrame(
        {
            "stay_no": [f"S{n:06d}" for n in numbers],
            "facility_code": ["F1"] * count,
            "id_no": [identifier(n) for n in numbers],
            "name": [f"赵{chr(0x4E00 + n % 900)}" for n in numbers],
            "bed_no": ["1-1"] * count,
            "care_grade": ["2"] * count,
            "checked_in_on": ["2026-03-01"] * count,
            "checked_out_on": pl.Series([None] * count, dtype=pl.String),
            "payer": ["self"] * count,
        }
    )


def sums(rows: pl.DataFrame, contract: Contract) -> dict[str, str]:
    names = [c.name for c in contract.columns if c.physical_type.startswith("decimal")]
    return {
        name: str(sum((Decimal(text) for text in rows[name].drop_nulls()), Decimal(0)))
        for name in names
    }


Deliver = Callable[..., Path]


@pytest.fixture
def deliver(home: Settings) -> Deliver:
    """Puts a file and its control record into the inbox; `control` overrides the record."""

    def put(
        dataset: str,
        rows: pl.DataFrame,
        *,
        sequence: int = 1,
        kind: str = "csv",
        encoding: str = "utf-8",
        control: dict[str, Any] | None = None,
        name: str = "",
    ) -> Path:
        folder = home.home / str(home.sources[dataset].path)
        path = folder / (name or f"{dataset}.{sequence}.{kind}")
        if kind == "xlsx":
            book = xlsxwriter.Workbook(str(path))
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, rows.columns)
            for line, row in enumerate(rows.rows(), 1):
                for place, value in enumerate(row):
                    if value is not None:
                        sheet.write_string(line, place, value)
            book.close()
        else:
            path.write_bytes(rows.write_csv().encode(encoding))
        record = {
            "provider": "440203",
            "dataset": dataset,
            "period": "2026-09",
            "mode": "full",
            "sequence": sequence,
            "row_count": rows.height,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "delivered_at": f"2026-10-{sequence:02d}T09:30:00",
            "legal_basis": "政务数据共享条例",
            **(control or {}),
        }
        if "control_sums" not in record:
            record["control_sums"] = sums(rows, CONTRACTS[dataset])
        path.with_name(path.name + ".control.json").write_text(
            json.dumps(record, ensure_ascii=False), "utf-8"
        )
        return path

    return put


def lake(home: Settings, dataset: str) -> pl.DataFrame:
    """Every committed row of a dataset."""
    return pl.read_parquet(home.lake / dataset / "*" / "data.parquet").sort("batch_id", "row_no")
