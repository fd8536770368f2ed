"""A county's people and houses once its cases have been fitted in."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from synthetic import benefits, care, facilities, renumbering
from synthetic.calendar import Window, first_day
from synthetic.cases import beds, home, houses, life, money, plan
from synthetic.cases.plan import Plants
from synthetic.draws import generator
from synthetic.programmes import FAMILY_BED
from synthetic.regions import County
from synthetic.register import SOURCES

SETTABLE = {
    "death": pl.Date,
    "birth": pl.Date,
    "name": pl.String,
    "male": pl.Boolean,
    "age": pl.Float64,
    "veteran": pl.Boolean,
    "grade": pl.Int64,
}
ROWS: dict[str, dict[str, pl.DataType | type[pl.DataType]]] = {
    "payment": dict(benefits.ROW),
    "unpaid": {"person": pl.Int64, "month": pl.Int32},
    "certificate": {"person": pl.Int64, "death_date": pl.Date, "name": pl.String},
    "doctor": {"person": pl.Int64, "kind": pl.String, "day": pl.Date, "days": pl.Int64},
    "reenrolment": {"person": pl.Int64, "ended_on": pl.Date},
    "new_number": dict(renumbering.SCHEMA),
    "left": {"person": pl.Int64, "on": pl.Date},
    "account": {"person": pl.Int64, "owner": pl.Int64, "facility": pl.String},
    "entitlement": {
        "person": pl.Int64,
        "programme_code": pl.String,
        "amount": pl.Int64,
        "facility_code": pl.String,
    },
    "stay": {
        "person": pl.Int64,
        "stay_no": pl.String,
        "checked_in_on": pl.Date,
        "checked_out_on": pl.Date,
        "facility_code": pl.String,
        "bed_no": pl.String,
        "payer": pl.String,
        "first_told": pl.Date,
        "claim_days": pl.Int64,
        "claim_days_month": pl.Int32,
    },
    "family_bed": {"person": pl.Int64, "set_up_on": pl.Date, "ended_on": pl.Date},
    "order": {
        "person": pl.Int64,
        "worker_id_no": pl.String,
        "start": pl.Datetime("us"),
        "minutes": pl.Int64,
        "item": pl.Int64,
        "provider_code": pl.String,
    },
}
"""What the cases add, feed by feed, as they write it."""


@dataclass(frozen=True)
class Story:
    """The county after the cases: people, houses, stays, and the rows that the cases add."""

    county: County
    people: pl.DataFrame
    houses: pl.DataFrame
    stays: pl.DataFrame
    homes: tuple[str, ...]
    provider: str
    fixed_deaths: pl.DataFrame
    left: pl.DataFrame
    renumbered: pl.DataFrame
    planted: dict[str, pl.DataFrame]
    cases: list[dict[str, object]]

    def rows_of(self, feed: str) -> pl.DataFrame:
        """The cases' rows for a feed, in the shape of its builder."""
        return self.planted[feed]


def _change(people: pl.DataFrame, plants: Plants) -> pl.DataFrame:
    """People with what the cases set about their lives."""
    rows = [
        {"person": person, **{k: v for k, v in change.items() if k in SETTABLE}}
        for person, change in plants.changes.items()
    ]
    changes = pl.DataFrame(rows, schema={"person": pl.Int64, **SETTABLE})
    return (
        people.join(changes, on="person", how="left", suffix="_set", maintain_order="left")
        .with_columns(pl.coalesce(f"{c}_set", c).alias(c) for c in SETTABLE)
        .drop(f"{c}_set" for c in SETTABLE)
    )


def _fixed(plants: Plants) -> pl.DataFrame:
    rows = [
        {"person": person, **{k: v for k, v in change.items() if k in SOURCES}}
        for person, change in plants.changes.items()
        if "death" in change
    ]
    return pl.DataFrame(rows, schema={"person": pl.Int64(), **SOURCES})


def _shaped(plants: Plants, people: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The cases' rows as the builders of the feeds want them."""
    raw = {
        feed: pl.DataFrame(plants.rows.get(feed, []), schema=schema)
        for feed, schema in ROWS.items()
    }
    who = people.select("person", "id_no", "name", "death", "grade")
    identity = who.select("person", "id_no")
    raw["certificate"] = (
        raw["certificate"]
        .join(who, on="person", suffix="_own")
        .select(
            "person",
            "id_no",
            pl.coalesce("name", "name_own").alias("name"),
            pl.col("death_date").alias("death"),
        )
    )
    raw["doctor"] = (
        raw["doctor"]
        .join(identity, on="person")
        .select(
            "person",
            "id_no",
            "kind",
            pl.col("day").cast(pl.Int32).cast(pl.Int64).alias("start"),
            "days",
            pl.lit(None, dtype=pl.Date).alias("death"),
        )
    )
    raw["order"] = (
        raw["order"]
        .join(identity, on="person")
        .select("person", "id_no", "worker_id_no", "start", "minutes", "item", "provider_code")
    )
    carers = list(plants.homes) or [""]
    raw["family_bed"] = (
        raw["family_bed"]
        .join(identity, on="person")
        .with_row_index("n")
        .select(
            "person",
            pl.format(
                "J{}9{}", pl.lit(plants.county.short), pl.col("n").cast(pl.String).str.zfill(5)
            ).alias("bed_no"),
            "id_no",
            pl.lit(carers[0]).alias("facility_code"),
            "set_up_on",
            "ended_on",
            pl.lit(FAMILY_BED).cast(pl.Decimal(18, 2)).alias("monthly_subsidy"),
        )
    )
    raw["stay"] = (
        raw["stay"]
        .join(who, on="person")
        .select(
            "person",
            "stay_no",
            "facility_code",
            "id_no",
            "name",
            "bed_no",
            pl.max_horizontal("grade", pl.lit(2, dtype=pl.Int64)).alias("care_grade"),
            "checked_in_on",
            "checked_out_on",
            "payer",
            "first_told",
            "claim_days",
            "claim_days_month",
        )
    )
    return raw


def tell(
    seed: int,
    county: County,
    people: pl.DataFrame,
    houses_: pl.DataFrame,
    window: Window,
    quota: dict[str, int],
) -> Story:
    """Set people aside, let the cases happen to them, and fill the houses.

    Returns:
        The story from which every feed of the county is told.
    """
    chosen = plan.reserve(seed, county, people, quota, window)
    reserved = people.join(chosen, on="person")
    people = people.with_columns(
        reserved=pl.col("household").is_in(reserved["household"].unique().implode())
    )
    open_since = first_day(window.first_month - 18)
    homes = houses_.filter(pl.col("kind") == "institution")
    steady = homes.filter(pl.col("opened_on") < open_since)
    if steady.is_empty():
        steady = homes
    spare = facilities.spare_beds(len(people), len(homes))
    staff = care.staff(seed, county, people, "planted", max(4 * len(chosen), 20))
    providers = houses_.filter(pl.col("kind") == "township_centre")["facility_code"].to_list()
    providers = (providers + homes["facility_code"].to_list())[:2]
    plants = Plants(
        county=county,
        window=window,
        rng=generator(seed, "plants", county.code),
        people=reserved,
        homes=dict.fromkeys(steady["facility_code"], spare),
        day_care=houses_.filter(pl.col("kind") == "day_care")["facility_code"].to_list(),
        provider=providers[0],
        other_provider=providers[-1],
        workers=staff["id_no"].to_list(),
    )
    for family in (life, money, houses, home):
        family.plant(plants)
    people = _change(people, plants)
    planted = _shaped(plants, people)
    ordinary = facilities.stays(seed, county, people, homes, spare, window)
    stays = pl.concat([ordinary, planted["stay"]], how="diagonal_relaxed")
    houses_, stays = beds.plant(plants, houses_, stays, quota)
    left = planted["left"].rename({"on": "left_on"})
    return Story(
        county=county,
        people=people,
        houses=houses_,
        stays=stays.sort("stay_no"),
        homes=tuple(homes["facility_code"]),
        provider=providers[0],
        fixed_deaths=_fixed(plants),
        left=left,
        renumbered=renumbering.changes(seed, county, people, planted["new_number"], window),
        planted=planted,
        cases=plants.cases,
    )


def granted(tale: Story, window: Window) -> pl.DataFrame:
    """benefits.ROW of the entitlements that cases add, for the whole window."""
    rows = tale.rows_of("entitlement").with_columns(
        first=pl.lit(window.first_month, dtype=pl.Int32),
        last=pl.lit(window.last_month, dtype=pl.Int32),
    )
    return (
        benefits.expand(rows.drop("facility_code"))
        .join(
            rows.select("person", "programme_code", house="facility_code"),
            on=["person", "programme_code"],
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.col("house").alias("facility_code"))
        .drop("house")
        .select(list(benefits.ROW))
    )


def holders(tale: Story, own: pl.DataFrame, houses_: pl.DataFrame) -> pl.DataFrame:
    """[person] id_no, name, bank_account, account_name, with the accounts that cases share."""
    given = tale.rows_of("account")
    theirs = (
        given.join(own, left_on="owner", right_on="person", how="left")
        .join(
            houses_.select(
                pl.col("facility_code").alias("facility"),
                pl.col("bank_account").alias("house_account"),
                pl.col("account_name").alias("house_name"),
            ),
            on="facility",
            how="left",
        )
        .select(
            "person",
            pl.coalesce("house_account", "bank_account").alias("given_account"),
            pl.coalesce("house_name", "account_name").alias("given_name"),
        )
    )
    return (
        tale.people.select("person", "id_no", "name", "reserved")
        .join(own, on="person", how="left", maintain_order="left")
        .join(theirs, on="person", how="left", maintain_order="left")
        .select(
            "person",
            "id_no",
            "name",
            pl.coalesce("given_account", "bank_account").alias("bank_account"),
            pl.coalesce("given_name", "account_name").alias("account_name"),
        )
    )
