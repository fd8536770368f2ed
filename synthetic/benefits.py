"""Who is entitled to what, and the payments month by month.

An entitlement is [person, programme_code, first, last (month numbers, inclusive), amount]; payments
are its months. Everybody entitled is paid every month, nobody else is: what differs is planted.
"""

from __future__ import annotations

import polars as pl

from synthetic import programmes
from synthetic.calendar import Window, month_of_day, month_start, month_text
from synthetic.draws import generator
from synthetic.identity import bank_accounts
from synthetic.regions import County

ENTITLEMENT = pl.Schema(
    {
        "person": pl.Int64(),
        "programme_code": pl.String(),
        "first": pl.Int32(),
        "last": pl.Int32(),
        "amount": pl.Int64(),
    }
)


def last_month(window: Window) -> pl.Expr:
    """The month of death is still payable; nothing after it."""
    return pl.min_horizontal(
        pl.coalesce(month_of_day(pl.col("death")), window.last_month), pl.lit(window.last_month)
    ).cast(pl.Int32)


def old_age(people: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Old-age allowance: each band is due from the month after the birthday."""
    last = last_month(window)
    frames = []
    for low, high, amount in programmes.OLD_AGE_BANDS:
        start = month_of_day(pl.col("birth").dt.offset_by(f"{low}y")) + 1
        end = month_of_day(pl.col("birth").dt.offset_by(f"{high}y"))
        frames.append(
            people.filter(pl.col("age") >= low - 0.1).select(
                "person",
                pl.when(pl.col("veteran"))
                .then(pl.lit("veteran_care_allowance"))
                .otherwise(pl.lit("old_age_allowance"))
                .alias("programme_code"),
                pl.max_horizontal(start, pl.lit(window.first_month)).cast(pl.Int32).alias("first"),
                pl.min_horizontal(end, last).cast(pl.Int32).alias("last"),
                pl.when(pl.col("veteran"))
                .then(programmes.VETERAN)
                .otherwise(amount)
                .cast(pl.Int64)
                .alias("amount"),
            )
        )
    return pl.concat(frames).filter(pl.col("first") <= pl.col("last"))


def monthly(
    people: pl.DataFrame, programme: str | pl.Expr, amount: int | pl.Expr, window: Window
) -> pl.DataFrame:
    """An entitlement of all months until death (`since`, a month number, starts it later)."""
    code = pl.lit(programme) if isinstance(programme, str) else programme
    yuan = pl.lit(amount) if isinstance(amount, int) else amount
    since = pl.col("since") if "since" in people.columns else pl.lit(window.first_month)
    return people.select(
        "person",
        code.alias("programme_code"),
        pl.max_horizontal(since, pl.lit(window.first_month)).cast(pl.Int32).alias("first"),
        last_month(window).alias("last"),
        yuan.cast(pl.Int64).alias("amount"),
    ).filter(pl.col("first") <= pl.col("last"))


def accounts(seed: int, county: County, people: pl.DataFrame) -> pl.DataFrame:
    """[person] bank_account, account_name: their own; some couples share the first's."""
    rng = generator(seed, "accounts", county.code)
    numbers = county.index * 10**9 + rng.permutation(len(people)) * 7 + 1
    own = people.select("person", "household", "name", "age").with_columns(
        bank_account=bank_accounts(numbers),
        account_name=pl.col("name"),
        shares=pl.Series(rng.random(len(people)) < 0.05),
    )
    old = pl.col("age") >= 60
    first = (
        own.filter(old)
        .group_by("household", maintain_order=True)
        .agg(
            pl.col("bank_account").first().alias("joint"),
            pl.col("account_name").first().alias("joint_name"),
        )
    )
    return own.join(first, on="household", how="left", maintain_order="left").select(
        "person",
        pl.when(pl.col("shares") & old)
        .then("joint")
        .otherwise("bank_account")
        .alias("bank_account"),
        pl.when(pl.col("shares") & old)
        .then("joint_name")
        .otherwise("account_name")
        .alias("account_name"),
    )


EXTRAS: dict[str, pl.DataType] = {
    "region_code": pl.String(),
    "status": pl.String(),
    "paid_month": pl.Int32(),
    "days_late": pl.Int64(),
    "facility_code": pl.String(),
    "by_old_number": pl.Boolean(),
}
"""What a row to be paid may fix; null means the ordinary value."""
ROW = {
    "person": pl.Int64(),
    "programme_code": pl.String(),
    "month": pl.Int32(),
    "amount": pl.Int64(),
    **EXTRAS,
}


def expand(entitlements: pl.DataFrame) -> pl.DataFrame:
    """ROW, one a month of each entitlement, with nothing fixed."""
    return (
        entitlements.with_columns(
            month=pl.int_ranges("first", pl.col("last") + 1, dtype=pl.Int32),
            **{name: pl.lit(None, dtype=kind) for name, kind in EXTRAS.items()},
        )
        .explode("month")
        .select(list(ROW))
    )


def payments(rows: pl.DataFrame, county: County, holders: pl.DataFrame) -> pl.DataFrame:
    """Feed subsidy_payment, [payment_no], of ROW with `id_no` (null: the holder's of today)."""
    frame = rows.sort("programme_code", "month", "person", "amount", "region_code").join(
        holders, on="person", how="left", suffix="_own", maintain_order="left"
    )
    order = pl.int_range(pl.len())
    paid = (
        month_start(pl.coalesce("paid_month", "month")).cast(pl.Datetime("us"))
        + pl.duration(days=14 + pl.col("days_late").fill_null(0), hours=9)
        + pl.duration(seconds=(order * 13) % 28_800)
    )
    return frame.select(
        "person",
        pl.format("P{}{}", pl.lit(county.short), order.cast(pl.String).str.zfill(9)).alias(
            "payment_no"
        ),
        "programme_code",
        pl.coalesce("id_no", "id_no_own").alias("id_no"),
        pl.col("name").alias("payee_name"),
        month_text(pl.col("month")).alias("benefit_month"),
        pl.col("amount").cast(pl.Decimal(18, 2)),
        paid.alias("paid_at"),
        "bank_account",
        "account_name",
        pl.col("region_code").fill_null(county.code),
        "facility_code",
        pl.format(
            "B{}-{}-{}", pl.lit(county.short), month_text(pl.col("month")), "programme_code"
        ).alias("batch_no"),
        pl.col("status").fill_null("success"),
        pl.lit(f"审批{county.short}").alias("approved_by"),
        pl.format("经办{}", order % 7).alias("entered_by"),
    )
