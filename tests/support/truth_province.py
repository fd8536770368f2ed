"""The ground truth of the synthetic province, as an independent reader would use it.

Regions and their tree, persons and their ID numbers, deaths and residences, from the accepted rows
of the truth's folder `clean`, after the definitions' words and without any of the project's SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl

from ingestion.contracts import load_contracts
from tests.support.clean_lake import truth_rows
from yinling.settings import PROJECT_DIR

LEVELS = ("county", "prefecture", "province")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def full_number(text: str) -> str:
    """An ID number with 18 digits, as GB 11643 writes it."""
    number = text.strip().translate({0xFF01 + i: 0x21 + i for i in range(94)}).upper()
    if len(number) != 15:
        return number
    century = "18" if number[12:] in ("996", "997", "998", "999") else "19"
    body = number[:6] + century + number[6:]
    total = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


@dataclass
class Places:
    """The tree of regions: which county, prefecture and province of today a code lies in."""

    regions: pl.DataFrame

    def __post_init__(self) -> None:
        latest = self.regions.sort("valid_from").unique("region_code", keep="last")
        self.rows = {row["region_code"]: row for row in latest.iter_rows(named=True)}
        self.found: dict[str, set[str]] = {}

    def current(self, code: str) -> bool:
        return self.rows[code]["valid_to"] is None

    def above(self, code: str | None) -> set[str]:
        """Today's regions that contain the code, itself too; of a split, what all parts share."""
        if code is None or code not in self.rows:
            return set()
        if code not in self.found:
            row = self.rows[code]
            if self.current(code):
                self.found[code] = {code} | self.above(row["parent_code"])
            else:
                parts = [self.above(part) for part in (row["successor_codes"] or "").split(";")]
                self.found[code] = set.intersection(*parts)
        return self.found[code]

    def table(self, codes: pl.Series, levels: tuple[str, ...] = LEVELS) -> pl.DataFrame:
        """[region_code, place] for the codes given."""
        pairs = [
            (code, place)
            for code in codes.drop_nulls().unique()
            for place in self.above(code)
            if self.rows[place]["level"] in levels
        ]
        return pl.DataFrame(
            pairs, schema={"region_code": pl.String, "place": pl.String}, orient="row"
        )

    def shown(self) -> list[str]:
        return [c for c, r in self.rows.items() if r["level"] in LEVELS and self.current(c)]


class Province:
    """The delivered rows of a province and what the definitions make of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables: dict[str, pl.DataFrame] = {}
        contracts = load_contracts(PROJECT_DIR / "ingestion" / "contracts")
        self.keys = {name: contract.key for name, contract in contracts.items()}
        self.places = Places(self.read("region"))

    def read(self, dataset: str) -> pl.DataFrame:
        """All rows of a dataset; a column `person` stands for the person behind each id_no."""
        if dataset not in self.tables:
            self.tables[dataset] = self._read(dataset)
        return self.tables[dataset]

    def _read(self, dataset: str) -> pl.DataFrame:
        frame = truth_rows(self.folder / f"{dataset}.parquet")
        for column in [name for name in frame.columns if name.endswith("id_no")]:
            numbers = frame[column].drop_nulls().unique().to_list()
            full = {number: full_number(number) for number in numbers}
            frame = frame.with_columns(pl.col(column).replace(full))
        # A facility's monthly rows are its history; of all else the last delivered row counts.
        if dataset != "facility":
            frame = frame.sort("_batch_id", "_row_no").unique(self.keys[dataset], keep="last")
        if "id_no" in frame.columns:
            numbers = frame["id_no"].drop_nulls().unique().to_list()
            known = {number: self.person(number) for number in numbers}
            frame = frame.with_columns(person=pl.col("id_no").replace(known))
        return frame

    @cached_property
    def renumbered(self) -> dict[str, str]:
        changes = truth_rows(self.folder / "household_id_change.parquet")
        return {
            full_number(row["old_id_no"]): full_number(row["new_id_no"])
            for row in changes.iter_rows(named=True)
        }

    def person(self, number: str) -> str:
        """The ID number that stands for the holder of this one today."""
        number, seen = full_number(number), set()
        while number in self.renumbered and number not in seen:
            seen.add(number)
            number = self.renumbered[number]
        return number

    @cached_property
    def people(self) -> pl.DataFrame:
        """household_person as it changed: each row holds from `since` (blank: always) to `until`.

        A number that was replaced says nothing more once the new number's row is known.
        """
        own = pl.col("id_no") == pl.col("person")
        known = pl.col("updated_at").dt.date()
        first_own = pl.col("updated_at").filter(own).min().over("person")
        ended = (pl.col("status") != "normal") & (pl.col("status_date") <= known)
        return (
            self.read("household_person")
            .filter(own | first_own.is_null() | (pl.col("updated_at") < first_own))
            .sort("person", "updated_at")
            .with_columns(since=pl.when(ended).then("status_date").otherwise(known))
            .with_columns(until=pl.col("since").shift(-1).over("person"))
            .with_columns(
                since=pl.when(pl.col("since").shift(1).over("person").is_not_null()).then("since")
            )
        )

    def people_on(self, day: date) -> pl.DataFrame:
        begun = pl.col("since").is_null() | (pl.col("since") <= day)
        return self.people.filter(begun & (pl.col("until").is_null() | (pl.col("until") > day)))

    @cached_property
    def deaths(self) -> pl.DataFrame:
        """[person, death_date] of confirmed, uncontested deaths."""
        names = self.people.select("person", registered="name").unique()
        reports = {}
        for source, dataset in (("certificate", "death_certificate"), ("cremation", "cremation")):
            rows = self.read(dataset).join(names, on="person")
            reports[source] = (
                rows.filter(pl.col("name") == pl.col("registered"))
                .sort("issued_on" if source == "certificate" else "cremated_on")
                .unique("person", keep="last")
                .select("person", pl.col("death_date").alias(source))
            )
        cancelled = self.people.filter(
            (pl.col("status") == "cancelled_death") & pl.col("until").is_null()
        )
        reports["household"] = cancelled.select("person", household="status_date")
        ended = self.read("medical_enrolment").filter(pl.col("end_reason") == "death")
        reports["enrolment"] = ended.group_by("person").agg(enrolment=pl.col("valid_to").max())
        table = pl.concat([frame.select("person") for frame in reports.values()]).unique()
        for frame in reports.values():
            table = table.join(frame, on="person", how="left")
        sources = pl.sum_horizontal(pl.col(list(reports)).is_not_null())
        dead = table.filter(pl.col("certificate").is_not_null() | (sources >= 2)).with_columns(
            death_date=pl.coalesce(
                "certificate", "cremation", pl.min_horizontal("household", "enrolment")
            )
        )
        visits = self.read("medical_settlement").filter(
            pl.col("visit_kind").is_in(["inpatient", "outpatient"])
        )
        contested = (
            visits.join(dead, on="person")
            .filter(pl.col("admitted_at").dt.date() > pl.col("death_date").dt.offset_by("3d"))
            .select("person")
        )
        return dead.join(contested, on="person", how="anti").select("person", "death_date")

    def alive(self, frame: pl.DataFrame, day: date) -> pl.DataFrame:
        gone = self.deaths.filter(pl.col("death_date") <= day)
        return frame.join(gone, on="person", how="anti")

    def placed(self, frame: pl.DataFrame, code: str = "region_code") -> pl.DataFrame:
        """The rows once for each region (county, prefecture, province) they lie in: `place`."""
        named = frame.with_columns(region_code=pl.col(code))
        return named.join(self.places.table(named["region_code"]), on="region_code")

    def at_home(self, frame: pl.DataFrame, on: pl.Expr) -> pl.DataFrame:
        """The rows at the residence of their person on the day `on`."""
        homes = self.people.select("person", "since", "until", home="residence_region_code")
        there = (pl.col("since").is_null() | (pl.col("since") <= on)) & (
            pl.col("until").is_null() | (pl.col("until") > on)
        )
        return self.placed(frame.join(homes, on="person").filter(there), "home")


def holds(start: str, end: str, day: date) -> pl.Expr:
    """start <= day and (end blank or end > day)."""
    return (pl.col(start) <= day) & (pl.col(end).is_null() | (pl.col(end) > day))
