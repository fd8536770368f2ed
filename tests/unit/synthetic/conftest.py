"""Two small counties, each with two cases of every kind."""

from __future__ import annotations

import polars as pl
import pytest

from synthetic import lives, regions
from synthetic.calendar import Window
from synthetic.cases.plan import SPECS

SEED = 11
PERSONS = 9_000
WINDOW = Window(24)
# A county of this size has no more houses than the four kinds of F01 need.
QUOTA = {spec.name: 1 if spec.rule == "F01" else 2 for spec in SPECS}
CODES = ("370812000000", "440402000000")


def feeds_of(code: str, persons: int = PERSONS) -> lives.Feeds:
    county = next(c for c in regions.counties() if c.code == code)
    return lives.county_feeds(SEED, county, persons, WINDOW, QUOTA)


@pytest.fixture(scope="session")
def feeds() -> lives.Feeds:
    """Both counties' rows, feed by feed."""
    parts = [feeds_of(code) for code in CODES]
    return {
        name: pl.concat([part[name] for part in parts], how="diagonal_relaxed") for name in parts[0]
    }


@pytest.fixture(scope="session")
def ordinary(feeds: lives.Feeds) -> lives.Feeds:
    """The same without the persons of the cases."""
    reserved = feeds["reserved"]["person"].implode()
    return {
        name: rows.filter(~pl.col("person").is_in(reserved).fill_null(value=False))
        for name, rows in feeds.items()
        if "person" in rows.columns
    }
