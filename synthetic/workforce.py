"""Feed facility_staff: who works in which house, for how many residents, trained or not.

Staff are healthy adults who have no other job in any feed, draw no benefit and belong to no case;
each works in one house.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from synthetic.calendar import CLOCK, Window
from synthetic.draws import Rng, generator, pick
from synthetic.regions import County

RESIDENTS_A_CARER, RESIDENTS_A_NURSE, RESIDENTS_A_SOCIAL_WORKER = 6, 25, 40
ROLES = ("director", "carer", "nurse", "doctor", "social_worker")
CERTIFIED = {"director": 0.7, "carer": 0.74, "nurse": 1.0, "doctor": 1.0, "social_worker": 1.0}
TRAINED_SINCE = {2020: 0.80, 2023: 0.86, 2024: 0.91, 2025: 0.955, 2026: 0.975}
"""Share with training before the job, by the year (or later) of hiring."""
AHEAD = {"370812": 0.03, "360735": 0.015}
"""Counties that train more of them."""
LONGEST_DAYS = 2_000
OTHER_JOBS = (
    ("home_service_order", "worker_id_no"),
    ("home_visit", "visitor_id_no"),
    ("ability_assessment", "assessor_id_no"),
    ("social_worker", "id_no"),
    ("assistance_member", "id_no"),
    ("subsidy_payment", "id_no"),
)
"""Whoever stands in these columns works elsewhere or draws a benefit."""


def occupied(feeds: dict[str, pl.DataFrame]) -> pl.Series:
    """ID numbers of people who have another job or draw a benefit."""
    return pl.concat([feeds[feed][column] for feed, column in OTHER_JOBS]).drop_nulls().unique()


def residents(stays: pl.DataFrame) -> pl.DataFrame:
    """[facility_code] residents at the clock."""
    here = pl.col("checked_out_on").is_null() | (pl.col("checked_out_on") > CLOCK)
    return stays.filter(here).group_by("facility_code").agg(pl.len().alias("residents"))


def _posts(rng: Rng, houses: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """[facility_code, role, post] opened_on, closed_on; the most needed first."""
    size = len(houses)
    draw = pl.Series(rng.random(size))
    frame = houses.join(
        residents(stays), on="facility_code", how="left", maintain_order="left"
    ).with_columns(pl.col("residents").fill_null(0), draw=draw)
    home = pl.col("kind") == "institution"
    centre = pl.col("kind") == "township_centre"
    small = pl.col("kind").is_in(["community_embedded", "day_care"])

    def each(people: int) -> pl.Expr:
        return (pl.col("residents") + people - 1) // people

    wanted = {
        "director": home | centre | small | (pl.col("draw") < 0.4),
        "carer": pl.when(home)
        .then(pl.max_horizontal(each(RESIDENTS_A_CARER), pl.lit(2)))
        .when(centre | small)
        .then(1),
        "nurse": pl.when(home).then(each(RESIDENTS_A_NURSE)),
        "doctor": home & (pl.col("medical_mode") == "internal"),
        "social_worker": pl.when(home & (pl.col("draw") < 0.85))
        .then(each(RESIDENTS_A_SOCIAL_WORKER))
        .when(centre & (pl.col("draw") < 0.25))
        .then(1),
    }
    posts = pl.concat(
        [
            frame.select(
                "facility_code",
                pl.lit(role).alias("role"),
                "opened_on",
                "closed_on",
                home.alias("home"),
                post=pl.int_ranges(0, count.cast(pl.Int64).fill_null(0)),
            )
            .explode("post")
            .filter(pl.col("post").is_not_null())
            for role, count in wanted.items()
        ]
    )
    return posts.sort("home", "post", "facility_code", "role", descending=[True] + 3 * [False])


def _terms(rng: Rng, posts: pl.DataFrame) -> pl.DataFrame:
    """[facility_code, role, post, hired_on] left_on: today's holder of a post, for some posts the
    one before."""
    size = len(posts)
    ended = pl.coalesce(pl.col("closed_on"), pl.lit(CLOCK))
    ago = pl.Series((LONGEST_DAYS * rng.random(size) ** 1.4).astype(np.int64) + 20)
    served, gap = pl.Series(rng.integers(200, 900, size)), pl.Series(rng.integers(0, 40, size))
    leaves = pl.Series(rng.random(size))
    now = posts.with_columns(
        hired_on=pl.max_horizontal("opened_on", ended - pl.duration(days=pl.lit(ago))),
        left_on=pl.col("closed_on"),
        leaves=leaves,
        served=served,
        gap=gap,
    )
    often = pl.when(pl.col("role") == "carer").then(0.38).otherwise(0.16)
    before = now.filter(pl.col("leaves") < often).with_columns(
        left_on=pl.col("hired_on") - pl.duration(days="gap"),
        hired_on=pl.max_horizontal(
            "opened_on", pl.col("hired_on") - pl.duration(days=pl.col("served") + pl.col("gap"))
        ),
    )
    return pl.concat([now, before]).filter(
        (pl.col("hired_on") < pl.col("left_on").fill_null(pl.lit(CLOCK)))
        & (pl.col("hired_on") >= date(2012, 1, 1))
    )


def _qualified(rng: Rng, county: County, terms: pl.DataFrame) -> pl.DataFrame:
    """The terms with certificates and training before the job."""
    size = len(terms)
    certified = pl.Series(rng.random(size)) < pl.col("role").replace_strict(
        CERTIFIED, return_dtype=pl.Float64
    )
    grade = pl.Series(pick(rng, range(5), size, (1, 4, 18, 31, 46)) + 1)
    serial = pl.Series(rng.permutation(size) + 1).cast(pl.String).str.zfill(7)
    share = pl.lit(0.74)
    for year, rate in TRAINED_SINCE.items():
        rated = min(rate + AHEAD.get(county.short, 0.0), 0.998)
        share = pl.when(pl.col("hired_on").dt.year() >= year).then(rated).otherwise(share)
    return terms.with_columns(
        certificate_no=pl.when(certified).then(pl.lit(f"ZS{county.short}") + pl.lit(serial)),
        certificate_grade=pl.when(certified & (pl.col("role") == "carer")).then(pl.lit(grade)),
        prejob_trained=pl.lit(pl.Series(rng.random(size))) < share,
    )


def facility_staff(
    seed: int,
    county: County,
    people: pl.DataFrame,
    houses: pl.DataFrame,
    stays: pl.DataFrame,
    taken: pl.Series,
    window: Window,
) -> pl.DataFrame:
    """Feed facility_staff, [facility_code, id_no, hired_on].

    A small population fills the posts of institutions first.

    Args:
        taken: ID numbers of those who cannot be hired (`occupied`).
    """
    rng = generator(seed, "facility staff", county.code)
    able = people.filter(
        pl.col("age").is_between(30, 54)
        & (pl.col("grade") == 0)
        & pl.col("death").is_null()
        & ~pl.col("reserved")
        & ~pl.col("id_no").is_in(taken.implode())
    ).select("person", "id_no")
    able = able[rng.permutation(len(able))]
    terms = _terms(rng, _posts(rng, houses, stays))
    still = pl.coalesce("left_on", pl.lit(date(2099, 1, 1))) > pl.lit(
        window.first_day - 400, dtype=pl.Int32
    ).cast(pl.Date)
    terms = terms.filter(still).head(len(able) // 2)
    rows = _qualified(rng, county, pl.concat([terms, able.head(len(terms))], how="horizontal"))
    return rows.sort("facility_code", "hired_on", "person").select(
        "person",
        "facility_code",
        "id_no",
        "hired_on",
        "role",
        "certificate_no",
        "certificate_grade",
        "prejob_trained",
        "left_on",
    )
