"""What planning and building deliver: estates and their space for elders, new houses, land."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from synthetic.calendar import CLOCK, Window, day
from synthetic.draws import Rng, column, dates, generator, numbers, pick, text
from synthetic.regions import County

MONEY = pl.Decimal(18, 2)
NEW_AREA, OLD_AREA = 20, 15
"""Square metres of space for elders a hundred households, in new and in existing estates."""
KEPT = {"4402": 0.80, "4404": 0.93, "5103": 0.74, "370812": 0.97, "3708": 0.85, "3607": 0.72}
"""Share of new estates that deliver all of the space."""
FIRST_YEAR = 2021


def _estates(rng: Rng, county: County) -> pl.DataFrame:
    """New and existing estates, [place, begun, completed] as day numbers."""
    new = max(round(3 * county.weight**0.5 * (CLOCK.year - FIRST_YEAR + 1) / 2), 4)
    old = max(new // 2, 2)
    size = new + old
    is_new = np.arange(size) < new
    share = KEPT.get(county.short, KEPT[county.prefecture[:4]])
    span = day(CLOCK) - day(date(FIRST_YEAR, 1, 1))
    begun = day(date(FIRST_YEAR, 1, 1)) - 500 + rng.integers(0, span + 400, size)
    done = begun + np.where(is_new, rng.integers(500, 1000, size), rng.integers(90, 400, size))
    homes = np.where(is_new, rng.integers(180, 2600, size), rng.integers(90, 900, size))
    required = homes * np.where(is_new, NEW_AREA, OLD_AREA) // 100
    whole = rng.random(size) < np.where(is_new, share, 0.7)
    given = required * np.where(whole, rng.uniform(1.0, 1.25, size), rng.uniform(0.0, 0.95, size))
    # A room of a few square metres is none.
    given = np.where(given < 0.25 * required, 0, np.ceil(given))
    return pl.DataFrame(
        {
            "region_code": text(county.villages, rng.integers(0, len(county.villages), size)),
            "kind": text(("new_estate", "existing_estate"), 1 - is_new.astype(np.int64)),
            "households": homes,
            "required": required,
            "delivered": given.astype(np.int64),
            "site": homes * rng.integers(45, 90, size),
            "begun": begun.astype(np.int64),
            "done": done.astype(np.int64),
        }
    )


def _houses(rng: Rng, houses: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Projects of the institutions and centres that opened in the window."""
    opened = houses.filter(
        (pl.col("opened_on").cast(pl.Int32) >= pl.lit(window.first_day))
        & pl.col("kind").is_in(["institution", "township_centre"])
    )
    size = len(opened)
    done = opened["opened_on"].cast(pl.Int32).to_numpy() - rng.integers(20, 160, size)
    area = opened["floor_area"].cast(pl.Int64)
    return opened.select(
        "region_code",
        pl.lit("new_facility").alias("kind"),
        pl.lit(0, dtype=pl.Int64).alias("households"),
        pl.lit(0, dtype=pl.Int64).alias("required"),
        area.alias("delivered"),
        (area * 2).alias("site"),
        pl.Series(done - rng.integers(200, 700, size)).cast(pl.Int64).alias("begun"),
        pl.Series(done).cast(pl.Int64).alias("done"),
    )


def construction_project(
    seed: int, county: County, houses: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """Feed construction_project, [project_no], with `_begun_on`.

    `four_sync` is how far it has come: planned, built, accepted (completed) and, where space was
    handed over, delivered.
    """
    rng = generator(seed, "construction", county.code)
    rows = pl.concat(
        [_estates(rng, county), _houses(rng, houses, window)], how="vertical_relaxed"
    ).sort("begun", "region_code", "kind", "done")
    size = len(rows)
    now = day(CLOCK)
    over = pl.col("done") <= now
    far = (pl.lit(now) - pl.col("begun")) / (pl.col("done") - pl.col("begun"))
    return rows.select(
        numbers(f"JS{county.short}", 1, size, 5).alias("project_no"),
        "region_code",
        "kind",
        "households",
        pl.col("required").cast(MONEY).alias("required_area"),
        pl.when(over).then("delivered").otherwise(0).cast(MONEY).alias("delivered_area"),
        pl.col("site").cast(MONEY).alias("site_area"),
        pl.when(over).then(pl.col("done").cast(pl.Int32).cast(pl.Date)).alias("completed_on"),
        pl.when(over & (pl.col("delivered") > 0))
        .then(pl.lit("delivered"))
        .when(over)
        .then(pl.lit("accepted"))
        .when(far > 0.3)
        .then(pl.lit("built"))
        .otherwise(pl.lit("planned"))
        .alias("four_sync"),
        pl.col("begun").cast(pl.Int32).cast(pl.Date).alias("_begun_on"),
    ).filter(pl.col("_begun_on") <= CLOCK)


def as_told(versions: pl.DataFrame) -> pl.DataFrame:
    """The versions of projects as each delivery tells them: one that is not completed yet has
    handed nothing over."""
    early = pl.col("completed_on").is_null() & pl.col("four_sync").is_in(["accepted", "delivered"])
    return versions.with_columns(
        pl.when(early).then(0).otherwise("delivered_area").cast(MONEY).alias("delivered_area"),
        pl.when(early).then(pl.lit("built")).otherwise("four_sync").alias("four_sync"),
    )


def land_supply(seed: int, county: County, window: Window) -> pl.DataFrame:
    """Feed land_supply, [parcel_no]: what the yearly plans want and what was supplied of it."""
    rng = generator(seed, "land", county.code)
    years = np.arange(FIRST_YEAR, CLOCK.year + 1)
    year = np.repeat(years, rng.poisson(0.8 + 0.35 * county.weight**0.5, len(years)))
    size = len(year)
    january = np.array([day(date(y, 1, 1)) for y in range(FIRST_YEAR, CLOCK.year + 1)])
    on = january[year - FIRST_YEAR] + rng.integers(40, 560, size)
    supplied = (rng.random(size) < 0.82) & (on <= day(CLOCK))
    planned = rng.integers(8, 160, size) * 100
    share = np.where(rng.random(size) < 0.75, 1.0, rng.uniform(0.45, 1.1, size))
    return pl.DataFrame({"planned_year": year.astype(np.int64)}).select(
        numbers(f"ZD{county.short}", 1, size, 5).alias("parcel_no"),
        text(county.townships, pick(rng, county.townships, size)).alias("region_code"),
        "planned_year",
        pl.Series(planned).cast(MONEY).alias("planned_area"),
        pl.when(pl.Series(supplied)).then(dates(on)).alias("supplied_on"),
        pl.when(pl.Series(supplied))
        .then(column(np.round(planned * share).astype(np.int64)).cast(MONEY))
        .alias("supplied_area"),
    )
