"""Who watches the houses: inspections, complaints, credit lists and the yearly accounts.

A house has one `weakness` for all of them: whoever is complained about is found wanting, too.
Only houses that draw no operating subsidy are fined or blacklisted: a payment to one that is would
be a case.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from synthetic.calendar import CLOCK, Window
from synthetic.draws import Rng, column, generator, numbers, pick, text
from synthetic.regions import County

SPOT_CHECKED = {
    "4402": 0.34,
    "4404": 0.42,
    "5103": 0.28,
    "370812": 0.55,
    "3708": 0.33,
    "360735": 0.41,
    "3607": 0.24,
}
"""Share of institutions drawn by lot in a year, by county, else prefecture."""
YEARLY = {"institution": 1.4, "township_centre": 0.45}
YEARLY_OTHERS = 0.15
COMPLAINTS = ("care", "fee", "safety", "food", "abuse", "other")
MONEY = pl.Decimal(18, 2)


def _weakness(seed: int, county: County, size: int) -> np.ndarray:
    return generator(seed, "weakness", county.code).gamma(1.6, 0.6, size)


def _days(rng: Rng, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with a day `on` in their `year` on which the house is open, until the clock."""
    low = pl.max_horizontal(pl.date("year", 1, 1), "opened_on")
    high = pl.min_horizontal(
        pl.date("year", 12, 31), pl.coalesce("closed_on", pl.lit(date(2099, 1, 1))), pl.lit(CLOCK)
    )
    place = pl.Series(rng.random(len(rows)))
    return (
        rows.with_columns(low=low, span=(high - low).dt.total_days())
        .with_columns(
            on=pl.col("low")
            + pl.duration(days=(pl.col("span") * pl.lit(place)).floor().cast(pl.Int64))
        )
        .filter(pl.col("span") > 0)
        .drop("low", "span")
    )


def _house_years(houses: pl.DataFrame, weakness: np.ndarray, window: Window) -> pl.DataFrame:
    return houses.select(
        "facility_code", "kind", "opened_on", "closed_on", pl.Series(weakness).alias("weakness")
    ).join(_calendar(window.years), how="cross", maintain_order="left_right")


def _calendar(years: list[int]) -> pl.DataFrame:
    return pl.DataFrame({"year": years}, schema={"year": pl.Int32})


def complaint(seed: int, county: County, houses: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Feed complaint, [complaint_no]."""
    rng = generator(seed, "complaints", county.code)
    years = _house_years(houses, _weakness(seed, county, len(houses)), window)
    rate = np.where(years["kind"].to_numpy() == "institution", 0.22, 0.035)
    index = np.repeat(np.arange(len(years)), rng.poisson(rate * years["weakness"].to_numpy()))
    rows = _days(rng, years[index]).sort("on", "facility_code")
    size = len(rows)
    closes = pl.col("on") + pl.duration(days=column(rng.integers(3, 61, size)))
    return rows.select(
        numbers(f"TS{county.short}", 1, size, 6).alias("complaint_no"),
        "facility_code",
        pl.col("on").alias("received_on"),
        text(COMPLAINTS, pick(rng, COMPLAINTS, size, (34, 24, 14, 18, 2, 8))).alias("kind"),
        pl.when(closes <= CLOCK).then(closes).alias("closed_on"),
    )


def _drawn(rng: Rng, county: County, years: pl.DataFrame) -> pl.DataFrame:
    """By lot: joint inspections, at most one a house and year."""
    share = SPOT_CHECKED.get(county.short, SPOT_CHECKED[county.prefecture[:4]])
    home = years["kind"].to_numpy() == "institution"
    chosen = rng.random(len(years)) < np.where(home, share, 0.06)
    rows = _days(rng, years.filter(pl.Series(chosen)))
    together = ("民政;消防;市监", "民政;消防;市监;卫健", "民政;市监;卫健", "民政;消防;住建")
    return rows.with_columns(
        what=pl.lit("joint"),
        random_drawn=pl.lit(value=True),
        departments=text(together, pick(rng, together, len(rows))),
    )


def _regular(rng: Rng, years: pl.DataFrame) -> pl.DataFrame:
    """Routine and special inspections, more where they find more."""
    rate = years.select(
        pl.col("kind").replace_strict(YEARLY, default=YEARLY_OTHERS, return_dtype=pl.Float64)
        * (0.7 + 0.3 * pl.col("weakness"))
    ).to_series()
    rows = _days(rng, years[np.repeat(np.arange(len(years)), rng.poisson(rate.to_numpy()))])
    special = pl.Series(rng.random(len(rows)) < 0.22)
    one = ("消防", "市监", "卫健", "住建")
    return rows.with_columns(
        what=pl.when(special).then(pl.lit("special")).otherwise(pl.lit("routine")),
        random_drawn=pl.lit(value=False),
        departments=pl.when(special)
        .then(pl.lit(text(one, pick(rng, one, len(rows), (50, 30, 15, 5)))))
        .otherwise(pl.lit("民政")),
    )


def _after_complaints(rng: Rng, years: pl.DataFrame, complaints: pl.DataFrame) -> pl.DataFrame:
    """An inspection in the days after some of the complaints."""
    size = len(complaints)
    houses = years.unique("facility_code", keep="first", maintain_order=True).drop("year")
    return (
        complaints.with_columns(later=pl.Series(rng.integers(2, 16, size)))
        .filter(pl.Series(rng.random(size) < 0.6))
        .join(houses.rename({"kind": "house"}), on="facility_code", maintain_order="left")
        .with_columns(pl.col("house").alias("kind"), year=pl.col("received_on").dt.year())
        .with_columns(
            on=pl.col("received_on") + pl.duration(days="later"),
            what=pl.lit("complaint"),
            random_drawn=pl.lit(value=False),
            departments=pl.when(pl.col("received_on").dt.day() % 3 == 0)
            .then(pl.lit("民政;市监"))
            .otherwise(pl.lit("民政")),
        )
        .filter(pl.col("on") <= CLOCK)
        .select(*years.columns, "on", "what", "random_drawn", "departments")
    )


def facility_inspection(
    seed: int,
    county: County,
    houses: pl.DataFrame,
    complaints: pl.DataFrame,
    subsidised: pl.Series,
    window: Window,
) -> pl.DataFrame:
    """Feed facility_inspection, [inspection_no].

    Args:
        subsidised: facility codes that draw an operating subsidy.
    """
    rng = generator(seed, "inspections", county.code)
    years = _house_years(houses, _weakness(seed, county, len(houses)), window)
    rows = pl.concat(
        [
            _drawn(rng, county, years),
            _regular(rng, years),
            _after_complaints(rng, years, complaints),
        ],
        how="vertical_relaxed",
    ).sort("on", "facility_code", "what")
    size = len(rows)
    draw = rng.random(size) / np.maximum(rows["weakness"].to_numpy(), 0.15)
    result = np.where(draw < 0.03, 2, np.where(draw < 0.20, 1, 0))
    low, high = np.array([0, 1, 5])[result], np.array([2, 8, 16])[result]
    put_right = pl.col("on") + pl.duration(days=column(rng.integers(5, 80, size)))
    mended = pl.Series((result > 0) & (rng.random(size) < 0.94)) & (put_right <= CLOCK)
    fined = pl.Series((result == 2) & (rng.random(size) < 0.7)) & ~pl.col("facility_code").is_in(
        subsidised.implode()
    )
    return rows.select(
        numbers(f"JC{county.short}", 1, size, 6).alias("inspection_no"),
        "facility_code",
        pl.col("on").alias("inspected_on"),
        pl.col("what").alias("kind"),
        "random_drawn",
        "departments",
        text(("passed", "rectify", "failed"), result).alias("result"),
        pl.Series(low + (rng.random(size) * (high - low)).astype(np.int64)).alias("issues"),
        pl.when(mended).then(put_right).alias("rectified_on"),
        pl.when(fined)
        .then(pl.lit(pl.Series(rng.integers(1, 31, size) * 1000).cast(MONEY)))
        .alias("penalty"),
    )


def credit_list(
    seed: int, county: County, houses: pl.DataFrame, subsidised: pl.Series, window: Window
) -> pl.DataFrame:
    """Feed credit_list, [uscc, list, listed_on]: organisations behind the houses."""
    rng = generator(seed, "credit", county.code)
    firms = houses.unique("uscc", keep="first", maintain_order=True)
    size = len(firms)
    paid = pl.col("facility_code").is_in(subsidised.implode())
    draw = pl.Series(rng.random(size))
    span = window.last_day - window.first_day + 500
    listed = pl.Series(window.last_day - rng.integers(20, span, size)).cast(pl.Int32).cast(pl.Date)
    until = pl.lit(listed) + pl.duration(days=column(rng.integers(180, 1100, size)))
    red = (pl.col("kind") == "institution") & (pl.lit(draw) < 0.09)
    black = ~paid & (pl.lit(draw) > 0.988)
    reasons = ("拒不整改重大安全隐患", "虚假宣传侵害老年人权益", "无故终止服务未妥善安置")
    return (
        firms.with_columns(
            list=pl.when(red).then(pl.lit("red")).when(black).then(pl.lit("black")),
            listed_on=pl.max_horizontal(pl.lit(listed), pl.col("opened_on") + pl.duration(days=30)),
            removed_on=until,
            bad=text(reasons, pick(rng, reasons, size)),
        )
        .filter(pl.col("list").is_not_null() & (pl.col("listed_on") < CLOCK))
        .select(
            "uscc",
            "list",
            "listed_on",
            pl.when(
                (pl.col("list") == "black")
                & (pl.col("removed_on") <= CLOCK)
                & (pl.col("removed_on") > pl.col("listed_on"))
            )
            .then("removed_on")
            .alias("removed_on"),
            pl.when(pl.col("list") == "red")
            .then(pl.lit("年度信用评价优秀"))
            .otherwise("bad")
            .alias("reason"),
        )
        .sort("listed_on", "uscc")
    )


def resident_days(stays: pl.DataFrame, years: list[int]) -> pl.DataFrame:
    """[facility_code, year] days: days of care, the day of leaving not counted."""
    start, end = pl.date("year", 1, 1), pl.date(pl.col("year") + 1, 1, 1)
    return (
        stays.select(
            "facility_code",
            "checked_in_on",
            pl.coalesce("checked_out_on", pl.lit(date(2099, 1, 1))).alias("until"),
        )
        .join(_calendar(years), how="cross")
        .with_columns(
            days=(
                pl.min_horizontal("until", end) - pl.max_horizontal("checked_in_on", start)
            ).dt.total_days()
        )
        .filter(pl.col("days") > 0)
        .group_by("facility_code", "year")
        .agg(pl.col("days").sum())
    )


def facility_finance(
    seed: int,
    county: County,
    houses: pl.DataFrame,
    stays: pl.DataFrame,
    payments: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """Feed facility_finance, [facility_code, year]: whole years of the window, institutions.

    Food and utilities follow the days of care; prepaid money is a month's fees, where members pay
    in advance some years' fees; subsidies are the operating subsidies paid for months of the year.
    """
    rng = generator(seed, "finance", county.code)
    years = [year for year in window.years if year < CLOCK.year]
    homes = houses.filter(pl.col("kind") == "institution").select(
        "facility_code", "opened_on", "beds_total", "member_prepaid"
    )
    size = len(homes)
    homes = homes.with_columns(
        fee=pl.Series(rng.integers(48, 120, size)),
        food=pl.Series(rng.integers(17, 29, size)),
        utility=pl.Series(rng.integers(4, 9, size)),
        own=pl.Series(rng.normal(1.0, 0.8, size)),
        ahead=pl.Series(rng.integers(400, 1500, size)),
    )
    received = (
        payments.filter(pl.col("facility_code").is_not_null() & pl.col("id_no").is_null())
        .with_columns(year=pl.col("benefit_month").str.slice(0, 4).cast(pl.Int32))
        .group_by("facility_code", "year")
        .agg(pl.col("amount").sum().alias("subsidy"))
    )
    keys = ["facility_code", "year"]
    rows = (
        homes.join(_calendar(years), how="cross", maintain_order="left_right")
        .filter(pl.col("opened_on") <= pl.date("year", 12, 31))
        .join(resident_days(stays, years), on=keys, how="left", maintain_order="left")
        .join(received, on=keys, how="left", maintain_order="left")
        .with_columns(pl.col("days").fill_null(0), pl.col("subsidy").cast(pl.Int64).fill_null(0))
        .sort(keys)
    )
    change = pl.Series(rng.uniform(0.94, 1.06, len(rows)))
    fees = pl.col("days") * pl.col("fee")
    daily = fees // 365

    def yuan(amount: pl.Expr) -> pl.Expr:
        return amount.round().cast(pl.Int64).cast(MONEY)

    return rows.select(
        "facility_code",
        pl.col("year").cast(pl.Int64),
        yuan(
            pl.when("member_prepaid").then(daily * pl.col("ahead")).otherwise(daily * 31) * change
        ).alias("prepaid_balance"),
        yuan(pl.col("own") * pl.col("beds_total") * 9_000 * change).alias("net_assets"),
        yuan(fees + pl.col("subsidy")).alias("income"),
        yuan(pl.col("subsidy")).alias("subsidy_income"),
        yuan(pl.col("days") * pl.col("food") * change).alias("food_spend"),
        yuan((pl.col("days") * pl.col("utility") + pl.col("beds_total") * 260) * change).alias(
            "utility_spend"
        ),
    )
