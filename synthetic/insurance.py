"""Long-term-care insurance: assessments of the insured, and the claims for their care at home."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic import services
from synthetic.calendar import CLOCK, Window, day, month_of_day
from synthetic.draws import generator, numbers, text
from synthetic.regions import County

LOCAL_LABELS = {0: "正常", 1: "轻度", 2: "中度", 3: "重度三级", 4: "重度二级", 5: "重度一级"}
"""A local scale of severity: its 重度一级 is the worst, the national one's is the mildest."""
LOCAL_UNTIL = "2025-07-01"
CLAIM_MONTHS = 6
"""Claims are handed over for the last months only."""
PAID_FROM_RANK = 2
SERVICES = ("LH0101", "LH0102", "LH0201", "LH0202", "LH0301", "LH0302", "LH0401")
PRICES = (45, 60, 70, 90, 110, 130, 160)
"""Service codes and their prices in yuan; the fund pays seven tenths, in whole yuan."""


def ltci_assessment(
    seed: int, county: County, people: pl.DataFrame, enrolments: pl.DataFrame
) -> pl.DataFrame:
    """Feed ltci_assessment, [assessment_no]: today's degree of the insured, for some an earlier,
    milder one."""
    rng = generator(seed, "ltci assessments", county.code)
    insured = enrolments.filter("ltci_insured").select("person").unique()
    able = (
        people.filter((pl.col("age") > 45) & (pl.col("grade") >= 1) & ~pl.col("reserved"))
        .join(insured, on="person", how="semi")
        .sort("person")
    )
    asks = pl.when(pl.col("grade") >= 2).then(0.6).otherwise(0.12)
    chosen = able.filter(pl.Series(rng.random(len(able))) < asks)
    worse = (chosen["grade"].to_numpy() >= 3) & (rng.random(len(chosen)) < 0.45)
    chosen = chosen.with_columns(rank=pl.Series(chosen["grade"].to_numpy() + worse))
    before = chosen.filter(pl.Series(rng.random(len(chosen)) < 0.25))
    both = pl.concat(
        [
            chosen.with_columns(now=pl.lit(value=True)),
            before.with_columns(pl.col("rank") - 1, now=pl.lit(value=False)),
        ]
    )
    size = len(both)
    ago = np.where(both["now"], rng.integers(20, 715, size), rng.integers(745, 1100, size))
    local = pl.Series(rng.random(size) < 0.3)
    rows = (
        both.with_columns(
            assessed_on=pl.Series(day(CLOCK) - ago).cast(pl.Int32).cast(pl.Date), local=local
        )
        .with_columns(
            local=pl.col("local") & (pl.col("assessed_on") < pl.lit(LOCAL_UNTIL).str.to_date())
        )
        .filter(pl.col("death").is_null() | (pl.col("death") > pl.col("assessed_on")))
        .sort("assessed_on", "person")
    )
    return rows.select(
        "person",
        numbers(f"LA{county.short}", 1, len(rows), 7).alias("assessment_no"),
        "id_no",
        "assessed_on",
        pl.when("local").then(pl.lit("local")).otherwise(pl.lit("national")).alias("scheme"),
        pl.when("local")
        .then(pl.col("rank").replace_strict(LOCAL_LABELS, return_dtype=pl.String))
        .alias("local_label"),
        pl.col("rank").cast(pl.Int64).alias("severity_rank"),
        pl.col("assessed_on").dt.offset_by("2y").dt.offset_by("-1d").alias("valid_to"),
    )


def clients(
    people: pl.DataFrame,
    assessments: pl.DataFrame,
    housed: pl.DataFrame,
    provider: str,
    window: Window,
) -> pl.DataFrame:
    """[person] id_no, death, provider_code, since, until (months): whom the fund pays care at home,
    from the month after the first assessment that entitles."""
    entitled = (
        assessments.filter(pl.col("severity_rank") >= PAID_FROM_RANK)
        .group_by("person")
        .agg(pl.col("assessed_on").min())
    )
    first = window.last_month - CLAIM_MONTHS + 1
    return (
        people.select("person", "id_no", "death")
        .join(entitled, on="person")
        .join(housed, on="person", how="anti")
        .sort("person")
        .select(
            "person",
            "id_no",
            "death",
            pl.lit(provider).alias("provider_code"),
            pl.max_horizontal(month_of_day(pl.col("assessed_on")) + 1, pl.lit(first))
            .cast(pl.Int32)
            .alias("since"),
            pl.min_horizontal(
                month_of_day(pl.col("death")).fill_null(window.last_month),
                pl.lit(window.last_month),
            )
            .cast(pl.Int32)
            .alias("until"),
        )
    )


def ltci_claim(county: County, done: pl.DataFrame) -> pl.DataFrame:
    """Feed ltci_claim, [claim_no], of a timetable's visits that took place."""
    rows = done.sort("start", "person")
    item = rows["item"].to_numpy() % len(SERVICES)
    price = np.array(PRICES)[item]
    fund = price * 7 // 10
    money = pl.Decimal(18, 2)
    return rows.select(
        "person",
        numbers(f"LC{county.short}", 1, len(rows), 8).alias("claim_no"),
        "id_no",
        "provider_code",
        "worker_id_no",
        text(SERVICES, item).alias("service_code"),
        pl.col("start").alias("started_at"),
        (pl.col("start") + pl.duration(minutes=pl.col("minutes"))).alias("ended_at"),
        pl.Series(fund).cast(money).alias("fund_amount"),
        pl.Series(price - fund).cast(money).alias("self_amount"),
    )


def visits(
    seed: int,
    county: County,
    entitled: pl.DataFrame,
    workers: pl.DataFrame,
    absences: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """The timetable of the fund's care workers without the days on which the client was away."""
    planned = services.timetable(seed, county, entitled, workers, window, "ltci claims")
    return services.free_of(planned, absences)
