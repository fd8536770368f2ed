"""The Parquet file of a batch: what was written is what every reader gets, however it is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from ingestion import lake_file
from ingestion.lake_file import LakeFile


def frame(start: int, step: int) -> pl.DataFrame:
    numbers = [start + step * number for number in range(500)]
    return pl.DataFrame(
        {
            "row_no": numbers,
            "at": [datetime(2026, 1, 1) + timedelta(seconds=n * n) for n in numbers],
            "amount": [n % 3 for n in numbers],
            "place": pl.Series([f"p{n % 2}" for n in numbers]).cast(pl.Enum(["p0", "p1"])),
        }
    ).with_columns(at=pl.when(pl.col("amount") > 0).then("at"))


def test_numbers_and_times_that_differ_are_kept_as_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_file, "GROUP_ROWS", 500)
    path, first, second = tmp_path / "data.parquet", frame(1, 1), frame(7, 0)
    file = LakeFile(path, {"row_no"})
    file.write(first)
    file.write(second)  # what repeats now was spread at first: it stays as the file has it
    file.close()
    kept = pq.ParquetFile(path).metadata.row_group(0)
    encodings = {kept.column(n).path_in_schema: kept.column(n).encodings for n in range(4)}
    assert "DELTA_BINARY_PACKED" in encodings["row_no"] and "DELTA_BINARY_PACKED" in encodings["at"]
    assert any("DICTIONARY" in kind for kind in encodings["amount"])
    whole = pl.concat([first, second]).with_columns(pl.col("place").cast(pl.String))
    assert pl.read_parquet(path).with_columns(pl.col("place").cast(pl.String)).equals(whole)
    assert duckdb.sql(f"select * from '{path}'").pl().equals(whole)
