"""Checks that need more than one value of a row: the row's day, the delivery's period, its marks.

`ingestion.checks` looks at values alone, so that a value that repeats is checked once; what depends
on the rest of the row or on the delivery stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from ingestion.contract import Contract
from ingestion.marks import FAULT, PLACE

Fault = tuple[pl.Series, str, str]  # rows, column, reason


def marked(raw: pl.DataFrame) -> list[Fault]:
    """What the reader found wrong with rows."""
    if FAULT not in raw.columns or raw[FAULT].null_count() == raw.height:
        return []
    kinds = raw.select(FAULT, PLACE).drop_nulls().unique(maintain_order=True)
    return [
        (
            raw.select((pl.col(FAULT) == reason) & (pl.col(PLACE) == place)).to_series(),
            place,
            reason,
        )
        for reason, place in kinds.iter_rows()
    ]


def faults_of_rows(
    contract: Contract, lake: Mapping[str, pl.Series], lineage: pl.DataFrame
) -> list[Fault]:
    """Days after the delivery, and codes and divisions that were not valid on their day.

    Args:
        lake: the lake's columns by name, typed.
        lineage: the same rows' batch_id and known_at (the moment of the delivery), and told_at
            where the hub was told at another moment.
    """
    found = [
        *_future(contract, lake, lineage.get_column("told_at", default=lineage["known_at"])),
        *_outdated(contract, lake, lineage),
        *_no_division(contract, lake, lineage, "error"),
    ]
    return [fault for fault in found if fault[0].any()]


def doubts_of_rows(
    contract: Contract, lake: Mapping[str, pl.Series], lineage: pl.DataFrame
) -> list[tuple[str, pl.Series]]:
    """Columns and rows that a warning doubts; the rows are loaded."""
    found = _no_division(contract, lake, lineage, "warning")
    return [(name, rows) for rows, name, _ in found if rows.any()]


def _future(
    contract: Contract, lake: Mapping[str, pl.Series], delivered: pl.Series
) -> Iterator[Fault]:
    """What has happened cannot have happened after the delivery's day."""
    columns = [column for column in contract.columns if column.until_delivery]
    if not columns or not len(delivered):
        return
    last_days = delivered.dt.date()
    for column in columns:
        yield lake[column.name].cast(pl.Date) > last_days, column.name, "future_date"


def _outdated(
    contract: Contract, lake: Mapping[str, pl.Series], lineage: pl.DataFrame
) -> Iterator[Fault]:
    for column in contract.columns:
        if column.codes is None or not column.codes.dated or column.unfit == "evolve":
            continue
        first, last = _days(column.codes.date, lake, lineage)
        code = lake[column.name].cast(pl.String)
        dated = column.codes.dated
        bounds = pl.DataFrame({"code": code, "first": first, "last": last}).select(
            early=pl.col("last") < _bound({k: v.valid_from for k, v in dated.items()}),
            late=pl.col("first") >= _bound({k: v.valid_to for k, v in dated.items()}),
        )
        rows = bounds.select(pl.any_horizontal(pl.all().fill_null(False))).to_series()
        yield rows, column.name, "code_not_current"


def _bound(days: Mapping[str, object]) -> pl.Expr:
    return pl.col("code").replace_strict(dict(days), default=None, return_dtype=pl.Date())


def _no_division(
    contract: Contract, lake: Mapping[str, pl.Series], lineage: pl.DataFrame, severity: str
) -> Iterator[Fault]:
    """Codes of which the register of divisions has no interval on the row's day."""
    for column in contract.columns:
        if contract.divisions is None or not column.division:
            continue
        if column.division.severity != severity:
            continue
        first, last = _days(column.division.date, lake, lineage)
        code = lake[column.name].cast(pl.String)
        asked = pl.DataFrame({"code": code, "first": first, "last": last})
        known = (
            asked.unique()
            .join(contract.divisions, on="code")
            .filter(
                pl.col("start") <= pl.col("last"),
                pl.col("end").is_null() | (pl.col("end") > pl.col("first")),
            )
            .select("code", "first", "last")
            .unique()
        )
        wrong = (
            asked.with_row_index("at")
            .drop_nulls()
            .join(known, on=["code", "first", "last"], how="anti")["at"]
        )
        rows = pl.repeat(False, asked.height, eager=True).scatter(wrong, True)
        yield rows, column.name, "division_not_current"


def _days(
    date: str | None, lake: Mapping[str, pl.Series], lineage: pl.DataFrame
) -> tuple[pl.Series, pl.Series]:
    """The days between which the code must have been valid: the row's day, or the period."""
    if date is not None:
        day = lake[date].cast(pl.Date)
        return day, day
    # batch_id is <dataset>.<provider>.<period>.<sequence>, the period YYYY, YYYY-MM or YYYY-MM-DD.
    period = pl.col("batch_id").cast(pl.String).str.split(".").list.get(2, null_on_oob=True)
    whole = period.str.len_bytes()
    start = (
        pl.when(whole == 4)
        .then(period + "-01-01")
        .when(whole == 7)
        .then(period + "-01")
        .otherwise(period)
        .str.to_date("%Y-%m-%d", strict=False)
    )
    end = (
        pl.when(whole == 4)
        .then(start.dt.offset_by("1y").dt.offset_by("-1d"))
        .when(whole == 7)
        .then(start.dt.month_end())
        .otherwise(start)
    )
    days = lineage.select(start=start, end=end)
    return days["start"], days["end"]
