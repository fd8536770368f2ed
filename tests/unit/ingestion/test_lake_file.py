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


def coded(texts: list[str | None]) -> pl.DataFrame:
    kind = pl.Categorical(pl.Categories.random())
    return pl.DataFrame({"row_no": range(len(texts)), "token": pl.Series(texts).cast(kind)})


def dictionary(path: Path) -> bool:
    kept = pq.ParquetFile(path).metadata.row_group(0).column(1).encodings
    return any("DICTIONARY" in kind for kind in kept)


def test_a_dictionary_holds_no_text_but_those_of_its_rows(tmp_path: Path) -> None:
    path, every = tmp_path / "data.parquet", coded(["gone", "here", None, "here", "here", "too"])
    rows = every.filter(pl.col("token").cast(pl.String).ne_missing("gone"))
    file = LakeFile(path, {"row_no", "token"})
    file.write(rows)
    file.write(coded(["another", "here"]))  # of another memory
    file.write(rows.with_columns(pl.col("token").cast(pl.String)))
    file.close()
    assert dictionary(path) and b"gone" not in path.read_bytes()
    texts = ["here", None, "here", "here", "too"]
    assert pl.read_parquet(path)["token"].to_list() == [*texts, "another", "here", *texts]


def test_texts_that_all_differ_are_no_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    file = LakeFile(path, {"row_no", "token"})
    file.write(coded([f"t{number}" for number in range(100)]))
    file.write(coded(["t1", "t1", None]))
    file.close()
    assert not dictionary(path)
    assert pl.read_parquet(path)["token"].to_list()[-4:] == ["t99", "t1", "t1", None]


def test_what_fails_while_it_is_written_is_told(tmp_path: Path) -> None:
    file = LakeFile(tmp_path / "nowhere" / "data.parquet", set())
    file.write(coded(["a"]))
    with pytest.raises(FileNotFoundError):
        file.close()
