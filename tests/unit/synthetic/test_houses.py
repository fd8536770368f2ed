"""Houses and the places around them fit the lives that the other feeds tell."""

from __future__ import annotations

import polars as pl
import pytest

from synthetic import declarations, planning, regions, schedule
from synthetic.calendar import CLOCK
from synthetic.lives import Feeds
from synthetic.transport import CHANNELS
from synthetic.workforce import occupied
from tests.unit.synthetic.conftest import CODES, SEED, WINDOW

OPEN = pl.date(2099, 1, 1)
EVENTS = {"meal_order": "served_at", "emergency_call": "called_at", "volunteer_hours": "served_on"}


def institutions(feeds: Feeds) -> pl.DataFrame:
    return feeds["facility"].filter(pl.col("kind") == "institution")


@pytest.mark.parametrize("dataset", sorted(EVENTS))
def test_nobody_eats_calls_or_is_helped_when_dead_or_away(feeds: Feeds, dataset: str) -> None:
    rows = feeds[dataset].with_columns(day=pl.col(EVENTS[dataset]).cast(pl.Date))
    assert len(rows) > 50
    dead = feeds["death_certificate"].select("person", gone="death_date").drop_nulls()
    assert rows.join(dead, on="person").filter(pl.col("day") >= pl.col("gone")).is_empty()
    stays = feeds["facility_stay"].select(
        "person", "checked_in_on", until=pl.col("checked_out_on").fill_null(OPEN)
    )
    inside = rows.join(stays, on="person").filter(
        (pl.col("day") >= pl.col("checked_in_on")) & (pl.col("day") <= pl.col("until"))
    )
    assert inside.is_empty()
    beds = feeds["medical_settlement"].filter(pl.col("visit_kind") == "inpatient")
    ill = rows.join(beds, on="person").filter(
        (pl.col("day") > pl.col("admitted_at").dt.date())
        & (pl.col("day") < pl.col("discharged_at").dt.date())
    )
    if dataset == "emergency_call":
        # Who is called for during one stay in hospital was fetched for the next.
        ill = ill.filter(pl.col("outcome") != "hospital")
    assert ill.is_empty()


def test_one_lunch_a_day_at_an_open_canteen_of_the_own_township(feeds: Feeds) -> None:
    meals = feeds["meal_order"].with_columns(day=pl.col("served_at").dt.date())
    assert meals.select("person", "day").is_unique().all()
    assert (
        meals.group_by("person").agg(pl.col("canteen_code").n_unique())["canteen_code"].max() == 1
    )
    where = meals.join(
        feeds["facility"].select(
            pl.col("facility_code").alias("canteen_code"),
            "kind",
            "opened_on",
            pl.col("closed_on").fill_null(OPEN),
            town=pl.col("region_code").str.slice(0, 9),
        ),
        on="canteen_code",
        how="left",
    ).join(feeds["household_person"].select("person", "residence_region_code"), on="person")
    assert set(where["kind"]) == {"canteen"}
    assert (where["day"] >= where["opened_on"]).all()
    assert (where["day"] < where["closed_on"]).all()
    assert (where["residence_region_code"].str.slice(0, 9) == where["town"]).all()


def test_a_family_bed_has_a_service_or_a_test_of_its_device_each_month(ordinary: Feeds) -> None:
    month = pl.date(2025, 6, 1)
    beds = ordinary["family_bed"].filter(
        (pl.col("set_up_on") < month) & (pl.col("ended_on").is_null())
    )
    signs = pl.concat(
        [
            ordinary["home_service_order"].select("person", at="started_at"),
            ordinary["emergency_call"].select("person", at="called_at"),
        ]
    ).filter(pl.col("at").dt.truncate("1mo") == month)
    silent = beds.join(signs, on="person", how="anti")
    # A month in hospital leaves no sign.
    assert len(beds) > 5
    assert len(silent) <= 0.2 * len(beds)


def test_staff_work_in_one_house_and_nowhere_else(feeds: Feeds) -> None:
    staff = feeds["facility_staff"]
    told = {name: rows for name, rows in feeds.items() if name != "facility_staff"}
    assert staff["person"].is_unique().all()
    assert not set(staff["id_no"]) & set(occupied(told))
    assert not set(staff["person"]) & set(feeds["reserved"]["person"])
    assert not set(staff["person"]) & set(feeds["custody_period"]["person"])
    terms = staff.join(feeds["facility"].select("facility_code", "opened_on"), on="facility_code")
    assert len(terms) == len(staff)
    assert (terms["hired_on"] >= terms["opened_on"]).all()
    assert (staff["left_on"].fill_null(CLOCK) > staff["hired_on"]).all()


def test_every_institution_has_a_director_and_a_carer_for_six(feeds: Feeds) -> None:
    now = feeds["facility_staff"].filter(pl.col("left_on").is_null())
    homes = institutions(feeds).filter(pl.col("closed_on").is_null()).select("facility_code")
    for role in ("director", "carer"):
        posts = now.filter(pl.col("role") == role).group_by("facility_code").len()
        assert homes.join(posts, on="facility_code", how="anti").is_empty()
    here = feeds["facility_stay"].filter(pl.col("checked_out_on").is_null())
    residents = here.group_by("facility_code").agg(pl.len().alias("residents"))
    carers = now.filter(pl.col("role") == "carer").group_by("facility_code").len("carers")
    ratio = homes.join(residents, on="facility_code").join(carers, on="facility_code")
    assert (ratio["residents"] <= ratio["carers"] * 6).all()


def test_staff_are_employed_by_their_house(feeds: Feeds) -> None:
    paid = feeds["employment_contribution"].join(
        feeds["facility_staff"].select("person", "facility_code"), on="person"
    )
    owner = feeds["facility"].select("facility_code", "uscc")
    both = paid.join(owner, on="facility_code", how="left")
    assert len(both) > 50
    assert (both["employer_uscc"] == both["uscc"]).all()


def test_who_was_admitted_has_the_stay(feeds: Feeds) -> None:
    queue = feeds["admission_queue"]
    admitted = queue.filter(pl.col("admitted_on").is_not_null())
    found = admitted.join(
        feeds["facility_stay"],
        left_on=["person", "facility_code", "admitted_on"],
        right_on=["person", "facility_code", "checked_in_on"],
        how="semi",
    )
    assert 0 < len(admitted) == len(found) < len(queue)
    assert (admitted["admitted_on"] >= admitted["applied_on"]).all()
    waiting = queue.filter(pl.col("admitted_on").is_null())
    assert waiting.join(feeds["facility_stay"], on="person", how="semi").is_empty()
    assert set(queue["facility_code"]) <= set(institutions(feeds)["facility_code"])


def test_no_subsidised_house_is_fined_or_blacklisted(feeds: Feeds) -> None:
    paid = set(feeds["facility_claim"]["facility_code"])
    fined = feeds["facility_inspection"].filter(pl.col("penalty").is_not_null())
    assert not set(fined["facility_code"]) & paid
    black = feeds["credit_list"].filter(pl.col("list") == "black")
    owners = feeds["facility"].filter(pl.col("facility_code").is_in(list(paid)))
    assert not set(black["uscc"]) & set(owners["uscc"])


def test_inspections_follow_complaints_and_are_put_right_later(feeds: Feeds) -> None:
    rows = feeds["facility_inspection"]
    assert (rows["rectified_on"] > rows["inspected_on"]).drop_nulls().all()
    assert rows.filter(pl.col("result") == "passed")["rectified_on"].null_count() == len(
        rows.filter(pl.col("result") == "passed")
    )
    after = rows.filter(pl.col("kind") == "complaint").join(
        feeds["complaint"].select("facility_code", "received_on"), on="facility_code", how="left"
    )
    gap = (after["inspected_on"] - after["received_on"]).dt.total_days()
    best = (
        after.with_columns(near=gap.is_between(2, 15))
        .group_by("inspection_no")
        .agg(pl.col("near").any())
    )
    assert best["near"].all()


def test_accounts_follow_days_of_care_and_subsidies(feeds: Feeds) -> None:
    rows = feeds["facility_finance"]
    assert set(rows["year"]) == {year for year in WINDOW.years if year < CLOCK.year}
    paid = (
        feeds["subsidy_payment"]
        .filter(pl.col("programme_code") == "facility_operating_subsidy")
        .group_by("facility_code", pl.col("benefit_month").str.slice(0, 4).cast(pl.Int64))
        .agg(pl.col("amount").sum().alias("paid"))
        .rename({"benefit_month": "year"})
    )
    both = rows.join(paid, on=["facility_code", "year"], how="left")
    assert (both["subsidy_income"] == both["paid"].fill_null(0)).all()
    assert (rows["income"] >= rows["subsidy_income"]).all()


def test_a_project_hands_nothing_over_before_it_is_completed(feeds: Feeds) -> None:
    county = next(c for c in regions.counties() if c.code == CODES[0])
    mine = feeds["construction_project"].filter(
        pl.col("project_no").str.slice(2, 6) == county.short
    )
    told = schedule.scheduled(SEED, "construction_project", mine, county, WINDOW)
    early = told.filter(pl.col("completed_on").is_null())
    assert told["project_no"].n_unique() == len(mine)
    assert early["delivered_area"].sum() == 0
    assert not set(early["four_sync"]) & {"accepted", "delivered"}
    later = planning.as_told(mine).filter(pl.col("completed_on").is_not_null())
    assert later.equals(mine.filter(pl.col("completed_on").is_not_null()))


def test_offices_declare_each_indicator_once_a_year(feeds: Feeds) -> None:
    rows = feeds["policy_declaration"]
    assert rows.select(*CHANNELS["policy_declaration"].key).is_unique().all()
    assert set(rows["indicator_id"]) <= set(declarations.declared_indicators()["indicator_id"])
    assert set(rows["period"]) == {str(year) for year in WINDOW.years}
    assert {"370812000000"} <= set(rows["region_code"])


def test_departments_without_counties_deliver_twice(feeds: Feeds) -> None:
    county = next(c for c in regions.counties() if c.code == CODES[0])
    periods = [
        set(schedule.scheduled(SEED, dataset, feeds[dataset], county, WINDOW)["_period"])
        for dataset in ("facility_inspection", "complaint", "volunteer_hours")
    ]
    assert set.union(*periods) == {WINDOW.last_month - 1, WINDOW.last_month}
    assert all(WINDOW.last_month - 1 in found for found in periods)


def test_a_register_is_delivered_whole_as_it_stood(feeds: Feeds) -> None:
    county = next(c for c in regions.counties() if c.code == CODES[0])
    mine = feeds["facility_staff"].filter(pl.col("facility_code").str.slice(1, 6) == county.short)
    told = schedule.scheduled(SEED, "facility_staff", mine, county, WINDOW)
    months = told["_period"].unique().sort().to_list()
    assert months == list(range(WINDOW.last_month - 4, WINDOW.last_month + 1))
    last = told.filter(pl.col("_period") == WINDOW.last_month).drop("_period")
    assert last.equals(mine)
    key = list(CHANNELS["facility_staff"].key)
    assert told.select(*key, "_period").is_unique().all()
    # Who left in a later month still works there.
    day = pl.select(pl.date(2026, 7, 1)).item()
    early = told.filter(pl.col("_period") == months[0])
    assert (early["hired_on"] < day).all()
    assert (early["left_on"].drop_nulls() < day).all()
    assert len(early) == mine.filter(pl.col("hired_on") < day).height
