"""Feed medical_settlement: hospital stays and outpatient visits, never after death."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.calendar import Window
from synthetic.draws import column, generator, pick, text
from synthetic.regions import County

DIAGNOSES = (
    "I10.x00",
    "E11.900",
    "I63.900",
    "J44.100",
    "I25.103",
    "M17.900",
    "S72.000",
    "J18.900",
    "N18.900",
    "F03.x00",
    "K29.500",
    "H25.900",
    "C34.900",
    "G20.x00",
)
KINDS = ("inpatient", "outpatient", "home_bed")
OUTCOMES = ("discharged", "transferred", "left_against_advice", "other")
COLUMNS = (
    "person",
    "settlement_no",
    "id_no",
    "institution_code",
    "visit_kind",
    "admitted_at",
    "discharged_at",
    "diagnosis_code",
    "outcome",
    "total_amount",
    "fund_amount",
    "settled_at",
)


def visits(seed: int, county: County, people: pl.DataFrame, window: Window) -> pl.DataFrame:
    """[person, kind, start, days]: who sees a doctor when; days are day numbers, 0 = same day."""
    rng = generator(seed, "visits to doctors", county.code)
    able = people.filter(~pl.col("reserved")).select("person", "id_no", "age", "death", "birth")
    age = able["age"].to_numpy()
    years = window.months / 12
    frames = []
    for kind, young, old in ((0, 0.035, 0.17), (1, 0.10, 0.46), (2, 0.0, 0.006)):
        rate = np.where(age >= 60, old * np.exp((age - 70) / 45), young) * years
        index = np.repeat(np.arange(len(able)), rng.poisson(rate))
        stay = np.clip(rng.gamma(2.2, 3.8, len(index)).astype(np.int64) + 1, 1, 60)
        frames.append(
            able[index].with_columns(
                kind=pl.lit(KINDS[kind]),
                start=pl.Series(
                    window.first_day
                    + rng.integers(0, window.last_day - window.first_day - 1, len(index))
                ),
                days=column(stay * {0: 1, 1: 0, 2: 3}[kind]),
            )
        )
    return (
        pl.concat(frames)
        .with_columns(
            days=pl.min_horizontal("days", pl.col("death").cast(pl.Int32) - pl.col("start")),
        )
        .filter(
            (pl.col("start") + pl.col("days") < window.last_day - 3)
            & (pl.col("days") >= 0)
            & (pl.col("start") > pl.col("birth").cast(pl.Int32))
        )
        .select("person", "id_no", "kind", "start", "days", "death")
    )


def settlements(seed: int, county: County, rows: pl.DataFrame, prefix: str = "M") -> pl.DataFrame:
    """Feed medical_settlement, [settlement_no], from [person, id_no, kind, start, days, death]."""
    rng = generator(seed, "settlements", county.code, prefix)
    rows = rows.sort("start", "person", "kind")
    size = len(rows)
    inpatient = (rows["kind"] == "inpatient").to_numpy()
    cents = np.where(inpatient, rng.lognormal(13.4, 0.6, size), rng.lognormal(9.6, 0.7, size))
    total = cents.astype(np.int64)
    fund = (total * rng.uniform(0.45, 0.8, size)).astype(np.int64)
    clock = rng.integers(8 * 3600, 17 * 3600, size)
    leave = np.where(
        rows["days"].to_numpy() == 0,
        clock + rng.integers(900, 7200, size),
        rng.integers(9 * 3600, 16 * 3600, size),
    )
    settle = rng.integers(0, 3, size)
    midnight = pl.col("start").cast(pl.Int32).cast(pl.Date).cast(pl.Datetime("us"))
    ends_in_death = (pl.col("death").cast(pl.Int32) == pl.col("start") + pl.col("days")).fill_null(
        value=False
    )

    def money(values: np.ndarray) -> pl.Expr:
        return (
            pl.lit(pl.Series(values)).cast(pl.Decimal(20, 0))
            * pl.lit("0.01").cast(pl.Decimal(18, 2))
        ).cast(pl.Decimal(18, 2))

    out = midnight + pl.duration(days=pl.col("days"), seconds=column(leave))
    return rows.select(
        "person",
        pl.format(
            "{}{}{}",
            pl.lit(prefix),
            pl.lit(county.short),
            pl.int_range(pl.len()).cast(pl.String).str.zfill(8),
        ).alias("settlement_no"),
        "id_no",
        text([f"Y{county.short}{i:02d}" for i in range(1, 9)], pick(rng, range(8), size)).alias(
            "institution_code"
        ),
        pl.col("kind").alias("visit_kind"),
        (midnight + pl.duration(seconds=column(clock))).alias("admitted_at"),
        out.alias("discharged_at"),
        text(DIAGNOSES, pick(rng, DIAGNOSES, size)).alias("diagnosis_code"),
        pl.when(pl.col("kind") != "inpatient")
        .then(None)
        .when(ends_in_death)
        .then(pl.lit("death"))
        .otherwise(text(OUTCOMES, pick(rng, OUTCOMES, size, (90, 4, 4, 2))))
        .alias("outcome"),
        money(total).alias("total_amount"),
        money(fund).alias("fund_amount"),
        (out + pl.duration(days=column(settle), seconds=pl.lit(1800))).alias("settled_at"),
    )
