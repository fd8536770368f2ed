"""Feed admission_queue: who waits for a bed in a public institution, and who got one."""

from __future__ import annotations

from datetime import date

import polars as pl

from synthetic.calendar import CLOCK, Window
from synthetic.draws import column, generator, numbers
from synthetic.regions import County

PUBLIC = ("public", "public_private_run")
THROUGH_QUEUE, THROUGH_QUEUE_ELSEWHERE = 0.7, 0.08
"""Share of stays that began with an application, in public institutions and in the others."""
LONGEST_WAIT = 420


def _class(people: pl.DataFrame, feeds: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """[person] priority_class, wants_institution."""
    poor = feeds["assistance_member"].select("person", "category", "wants_institution")
    single = (
        feeds["special_difficulty"]
        .filter(pl.col("kind") == "family_planning")
        .select("person", single=pl.lit(value=True))
    )
    return (
        people.join(
            poor.unique("person", keep="first", maintain_order=True), on="person", how="left"
        )
        .join(single.unique("person"), on="person", how="left")
        .select(
            "person",
            pl.col("wants_institution").fill_null(value=False),
            pl.when(pl.col("category").is_in(["tekun", "dibao"]))
            .then("category")
            .when(pl.col("grade") >= 2)
            .then(pl.lit("disabled"))
            .when("veteran")
            .then(pl.lit("veteran"))
            .when("single")
            .then(pl.lit("family_planning"))
            .otherwise(pl.lit("general"))
            .alias("priority_class"),
        )
    )


def _admitted(
    seed: int, county: County, homes: pl.DataFrame, stays: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """[person] facility_code, applied_on, admitted_on of stays that began in the window."""
    rng = generator(seed, "queue admitted", county.code)
    begun = stays.filter(pl.col("checked_in_on").cast(pl.Int32) >= pl.lit(window.first_day)).join(
        homes.select("facility_code", "opened_on", "ownership"),
        on="facility_code",
        maintain_order="left",
    )
    draw = pl.Series(rng.random(len(begun)))
    share = (
        pl.when(pl.col("ownership").is_in(PUBLIC))
        .then(THROUGH_QUEUE)
        .otherwise(THROUGH_QUEUE_ELSEWHERE)
    )
    waited = column(rng.integers(5, LONGEST_WAIT, len(begun)) // 2)
    return (
        begun.with_columns(
            applied_on=pl.max_horizontal(
                "opened_on", pl.col("checked_in_on") - pl.duration(days=waited)
            )
        )
        .filter(pl.lit(draw) < share)
        .select(
            "person", "facility_code", "applied_on", pl.col("checked_in_on").alias("admitted_on")
        )
    )


def _waiting(
    seed: int,
    county: County,
    people: pl.DataFrame,
    homes: pl.DataFrame,
    classes: pl.DataFrame,
) -> pl.DataFrame:
    """[person] facility_code, applied_on of those who have no stay yet."""
    rng = generator(seed, "queue waiting", county.code)
    public = homes.filter(
        pl.col("ownership").is_in(PUBLIC)
        & (pl.col("opened_on") < CLOCK.replace(year=CLOCK.year - 2))
    )
    public = public if len(public) else homes
    elders = (
        people.filter((pl.col("age") >= 66) & ~pl.col("reserved"))
        .join(classes, on="person", maintain_order="left")
        .sort("person")
    )
    share = (
        pl.when("wants_institution")
        .then(0.7)
        .when(pl.col("grade") >= 2)
        .then(0.05)
        .otherwise(0.006)
    )
    size = len(elders)
    draw = pl.Series(rng.random(size))
    since = pl.lit(CLOCK) - pl.duration(days=column(rng.integers(3, LONGEST_WAIT, size)))
    return (
        elders.with_columns(
            applied_on=since,
            facility_code=public["facility_code"].gather(
                pl.Series(rng.integers(0, len(public), size))
            ),
        )
        .filter(
            (pl.lit(draw) < share)
            & (pl.col("death").is_null() | (pl.col("death") > pl.col("applied_on")))
        )
        .select(
            "person",
            "facility_code",
            "applied_on",
            pl.lit(None, dtype=pl.Date).alias("admitted_on"),
        )
    )


def admission_queue(
    seed: int,
    county: County,
    people: pl.DataFrame,
    houses: pl.DataFrame,
    feeds: dict[str, pl.DataFrame],
    window: Window,
) -> pl.DataFrame:
    """Feed admission_queue, [application_no]: the admitted have the stay that it led to."""
    homes = houses.filter(
        (pl.col("kind") == "institution") & (pl.col("opened_on") < date(CLOCK.year, CLOCK.month, 1))
    )
    ordinary = people.filter(~pl.col("reserved")).select("person")
    stays = feeds["facility_stay"].join(ordinary, on="person", how="semi")
    classes = _class(people, feeds)
    waiting = _waiting(seed, county, people, homes, classes).join(
        feeds["facility_stay"].select("person"), on="person", how="anti", maintain_order="left"
    )
    rows = (
        pl.concat([_admitted(seed, county, homes, stays, window), waiting])
        .join(classes, on="person", maintain_order="left")
        .join(people.select("person", "id_no"), on="person", maintain_order="left")
        .sort("applied_on", "person")
    )
    return rows.select(
        "person",
        numbers(f"LH{county.short}", 1, len(rows), 6).alias("application_no"),
        "id_no",
        "facility_code",
        "applied_on",
        "priority_class",
        "admitted_on",
    )
