"""The further feeds about persons agree with the persons' lives and with the other feeds."""

from __future__ import annotations

import polars as pl

from synthetic import pensions
from synthetic.calendar import CLOCK, first_day, month_of_day
from synthetic.lives import Feeds
from tests.unit.synthetic.conftest import WINDOW
from tests.unit.synthetic.test_no_accidents import deaths, month_number

NOBODY = pl.col("person").is_null()


def odd(feeds: Feeds, feed: str) -> set[str]:
    return set(feeds[feed]["_odd"].drop_nulls())


def test_every_feed_has_rows(feeds: Feeds) -> None:
    for feed in (
        "ltci_assessment", "ltci_claim", "pension_payment", "employment_contribution",
        "asset_check", "treasury_batch", "recovery", "disability_certificate", "custody_period",
        "health_contract", "health_institution", "training_record",
    ):  # fmt: skip
        assert not feeds[feed].is_empty(), feed


def test_claims_belong_to_the_insured_who_were_assessed_before(feeds: Feeds) -> None:
    insured = feeds["medical_enrolment"].filter("ltci_insured").select("person")
    assert feeds["ltci_assessment"].join(insured, on="person", how="anti").is_empty()
    first = (
        feeds["ltci_assessment"]
        .filter(pl.col("severity_rank") >= 2)
        .group_by("person")
        .agg(pl.col("assessed_on").min())
    )
    claims = feeds["ltci_claim"].join(first, on="person", how="left")
    assert claims.filter(
        pl.col("assessed_on").is_null() | (pl.col("started_at").dt.date() <= pl.col("assessed_on"))
    ).is_empty()
    assert claims.filter(pl.col("ended_at") <= pl.col("started_at")).is_empty()


def test_no_claim_after_death_or_in_a_house(feeds: Feeds) -> None:
    dead = feeds["ltci_claim"].join(deaths(feeds), on="person")
    assert dead.filter(pl.col("started_at").dt.date() >= pl.col("death_date")).is_empty()
    housed = feeds["facility_stay"].select("person")
    assert feeds["ltci_claim"].join(housed, on="person", how="semi").is_empty()


def test_no_worker_of_the_fund_is_in_two_places_or_has_another_job(feeds: Feeds) -> None:
    busy = feeds["ltci_claim"].sort("worker_id_no", "started_at")
    before = pl.col("ended_at").shift(1).over("worker_id_no")
    assert busy.filter(before > pl.col("started_at")).is_empty()
    workers = set(busy["worker_id_no"])
    assert not workers & set(feeds["home_service_order"]["worker_id_no"])
    assert not workers & set(feeds["home_visit"]["visitor_id_no"])


def test_pensions_end_with_life_but_for_the_marked(feeds: Feeds) -> None:
    paid = feeds["pension_payment"].join(deaths(feeds), on="person")
    late = month_number("month") > month_of_day(pl.col("death_date"))
    assert paid.filter(late & pl.col("_odd").is_null()).is_empty()
    assert paid.filter(~late & pl.col("_odd").is_not_null()).is_empty()
    assert feeds["pension_payment"].select("person", "month").is_unique().all()
    months = {f"{first_day(WINDOW.last_month - back):%Y-%m}" for back in range(pensions.MONTHS)}
    assert set(feeds["pension_payment"]["month"]) == months


def test_nobody_is_verified_after_death_or_longer_than_a_year_ago(feeds: Feeds) -> None:
    rows = feeds["pension_payment"].join(deaths(feeds), on="person", how="left")
    seen = pl.col("qualification_verified_on")
    assert rows.filter(seen > pl.col("death_date")).is_empty()
    alive = rows.filter(pl.col("death_date").is_null())
    month = (pl.col("month") + "-01").str.to_date()
    assert alive.filter((seen > month) | (seen <= month.dt.offset_by("-366d"))).is_empty()


def test_contributions_are_of_working_age_and_few_of_them_draw_dibao(feeds: Feeds) -> None:
    born = feeds["household_person"].filter(~NOBODY).select("person", "birth_date")
    rows = feeds["employment_contribution"].join(born.unique("person"), on="person")
    age = (pl.lit(CLOCK) - pl.col("birth_date")).dt.total_days() / 365.25
    assert rows.filter((age < 20) | (age > 60)).is_empty()
    dibao = feeds["assistance_member"].filter(pl.col("category") == "dibao").select("person")
    both = rows.join(dibao, on="person", how="semi")
    assert set(both["_odd"]) <= {"claims_while_employed"}
    assert rows["_odd"].drop_nulls().len() == both.height
    jailed = feeds["custody_period"].select("person")
    assert rows.join(jailed, on="person", how="semi").is_empty()


def test_checked_households_are_the_assisted_and_fit_but_for_the_marked(feeds: Feeds) -> None:
    checks = feeds["asset_check"]
    assisted = feeds["assistance_member"].select("household_no").unique()
    assert checks.join(assisted, on="household_no", how="anti").is_empty()
    assert assisted.join(checks, on="household_no", how="anti").is_empty()
    sound = checks.filter(pl.col("_odd").is_null())
    assert sound.select(pl.col("vehicles", "companies").max()).row(0) == (0, 0)
    assert sound["homes"].max() <= 1  # type: ignore[operator]
    assert checks.select("household_no", "checked_on").is_unique().all()


def test_the_treasury_s_book_adds_up_to_the_payments(feeds: Feeds) -> None:
    listed = feeds["subsidy_payment"].filter(pl.col("amount") > 0)
    sums = listed.group_by("batch_no").agg(
        pl.len().alias("count"),
        pl.col("amount").sum().alias("amount_paid"),
        (pl.col("status") != "returned").sum().alias("good"),
    )
    books = feeds["treasury_batch"]
    assert books["batch_no"].is_unique().all()
    both = books.join(sums, on="batch_no", how="full")
    assert both.height == books.height == sums.height
    assert both.filter(
        (pl.col("list_count") != pl.col("count")) | (pl.col("list_amount") != pl.col("amount_paid"))
    ).is_empty()
    treasury = pl.col("treasury_amount") != pl.col("list_amount")
    bank = pl.col("bank_success_count") != pl.col("good")
    marked = pl.col("_odd").fill_null("")
    assert both.filter(treasury != (marked == "treasury_short")).is_empty()
    assert both.filter(bank != (marked == "bank_count_short")).is_empty()


def test_recoveries_never_exceed_what_was_paid_and_come_after_it(feeds: Feeds) -> None:
    paid = feeds["subsidy_payment"].select("payment_no", "paid_at", paid="amount")
    rows = feeds["recovery"].join(paid, on="payment_no", how="left")
    assert rows["paid"].null_count() == 0
    assert rows.filter(pl.col("received_on") < pl.col("paid_at").dt.date()).is_empty()
    back = rows.group_by("payment_no").agg(pl.col("amount").sum(), pl.col("paid").first())
    assert back.filter(pl.col("amount") != pl.col("paid")).is_empty()
    assert rows.filter(
        pl.col("receipt_no").is_null() != (pl.col("_odd").fill_null("") == "no_receipt")
    ).is_empty()


def test_who_is_paid_for_a_disability_holds_a_certificate_of_grade_one_or_two(
    feeds: Feeds,
) -> None:
    paid = feeds["subsidy_payment"].filter(pl.col("programme_code").str.starts_with("disabled_two"))
    cards = feeds["disability_certificate"]
    good = cards.filter((pl.col("grade") <= 2) & pl.col("_odd").is_null())
    marked = cards.filter(pl.col("_odd").is_not_null()).select("person")
    held = paid.join(good, on="person", how="left").join(marked, on="person", how="anti")
    month = (pl.col("benefit_month") + "-01").str.to_date()
    covered = (pl.col("valid_from") <= month.dt.month_end()) & (pl.col("valid_to") >= month)
    months = held.group_by("payment_no").agg(covered.any().fill_null(value=False))
    assert months.filter(~pl.col("valid_from")).is_empty()
    assert cards["certificate_no"].is_unique().all()
    assert (cards["certificate_no"].str.slice(0, 18) == cards["id_no"]).all()


def test_family_doctors_are_at_institutions_of_primary_care(feeds: Feeds) -> None:
    houses = feeds["health_institution"]
    primary = houses.filter(~pl.col("kind").str.starts_with("hospital")).select("institution_code")
    contracts = feeds["health_contract"]
    assert contracts.join(primary, on="institution_code", how="anti").is_empty()
    assert contracts.select("person", "year").is_unique().all()
    assert contracts.filter(
        pl.col("family_doctor").is_null() & ~pl.col("health_check_done")
    ).is_empty()
    treated = feeds["medical_settlement"].select("institution_code").unique()
    assert treated.join(houses, on="institution_code", how="anti").is_empty()


def test_nobody_is_trained_twice_in_one_course_or_while_in_hospital(feeds: Feeds) -> None:
    rows = feeds["training_record"]
    assert rows.select("person", "course").is_unique().all()
    beds = (
        feeds["medical_settlement"]
        .filter(pl.col("visit_kind") == "inpatient")
        .select(
            "person",
            start=pl.col("admitted_at").dt.date(),
            end=pl.col("discharged_at").dt.date(),
        )
    )
    both = rows.join(beds, on="person")
    assert both.filter(
        (pl.col("started_on") <= pl.col("end")) & (pl.col("ended_on") >= pl.col("start"))
    ).is_empty()


def test_persons_of_cases_have_no_part_in_what_is_odd(feeds: Feeds) -> None:
    reserved = feeds["reserved"].select("person")
    for feed in ("pension_payment", "employment_contribution", "disability_certificate"):
        marked = feeds[feed].filter(pl.col("_odd").is_not_null())
        assert marked.join(reserved, on="person", how="semi").is_empty(), feed
    assert odd(feeds, "custody_period") <= {"assisted_in_custody"}
