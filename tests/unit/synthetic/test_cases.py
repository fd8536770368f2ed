"""The ground truth names every rule and guard, and the rows bear it out."""

from __future__ import annotations

import polars as pl
import pytest

from synthetic import regions
from synthetic.cases.plan import PLANTED, PLANTED_VARIANTS, SPECS, quotas
from synthetic.lives import Feeds


def cases(feeds: Feeds, rule: str, guard: str | None = None) -> pl.DataFrame:
    chosen = feeds["cases"].filter(pl.col("rule_id") == rule)
    if guard is None:
        return chosen.filter(pl.col("kind") == PLANTED)
    return chosen.filter(pl.col("guard") == guard)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_kind_of_case_is_there(feeds: Feeds, spec) -> None:  # type: ignore[no-untyped-def]
    found = feeds["cases"].filter(
        (pl.col("rule_id") == spec.rule) & pl.col("guard").eq_missing(spec.guard)
    )
    assert len(found) >= 1
    kind = PLANTED if spec.guard is None or spec.guard in PLANTED_VARIANTS else "lookalike"
    assert (found["kind"] == kind).all()


def test_quotas_reach_the_numbers_of_scale_s_and_grow_with_the_province() -> None:
    for persons, times in ((100_000, 1), (5_000_000, 50)):
        counts = quotas(persons)
        for spec in SPECS:
            assert sum(c.get(spec.name, 0) for c in counts) == spec.count * times
    assert len(quotas(100_000)) == len(regions.counties())


def test_overpaid_months_and_amounts_are_in_the_payments(feeds: Feeds) -> None:
    numbers = feeds["household_id_change"].select(
        pl.col("old_id_no").alias("id_no"), pl.col("new_id_no").alias("subject_id_no")
    )
    paid = (
        feeds["subsidy_payment"]
        .join(numbers, on="id_no", how="left")
        .with_columns(pl.coalesce("subject_id_no", "id_no").alias("subject_id_no"))
    )
    leads = (
        cases(feeds, "L01")
        .join(paid, on="subject_id_no")
        .filter(
            (pl.col("programme_code") == "old_age_allowance")
            & pl.col("benefit_month").is_between("first_month", "last_month")
        )
    )
    sums = leads.group_by("case_id").agg(
        pl.col("amount_right").sum().alias("paid"), pl.col("amount").first().alias("told")
    )
    assert len(sums) == len(cases(feeds, "L01"))
    assert (sums["paid"].cast(pl.Float64) == sums["told"].cast(pl.Float64)).all()


def test_the_unpaid_are_alive_and_unpaid(feeds: Feeds) -> None:
    owed = cases(feeds, "U01")
    dead = feeds["death_certificate"].select("id_no")
    assert owed.join(dead, left_on="subject_id_no", right_on="id_no", how="semi").is_empty()
    paid = owed.join(feeds["subsidy_payment"], left_on="subject_id_no", right_on="id_no").filter(
        pl.col("benefit_month").is_between("first_month", "last_month")
    )
    assert paid.is_empty()


def test_a_contested_death_is_followed_by_a_visit_to_a_doctor(feeds: Feeds) -> None:
    who = cases(feeds, "L01", "contested").join(
        feeds["death_certificate"], left_on="subject_id_no", right_on="id_no"
    )
    seen = who.join(feeds["medical_settlement"], left_on="subject_id_no", right_on="id_no")
    assert (seen["admitted_at"].dt.date() > seen["death_date"].dt.offset_by("3d")).all()
    assert len(seen) == len(who) > 0


def test_accounts_of_many_name_their_account(feeds: Feeds) -> None:
    assert cases(feeds, "N01")["bank_account"].is_not_null().all()
