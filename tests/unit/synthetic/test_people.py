"""Who lives in the province: ages, households, numbers."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from stdnum.cn import ric, uscc

from synthetic import identity, regions
from synthetic.calendar import CLOCK, month
from synthetic.lives import Feeds
from tests.unit.synthetic.conftest import CODES, feeds_of


def alive(feeds: Feeds) -> pl.DataFrame:
    return feeds["household_person"].filter(pl.col("status") == "normal")


def ages(rows: pl.DataFrame) -> pl.Series:
    return (pl.Series([CLOCK]) - rows["birth_date"]).dt.total_days() / 365.25


def test_one_in_five_is_sixty_or_older(feeds: Feeds) -> None:
    share = (ages(alive(feeds)) >= 60).mean()
    assert 0.18 < share < 0.23


def test_the_pyramid_thins_out_with_age(feeds: Feeds) -> None:
    age = ages(alive(feeds))
    bands = [((age >= low) & (age < low + 5)).sum() for low in range(65, 100, 5)]
    assert bands == sorted(bands, reverse=True)
    assert 0.018 < (age >= 80).mean() < 0.035


def test_every_household_has_one_head_at_most(feeds: Feeds) -> None:
    heads = (
        feeds["household_person"]
        .filter((pl.col("relation_to_head") == "02") & pl.col("person").is_not_null())
        .unique(["person"])
        .group_by("household_no")
        .len()
    )
    assert heads["len"].max() == 1


def test_numbers_are_valid_and_unique(feeds: Feeds) -> None:
    numbers = feeds["household_person"]["id_no"]
    assert numbers.is_unique().all()
    # python-stdnum knows today's and former area codes, but not all of the former.
    checks = numbers.sample(2_000, seed=3).to_list()
    assert all(ric.calc_check_digit(number) == number[-1] for number in checks)


def test_organisation_codes_are_valid() -> None:
    assert all(uscc.is_valid(code) for code in identity.usccs("440203", "52", 1_000_000, 20))


def test_accounts_pass_the_luhn_check() -> None:
    accounts = identity.bank_accounts(pl.Series([1, 77, 123_456_789]).to_numpy())

    def luhn(account: str) -> int:
        odd = account[::-1][::2]
        even = account[::-1][1::2]
        return sum(map(int, odd)) + sum(sum(divmod(int(d) * 2, 10)) for d in even)

    assert all(luhn(account) % 10 == 0 for account in accounts)


def test_those_born_before_1900_are_delivered_with_their_short_number(feeds: Feeds) -> None:
    old = feeds["household_person"].filter(pl.col("birth_date") < date(1900, 1, 1))
    assert len(old) == len(CODES)
    assert old["_short"].all()
    assert (old["id_no"].str.slice(14, 3) >= "996").all()


def test_older_people_keep_the_code_their_county_had(feeds: Feeds) -> None:
    areas = feeds["household_person"]["id_no"].str.slice(0, 6).unique()
    assert {"370822", "370882", "370812"} <= set(areas)


@pytest.mark.parametrize("code", CODES)
def test_same_seed_same_rows(code: str) -> None:
    first, second = feeds_of(code, 1_500), feeds_of(code, 1_500)
    assert all(first[name].equals(second[name]) for name in first)


def test_places_are_today_s_villages(feeds: Feeds) -> None:
    rows = regions.region_rows()
    villages = rows.filter((pl.col("level") == "village") & (pl.col("valid_to") == ""))
    living = alive(feeds).filter(pl.col("person").is_not_null())
    known = living["hukou_region_code"].is_in(villages["region_code"].implode())
    # Some have moved to another county, known by its code only.
    assert known.mean() > 0.98


def test_payments_stay_in_the_window(feeds: Feeds) -> None:
    months = feeds["subsidy_payment"]["benefit_month"]
    assert months.min() == "2024-11"
    assert months.max() == "2026-10"
    assert month(CLOCK) == 681
