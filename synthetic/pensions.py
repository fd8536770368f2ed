"""Social insurance: pensions paid and employers' contributions, month by month.

Two prefectures hand them over, for the last half year: a whole province of pensions would be
larger than all other feeds together.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic import identity
from synthetic.calendar import Window, month_of_day, month_start, month_text
from synthetic.draws import generator, pick, text
from synthetic.regions import County

PREFECTURES = ("3708", "4404")
MONTHS = 6
EMPLOYERS = 14
CONTINUES = 0.08
"""Share of the dead whose pension goes on for some months (`_odd`: pension_after_death)."""
CLAIMS_AND_WORKS = 0.06
"""Share of dibao members of working age who are employed (`_odd`: claims_while_employed)."""


def hands_over(county: County) -> bool:
    """Whether the county's social insurance is handed over at all."""
    return county.prefecture[:4] in PREFECTURES


def _months(window: Window) -> tuple[int, int]:
    return window.last_month - MONTHS + 1, window.last_month


def pension_payment(
    seed: int, county: County, people: pl.DataFrame, enrolments: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """Feed pension_payment, [id_no, month]: until the month of death; for few of the dead longer.

    Whoever draws it was seen by somebody in the year before, never after death.
    """
    rng = generator(seed, "pensions", county.code)
    kind = enrolments.group_by("person").agg(
        (pl.col("insurance_kind") == "employee").any().alias("employee")
    )
    able = (
        people.filter((pl.col("age") > 54) & ~pl.col("reserved"))
        .join(kind, on="person", how="left")
        .with_columns(pl.col("employee").fill_null(value=False))
        .sort("person")
    )
    size = len(able)
    civil = pl.Series(rng.random(size) < 0.15)
    draw = rng.random(size)
    seen = pl.Series(rng.integers(0, 365, size))
    never = pl.Series(rng.random(size) < 0.06)
    longer = pl.Series(np.where(rng.random(size) < CONTINUES, rng.geometric(0.3, size), 0))
    first, last = _months(window)
    scheme = (
        pl.when(pl.col("employee") & civil)
        .then(pl.lit("civil_servant"))
        .when("employee")
        .then(pl.lit("employee"))
        .otherwise(pl.lit("resident"))
    )
    cents = (
        pl.when(pl.col("employee") & civil)
        .then(450_000 + pl.Series(draw) * 380_000)
        .when("employee")
        .then(210_000 + pl.Series(draw) * 330_000)
        .otherwise(13_000 + pl.Series(draw) * 14_000)
    )
    from_age = (
        pl.when(~pl.col("male") & pl.col("employee")).then(pl.lit("55y")).otherwise(pl.lit("60y"))
    )
    due = month_of_day(pl.col("birth").dt.offset_by(from_age)) + 1
    death = month_of_day(pl.col("death"))
    rows = (
        able.with_columns(
            scheme=scheme,
            cents=cents.cast(pl.Int64),
            seen=seen,
            never=never,
            dead_since=death,
            since=pl.max_horizontal(due, pl.lit(first)).cast(pl.Int32),
            until=pl.min_horizontal((death + longer).fill_null(last), pl.lit(last)).cast(pl.Int32),
        )
        .filter(pl.col("since") <= pl.col("until"))
        .with_columns(number=pl.int_ranges("since", pl.col("until") + 1, dtype=pl.Int32))
        .explode("number")
        .sort("number", "person")
    )
    # Everybody's day of the year, in the year that ends with the month or with life.
    until = pl.min_horizontal(month_start(pl.col("number")), pl.col("death"))
    verified = until - pl.duration(days=(until.cast(pl.Int32) - pl.col("seen")) % 365)
    hundredth = pl.lit("0.01").cast(pl.Decimal(18, 2))
    return rows.select(
        "person",
        "id_no",
        month_text(pl.col("number")).alias("month"),
        "scheme",
        (pl.col("cents").cast(pl.Decimal(20, 0)) * hundredth)
        .cast(pl.Decimal(18, 2))
        .alias("amount"),
        pl.when(~pl.col("never")).then(verified).alias("qualification_verified_on"),
        pl.when(pl.col("number") > pl.col("dead_since"))
        .then(pl.lit("pension_after_death"))
        .alias("_odd"),
    )


def employment_contribution(
    seed: int,
    county: County,
    people: pl.DataFrame,
    members: pl.DataFrame,
    staff: pl.DataFrame,
    away: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """Feed employment_contribution, [id_no, employer_uscc, month]: people of working age, few of
    them in households that draw dibao; staff of houses by their house.

    Args:
        members: feed assistance_member.
        staff: [person, hired_on] employer_uscc, left_on of those who work in houses.
        away: [person] of those in custody.
    """
    rng = generator(seed, "employment", county.code)
    assisted = members.group_by("person").agg((pl.col("category") == "dibao").any().alias("dibao"))
    able = (
        people.filter((pl.col("age") > 21) & (pl.col("age") < 59.5) & ~pl.col("reserved"))
        .join(away, on="person", how="anti")
        .join(staff, on="person", how="anti")
        .join(assisted, on="person", how="left")
        .sort("person")
    )
    rate = (
        pl.when("dibao")
        .then(CLAIMS_AND_WORKS)
        .when(pl.col("dibao").is_null())
        .then(0.42)
        .otherwise(0)
    )
    chosen = able.filter(pl.Series(rng.random(len(able))) < rate)
    size = len(chosen)
    employers = identity.usccs(county.short, "91", county.index * 20_000 + 2_000_000, EMPLOYERS)
    first, last = _months(window)
    since = np.maximum(last - rng.integers(0, 40, size), first)
    share = [1 / (i + 1) for i in range(EMPLOYERS)]
    others = chosen.select(
        "person",
        "id_no",
        "dibao",
        text(employers, pick(rng, employers, size, share)).alias("employer_uscc"),
        pl.Series(rng.integers(30, 140, size) * 100).alias("base"),
        pl.Series(since).cast(pl.Int32).alias("since"),
        pl.min_horizontal(month_of_day(pl.col("death")).fill_null(last), pl.lit(last))
        .cast(pl.Int32)
        .alias("until"),
    )
    in_houses = (
        staff.join(people.select("person", "id_no"), on="person", maintain_order="left")
        .sort("person", "hired_on")
        .select(
            "person",
            "id_no",
            pl.lit(None, dtype=pl.Boolean).alias("dibao"),
            "employer_uscc",
            pl.Series(rng.integers(30, 75, len(staff)) * 100).alias("base"),
            pl.max_horizontal(month_of_day(pl.col("hired_on")), pl.lit(first))
            .cast(pl.Int32)
            .alias("since"),
            pl.min_horizontal(month_of_day(pl.col("left_on")).fill_null(last), pl.lit(last))
            .cast(pl.Int32)
            .alias("until"),
        )
    )
    return (
        pl.concat([others, in_houses])
        .filter(pl.col("since") <= pl.col("until"))
        .with_columns(number=pl.int_ranges("since", pl.col("until") + 1, dtype=pl.Int32))
        .explode("number")
        .sort("number", "person")
        .select(
            "person",
            "id_no",
            "employer_uscc",
            month_text(pl.col("number")).alias("month"),
            pl.col("base").cast(pl.Decimal(18, 2)).alias("base_amount"),
            pl.lit(county.code).alias("region_code"),
            pl.when("dibao").then(pl.lit("claims_while_employed")).alias("_odd"),
        )
    )
