"""The money's other books: what the treasury and the bank say about a batch, and what came back."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.calendar import CLOCK, month_of_day
from synthetic.draws import column, generator, numbers
from synthetic.regions import County

GAPS = 0.004
"""Share of batches whose three books differ (`_odd`: which book)."""
RECOVERED = 0.3
"""Share of the overpaid from whom money came back."""
RETURNED_BY_CHOICE = 0.0006
"""Share of other payments that were paid back, for whatever reason."""


def treasury_batch(seed: int, county: County, payments: pl.DataFrame) -> pl.DataFrame:
    """Feed treasury_batch, [batch_no], with month_number: the sums of the batch's payments.

    A cancelling row (negative) is on no list; a returned one the bank could not pay.
    """
    rng = generator(seed, "treasury", county.code)
    listed = payments.filter(pl.col("amount") > 0)
    good = pl.col("status") != "returned"
    rows = (
        listed.group_by("batch_no")
        .agg(
            pl.col("programme_code").first(),
            pl.col("benefit_month").first().alias("month"),
            pl.len().cast(pl.Int64).alias("list_count"),
            pl.col("amount").sum().alias("list_amount"),
            good.sum().cast(pl.Int64).alias("bank_success_count"),
            pl.col("amount").filter(good).sum().alias("bank_success_amount"),
        )
        .sort("month", "batch_no")
    )
    size = len(rows)
    gap = np.where(rng.random(size) < GAPS, rng.integers(1, 3, size), 0)
    wrong = pl.Series(gap)
    # One recipient's money less in the treasury's book, or one row less in the bank's.
    lost = pl.col("list_amount") - (
        pl.col("list_amount").cast(pl.Float64) / pl.col("list_count")
    ).round(0).cast(pl.Decimal(18, 2))
    return rows.select(
        "batch_no",
        "programme_code",
        pl.lit(county.code).alias("region_code"),
        "month",
        "list_count",
        "list_amount",
        pl.when(wrong == 1)
        .then(lost)
        .otherwise("list_amount")
        .cast(pl.Decimal(18, 2))
        .alias("treasury_amount"),
        (pl.col("bank_success_count") - (wrong == 2).cast(pl.Int64)).alias("bank_success_count"),
        "bank_success_amount",
        month_of_day((pl.col("month") + "-01").str.to_date()).alias("month_number"),
        pl.when(wrong == 1)
        .then(pl.lit("treasury_short"))
        .when(wrong == 2)
        .then(pl.lit("bank_count_short"))
        .alias("_odd"),
    )


def recovery(
    seed: int, county: County, people: pl.DataFrame, payments: pl.DataFrame
) -> pl.DataFrame:
    """Feed recovery, [recovery_no]: money back from some who were paid after death, in whole or in
    two parts, and few others; some without a receipt (`_odd`).

    Truth about cases states what was overpaid before anything came back.
    """
    rng = generator(seed, "recoveries", county.code)
    paid = (
        payments.filter(
            pl.col("person").is_not_null()
            & (pl.col("amount") > 0)
            & (pl.col("status") == "success")
            & (pl.col("programme_code") != "destitute_funeral_grant")
        )
        .select("person", "payment_no", "benefit_month", "amount", "paid_at")
        .join(people.select("person", "death", "reserved"), on="person", how="left")
        .sort("payment_no")
    )
    month = month_of_day((pl.col("benefit_month") + "-01").str.to_date())
    over = (month > month_of_day(pl.col("death"))).fill_null(value=False)
    overpaid = paid.filter(over)
    persons = overpaid["person"].unique().sort()
    asked = persons.filter(pl.Series(rng.random(len(persons)) < RECOVERED))
    others = paid.filter(~over & ~pl.col("reserved").fill_null(value=False))
    chosen = pl.concat(
        [
            overpaid.filter(pl.col("person").is_in(asked.implode())),
            others.filter(pl.Series(rng.random(len(others)) < RETURNED_BY_CHOICE)),
        ]
    ).sort("payment_no")
    halves = pl.Series(rng.random(len(chosen)) < 0.15)
    half = (pl.col("amount").cast(pl.Float64) / 2).round(0).cast(pl.Decimal(18, 2))
    parts = pl.concat(
        [
            chosen.with_columns(
                pl.when(halves)
                .then(half)
                .otherwise("amount")
                .cast(pl.Decimal(18, 2))
                .alias("amount"),
                part=pl.lit(1),
            ),
            chosen.filter(halves).with_columns(
                (pl.col("amount") - half).cast(pl.Decimal(18, 2)).alias("amount"), part=pl.lit(2)
            ),
        ]
    ).sort("payment_no", "part")
    size = len(parts)
    later = column(rng.integers(30, 220, size))
    missing = pl.Series(rng.random(size) < 0.06)
    back = pl.min_horizontal(pl.col("paid_at").dt.date() + pl.duration(days=later), pl.lit(CLOCK))
    rows = parts.with_columns(received_on=back, missing=missing).sort(
        "received_on", "payment_no", "part"
    )
    return rows.select(
        "person",
        numbers(f"ZJ{county.short}", 1, size, 6).alias("recovery_no"),
        "payment_no",
        "amount",
        "received_on",
        pl.when(~pl.col("missing"))
        .then(pl.format("JK{}{}", pl.lit(county.short), (pl.int_range(pl.len()) + 10_000)))
        .alias("receipt_no"),
        pl.when("missing").then(pl.lit("no_receipt")).alias("_odd"),
    )
