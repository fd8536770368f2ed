"""Operating-subsidy claims of facilities, and the payments that follow them."""

from __future__ import annotations

import polars as pl

from synthetic import programmes
from synthetic.calendar import Window, month_of_day, month_start, month_text
from synthetic.identity import bank_accounts
from synthetic.regions import County


def facility_claim(stays: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Feed facility_claim, [facility_code, month, stay_no], plus month_number.

    One row a subsidised stay and month, for the days of the month that the register shows the stay
    (or up to `claim_until`, where a planted stay brings that).
    """
    end = pl.col("checked_out_on")
    if "claim_until" in stays.columns:
        end = pl.coalesce("claim_until", end)
    last = pl.coalesce(end, pl.lit(window.last_day + 1, dtype=pl.Int32).cast(pl.Date))
    rows = (
        stays.filter(pl.col("payer") != "self")
        .with_columns(
            ends=last,
            first=pl.max_horizontal(
                month_of_day(pl.col("checked_in_on")), pl.lit(window.first_month)
            ),
            stop=pl.min_horizontal(
                month_of_day(last.dt.offset_by("-1d")), pl.lit(window.last_month)
            ),
        )
        .with_columns(month_number=pl.int_ranges("first", pl.col("stop") + 1, dtype=pl.Int32))
        .explode("month_number")
        .filter(pl.col("month_number").is_not_null())
    )
    start = month_start(pl.col("month_number"))
    days = (
        pl.min_horizontal("ends", start.dt.offset_by("1mo"))
        - pl.max_horizontal("checked_in_on", start)
    ).dt.total_days()
    if "claim_days" in stays.columns:
        days = pl.coalesce(
            pl.when(pl.col("month_number") == pl.col("claim_days_month")).then("claim_days"), days
        )
    rate = pl.col("care_grade").replace_strict(programmes.OPERATING, return_dtype=pl.Int64)
    length = (start.dt.offset_by("1mo") - start).dt.total_days()
    return (
        rows.with_columns(days=days)
        .filter(pl.col("days") > 0)
        .select(
            "person",
            "facility_code",
            month_text(pl.col("month_number")).alias("month"),
            "stay_no",
            pl.col("days").cast(pl.Int64).alias("claimed_days"),
            pl.col("care_grade").alias("claimed_grade"),
            # Whole yuan: rate by days, rounded down.
            (rate * pl.col("days") // length).cast(pl.Decimal(18, 2)).alias("amount"),
            "month_number",
        )
    )


def facility_accounts(county: County, facilities: pl.DataFrame) -> pl.DataFrame:
    """[facility_code] bank_account, account_name: each facility's own account."""
    numbers = county.index * 10**9 + 5 * 10**8 + pl.Series(range(len(facilities))).to_numpy() * 11
    return facilities.select(
        "facility_code",
        bank_accounts(numbers).alias("bank_account"),
        pl.col("name").alias("account_name"),
        "region_code",
    )


def operating_payments(
    claims: pl.DataFrame, accounts: pl.DataFrame, county: County, window: Window
) -> pl.DataFrame:
    """Rows of feed subsidy_payment for facilities: one a facility and month, of what it claimed."""
    total = (
        claims.group_by("facility_code", "month_number", "month")
        .agg(pl.col("amount").sum())
        .sort("month_number", "facility_code")
        .join(accounts, on="facility_code", maintain_order="left")
    )
    order = pl.int_range(pl.len())
    nothing = pl.lit(None, dtype=pl.String)
    return total.select(
        pl.lit(None, dtype=pl.Int64).alias("person"),
        pl.format("Q{}{}", pl.lit(county.short), order.cast(pl.String).str.zfill(9)).alias(
            "payment_no"
        ),
        pl.lit("facility_operating_subsidy").alias("programme_code"),
        nothing.alias("id_no"),
        pl.col("account_name").alias("payee_name"),
        pl.col("month").alias("benefit_month"),
        pl.col("amount").cast(pl.Decimal(18, 2)),
        (
            month_start(pl.col("month_number")).cast(pl.Datetime("us"))
            + pl.duration(days=27, hours=10, seconds=order)
        ).alias("paid_at"),
        "bank_account",
        "account_name",
        pl.lit(county.code).alias("region_code"),
        "facility_code",
        pl.format("B{}-{}-facility", pl.lit(county.short), "month").alias("batch_no"),
        pl.lit("success").alias("status"),
        pl.lit(f"审批{county.short}").alias("approved_by"),
        pl.lit("经办3").alias("entered_by"),
    )
