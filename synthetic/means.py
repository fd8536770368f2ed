"""What decides on assistance: means of the household, disability, custody."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.calendar import CLOCK, Window, day, month_of_day
from synthetic.draws import Rng, generator, pick, text
from synthetic.regions import County

RICH = 0.025
"""Share of checks that find more than the means test allows; `_odd` says what."""
INCOME = {
    "tekun": (0, 300),
    "dibao": (100, 500),
    "dibao_marginal": (520, 780),
    "low_income": (780, 1_040),
}
"""Yuan a head and month."""
LAPSED = 0.015
"""Share of those paid a disabled person's subsidy whose certificate is void (`_odd`)."""
CUSTODY = ("prison", "compulsory_rehab", "remand", "probation", "medical_parole")
CUSTODY_SHARES = (35, 20, 20, 20, 5)
CUSTODY_DAYS = ((240, 1800), (700, 740), (30, 200), (180, 720), (90, 400))


def _ago(rng: Rng, least: int, most: int, size: int) -> pl.Series:
    return pl.Series(day(CLOCK) - rng.integers(least, most, size)).cast(pl.Int32).cast(pl.Date)


def asset_check(seed: int, county: County, members: pl.DataFrame) -> pl.DataFrame:
    """Feed asset_check, [household_no, checked_on]: each assisted household, twice in two years."""
    rng = generator(seed, "asset checks", county.code)
    homes = (
        members.filter(pl.col("person").is_not_null())
        .sort("household_no", "category")
        .unique("household_no", keep="first", maintain_order=True)
        .select("household_no", "category")
    )
    frames = []
    for least, most in ((385, 620), (12, 250)):
        size = len(homes)
        found = np.where(rng.random(size) < RICH, rng.integers(1, 6, size), 0)
        low = homes["category"].replace_strict({k: v[0] for k, v in INCOME.items()}).to_numpy()
        high = homes["category"].replace_strict({k: v[1] for k, v in INCOME.items()}).to_numpy()
        income = low + (rng.random(size) * (high - low)).astype(np.int64)
        wealth = rng.integers(0, 180, size) * 100
        rich = rng.integers(800, 4_000, size) * 100
        money = pl.Decimal(18, 2)
        frames.append(
            homes.select(
                "household_no",
                _ago(rng, least, most, size).alias("checked_on"),
                pl.Series((found == 1).astype(np.int64)).alias("vehicles"),
                pl.Series(np.where(found == 2, 3, (rng.random(size) < 0.6).astype(np.int64))).alias(
                    "homes"
                ),
                pl.Series((found == 3).astype(np.int64)).alias("companies"),
                pl.Series(np.where(found == 4, rich, wealth)).cast(money).alias("deposit_amount"),
                pl.Series(np.where(found == 5, income + 2_500, income))
                .cast(money)
                .alias("monthly_income_per_head"),
                text(("", "vehicle", "homes", "company", "deposit", "income"), found)
                .replace("", None)
                .alias("_odd"),
            )
        )
    return pl.concat(frames).sort("checked_on", "household_no")


def disability_certificate(
    seed: int, county: County, people: pl.DataFrame, payments: pl.DataFrame
) -> pl.DataFrame:
    """Feed disability_certificate, [certificate_no]: whoever is paid a disabled person's subsidy
    holds one of grade 1 or 2, some others one of grade 3 or 4; some were replaced.

    The number is the holder's ID number, kind and grade, as on the real card.
    """
    rng = generator(seed, "disability certificates", county.code)
    paid = (
        payments.filter(pl.col("programme_code").str.starts_with("disabled_two"))
        .select("person", paid=pl.lit(value=True))
        .unique("person")
    )
    folk = people.join(paid, on="person", how="left", maintain_order="left").sort("person")
    draw = pl.Series(rng.random(len(folk)))
    likely = pl.when(pl.col("grade") >= 3).then(0.2).otherwise(0.02)
    holders = folk.filter(
        pl.col("paid") | (~pl.col("reserved") & (pl.col("age") > 3) & (draw < likely))
    ).with_columns(pl.col("paid").fill_null(value=False))
    size = len(holders)
    may_lapse = (holders["paid"] & ~holders["reserved"]).to_numpy()
    odd = np.where(may_lapse & (rng.random(size) < LAPSED), rng.integers(1, 4, size), 0)
    better = np.where(holders["paid"].to_numpy() & (odd != 3), 1, 3)
    age_days = np.where(odd == 1, rng.integers(3_800, 4_100, size), rng.integers(750, 3_400, size))
    born = holders["birth"].cast(pl.Int32).to_numpy()
    start = np.maximum(day(CLOCK) - age_days, born + 200)
    rows = holders.select(
        "person",
        "id_no",
        "death",
        kind=pl.Series(pick(rng, range(7), size, (12, 10, 2, 50, 9, 11, 6)) + 1),
        grade=pl.Series(better + rng.integers(0, 2, size)),
        valid_from=pl.Series(start).cast(pl.Int32).cast(pl.Date),
        odd=pl.Series(odd),
        paid="paid",
    ).with_columns(valid_to=pl.col("valid_from").dt.offset_by("10y").dt.offset_by("-1d"))
    earlier = rows.filter(pl.Series(rng.random(size) < 0.05)).with_columns(
        grade=5 - pl.col("grade"),
        valid_from=pl.col("valid_from").dt.offset_by("-3y"),
        valid_to=pl.col("valid_from").dt.offset_by("-1d"),
        odd=pl.lit(0, dtype=pl.Int64),
        replaced=pl.lit(value=True),
    )
    status = (
        pl.when("replaced")
        .then(pl.lit("replaced"))
        .when(pl.col("death").is_not_null() | (pl.col("odd") == 2))
        .then(pl.lit("cancelled"))
        .when(pl.col("valid_to") < CLOCK)
        .then(pl.lit("expired"))
        .otherwise(pl.lit("valid"))
    )
    return (
        pl.concat([rows, earlier], how="diagonal")
        .sort("person", "valid_from")
        .select(
            "person",
            pl.format("{}{}{}", "id_no", "kind", "grade").alias("certificate_no"),
            "id_no",
            pl.col("kind").cast(pl.String),
            pl.col("grade").cast(pl.Int64),
            "valid_from",
            "valid_to",
            status.alias("status"),
            pl.col("odd")
            .replace_strict(
                {0: None, 1: "certificate_expired", 2: "certificate_cancelled", 3: "grade_too_low"},
                return_dtype=pl.String,
            )
            .alias("_odd"),
            # Refused, a payee's certificate would look like none at all.
            pl.col("paid").alias("_whole"),
        )
    )


def custody_period(
    seed: int,
    county: County,
    people: pl.DataFrame,
    members: pl.DataFrame,
    staff: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """Feed custody_period, [id_no, started_on]: few adults, one period each; of dibao members one
    in a hundred in prison (`_odd`: assisted_in_custody).

    Args:
        members: feed assistance_member.
        staff: [id_no] of those who care for others; none of them is in custody.
    """
    rng = generator(seed, "custody", county.code)
    dibao = members.filter(pl.col("category") == "dibao").select("person", dibao=pl.lit(value=True))
    able = (
        people.filter(
            (pl.col("age") > 19)
            & (pl.col("age") < 63)
            & pl.col("death").is_null()
            & ~pl.col("reserved")
        )
        .join(staff, on="id_no", how="anti")
        .join(dibao.unique("person"), on="person", how="left")
        .with_columns(pl.col("dibao").fill_null(value=False))
        .sort("person")
    )
    rate = pl.when("dibao").then(0.01).otherwise(0.0014)
    chosen = able.filter(pl.Series(rng.random(len(able))) < rate)
    size = len(chosen)
    kind = pick(rng, CUSTODY, size, CUSTODY_SHARES)
    kind = np.where(chosen["dibao"].to_numpy(), 0, kind)
    spans = np.array(CUSTODY_DAYS)[kind]
    length = rng.integers(spans[:, 0], spans[:, 1])
    start = day(CLOCK) - rng.integers(20, 900, size)
    started = pl.Series(start).cast(pl.Int32).cast(pl.Date)
    ended = pl.Series(start + length).cast(pl.Int32).cast(pl.Date)
    return (
        chosen.with_columns(started_on=started, ended=ended, kind=text(CUSTODY, kind))
        .with_columns(month=month_of_day(pl.col("started_on")))
        .select(
            "person",
            "id_no",
            "started_on",
            pl.when(pl.col("ended") <= CLOCK).then("ended").alias("ended_on"),
            "kind",
            pl.when(pl.col("dibao") & (pl.col("month") < window.last_month))
            .then(pl.lit("assisted_in_custody"))
            .alias("_odd"),
        )
    )
