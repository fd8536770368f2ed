"""A home with welfare funds that really landed, from files with control records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.landing import land
from yinling.settings import Settings, Source

LandFunds = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One source; time stands still, as in the synthetic province."""
    monkeypatch.setenv("YINLING_TOKEN_KEY", "a key for tests")
    monkeypatch.setenv("YINLING_VAULT_KEY", "22" * 32)
    source = Source(connector="folder", path="inbox/welfare_fund")
    (tmp_path / "inbox" / "welfare_fund").mkdir(parents=True)
    return Settings(home=tmp_path, synthetic=True, sources={"welfare_fund": source})


@pytest.fixture
def land_funds(home: Settings) -> LandFunds:
    """Deliver and land `rows` sound rows of one provider; returns the batch's Parquet file."""

    def put(
        sequence: int,
        rows: int = 120,
        provider: str = "440203",
        delivered_at: str = "2026-10-08T09:30:00",
    ) -> Path:
        lines = [
            f"4402{n // 100:02d}000000,{1950 + n % 100},lottery,{n}.50,{n}.25" for n in range(rows)
        ]
        text = "region_code,year,fund,total_amount,eldercare_amount\n" + "\n".join(lines) + "\n"
        file = home.home / "inbox" / "welfare_fund" / f"{provider}-{sequence}.csv"
        file.write_text(text, "utf-8")
        control = {
            "provider": provider,
            "dataset": "welfare_fund",
            "period": "2026-09",
            "mode": "full",
            "sequence": sequence,
            "row_count": rows,
            "control_sums": {"total_amount": f"{sum(range(rows)) + rows * 0.5:.2f}"},
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "delivered_at": delivered_at,
            "legal_basis": "测试",
        }
        record = file.with_name(file.name + ".control.json")
        record.write_text(json.dumps(control), "utf-8")
        landed = land(home)
        assert not landed.rejected, landed.rejected
        batch = f"welfare_fund.{provider}.2026-09.{sequence:04d}"
        return home.lake / "welfare_fund" / batch / "data.parquet"

    return put
