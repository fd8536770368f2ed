"""The province's clock: a fixed window of months, as day numbers that numpy can add up.

Days are int32 days since 1970-01-01; months are int32 months since 1970-01 (0 = 1970-01).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

Days = npt.NDArray[np.int32]

CLOCK = date(2026, 10, 31)
"""The last day the data speak of."""

DELIVERED_UNTIL = datetime(2026, 11, 8, 9, 30)
"""No delivery is later than this."""

EPOCH = date(1970, 1, 1)


def day(value: date) -> int:
    """Day number of a date."""
    return (value - EPOCH).days


def month(value: date) -> int:
    """Month number of a date."""
    return (value.year - 1970) * 12 + value.month - 1


def first_day(month_number: int) -> date:
    """First day of a month number."""
    return date(1970 + month_number // 12, month_number % 12 + 1, 1)


@dataclass(frozen=True)
class Window:
    """The months for which payments, visits and services exist."""

    months: int

    @property
    def last_month(self) -> int:
        return month(CLOCK)

    @property
    def first_month(self) -> int:
        return self.last_month - self.months + 1

    @property
    def first_day(self) -> int:
        return day(first_day(self.first_month))

    @property
    def last_day(self) -> int:
        return day(CLOCK)

    @property
    def years(self) -> list[int]:
        """Calendar years that the window touches."""
        return list(range(first_day(self.first_month).year, CLOCK.year + 1))


def month_of_day(days: pl.Expr) -> pl.Expr:
    """Month number of a Date column."""
    return (days.dt.year().cast(pl.Int32) - 1970) * 12 + days.dt.month().cast(pl.Int32) - 1


def month_start(months: pl.Expr) -> pl.Expr:
    """Date of the first day of a month-number column."""
    return pl.date(months // 12 + 1970, months % 12 + 1, 1)


def month_text(months: pl.Expr) -> pl.Expr:
    """'YYYY-MM' of a month-number column."""
    return pl.format(
        "{}-{}",
        (months // 12 + 1970).cast(pl.String),
        (months % 12 + 1).cast(pl.String).str.zfill(2),
    )


def label(month_number: int) -> str:
    """'YYYY-MM' of one month number."""
    return first_day(month_number).strftime("%Y-%m")


def delivery_time(month_number: int) -> datetime:
    """Departments deliver a month on the eighth of the next one."""
    return datetime.combine(first_day(month_number + 1), DELIVERED_UNTIL.time()) + timedelta(days=7)
