"""Days of elders at home: meals at a canteen, calls for help, hours of volunteers.

Nobody eats, calls or is helped at home on a day in hospital, in a house or after death.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from synthetic import services
from synthetic.calendar import Window, month_of_day, month_start
from synthetic.draws import column, generator, numbers, pick, text
from synthetic.regions import County

MONEY = pl.Decimal(18, 2)
TOWNSHIP = 9
"""Digits of a region code that name the township."""
NEXT_DOOR, SAME_TOWNSHIP = 0.22, 0.055
"""Share of elders who eat at a canteen of their village, of another village of the township."""
CALLS_A_MONTH = 0.05
VOLUNTEERS, ENTRIES_A_MONTH = 0.016, 0.45
FOREVER = date(2099, 1, 1)


def _diners(seed: int, county: County, people: pl.DataFrame, houses: pl.DataFrame) -> pl.DataFrame:
    """[person] id_no, age, death, canteen_code, opened_on, closed_on."""
    rng = generator(seed, "diners", county.code)
    canteens = houses.filter(pl.col("kind") == "canteen").select(
        pl.col("facility_code").alias("canteen_code"),
        "opened_on",
        "closed_on",
        pl.col("region_code").alias("village"),
        pl.col("region_code").str.slice(0, TOWNSHIP).alias("township"),
    )
    elders = (
        people.filter((pl.col("age") >= 62) & ~pl.col("reserved"))
        .sort("person")
        .with_columns(township=pl.col("residence_region_code").str.slice(0, TOWNSHIP))
    )
    likes = pl.Series(rng.random(len(elders)))
    near = (
        elders.with_columns(likes=likes)
        .join(canteens, on="township", maintain_order="left_right")
        .with_columns(here=pl.col("residence_region_code") == pl.col("village"))
    )
    # The nearest: of the own village, else the township's first by a turn that the person has.
    nearest = near.sort(
        "person", pl.col("here").not_(), (pl.col("person") * 7 + pl.int_range(pl.len())) % 5
    ).unique("person", keep="first", maintain_order=True)
    share = pl.when("here").then(NEXT_DOOR).otherwise(SAME_TOWNSHIP)
    return nearest.filter(pl.col("likes") < share).select(
        "person", "id_no", "age", "death", "canteen_code", "opened_on", "closed_on"
    )


def meal_order(
    seed: int,
    county: County,
    people: pl.DataFrame,
    houses: pl.DataFrame,
    absences: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """Feed meal_order, [order_no], with month_number: at most one lunch a day, at one canteen.

    Args:
        absences: [person] from, to: days not at home, both included.
    """
    rng = generator(seed, "meals", county.code)
    diners = _diners(seed, county, people, houses)
    size = len(diners)
    joined = window.first_month + rng.integers(-30, window.months - 1, size)
    months = (
        diners.with_columns(
            since=pl.Series(np.maximum(joined, window.first_month)).cast(pl.Int32),
            often=pl.Series(rng.integers(2, 9, size)),
            step=pl.Series(np.array([3, 5, 9, 11, 13])[rng.integers(0, 5, size)]),
            price=pl.Series(rng.integers(0, 3, size)),
        )
        .with_columns(month_number=pl.int_ranges("since", window.last_month + 1, dtype=pl.Int32))
        .explode("month_number")
    )
    count = np.minimum(rng.poisson(months["often"].to_numpy()), 20)
    rows = months[np.repeat(np.arange(len(months)), count)].with_columns(
        order=pl.int_range(pl.len()).over("person", "month_number")
    )
    # The step has no common factor with 28: no day comes twice in a month.
    place = (pl.col("person") + pl.col("month_number") * 5 + pl.col("order") * pl.col("step")) % 28
    start = month_start(pl.col("month_number")).cast(pl.Datetime("us")) + pl.duration(
        days=place, seconds=column(rng.integers(10 * 3600 + 2400, 12 * 3600 + 2400, len(rows)))
    )
    served = services.free_of(rows.with_columns(start=start), absences).filter(
        (pl.col("start").dt.date() >= pl.col("opened_on"))
        & (pl.col("start").dt.date() < pl.coalesce("closed_on", pl.lit(FOREVER)))
    )
    served = served.sort("start", "person")
    dish = pl.col("price") * 2 + 12
    return served.select(
        "person",
        numbers(f"C{county.short}", 1, len(served), 8).alias("order_no"),
        "canteen_code",
        "id_no",
        pl.col("start").alias("served_at"),
        dish.cast(MONEY).alias("amount"),
        pl.when(pl.col("age") >= 80).then(6).otherwise(4).cast(MONEY).alias("subsidy_amount"),
        "month_number",
    )


def _callers(seed: int, county: County, register: pl.DataFrame, beds: pl.DataFrame) -> pl.DataFrame:
    """[person] id_no, death, since (the device works from that day), until."""
    rng = generator(seed, "devices", county.code)
    alone = register.filter(
        pl.col("kind").is_in(["living_alone", "empty_nest", "severe_disability", "disabled"])
    ).unique("person", keep="first", maintain_order=True)
    some = alone.filter(pl.Series(rng.random(len(alone)) < 0.55)).select(
        "person", "id_no", "death", pl.col("valid_from").alias("since"), until=pl.lit(FOREVER)
    )
    own = beds.select(
        "person",
        "id_no",
        "death",
        pl.col("set_up_on").alias("since"),
        until=pl.col("ended_on").fill_null(pl.lit(FOREVER)),
    )
    return pl.concat([own, some]).unique("person", keep="first", maintain_order=True)


def emergency_call(
    seed: int,
    county: County,
    people: pl.DataFrame,
    feeds: dict[str, pl.DataFrame],
    absences: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """Feed emergency_call, [call_no]: calls for help, calls before a way to hospital, and the
    monthly test of a family bed's device in the months in which no service came."""
    rng = generator(seed, "calls", county.code)
    mortal = people.filter(~pl.col("reserved")).select("person", "death")
    beds = feeds["family_bed"].join(mortal, on="person", maintain_order="left")
    register = feeds["special_difficulty"].join(mortal, on="person", maintain_order="left")
    callers = _callers(seed, county, register, beds)
    months = callers.join(
        pl.DataFrame(
            {"month_number": range(window.first_month, window.last_month + 1)},
            schema={"month_number": pl.Int32},
        ),
        how="cross",
        maintain_order="left_right",
    )
    asked = months[np.repeat(np.arange(len(months)), rng.poisson(CALLS_A_MONTH, len(months)))]
    served = (
        feeds["home_service_order"]
        .select("person", month_of_day(pl.col("started_at")).alias("month_number"))
        .unique()
    )
    silent = months.join(beds.select("person"), on="person", how="semi").join(
        served, on=["person", "month_number"], how="anti", maintain_order="left"
    )
    rows = pl.concat(
        [
            asked.with_columns(test=pl.lit(value=False)),
            silent.with_columns(test=pl.lit(value=True)),
        ]
    )
    size = len(rows)
    begin = month_start(pl.col("month_number"))
    rows = rows.with_columns(
        start=begin.cast(pl.Datetime("us"))
        + pl.duration(
            days=column(rng.integers(0, 28, size)),
            seconds=pl.when("test")
            .then(column(rng.integers(9 * 3600, 17 * 3600, size)))
            .otherwise(column(rng.integers(0, 24 * 3600, size))),
        )
    )
    rows = services.free_of(rows, absences).filter(
        (pl.col("start").dt.date() >= pl.col("since"))
        & (pl.col("start").dt.date() < pl.col("until"))
    )
    outcomes = ("resolved", "false_alarm", "unreachable")
    rows = rows.select(
        "person",
        "id_no",
        "start",
        pl.when("test")
        .then(pl.lit("test"))
        .otherwise(pl.lit(text(outcomes, pick(rng, outcomes, len(rows), (60, 34, 6)))))
        .alias("outcome"),
    )
    return _told(seed, county, pl.concat([rows, _to_hospital(seed, county, feeds, callers)]))


def _to_hospital(
    seed: int, county: County, feeds: dict[str, pl.DataFrame], callers: pl.DataFrame
) -> pl.DataFrame:
    """[person, start] id_no, outcome: a call an hour or so before some admissions."""
    rng = generator(seed, "ambulance", county.code)
    ill = (
        feeds["medical_settlement"]
        .filter(pl.col("visit_kind") == "inpatient")
        .select("person", "admitted_at")
        .join(callers, on="person", maintain_order="left")
        .join(feeds["facility_stay"].select("person"), on="person", how="anti")
        .filter(
            (pl.col("admitted_at").dt.date() >= pl.col("since"))
            & (pl.col("admitted_at").dt.date() < pl.col("until"))
        )
        .sort("admitted_at", "person")
    )
    early = pl.duration(minutes=column(rng.integers(45, 150, len(ill))))
    return (
        ill.with_columns(start=pl.col("admitted_at") - early)
        .filter(pl.Series(rng.random(len(ill)) < 0.3))
        .select("person", "id_no", "start", pl.lit("hospital").alias("outcome"))
    )


def _told(seed: int, county: County, rows: pl.DataFrame) -> pl.DataFrame:
    """The calls as the platform writes them."""
    rng = generator(seed, "call rows", county.code)
    rows = rows.sort("start", "person", "outcome")
    size = len(rows)
    answered = pl.col("start") + pl.duration(seconds=column(rng.integers(3, 75, size)))
    came = pl.Series(rng.random(size) < 0.55)
    return rows.select(
        "person",
        numbers(f"HJ{county.short}", 1, size, 7).alias("call_no"),
        "id_no",
        pl.col("start").alias("called_at"),
        answered.alias("answered_at"),
        pl.when(
            (pl.col("outcome") == "hospital") | ((pl.col("outcome") == "resolved") & pl.lit(came))
        )
        .then(answered + pl.duration(minutes=column(rng.integers(6, 40, size))))
        .alias("arrived_at"),
        "outcome",
    )


def volunteer_hours(
    seed: int,
    county: County,
    people: pl.DataFrame,
    register: pl.DataFrame,
    absences: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """Feed volunteer_hours, [entry_no]: hours given to elders on the register of difficulty."""
    rng = generator(seed, "volunteers", county.code)
    able = people.filter(
        pl.col("age").is_between(30, 72) & pl.col("death").is_null() & ~pl.col("reserved")
    ).select("person", "id_no")
    able = able.filter(pl.Series(rng.random(len(able)) < VOLUNTEERS))
    count = rng.poisson(ENTRIES_A_MONTH * window.months, len(able))
    given = able[np.repeat(np.arange(len(able)), count)].select(pl.col("id_no").alias("giver"))
    helped = register.join(
        people.filter(~pl.col("reserved")).select("person", "death"), on="person"
    ).sort("person", "kind", "valid_from")
    size = len(given)
    if not size or helped.is_empty():
        given, size = given.clear(), 0
    span = window.last_day - window.first_day + 1
    on = pl.Series(window.first_day + rng.integers(0, span, size)).cast(pl.Int32).cast(pl.Date)
    to = pl.Series(rng.integers(0, max(len(helped), 1), size))
    rows = pl.concat(
        [given, helped.select("person", "id_no", "death", "valid_from")[to]], how="horizontal"
    ).with_columns(
        start=pl.lit(on).cast(pl.Datetime("us")), hours=pl.Series(rng.integers(1, 9, size))
    )
    rows = (
        services.free_of(rows, absences)
        .filter(
            (pl.col("start").dt.date() >= pl.col("valid_from"))
            & (pl.col("giver") != pl.col("id_no"))
        )
        .sort("start", "giver", "id_no")
    )
    return rows.select(
        "person",
        numbers(f"SJ{county.short}", 1, len(rows), 7).alias("entry_no"),
        pl.col("giver").alias("id_no"),
        pl.col("id_no").alias("helped_id_no"),
        pl.col("start").dt.date().alias("served_on"),
        (pl.col("hours").cast(MONEY) / 2).cast(MONEY).alias("hours"),
    )
