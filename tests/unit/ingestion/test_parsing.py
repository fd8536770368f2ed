"""Parsers: what is read, what is refused, and that nothing in between is guessed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest

from ingestion import parsing


def text(value: str | None) -> pl.Series:
    return parsing.tidy(pl.Series([value], dtype=pl.String))


@pytest.mark.parametrize(
    ("delivered", "value"),
    [
        ("0", "0"),
        ("12.5", "12.50"),
        ("１２．５", "12.50"),
        ("-0.01", "-0.01"),
        ("+3", "3"),
        ("1,234,567.89", "1234567.89"),
        ("￥80", "80"),
        ("12.5000", "12.50"),
        ("9999999999999999.99", "9999999999999999.99"),
        ("99999999999999999", None),
        ("12.345", None),
        ("1,23", None),
        ("12,345,6", None),
        ("1e3", None),
        ("1.2E+5", None),
        ("NaN", None),
        ("五十", None),
        ("--1", None),
        ("", None),
    ],
)
def test_money(delivered: str, value: str | None) -> None:
    expected = None if value is None else Decimal(value)
    assert parsing.number(text(delivered))[0] == expected


@pytest.mark.parametrize(
    ("delivered", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("12.0", 12),
        ("2147483647", 2147483647),
        ("2147483648", None),
        ("1.5", None),
        ("1e3", None),
        ("十二", None),
    ],
)
def test_integer(delivered: str, value: int | None) -> None:
    assert parsing.integer(text(delivered), pl.Int32())[0] == value


@pytest.mark.parametrize(
    ("delivered", "value"),
    [("113.5912", 113.5912), ("-1", -1.0), ("inf", None), ("NaN", None), ("1e2", None)],
)
def test_measure(delivered: str, value: float | None) -> None:
    assert parsing.measure(text(delivered))[0] == value


@pytest.mark.parametrize(
    ("delivered", "value"),
    [
        *((form, True) for form in ("true", "TRUE", "t", "1", "是", "有", "Yes", "y")),
        *((form, False) for form in ("false", "f", "0", "否", "无", "no")),
        *((form, None) for form in ("2", "真", "-", "")),
    ],
)
def test_boolean(delivered: str, value: bool | None) -> None:
    assert parsing.boolean(text(delivered))[0] is value


@pytest.mark.parametrize(
    ("delivered", "value"),
    [
        *(
            (form, date(2026, 1, 2))
            for form in (
                "2026-01-02",
                "2026/1/2",
                "2026.01.02",
                "20260102",
                "2026年1月2日",
                "２０２６年１月２日",
                "2026-01-02 00:00:00",
                "2026-01-02T00:00:00",
                "2026-01-02T00:00:00+08:00",
            )
        ),
        ("2024-02-29", date(2024, 2, 29)),
        *(
            (form, None)
            for form in (
                "2026-02-29",
                "2026-13-01",
                "2026-00-10",
                "2026-01-02 10:30:00",
                "2026-01-02 23:59:60",
                "26-01-02",
                "02/01/2026",
                "44562",
                "12026-01-02",
                "+2026-01-02",
                "昨天",
                "",
            )
        ),
    ],
)
def test_date(delivered: str, value: date | None) -> None:
    assert parsing.date(text(delivered))[0] == value


@pytest.mark.parametrize(
    ("delivered", "value"),
    [
        ("2026-10-31 12:00:01", datetime(2026, 10, 31, 12, 0, 1)),
        ("2026-10-31T12:00:01", datetime(2026, 10, 31, 12, 0, 1)),
        ("2026-10-31 12:00:01.123456", datetime(2026, 10, 31, 12, 0, 1, 123456)),
        ("2026-10-31T04:00:01Z", datetime(2026, 10, 31, 12, 0, 1)),
        ("2026-10-31 12:00:01+08", datetime(2026, 10, 31, 12, 0, 1)),
        ("2026/10/31 9:05", datetime(2026, 10, 31, 9, 5)),
        ("2026-10-31", datetime(2026, 10, 31)),
        ("20261031 120001", None),
        ("2026-10-31 24:00:00", None),
        ("2026-10-31 12:60:00", None),
        ("2026-10-31 23:59:60", None),
        ("2026-10-31T12:00:60", None),
        ("2026-10-31 12:00:60.5", None),
        ("2026-02-30 12:00:00", None),
    ],
)
def test_timestamp(delivered: str, value: datetime | None) -> None:
    assert parsing.timestamp(text(delivered))[0] == value


def test_tidy_keeps_free_text_as_written() -> None:
    column = pl.Series(["（一）号　楼 ", " ", "\ufeffx", None])
    assert parsing.tidy(column, half_width=False).to_list() == ["（一）号　楼", None, "x", None]
    assert parsing.tidy(column).to_list() == ["(一)号 楼", None, "x", None]


@pytest.mark.parametrize("mark", ["'", "`", "‘", "’", "＇", "｀"])
@pytest.mark.parametrize("beside", [[], ["汉字"]])
def test_the_mark_before_a_text_goes_whatever_stands_beside_it(
    mark: str, beside: list[str]
) -> None:
    column = pl.Series([f"{mark}440203", mark, *beside])
    assert parsing.tidy(column).to_list() == ["440203", None, *beside]


def test_parsers_take_a_column_of_nulls() -> None:
    column = pl.Series([None, None], dtype=pl.String)
    for parse in (parsing.number, parsing.date, parsing.timestamp, parsing.boolean):
        assert parse(column).null_count() == 2
