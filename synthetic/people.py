"""Households and the people in them, with births, deaths and moves over the window.

Grain of the people frame: one row a person. `person` is the person's own number in the province.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from synthetic import identity
from synthetic.calendar import Window
from synthetic.draws import NO_DAY, Floats, Ints, Rng, dates, generator, pick, text
from synthetic.regions import County, neighbours

HOUSEHOLD_TYPES = ("elder_alone", "elder_couple", "three_generations", "family", "single_adult")
TYPE_SHARES = (0.090, 0.118, 0.190, 0.375, 0.227)
PERSONS_A_HOUSEHOLD = 2.72
ELDER_AGES = (60, 65, 70, 75, 80, 85, 90, 95, 100, 106)
ELDER_SHARES = (0.285, 0.255, 0.195, 0.118, 0.082, 0.044, 0.0165, 0.0035, 0.001)
YEAR = 365.2425
PERSON_BASE = 100_000_000
"""A county's persons are numbered from its index times this."""


@dataclass(frozen=True)
class Members:
    """Parallel arrays, one entry a household member: household, role, sex and age at the clock."""

    household: Ints
    role: Ints
    male: np.ndarray
    age: Floats


ROLES = ("02", "11", "12", "20", "30", "51", "52")
HEAD, HUSBAND, WIFE, SON, DAUGHTER, FATHER, MOTHER = range(7)


def elder_ages(rng: Rng, size: int, factor: float) -> Floats:
    """Ages from 60 up, thinning out; `factor` above 1 makes a county older."""
    band = pick(rng, ELDER_SHARES, size, [s * factor**i for i, s in enumerate(ELDER_SHARES)])
    low = np.array(ELDER_AGES)[band]
    ages: Floats = low + rng.random(size) * (np.array(ELDER_AGES)[band + 1] - low)
    return ages


def _couples(rng: Rng, household: Ints, age: Floats) -> list[Members]:
    """A head and a spouse of the other sex, some years apart."""
    male = rng.random(len(household)) < 0.86
    apart = rng.normal(2.0, 2.5, len(household))
    spouse = np.maximum(age - np.where(male, apart, -apart), 20.0)
    return [
        Members(household, np.full(len(household), HEAD), male, age),
        Members(household, np.where(male, WIFE, HUSBAND), ~male, spouse),
    ]


def _children(rng: Rng, household: Ints, parent: Floats) -> Members:
    """Up to three children, at most 24 years old and at least 21 years younger than the head."""
    count = pick(rng, range(4), len(household), (0.12, 0.46, 0.34, 0.08))
    owner = np.repeat(np.arange(len(household)), count)
    male = rng.random(len(owner)) < 0.525
    age = rng.random(len(owner)) * np.clip(parent[owner] - 21, 0.5, 24.0)
    # Some who follow in one household are twins, born on one day.
    twin = (rng.random(len(owner)) < 0.015) & (np.roll(owner, 1) == owner)
    age = np.where(twin, np.roll(age, 1), age)
    return Members(household[owner], np.where(male, SON, DAUGHTER), male, age)


def _parents(rng: Rng, household: Ints, head: Floats, factor: float) -> Members:
    """One or two of the head's parents, at least 20 years older."""
    both = rng.random(len(household)) < 0.45
    first_male = rng.random(len(household)) < 0.38
    age = np.maximum(elder_ages(rng, len(household), factor), head + 20)
    second = np.maximum(age[both] + rng.normal(0, 2.5, int(both.sum())), head[both] + 19)
    owner = np.concatenate([household, household[both]])
    male = np.concatenate([first_male, ~first_male[both]])
    return Members(owner, np.where(male, FATHER, MOTHER), male, np.concatenate([age, second]))


def _members(rng: Rng, count: int, factor: float) -> Members:
    shares = [s * (factor if i < 3 else 1.0) for i, s in enumerate(TYPE_SHARES)]
    kind = pick(rng, HOUSEHOLD_TYPES, count, shares)
    parts: list[Members] = []

    def of(name: str) -> Ints:
        return np.flatnonzero(kind == HOUSEHOLD_TYPES.index(name))

    alone = of("elder_alone")
    parts.append(
        Members(
            alone,
            np.full(len(alone), HEAD),
            rng.random(len(alone)) < 0.36,
            elder_ages(rng, len(alone), factor * 1.06),
        )
    )
    couple = of("elder_couple")
    parts += _couples(rng, couple, elder_ages(rng, len(couple), factor * 0.97))
    young = of("family")
    head = 24 + rng.beta(1.5, 1.35, len(young)) * 35.9
    parts += [*_couples(rng, young, head), _children(rng, young, head)]
    three = of("three_generations")
    head = 30 + rng.beta(1.4, 1.4, len(three)) * 29
    parts += [
        *_couples(rng, three, head),
        _children(rng, three, head),
        _parents(rng, three, head, factor),
    ]
    single = of("single_adult")
    parts.append(
        Members(
            single,
            np.full(len(single), HEAD),
            rng.random(len(single)) < 0.56,
            18 + rng.random(len(single)) * 42,
        )
    )
    return Members(
        *(
            np.concatenate([getattr(p, f) for p in parts])
            for f in ("household", "role", "male", "age")
        )
    )


def death_days(rng: Rng, age: Floats, window: Window) -> Ints:
    """Day of death within the window, or NO_DAY; Gompertz mortality."""
    yearly = np.minimum(0.00035 + 0.000021 * np.exp(0.0985 * age), 0.9)
    dies = rng.random(len(age)) < 1 - (1 - yearly) ** (window.months / 12)
    span = window.last_day - window.first_day
    when = window.first_day + (rng.random(len(age)) * span).astype(np.int64)
    alive_long_enough = when - (window.last_day - age * YEAR) > 30
    return np.where(dies & alive_long_enough, when, NO_DAY)


def _places(rng: Rng, county: County, members: Members, count: int) -> dict[str, pl.Series]:
    """Hukou village of the household; residence elsewhere for some of the working age."""
    weight = np.where(county.urban, 2.2, 1.0) * generator(7, county.code).gamma(
        4.0, 1.0, len(county.villages)
    )
    village = pick(rng, county.villages, count, list(weight))[members.household]
    size = len(village)
    draw = rng.random(size)
    working = (members.age > 18) & (members.age < 60)
    elsewhere = pick(rng, county.villages, size)
    inside = np.where(draw < np.where(working, 0.12, 0.05), elsewhere, village)
    away = draw > np.where(working, 0.95, 0.993)
    others = list(neighbours(county.code)) or [county.code]
    abroad = text(others, pick(rng, others, size))
    residence = text(county.villages, inside)
    return {
        "hukou_region_code": text(county.villages, village),
        "residence_region_code": pl.select(
            pl.when(pl.Series(away)).then(abroad).otherwise(residence).alias("r")
        )["r"],
        "urban": pl.Series(np.array(county.urban)[village]),
    }


def _surnames(rng: Rng, members: Members, count: int) -> Ints:
    """Children and the father carry the husband's surname; wives and mothers their own."""
    house = identity.surnames(rng, count)[members.household]
    own = identity.surnames(rng, len(members.household))
    born_elsewhere = np.isin(members.role, (WIFE, MOTHER))
    return np.where(born_elsewhere, own, house)


def people(seed: int, county: County, persons: int, window: Window) -> pl.DataFrame:
    """The people of a county.

    Args:
        seed: the province's seed.
        county: where they live.
        persons: how many, roughly.
        window: the months to live through.

    Returns:
        [person] id_no, name, male, birth, age (years at the clock, had they lived), household
        (local number), household_no, relation_to_head, hukou_region_code,
        residence_region_code, urban,
        death (Date or null).
    """
    rng = generator(seed, "people", county.code)
    factor = 0.93 + 0.14 * generator(seed, "ageing", county.code).random()
    count = max(int(persons / PERSONS_A_HOUSEHOLD), 1)
    members = _members(rng, count, factor)
    order = np.lexsort((members.role, members.household))
    members = Members(*(getattr(members, f)[order] for f in ("household", "role", "male", "age")))
    size = len(order)
    birth = (window.last_day - members.age * YEAR).astype(np.int64)
    death = death_days(rng, members.age, window)
    seventeen = identity.id_numbers(rng, county, birth, members.male)
    given = identity.given_names(rng, members.male, members.age < 26)
    surname = text(identity.SURNAMES, _surnames(rng, members, count))
    return pl.DataFrame(
        {
            "person": np.arange(size, dtype=np.int64) + county.index * PERSON_BASE,
            "id_no": identity.finish(seventeen),
            "name": surname + given,
            "male": members.male,
            "birth": dates(birth),
            "age": members.age,
            "household": members.household,
            "household_no": text(
                [f"{county.short}{i:09d}" for i in range(1, count + 1)], members.household
            ),
            "relation_to_head": text(ROLES, members.role),
            **_places(rng, county, members, count),
            "death": dates(death),
        }
    )
