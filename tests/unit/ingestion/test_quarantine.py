"""Refused rows that lie there since before the hub kept every fault of a row."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ingestion import quarantine
from yinling.settings import Settings

ROW = {"batch_id": "d.p.2026-09.0001", "dataset": "d", "column": "a", "reason": "bad_date"}


def test_files_of_older_versions_are_read_beside_new_ones(tmp_path: Path) -> None:
    home = Settings(home=tmp_path)
    others = [{"column": "b", "reason": "bad_code"}]
    for sequence, row in ((1, ROW | {"row_no": 1}), (2, ROW | {"row_no": 2, "others": others})):
        batch = f"d.p.2026-09.000{sequence}"
        frame = pl.DataFrame([row | {"batch_id": batch}], schema=quarantine.SCHEMA)
        for room in (home.landing, home.lake):
            (room / "d" / batch).mkdir(parents=True)
        (home.lake / "d" / batch / "manifest.json").write_text("{}")
        (home.lake / "d" / batch / "data.parquet").write_bytes(b"")
        kept = frame.drop("others") if sequence == 1 else frame
        kept.write_parquet(home.landing / "d" / batch / quarantine.FILE)
    faults = quarantine.every_fault(quarantine.scan(home)).sort("row_no", "nth").collect()
    assert faults.rows() == [
        (1, "a", "bad_date", 0),
        (2, "a", "bad_date", 0),
        (2, "b", "bad_code", 1),
    ]
