"""One county's feeds, from its people to its payments."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from synthetic import benefits, civic, facilities, people, programmes, register
from synthetic.calendar import Window
from synthetic.draws import generator
from synthetic.regions import County, region_rows

Feeds = dict[str, pl.DataFrame]
"""Feed name → typed rows in the contract's columns, plus `person` and `_period` as helpers."""


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
    """Add what a person's life depends on: disability `grade` (0-4), veteran, reserved, free."""
    rng = generator(seed, "dispositions", county.code)
    size = len(frame)
    age = frame["age"].to_numpy()
    risk = 1 / (1 + 2.718281828 ** (-(age - 88) / 7.5)) * 0.75 + 0.012
    draw = rng.random(size) / risk
    grade = (draw < 1.0).astype(int) + (draw < 0.55) + (draw < 0.28) + (draw < 0.10)
    veteran = (age > 79) & frame["male"].to_numpy() & (rng.random(size) < 0.03)
    return frame.with_columns(
        grade=pl.Series(grade), veteran=pl.Series(veteran),
        reserved=pl.lit(value=False), free=pl.lit(value=True),
    )


def county_feeds(seed: int, county: County, persons: int, window: Window) -> Feeds:
    """Every feed's rows for one county."""
    folk = dispositions(seed, county, people.people(seed, county, persons, window))
    deaths = register.with_deaths(seed, county, folk)
    houses = facilities.facility(seed, county, persons, window)
    homes = houses.filter(pl.col("kind") == "institution")
    holders = folk.select("person", "id_no", "name").join(
        benefits.accounts(seed, county, folk), on="person", how="left", maintain_order="left")
    paid = benefits.payments(
        benefits.expand(benefits.old_age(folk, window)), county, holders, "P")
    return {
        "household_person": register.household_person(seed, county, folk, deaths, window),
        "death_certificate": register.death_certificate(seed, county, deaths),
        "cremation": register.cremation(seed, county, deaths),
        "medical_enrolment": register.medical_enrolment(seed, county, folk, window),
        "facility": houses,
        "facility_stay": facilities.stays(seed, county, folk, homes, window),
        "subsidy_payment": paid,
        "population_count": civic.population_count(county, folk, window),
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
