"""Quarantine: the refused rows, as delivered, with the reason and the place.

A row is filed under the first fault found (`column`, `reason`); faults of its other columns are
`others`.

One Parquet file a batch (`landing/<dataset>/<batch_id>/quarantine.parquet`, absent when nothing was
refused), written once: a replay (`ingestion.replay`) makes a batch beside it. It holds personal
data in the clear and never leaves landing. After their time the texts go
(`ingestion.refusals.forget`); which rows were refused, where and why, stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from ingestion.contracts import Contract
from ingestion.lake_file import LakeFile
from ingestion.marks import FAULT, TEXT, UNSPLIT, unmarked
from ingestion.reasons import REASONS
from yinling.settings import Settings

FILE = "quarantine.parquet"
_OTHERS = pl.List(pl.Struct({"column": pl.String(), "reason": pl.String()}))
SCHEMA = pl.Schema(
    {
        "batch_id": pl.String(),
        "dataset": pl.String(),
        "row_no": pl.Int64(),
        "column": pl.String(),
        "reason": pl.String(),
        "raw_value": pl.String(),
        "raw_row": pl.String(),
        "message_zh": pl.String(),
        "key": pl.String(),
        "others": _OTHERS,
    }
)
_DIFFERENT = ("row_no", "raw_value", "raw_row", "message_zh", "key")


class RefusedFile:
    """Refused rows on their way to the disk, as they come; no file where there are none."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        self._file: LakeFile | None = None

    def add(self, refused: pl.DataFrame) -> None:
        """Append rows of SCHEMA."""
        if refused.height:
            self._file = self._file or LakeFile(self.path, _DIFFERENT)
            self._file.write(refused)
            self.rows += refused.height

    def close(self) -> None:
        """Write what waits, and the footer."""
        if self._file is not None:
            self._file.close()

    def merge(self, other: RefusedFile) -> None:
        """Take in another file's rows, by row number; both are closed, the other one goes."""
        if not other.rows:
            return
        if self.rows:
            both = self.path.with_name(f".{self.path.name}.part")
            self.scan().merge_sorted(other.scan(), "row_no").sink_parquet(both)
            both.replace(self.path)
            other.path.unlink()
        else:
            other.path.rename(self.path)
            self._file = other._file
        self.rows += other.rows

    def scan(self) -> pl.LazyFrame:
        """The rows of the closed file."""
        return pl.scan_parquet(self.path, schema=SCHEMA) if self.rows else SCHEMA.to_frame().lazy()


def refused_rows(
    contract: Contract, raw: pl.DataFrame, lineage: pl.DataFrame, faults: pl.DataFrame
) -> pl.DataFrame:
    """Rows of SCHEMA from refused text, one a row; the lake's `key` is left to who knows it.

    Args:
        raw: the refused rows' text.
        lineage: the same rows' batch_id and row_no.
        faults: the same rows' column and reason; `others`, where there are any.
    """
    values = unmarked(raw.columns)
    messages = {reason: known.message for reason, known in REASONS.items()}
    places = [pl.when(pl.col("_column") == name).then(pl.col(name)) for name in values]
    # A row that could not be split has no values, only its text.
    text = [pl.when(pl.col("_column") == "").then(pl.col(TEXT))] if TEXT in raw.columns else []
    unsplit = [
        pl.when(pl.col(FAULT).is_in(UNSPLIT)).then(pl.struct(TEXT).struct.json_encode())
        for _ in text
    ]
    prefixed = [
        lineage["batch_id"].alias("_batch_id"),
        lineage["row_no"].alias("_row_no"),
        faults["column"].alias("_column"),
        faults["reason"].alias("_reason"),
    ]
    place = pl.col("_column").replace_strict(contract.titles, return_dtype=pl.String())
    message = pl.col("_reason").replace_strict(messages, return_dtype=pl.String())
    return raw.with_columns(prefixed).select(
        batch_id="_batch_id",
        dataset=pl.lit(contract.name),
        row_no="_row_no",
        column="_column",
        reason="_reason",
        raw_value=pl.coalesce(*places, *text),
        raw_row=pl.coalesce(*unsplit, pl.struct(values).struct.json_encode()),
        message_zh=pl.format("第{}行“{}”：{}", "_row_no", place, message),
        key=pl.lit(None, dtype=pl.String),
        others=faults["others"] if "others" in faults.columns else pl.lit(None, dtype=_OTHERS),
    )


def every_fault(refused: pl.LazyFrame) -> pl.LazyFrame:
    """One row a fault: row_no, column, reason, and `nth` (0: the one that the row is filed under).

    A row that could not be split into columns has one fault.
    """
    filed = refused.select("row_no", "column", "reason", nth=pl.lit(0, dtype=pl.Int64))
    others = (
        refused.select("row_no", "others", nth=pl.int_ranges(pl.col("others").list.len()) + 1)
        .drop_nulls("others")
        .explode("others", "nth")
        .unnest("others")
    )
    return pl.concat([filed, others.select(filed.collect_schema().names())])


def summary(refused: pl.LazyFrame) -> list[dict[str, Any]]:
    """How many rows were refused, by column and reason: what of it may leave landing."""
    counted = refused.group_by("column", "reason").agg(rows=pl.len())
    return counted.sort("column", "reason").collect(engine="streaming").to_dicts()


def scan(
    settings: Settings,
    dataset: str | None = None,
    batch_id: str | None = None,
    reason: str | None = None,
) -> pl.LazyFrame:
    """Refused rows of committed batches.

    Grain: one refused row, in dataset, batch and row order; columns as in SCHEMA. Holds personal
    data in the clear: for the identity repair queue, never for the lake or a release. The texts
    are as large as what was delivered: who only counts must not ask for them.
    """
    found = files(settings, dataset, batch_id)
    if not found:
        return SCHEMA.to_frame().lazy()
    frame = pl.scan_parquet(found, schema=SCHEMA, missing_columns="insert")
    return frame if reason is None else frame.filter(pl.col("reason") == reason)


def files(
    settings: Settings, dataset: str | None = None, batch_id: str | None = None
) -> list[Path]:
    """The quarantine files of committed batches, in dataset and batch order."""
    found = sorted(settings.landing.glob(f"{dataset or '*'}/{batch_id or '*'}/{FILE}"))
    return [
        file
        for file in found
        if (settings.lake / file.parent.parent.name / file.parent.name).is_dir()
    ]


def has_texts(file: Path) -> bool:
    """Whether the rows' texts are still there: all of a file's are forgotten at once, and then its
    footer counts nothing but nulls. No text is read."""
    footer = pq.read_metadata(file)
    at = footer.schema.names.index("raw_row")
    groups = [footer.row_group(number).column(at) for number in range(footer.num_row_groups)]
    return any(
        group.statistics is None or group.statistics.null_count < group.num_values
        for group in groups
    )
