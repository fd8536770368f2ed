"""What statistics, finance and surveying deliver: counts, funds and boundaries."""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from synthetic.calendar import CLOCK, Window
from synthetic.draws import generator
from synthetic.regions import County, boundary_text, counties

LOTTERY_SHARE = {
    "4402": 0.53,
    "4404": 0.57,
    "5103": 0.56,
    "370812": 0.60,
    "3708": 0.56,
    "360735": 0.56,
    "3607": 0.52,
}


def population_count(county: County, people: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Feed population_count, [region_code, year, sex, age]: alive at the end of the year (of the
    clock's year: at the clock)."""
    frames = []
    for year in window.years:
        end = min(pl.Series([f"{year}-12-31"]).str.to_date()[0], CLOCK)
        alive = people.filter(
            (pl.col("birth") <= end) & (pl.col("death").is_null() | (pl.col("death") > end))
        )
        age = (
            pl.lit(end).dt.year()
            - pl.col("birth").dt.year()
            - (pl.lit(end).dt.ordinal_day() < pl.col("birth").dt.ordinal_day()).cast(pl.Int32)
        )
        frames.append(
            alive.select(
                pl.lit(county.code).alias("region_code"),
                pl.lit(year, dtype=pl.Int64).alias("year"),
                pl.when("male").then(pl.lit("1")).otherwise(pl.lit("2")).alias("sex"),
                age.clip(0, 110).cast(pl.Int64).alias("age"),
            )
            .group_by("region_code", "year", "sex", "age")
            .agg(pl.len().cast(pl.Int64).alias("population"))
        )
    return pl.concat(frames).sort("year", "sex", "age")


def welfare_fund(seed: int, window: Window) -> pl.DataFrame:
    """Feed welfare_fund, [region_code, year, fund], yuan; counties and prefectures each their own
    level's money."""
    rows = []
    places = [(c.code, c.weight, c.short, c.code[:4]) for c in counties()]
    places += [(code, 4.0, "", code[:4]) for code in sorted({c.prefecture for c in counties()})]
    for code, weight, short, prefecture in places:
        rng = generator(seed, "fund", code)
        for year in range(window.years[0] - 1, window.years[-1] + 1):
            total = round(weight * 1_350_000 * rng.uniform(0.85, 1.15))
            share = LOTTERY_SHARE.get(short, LOTTERY_SHARE[prefecture])
            share = float(np.clip(share + rng.normal(0, 0.02) + 0.006 * (year - 2024), 0.3, 0.9))
            budget = round(total * rng.uniform(5, 9))
            rows += [
                (code, year, "lottery", total, round(total * share)),
                (code, year, "budget", budget, round(budget * rng.uniform(0.08, 0.16))),
            ]
    money = pl.Decimal(18, 2)
    return pl.DataFrame(
        rows,
        schema=["region_code", "year", "fund", "total_amount", "eldercare_amount"],
        orient="row",
    ).with_columns(pl.col("total_amount", "eldercare_amount").cast(money))


def region_boundary() -> pl.DataFrame:
    """Feed region_boundary, [region_code]: geometry as GeoJSON text."""
    features = json.loads(boundary_text())["features"]
    return pl.DataFrame(
        {
            "region_code": [f["properties"]["region_code"] for f in features],
            "geometry": [json.dumps(f["geometry"], separators=(",", ":")) for f in features],
        }
    )
