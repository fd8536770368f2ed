"""Changed ID numbers: feed household_id_change, and which records still carry the old number."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.calendar import Window, month_of_day
from synthetic.draws import generator
from synthetic.identity import finish
from synthetic.regions import County

SHARE = 0.0004
SCHEMA = {
    "person": pl.Int64,
    "changed_on": pl.Date,
    "moved_from": pl.String,
    "pays_old": pl.Boolean,
}


def changes(
    seed: int, county: County, people: pl.DataFrame, planted: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """[person] old_id, id_no (the number of today), changed_on, moved_from, pays_old.

    The old number had another day of birth (a common mistake of early registration).
    """
    rng = generator(seed, "renumbering", county.code)
    able = people.filter(~pl.col("reserved") & (pl.col("age") > 40))
    some = able.filter(pl.Series(rng.random(len(able)) < SHARE * 2)).select("person")
    ordinary = some.with_columns(
        changed_on=pl.Series(
            window.first_day + rng.integers(5, window.last_day - window.first_day, len(some))
        )
        .cast(pl.Int32)
        .cast(pl.Date),
        moved_from=pl.lit(None, dtype=pl.String),
        pays_old=pl.lit(value=False),
    )
    rows = pl.concat([ordinary, planted.select(ordinary.columns)]).join(
        people.select("person", "id_no"), on="person", maintain_order="left"
    )
    body = rows["id_no"].str.slice(0, 17).cast(pl.Int64).to_numpy()
    day = (body // 1_000) % 100
    other = np.where(
        day > 14, day - rng.integers(1, 9, len(body)), day + rng.integers(1, 9, len(body))
    )
    old = finish(body + (other - day) * 1_000)
    taken = people["id_no"].implode()
    return (
        rows.with_columns(old_id=old)
        .filter(~pl.col("old_id").is_in(taken))
        .unique("old_id", maintain_order=True)
    )


def household_id_change(rows: pl.DataFrame) -> pl.DataFrame:
    """Feed household_id_change, [old_id_no, new_id_no]."""
    return rows.select(
        "person",
        pl.col("old_id").alias("old_id_no"),
        pl.col("id_no").alias("new_id_no"),
        "changed_on",
    )


def old_rows(register: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The register with the replaced rows of those who got their number on moving, and the
    numbers' change as the last thing that happened to the others' rows."""
    moved = rows.filter(pl.col("moved_from").is_not_null())
    before = register.join(
        moved.select("person", "old_id", "moved_from"), on="person"
    ).with_columns(
        pl.col("old_id").alias("id_no"),
        pl.col("moved_from").alias("hukou_region_code"),
        pl.col("moved_from").alias("residence_region_code"),
    )
    at = rows.select(
        "person", at=pl.col("changed_on").cast(pl.Datetime("us")) + pl.duration(hours=11)
    )
    today = (
        register.join(at, on="person", how="left", maintain_order="left")
        .with_columns(
            pl.max_horizontal("updated_at", "at").alias("updated_at"),
            pl.when(pl.col("person").is_in(moved["person"].implode()))
            .then(pl.col("at").dt.date())
            .otherwise("status_date")
            .alias("status_date"),
        )
        .drop("at")
    )
    return pl.concat([today, before.select(today.columns)])


def pay_by_old_number(payments: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """[person, month] rows with `id_no` set to the old number where the payer still used it."""
    known = rows.select(
        "person",
        "old_id",
        "pays_old",
        until=month_of_day(pl.col("changed_on")),
        moved=pl.col("moved_from").is_not_null(),
    )
    joined = payments.join(known, on="person", how="left", maintain_order="left")
    old = ((pl.col("pays_old") | (pl.col("month") <= pl.col("until"))) & ~pl.col("moved")) | pl.col(
        "by_old_number"
    )
    return joined.with_columns(
        pl.when(old.fill_null(value=False)).then("old_id").alias("id_no")
    ).drop("old_id", "pays_old", "until", "moved", "by_old_number")
