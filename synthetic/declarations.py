"""Feed policy_declaration: what offices state of the indicators that no feed can count."""

from __future__ import annotations

from functools import cache

import polars as pl

from synthetic.calendar import CLOCK, Window
from synthetic.draws import column, generator
from synthetic.regions import SEEDS, County, counties, region_rows

PROGRESS_FROM = 0.82
"""Share of a number's target reached in the year before the window; a whole year later more."""


@cache
def declared_indicators() -> pl.DataFrame:
    """[place, indicator_id] unit (yes_no, count, percent, money, falling), who declares (whole: the
    prefecture; each: every county), target, declared_by, document."""
    return pl.read_csv(SEEDS / "declared.csv", schema_overrides={"place": pl.String})


def _declarers(county: County) -> pl.DataFrame:
    """[region_code, indicator_id] place_name …, of the county, with its first county also of the
    prefecture."""
    rows = declared_indicators().filter(pl.lit(county.short).str.starts_with(pl.col("place")))
    first = min(c.code for c in counties() if c.prefecture == county.prefecture)
    names = region_rows().filter(pl.col("valid_to") == "").select("region_code", place_name="name")
    own = rows.filter(pl.col("who") == "each").with_columns(region_code=pl.lit(county.code))
    whole = rows.filter((pl.col("who") == "whole") & pl.lit(county.code == first)).with_columns(
        region_code=pl.lit(county.prefecture)
    )
    return pl.concat([own, whole]).join(names, on="region_code", maintain_order="left")


def policy_declaration(seed: int, county: County, window: Window) -> pl.DataFrame:
    """Feed policy_declaration, [indicator_id, region_code, period], with `month_number`: one form
    a year, the clock's year as it stands."""
    rng = generator(seed, "declarations", county.code)
    asked = _declarers(county)
    size = len(asked)
    years = pl.DataFrame({"year": window.years}, schema={"year": pl.Int32})
    rows = asked.with_columns(
        since=pl.Series(CLOCK.year - rng.integers(0, 5, size)),
        pace=pl.Series(rng.uniform(0.02, 0.11, size)),
        start=pl.Series(rng.uniform(PROGRESS_FROM, 1.0, size)),
    ).join(years, how="cross", maintain_order="left_right")
    reached = pl.min_horizontal(
        pl.col("start") + pl.col("pace") * (pl.col("year") - window.years[0]), pl.lit(1.0)
    )
    value = (
        pl.when(pl.col("unit") == "yes_no")
        .then((pl.col("year") >= pl.col("since")).cast(pl.Float64))
        .when(pl.col("unit") == "falling")
        .then(((1 - reached) * 20).floor())
        .when(pl.col("unit") == "percent")
        .then((reached * 100).round(1))
        .when(pl.col("unit") == "money")
        .then((pl.col("target") * reached).round(2))
        .otherwise((pl.col("target") * reached).ceil())
    )
    number = column(rng.integers(3, 90, len(rows)))
    last = pl.col("year") == CLOCK.year
    return rows.select(
        "indicator_id",
        "region_code",
        pl.col("year").cast(pl.String).alias("period"),
        value.cast(pl.Decimal(18, 2)).alias("value"),
        pl.format("{}（{}〔{}〕{}号）", "document", pl.col("declared_by"), "year", number).alias(
            "evidence_document"
        ),
        pl.format("{}{}", "place_name", "declared_by").alias("declared_by"),
        pl.lit(window.last_month).cast(pl.Int32).sub((~last).cast(pl.Int32)).alias("month_number"),
    ).sort("region_code", "indicator_id", "period")
