"""Ordinary lives come near no rule: what there is to find has been planted."""

from __future__ import annotations

import polars as pl

from synthetic.calendar import month_of_day
from synthetic.cases.beds import most, occupancy
from synthetic.lives import Feeds
from tests.unit.synthetic.conftest import WINDOW

OPEN = pl.date(2099, 1, 1)


def deaths(feeds: Feeds) -> pl.DataFrame:
    return (
        pl.concat(
            [
                feeds["death_certificate"].select("person", "death_date"),
                feeds["cremation"].select("person", "death_date"),
            ]
        )
        .drop_nulls()
        .unique("person")
    )


def month_number(column: str) -> pl.Expr:
    return month_of_day((pl.col(column) + "-01").str.to_date())


def test_nobody_is_paid_after_the_month_of_death(ordinary: Feeds) -> None:
    paid = ordinary["subsidy_payment"].join(deaths(ordinary), on="person")
    late = paid.filter(
        (month_number("benefit_month") > month_of_day(pl.col("death_date")))
        & (pl.col("programme_code") != "destitute_funeral_grant")
    )
    assert late.is_empty()


def test_every_death_has_a_certificate_or_two_sources(ordinary: Feeds) -> None:
    ended = ordinary["household_person"].filter(pl.col("status") == "cancelled_death")
    certified = set(ordinary["death_certificate"]["person"].drop_nulls())
    cremated = set(ordinary["cremation"]["person"].drop_nulls())
    assert set(ended["person"].drop_nulls()) <= certified | cremated
    both = set(ended["person"]) & cremated
    assert cremated - certified <= both


def test_everybody_of_eighty_is_paid_every_month(ordinary: Feeds) -> None:
    register = ordinary["household_person"].filter(
        pl.col("person").is_not_null() & (pl.col("status") != "moved_out")
    )
    due = (
        register.join(deaths(ordinary), on="person", how="left")
        .select(
            "person",
            first=pl.max_horizontal(
                month_of_day(pl.col("birth_date").dt.offset_by("80y")) + 1,
                pl.lit(WINDOW.first_month),
            ),
            last=month_of_day(pl.col("death_date")).fill_null(WINDOW.last_month),
        )
        .filter(pl.col("first") <= pl.col("last"))
    )
    paid = (
        ordinary["subsidy_payment"]
        .filter(pl.col("programme_code").is_in(["old_age_allowance", "veteran_care_allowance"]))
        .group_by("person")
        .agg(pl.col("benefit_month").n_unique().alias("months"))
    )
    short = due.join(paid, on="person", how="left").filter(
        pl.col("months").fill_null(0) != pl.col("last") - pl.col("first") + 1
    )
    assert short.is_empty()


def test_nobody_is_paid_too_young(ordinary: Feeds) -> None:
    old_age = ordinary["subsidy_payment"].filter(pl.col("programme_code") == "old_age_allowance")
    born = ordinary["household_person"].select("person", "birth_date")
    early = old_age.join(born, on="person").filter(
        month_number("benefit_month") <= month_of_day(pl.col("birth_date")) + 80 * 12
    )
    assert early.is_empty()


def test_nobody_is_paid_twice(ordinary: Feeds) -> None:
    personal = ordinary["subsidy_payment"].filter(pl.col("person").is_not_null())
    assert personal.select("person", "programme_code", "benefit_month").is_unique().all()


def test_no_account_takes_the_money_of_three_households(ordinary: Feeds) -> None:
    homes = ordinary["household_person"].select("person", "household_no")
    shared = (
        ordinary["subsidy_payment"]
        .join(homes, on="person")
        .group_by("bank_account")
        .agg(pl.col("person").n_unique(), pl.col("household_no").n_unique())
    )
    assert shared.filter((pl.col("person") > 2) & (pl.col("household_no") > 1)).is_empty()


def test_nobody_is_in_two_houses(ordinary: Feeds) -> None:
    assert ordinary["facility_stay"]["person"].is_unique().all()


def test_no_family_bed_during_a_stay(ordinary: Feeds) -> None:
    housed = ordinary["facility_stay"].select("person")
    assert ordinary["family_bed"].join(housed, on="person", how="semi").is_empty()


def test_no_visit_by_a_worker_while_in_hospital_or_in_a_house_or_dead(ordinary: Feeds) -> None:
    orders = ordinary["home_service_order"].with_columns(day=pl.col("started_at").dt.date())
    beds = (
        ordinary["medical_settlement"]
        .filter(pl.col("visit_kind") == "inpatient")
        .select(
            "person", start=pl.col("admitted_at").dt.date(), end=pl.col("discharged_at").dt.date()
        )
    )
    stays = ordinary["facility_stay"].select(
        "person", start="checked_in_on", end=pl.col("checked_out_on").fill_null(OPEN)
    )
    meets = orders.join(pl.concat([beds, stays]), on="person").filter(
        pl.col("day").is_between("start", "end")
    )
    assert meets.is_empty()
    dead = orders.join(deaths(ordinary), on="person").filter(pl.col("day") >= pl.col("death_date"))
    assert dead.is_empty()


def test_no_worker_is_in_two_places(ordinary: Feeds) -> None:
    busy = (
        ordinary["home_service_order"]
        .sort("worker_id_no", "started_at")
        .with_columns(before=pl.col("ended_at").shift(1).over("worker_id_no"))
    )
    assert busy.filter(pl.col("before") > pl.col("started_at")).is_empty()


def test_no_visit_to_a_doctor_after_death(ordinary: Feeds) -> None:
    late = (
        ordinary["medical_settlement"]
        .join(deaths(ordinary), on="person")
        .filter(pl.col("admitted_at").dt.date() > pl.col("death_date"))
    )
    assert late.is_empty()


def test_no_house_is_overcrowded_but_the_planted(feeds: Feeds) -> None:
    start = pl.select(pl.date(2024, 11, 1)).item()
    cases = feeds["cases"].filter(pl.col("rule_id") == "F01")["facility_code"].implode()
    peak = most(occupancy(feeds["facility_stay"]), start).join(
        feeds["facility"].filter(pl.col("kind") != "day_care"), on="facility_code"
    )
    over = peak.filter(
        (pl.col("most") > pl.col("beds_total")) & ~pl.col("facility_code").is_in(cases)
    )
    assert over.is_empty()
