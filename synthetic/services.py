"""Feed home_service_order: visits of care workers, timetabled so that nobody is in two places."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.calendar import Window, month_of_day, month_start
from synthetic.draws import column, generator, pick, text
from synthetic.regions import County

ITEMS = ("助餐", "助洁", "助浴", "助行", "助购", "康复", "护理")
WARD_ITEM = "助医"
PRICES = (18, 45, 60, 30, 25, 80, 70, 40)
FUNDS = ("subsidy", "self", "lottery")
SLOTS_A_DAY = 4
SLOT_HOURS = 2.25
DAYS = 27
"""A worker's month is 27 days of four slots of 2¼ hours from 8:00; a visit stays in its slot."""
CLIENTS_A_WORKER = 18


def workers_needed(clients: int) -> int:
    """Workers for so many clients: one team of clients each."""
    return -(-clients // CLIENTS_A_WORKER) + 1


def timetable(
    seed: int,
    county: County,
    clients: pl.DataFrame,
    workers: pl.DataFrame,
    window: Window,
    purpose: str = "orders",
) -> pl.DataFrame:
    """[person, worker, start (Datetime), minutes, item, provider_code] of each visit.

    Args:
        clients: [person, id_no, death, provider_code, since (month), until (month)].
        workers: [id_no], `workers_needed` of them.
        purpose: names the draws, so that another timetable has its own.
    """
    rng = generator(seed, purpose, county.code)
    team = np.arange(len(clients)) // CLIENTS_A_WORKER
    months = (
        clients.with_columns(
            team=pl.Series(team),
            month_number=pl.int_ranges(pl.col("since"), pl.col("until") + 1, dtype=pl.Int32),
        )
        .explode("month_number")
        .filter(pl.col("month_number").is_not_null())
    )
    index = np.repeat(
        np.arange(len(months)), pick(rng, range(1, 7), len(months), (5, 20, 30, 25, 15, 5)) + 1
    )
    rows = months[index].with_columns(order=pl.int_range(pl.len()).over("team", "month_number"))
    size = len(rows)
    slots = SLOTS_A_DAY * DAYS
    # 37 and the number of slots have no common factor: every slot comes once before any twice.
    slot = (rows["order"].to_numpy() * 37 + rows["month_number"].to_numpy() * 11) % slots
    keep = rows["order"].to_numpy() < slots
    hour = 8 + (slot % SLOTS_A_DAY) * SLOT_HOURS
    minutes = rng.integers(30, 110, size)
    late = rng.integers(0, 15, size)
    item = pick(rng, ITEMS, size, (30, 25, 10, 10, 8, 7, 10))
    start = month_start(pl.col("month_number")).cast(pl.Datetime("us")) + pl.duration(
        days=column(slot // SLOTS_A_DAY), minutes=column((hour * 60).astype(np.int64) + late)
    )
    return (
        rows.with_columns(
            start=start,
            minutes=column(minutes),
            item=pl.Series(item),
            worker_id_no=workers["id_no"].gather(pl.Series(rows["team"].to_numpy() % len(workers))),
        )
        .filter(pl.Series(keep))
        .select(
            "person",
            "id_no",
            "worker_id_no",
            "start",
            "minutes",
            "item",
            "provider_code",
            "death",
            "month_number",
        )
    )


def free_of(rows: pl.DataFrame, absences: pl.DataFrame) -> pl.DataFrame:
    """Visits on days that are in no absence: [person, from (Date), to (Date), both days in]."""
    keyed = rows.with_row_index("row")
    meets = keyed.join(absences, on="person").filter(
        (pl.col("start").dt.date() >= pl.col("from")) & (pl.col("start").dt.date() <= pl.col("to"))
    )
    return (
        keyed.join(meets.select("row").unique(), on="row", how="anti")
        .drop("row")
        .filter(pl.col("death").is_null() | (pl.col("start").dt.date() < pl.col("death")))
    )


def orders(seed: int, county: County, rows: pl.DataFrame, prefix: str = "O") -> pl.DataFrame:
    """Feed home_service_order, [order_no], with month_number, from a timetable's rows."""
    rng = generator(seed, "order rows", county.code, prefix)
    rows = rows.sort("start", "person")
    size = len(rows)
    price = np.array(PRICES)[rows["item"].to_numpy()]
    subsidy = (price * 0.6).astype(np.int64)
    fund = pick(rng, FUNDS, size, (70, 18, 12))
    subsidy = np.where(fund == 1, 0, subsidy)
    far = 0.05
    money = pl.Decimal(18, 2)
    longitude = np.round(county.longitude + rng.uniform(-far, far, size), 6)
    latitude = np.round(county.latitude + rng.uniform(-far, far, size), 6)
    order = pl.int_range(pl.len())
    return rows.select(
        "person",
        pl.format(
            "{}{}{}", pl.lit(prefix), pl.lit(county.short), order.cast(pl.String).str.zfill(8)
        ).alias("order_no"),
        "id_no",
        "provider_code",
        "worker_id_no",
        text((*ITEMS, WARD_ITEM), rows["item"].to_numpy()).alias("item"),
        pl.col("start").alias("started_at"),
        (pl.col("start") + pl.duration(minutes=pl.col("minutes"))).alias("ended_at"),
        pl.Series(longitude).alias("checked_in_longitude"),
        pl.Series(latitude).alias("checked_in_latitude"),
        pl.format("{}", pl.Series(rng.integers(10**14, 10**15, size))).alias("signature_hash"),
        pl.Series(price).cast(money).alias("amount"),
        pl.Series(subsidy).cast(money).alias("subsidy_amount"),
        text(FUNDS, fund).alias("fund_source"),
        month_of_day(pl.col("start")).alias("month_number"),
    )
