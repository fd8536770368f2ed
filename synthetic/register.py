"""The registers of persons: household register, death evidence, enrolment in medical insurance.

Every death in the window is confirmed in the sense of the definitions: a certificate with ID number
and name, or a cremation record and a household cancellation. Whoever pays a benefit stops it in
time; what does not stop is planted, and only there.
"""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl

from synthetic.calendar import CLOCK, Window
from synthetic.draws import column, generator, numbers, pick, text
from synthetic.identity import finish
from synthetic.regions import County, neighbours

PLACES_OF_DEATH = ("home", "medical_institution", "care_institution", "on_the_way", "other")
LTCI_SHARE = {"3708": 0.965, "4402": 0.31, "4404": 0.47, "5103": 0.22, "3607": 0.12}
"""Insured for long-term care among the enrolled, by prefecture (济宁 covers nearly everybody)."""
LAST_ISSUE = pl.lit(CLOCK).dt.offset_by("7d")
SOURCES: dict[str, pl.DataType] = {
    "certified": pl.Boolean(),
    "cremated": pl.Boolean(),
    "cancelled": pl.Boolean(),
    "issue_lag": pl.Int64(),
    "cancel_lag": pl.Int64(),
    "cremation_lag": pl.Int64(),
    "short_id": pl.Boolean(),
    "payer_says": pl.Date(),
    "cremated_on": pl.Date(),
}
"""What a case may fix about the records of a death."""


def with_deaths(
    seed: int, county: County, people: pl.DataFrame, fixed: pl.DataFrame
) -> pl.DataFrame:
    """The dead and which sources know: people's columns and SOURCES; `fixed` [person] prevails."""
    dead = people.filter(pl.col("death").is_not_null())
    rng = generator(seed, "deaths", county.code)
    certified = rng.random(len(dead)) < 0.93
    usual = dead.with_columns(
        certified=pl.Series(certified),
        cremated=pl.Series(~certified | (rng.random(len(dead)) < 0.58)),
        cancelled=pl.Series(~certified | (rng.random(len(dead)) < 0.90)),
        issue_lag=pl.Series(rng.integers(1, 13, len(dead))),
        cancel_lag=pl.Series(
            np.where(certified, rng.gamma(1.6, 22.0, len(dead)), 5).astype(np.int64)
        ),
        cremation_lag=pl.Series(rng.integers(1, 5, len(dead))),
        short_id=pl.lit(value=False),
        payer_says=pl.lit(None, dtype=pl.Date),
        cremated_on=pl.lit(None, dtype=pl.Date),
    )
    return (
        usual.join(fixed, on="person", how="left", suffix="_fixed", maintain_order="left")
        .with_columns(pl.coalesce(f"{c}_fixed", c).alias(c) for c in SOURCES)
        .drop(f"{c}_fixed" for c in SOURCES)
    )


def death_certificate(
    seed: int, county: County, deaths: pl.DataFrame, false_ones: pl.DataFrame
) -> pl.DataFrame:
    """Feed death_certificate, [certificate_no]; `false_ones` [person, id_no, name, death] name
    people who live."""
    rng = generator(seed, "certificate", county.code)
    chosen = pl.concat(
        [
            deaths.filter("certified").select(
                "person", "id_no", "name", "death", "issue_lag", "short_id"
            ),
            false_ones.select(
                "person",
                "id_no",
                "name",
                "death",
                pl.lit(6, dtype=pl.Int64).alias("issue_lag"),
                pl.lit(value=False).alias("short_id"),
            ),
        ]
    ).sort("death", "person")
    place = text(PLACES_OF_DEATH, pick(rng, PLACES_OF_DEATH, len(chosen), (58, 30, 6, 2, 4)))
    return chosen.select(
        "person",
        numbers(f"D{county.short}", 1, len(chosen), 7).alias("certificate_no"),
        "id_no",
        "name",
        pl.col("death").alias("death_date"),
        place.alias("death_place"),
        pl.min_horizontal(
            pl.col("death") + pl.duration(days=pl.col("issue_lag")), LAST_ISSUE
        ).alias("issued_on"),
        pl.col("short_id").alias("_short"),
    )


def archive(county: County) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of household_person and death_certificate of one who was born before 1900.

    Their numbers of 15 digits end in 996 to 999, which once meant a birth in 18xx; such numbers
    stand in archives of the dead. `_short`: delivered with 15 digits.
    """
    area = int(county.old_codes[0][0] if county.old_codes else county.short)
    born = date(1895 + county.index % 5, 3 + county.index % 9, 8)
    body = ((area * 10_000 + born.year) * 10_000 + born.month * 100 + born.day) * 1_000
    serial = 996 + county.index % 4
    died = date(1995 + county.index % 8, 4, 12)
    number = finish(np.array([body + serial]))
    who = pl.DataFrame({"id_no": number, "name": ["陈" + "寿松" if serial % 2 else "林福妹"]})
    place = county.villages[0]
    household = who.select(
        pl.lit(None, dtype=pl.Int64).alias("person"),
        "id_no",
        "name",
        pl.lit("1" if serial % 2 else "2").alias("sex"),
        pl.lit(born).alias("birth_date"),
        pl.lit(f"{county.short}990000001").alias("household_no"),
        pl.lit("02").alias("relation_to_head"),
        pl.lit(place).alias("hukou_region_code"),
        pl.lit("rural").alias("hukou_kind"),
        pl.lit(place).alias("residence_region_code"),
        pl.lit("cancelled_death").alias("status"),
        pl.lit(died).dt.offset_by("10d").alias("status_date"),
        pl.lit(datetime(2004, 7, 1, 9)).cast(pl.Datetime("us")).alias("updated_at"),
        pl.lit(value=True).alias("_short"),
    )
    certificate = who.select(
        pl.lit(None, dtype=pl.Int64).alias("person"),
        pl.lit(f"D{county.short}0000000").alias("certificate_no"),
        "id_no",
        "name",
        pl.lit(died).alias("death_date"),
        pl.lit("home").alias("death_place"),
        pl.lit(died).dt.offset_by("3d").alias("issued_on"),
        pl.lit(value=True).alias("_short"),
    )
    return household, certificate


def cremation(seed: int, county: County, deaths: pl.DataFrame) -> pl.DataFrame:
    """Feed cremation, [cremation_no]."""
    rng = generator(seed, "cremation", county.code)
    chosen = deaths.filter("cremated").sort("death", "person")
    grants = np.array([0, 800, 1000, 1200])[rng.integers(0, 4, len(chosen))]
    ordinary = pl.min_horizontal(
        pl.col("death") + pl.duration(days=pl.col("cremation_lag")), pl.lit(CLOCK)
    )
    return chosen.select(
        "person",
        numbers(f"H{county.short}", 1, len(chosen), 6).alias("cremation_no"),
        "id_no",
        "name",
        pl.coalesce("payer_says", "death").alias("death_date"),
        pl.coalesce("cremated_on", ordinary).alias("cremated_on"),
        pl.lit(f"{county.name}殡仪馆").alias("funeral_home"),
        pl.Series(grants).cast(pl.Decimal(18, 2)).alias("funeral_subsidy_amount"),
    )


def household_person(
    seed: int,
    county: County,
    people: pl.DataFrame,
    deaths: pl.DataFrame,
    window: Window,
    left: pl.DataFrame,
) -> pl.DataFrame:
    """Feed household_person, [id_no]: the register's state of today.

    Args:
        left: [person] left_on, of those whose moving out a case needs.
    """
    rng = generator(seed, "register", county.code)
    size = len(people)
    settled = pl.select(
        (
            pl.lit(CLOCK).dt.offset_by("-730d")
            - pl.duration(days=column(rng.integers(30, 3000, size)))
        ).alias("settled")
    )["settled"]
    event = (
        pl.Series(window.first_day + rng.integers(0, window.last_day - window.first_day, size))
        .cast(pl.Int32)
        .cast(pl.Date)
    )
    draw = pl.Series(rng.random(size))
    seconds = pl.Series(rng.integers(8 * 3600, 18 * 3600, size))
    young = (people["age"] < 58) & people["death"].is_null() & ~people["reserved"]
    moved = young & (draw < 0.006) & (event > people["birth"])
    gone = young & (draw > 0.996) & (event > people["birth"])
    others = list(neighbours(county.code)) or [county.code]
    elsewhere = text(others, pick(rng, others, size))
    cancelled = deaths.filter("cancelled").select("person", "cancel_lag")
    frame = (
        people.join(cancelled, on="person", how="left", maintain_order="left")
        .join(left, on="person", how="left", maintain_order="left")
        .with_columns(
            gone=gone | pl.col("left_on").is_not_null(),
            seconds=seconds,
            is_cancelled=pl.col("cancel_lag").is_not_null(),
            cancelled_on=pl.min_horizontal(
                pl.col("death") + pl.duration(days=pl.col("cancel_lag").fill_null(0)), LAST_ISSUE
            ),
        )
    )
    status_date = (
        pl.when("is_cancelled")
        .then("cancelled_on")
        .when(pl.col("left_on").is_not_null())
        .then("left_on")
        .when(moved | gone)
        .then(event)
        .when(pl.col("birth") > settled)
        .then("birth")
        .otherwise(settled)
    )
    return frame.select(
        "person",
        "id_no",
        "name",
        pl.when("male").then(pl.lit("1")).otherwise(pl.lit("2")).alias("sex"),
        pl.col("birth").alias("birth_date"),
        "household_no",
        "relation_to_head",
        pl.when(moved).then(elsewhere).otherwise("hukou_region_code").alias("hukou_region_code"),
        pl.when("urban").then(pl.lit("urban")).otherwise(pl.lit("rural")).alias("hukou_kind"),
        "residence_region_code",
        pl.when("is_cancelled")
        .then(pl.lit("cancelled_death"))
        .when("gone")
        .then(pl.lit("moved_out"))
        .otherwise(pl.lit("normal"))
        .alias("status"),
        status_date.alias("status_date"),
        (status_date.cast(pl.Datetime("us")) + pl.duration(seconds=column(seconds))).alias(
            "updated_at"
        ),
    )


def medical_enrolment(
    seed: int, county: County, people: pl.DataFrame, again: pl.DataFrame
) -> pl.DataFrame:
    """Feed medical_enrolment, [id_no, insurance_kind, valid_from].

    Args:
        again: [person] ended_on, of people wrongly ended for death and enrolled once more.
    """
    rng = generator(seed, "enrolment", county.code)
    size = len(people)
    base = LTCI_SHARE[county.prefecture[:4]] * (0.97 + 0.06 * rng.random())
    employee = pl.when("urban").then(0.52).otherwise(0.12)
    rows = (
        people.join(again, on="person", how="left", maintain_order="left")
        .with_columns(
            enrolled=pl.Series(rng.random(size)),
            kind=pl.Series(rng.random(size)),
            insured=pl.Series(rng.random(size)),
            started=pl.Series(rng.integers(2005, 2024, size)).cast(pl.Int32),
        )
        .filter((pl.col("enrolled") < 0.972) | pl.col("ended_on").is_not_null())
        .select(
            "person",
            "id_no",
            pl.when((pl.col("kind") < employee) & (pl.col("age") > 18))
            .then(pl.lit("employee"))
            .otherwise(pl.lit("resident"))
            .alias("insurance_kind"),
            pl.max_horizontal(pl.date("started", 1, 1), pl.col("birth").dt.offset_by("30d")).alias(
                "valid_from"
            ),
            pl.lit(county.code).alias("region_code"),
            (pl.col("insured") < base).alias("ltci_insured"),
            pl.coalesce("ended_on", pl.col("death").dt.offset_by("1d")).alias("valid_to"),
            pl.when(pl.coalesce("ended_on", "death").is_not_null())
            .then(pl.lit("death"))
            .alias("end_reason"),
            "ended_on",
        )
        .filter(pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("valid_from")))
    )
    restored = rows.filter(pl.col("ended_on").is_not_null()).with_columns(
        pl.col("ended_on").dt.offset_by("45d").alias("valid_from"),
        pl.lit(None, dtype=pl.Date).alias("valid_to"),
        pl.lit(None, dtype=pl.String).alias("end_reason"),
    )
    return pl.concat([rows, restored]).drop("ended_on")
