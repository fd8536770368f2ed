"""One county's feeds, from its people to its payments."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from synthetic import (
    benefits,
    care,
    civic,
    claims,
    facilities,
    medical,
    people,
    people_feeds,
    programmes,
    register,
    relief,
    renumbering,
    services,
    story,
)
from synthetic.calendar import Window, month_of_day
from synthetic.cases.plan import CASE_SCHEMA
from synthetic.draws import generator
from synthetic.houses import house_feeds
from synthetic.regions import County, region_rows
from synthetic.story import Story

Feeds = dict[str, pl.DataFrame]
"""Feed name → typed rows in the contract's columns, plus helpers (`person`, `month_number`)."""


@dataclass(frozen=True)
class Scale:
    """How much to make."""

    name: str
    persons: int
    months: int

    @property
    def window(self) -> Window:
        return Window(self.months)


SCALES = {
    "T": Scale("T", 12_000, 24),
    "S": Scale("S", 100_000, 24),
    "M": Scale("M", 5_000_000, 12),
    "L": Scale("L", 50_000_000, 12),
}
"""T is for tests. M and L carry a year of flows, so that their rows stay at three a person."""


def dispositions(seed: int, county: County, frame: pl.DataFrame) -> pl.DataFrame:
    """Add what a person's life depends on: disability `grade` (0-4, rising with age), veteran."""
    rng = generator(seed, "dispositions", county.code)
    size = len(frame)
    age = frame["age"].to_numpy()
    risk = 1 / (1 + 2.718281828 ** (-(age - 88) / 7.5)) * 0.75 + 0.012
    draw = rng.random(size) / risk
    grade = (draw < 1.0).astype(int) + (draw < 0.55) + (draw < 0.28) + (draw < 0.10)
    veteran = (age > 79) & frame["male"].to_numpy() & (rng.random(size) < 0.03)
    return frame.with_columns(
        grade=pl.Series(grade), veteran=pl.Series(veteran), reserved=pl.lit(value=False)
    )


def county_feeds(
    seed: int, county: County, persons: int, window: Window, quota: dict[str, int]
) -> Feeds:
    """Every feed's rows for one county, and `cases`, the truth about what was planted."""
    folk = dispositions(seed, county, people.people(seed, county, persons, window))
    houses = facilities.facility(seed, county, persons, window)
    tale = story.tell(seed, county, folk, houses, window, quota)
    folk, houses = tale.people, tale.houses
    feeds = _registers(seed, county, tale, window)
    stays = tale.stays
    feeds["facility"] = houses
    feeds["facility_stay"] = stays
    feeds["facility_claim"] = claims.facility_claim(stays, window)
    feeds.update(_at_home(seed, county, tale, feeds, window))
    feeds.update(_money(seed, county, tale, feeds, window))
    absences = _absences(feeds["doctor"], stays, window)
    feeds.update(house_feeds(seed, county, tale, feeds, absences, window))
    feeds.update(people_feeds.feeds(seed, county, tale, feeds, absences, window))
    feeds["population_count"] = civic.population_count(county, folk, window)
    feeds["cases"] = _with_accounts(
        pl.DataFrame(tale.cases, schema=CASE_SCHEMA), feeds["subsidy_payment"]
    )
    feeds["reserved"] = folk.filter("reserved").select("person", "id_no")
    del feeds["doctor"]
    return feeds


def _registers(seed: int, county: County, tale: Story, window: Window) -> Feeds:
    """What police, health and insurance hold about persons."""
    folk = tale.people
    deaths = register.with_deaths(seed, county, folk, tale.fixed_deaths)
    household = register.household_person(seed, county, folk, deaths, window, tale.left)
    doctors = pl.concat([medical.visits(seed, county, folk, window), tale.rows_of("doctor")])
    old_household, old_certificate = register.archive(county)
    certificates = register.death_certificate(seed, county, deaths, tale.rows_of("certificate"))
    today = renumbering.old_rows(household, tale.renumbered).with_columns(
        _short=pl.lit(value=False)
    )
    return {
        "household_person": pl.concat([today, old_household]),
        "household_id_change": renumbering.household_id_change(tale.renumbered),
        "death_certificate": pl.concat([certificates, old_certificate]),
        "cremation": register.cremation(seed, county, deaths),
        "medical_enrolment": register.medical_enrolment(
            seed, county, folk, tale.rows_of("reenrolment")
        ),
        "medical_settlement": medical.settlements(seed, county, doctors),
        "doctor": doctors,
    }


def _with_accounts(cases: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """The cases with `bank_account`, where the subject is an account."""
    paid = payments.select(pl.col("id_no").alias("member"), "bank_account").unique("member")
    member = pl.when(pl.col("subject_kind") == "account").then(
        pl.col("subject_no").str.split(";").list.first()
    )
    return (
        cases.with_columns(member=member)
        .join(paid, on="member", how="left", maintain_order="left")
        .drop("member")
    )


def _absences(doctors: pl.DataFrame, stays: pl.DataFrame, window: Window) -> pl.DataFrame:
    """[person] from, to: days in hospital or in a facility, both ends included."""
    day = (pl.col("start").cast(pl.Int32)).cast(pl.Date)
    return pl.concat(
        [
            doctors.filter(pl.col("kind") == "inpatient").select(
                "person", day.alias("from"), (day + pl.duration(days=pl.col("days"))).alias("to")
            ),
            stays.select(
                "person",
                pl.col("checked_in_on").alias("from"),
                pl.col("checked_out_on")
                .fill_null(pl.lit(window.last_day + 1, dtype=pl.Int32).cast(pl.Date))
                .alias("to"),
            ),
        ]
    )


def _at_home(seed: int, county: County, tale: Story, feeds: Feeds, window: Window) -> Feeds:
    """Assessments, the difficulty register, visits, family beds, orders, adaptations."""
    folk, housed = tale.people, tale.stays.select("person").unique()
    beds = pl.concat(
        [
            care.family_bed(seed, county, folk, housed, tale.houses, window),
            tale.rows_of("family_bed"),
        ]
    )
    difficult = care.special_difficulty(seed, county, folk, housed, window)
    clients = _clients(seed, county, tale, beds, housed, window)
    team = services.workers_needed(len(clients))
    staff = care.staff(seed, county, folk, "worker", team)
    planned = services.timetable(seed, county, clients, staff, window)
    doctors = feeds["doctor"]
    done = services.free_of(planned, _absences(doctors, tale.stays, window))
    orders = services.orders(
        seed, county, pl.concat([done.drop("month_number", "death"), tale.rows_of("order")])
    )
    visitors = care.staff(seed, county, folk, "visitor", max(len(difficult) // 15, 4))
    assessed = pl.concat(
        [
            housed,
            beds.select("person"),
            clients.select("person"),
            difficult.filter(pl.col("kind").is_in(["disabled", "severe_disability"])).select(
                "person"
            ),
        ]
    )
    social = care.staff(seed, county, folk, "social_worker", max(len(folk) // 300, 3))
    return {
        "ability_assessment": care.ability_assessment(
            seed, county, folk, assessed, care.staff(seed, county, folk, "assessor", 12)
        ),
        "special_difficulty": difficult.drop("death"),
        "home_visit": care.home_visit(seed, county, difficult, visitors, window),
        "family_bed": beds,
        "home_service_order": orders,
        "home_adaptation": care.home_adaptation(seed, county, folk, window),
        "social_worker": care.social_worker(seed, county, folk, social, window),
    }


def _clients(
    seed: int, county: County, tale: Story, beds: pl.DataFrame, housed: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """Who is served at home: holders of family beds and some of the frail."""
    rng = generator(seed, "clients", county.code)
    frail = (
        tale.people.filter((pl.col("age") > 66) & (pl.col("grade") >= 1) & ~pl.col("reserved"))
        .join(housed, on="person", how="anti")
        .sort("person")
    )
    some = frail.filter(
        pl.Series(rng.random(len(frail)) < 0.16) | pl.col("person").is_in(beds["person"].implode())
    )
    since = window.first_month + rng.integers(-12, window.months - 1, len(some))
    return some.select(
        "person",
        "id_no",
        "death",
        pl.max_horizontal(pl.Series(since), pl.lit(window.first_month))
        .cast(pl.Int32)
        .alias("since"),
        pl.min_horizontal(
            month_of_day(pl.col("death")).fill_null(window.last_month), pl.lit(window.last_month)
        )
        .cast(pl.Int32)
        .alias("until"),
    ).with_columns(provider_code=pl.lit(tale.provider))


def _money(seed: int, county: County, tale: Story, feeds: Feeds, window: Window) -> Feeds:
    """Assistance and every payment."""
    folk, stays = tale.people, feeds["facility_stay"]
    assisted = relief.members(
        seed,
        county,
        folk,
        relief.households(seed, county, folk),
        stays.filter(pl.col("facility_code").is_in(list(tale.homes))).select("person"),
    )
    away = pl.concat([stays.select("person"), feeds["family_bed"].select("person")])
    entitled = [
        benefits.old_age(folk, window),
        relief.dibao(assisted, window),
        relief.tekun(assisted, window),
        relief.other_benefits(seed, county, folk, assisted, away, window),
        care.family_bed_months(feeds["family_bed"], window),
    ]
    rows = benefits.expand(pl.concat([e.cast(benefits.ENTITLEMENT) for e in entitled]))
    personal = pl.col("programme_code").is_in(["old_age_allowance", "veteran_care_allowance"])
    unpaid = tale.rows_of("unpaid").with_columns(gone=pl.lit(value=True))
    rows = (
        rows.join(unpaid, on=["person", "month"], how="left", maintain_order="left")
        .filter(~(personal & pl.col("gone").fill_null(value=False)))
        .drop("gone")
    )
    rows = pl.concat([rows, tale.rows_of("payment"), story.granted(tale, window)])
    rows = renumbering.pay_by_old_number(rows, tale.renumbered)
    owners = claims.facility_accounts(county, tale.houses)
    holders = story.holders(tale, benefits.accounts(seed, county, folk), owners)
    operating = claims.operating_payments(feeds["facility_claim"], owners, county, window)
    return {
        "assistance_member": relief.assistance_member(county, assisted),
        "subsidy_payment": pl.concat([benefits.payments(rows, county, holders), operating]),
    }


def province_feeds(seed: int, window: Window) -> Feeds:
    """Feeds that one department delivers for the whole province."""
    return {
        "region": region_rows(),
        "programme": programmes.programme(),
        "subsidy_standard": programmes.subsidy_standard(),
        "welfare_fund": civic.welfare_fund(seed, window),
        "region_boundary": civic.region_boundary(),
    }
