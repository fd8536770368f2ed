"""Feeds about persons that follow from what the other feeds of the county tell."""

from __future__ import annotations

import polars as pl

from synthetic import health, insurance, means, pensions, services, training, treasury
from synthetic.calendar import Window
from synthetic.draws import generator
from synthetic.regions import County
from synthetic.story import Story

STAFF_COLUMNS = {
    "home_service_order": "worker_id_no",
    "home_visit": "visitor_id_no",
    "ability_assessment": "assessor_id_no",
    "social_worker": "id_no",
    "facility_staff": "id_no",
}


def feeds(
    seed: int,
    county: County,
    tale: Story,
    told: dict[str, pl.DataFrame],
    absences: pl.DataFrame,
    window: Window,
) -> dict[str, pl.DataFrame]:
    """The twelve feeds of one county.

    Args:
        told: the county's other feeds.
        absences: [person, from, to] days in a hospital or facility.
    """
    folk, members, payments = tale.people, told["assistance_member"], told["subsidy_payment"]
    busy = pl.concat(
        [told[feed].select(id_no=pl.col(column)) for feed, column in STAFF_COLUMNS.items()]
    ).unique()
    custody = means.custody_period(seed, county, folk, members, busy, window)
    institutions = health.health_institution(seed, county)
    assessments = insurance.ltci_assessment(seed, county, folk, told["medical_enrolment"])
    housed = tale.stays.select("person").unique()
    clients = insurance.clients(folk, assessments, housed, tale.provider, window)
    workers = _workers(seed, county, folk, busy, custody, services.workers_needed(len(clients)))
    done = insurance.visits(seed, county, clients, workers, absences, window)
    made = {
        "ltci_assessment": assessments,
        "ltci_claim": insurance.ltci_claim(county, done),
        "asset_check": means.asset_check(seed, county, members),
        "treasury_batch": treasury.treasury_batch(seed, county, payments),
        "recovery": treasury.recovery(seed, county, folk, payments),
        "disability_certificate": means.disability_certificate(seed, county, folk, payments),
        "custody_period": custody,
        "health_institution": institutions,
        "health_contract": health.health_contract(seed, county, folk, institutions, window),
        "training_record": training.training_record(
            seed,
            county,
            folk,
            _at_work(told, workers),
            pl.concat([clients.select("person"), told["family_bed"].select("person")]).unique(),
            absences,
            window,
        ),
    }
    if pensions.hands_over(county):
        away = custody.select("person")
        made["pension_payment"] = pensions.pension_payment(
            seed, county, folk, told["medical_enrolment"], window
        )
        made["employment_contribution"] = pensions.employment_contribution(
            seed, county, folk, members, _employed(told), away, window
        )
    return made


def _at_work(told: dict[str, pl.DataFrame], workers: pl.DataFrame) -> pl.DataFrame:
    """[id_no] role (director, carer) of those who are trained for their work."""
    staff = told["facility_staff"].filter(pl.col("role").is_in(["director", "carer"]))
    carer = pl.lit("carer").alias("role")
    return pl.concat(
        [
            staff.select("id_no", "role"),
            workers.select("id_no", carer),
            told["home_service_order"].select(pl.col("worker_id_no").alias("id_no"), carer),
        ]
    ).unique("id_no", keep="first", maintain_order=True)


def _employed(told: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """[person, hired_on] employer_uscc, left_on: staff of houses, employed by their house."""
    return (
        told["facility_staff"]
        .join(
            told["facility"].select("facility_code", pl.col("uscc").alias("employer_uscc")),
            on="facility_code",
            maintain_order="left",
        )
        .select("person", "employer_uscc", "hired_on", "left_on")
    )


def _workers(
    seed: int,
    county: County,
    people: pl.DataFrame,
    busy: pl.DataFrame,
    custody: pl.DataFrame,
    size: int,
) -> pl.DataFrame:
    """[person, id_no] of the fund's care workers: healthy adults who have no other job in care."""
    rng = generator(seed, "ltci workers", county.code)
    able = (
        people.filter(
            (pl.col("age") > 28)
            & (pl.col("age") < 56)
            & pl.col("death").is_null()
            & ~pl.col("reserved")
        )
        .join(busy, on="id_no", how="anti")
        .join(custody, on="person", how="anti")
        .sort("person")
        .select("person", "id_no")
    )
    return able[rng.permutation(len(able))].head(max(size, 2))
