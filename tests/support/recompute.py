"""The twelve indicators once more, from the departments' rows, without any of the project's SQL.

Written for being obviously right, not for speed: for every month's last day, the rows that hold on
that day are filtered, placed and counted. Input is a folder with one Parquet file a dataset, in the
columns of the contracts (ID numbers in the clear). Output: [indicator_id, region_code, period_end]
with numerator and denominator (float, base units; null where there is nothing to count from).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import polars as pl

from tests.support.clean_lake import typed

LEVELS = ("county", "prefecture", "province")
COMMUNITY = ("community_embedded", "day_care", "rural_mutual_aid", "township_centre")
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


def month_end(day: date) -> date:
    first = day.replace(day=1)
    return (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


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
        self.places = Places(self.read("region"))

    def read(self, dataset: str) -> pl.DataFrame:
        """All rows of a dataset; a column `person` stands for the person behind each id_no."""
        if dataset not in self.tables:
            self.tables[dataset] = self._read(dataset)
        return self.tables[dataset]

    def _read(self, dataset: str) -> pl.DataFrame:
        frame = typed(pl.read_parquet(self.folder / f"{dataset}.parquet"))
        if "id_no" not in frame.columns:
            return frame
        numbers = frame["id_no"].drop_nulls().unique().to_list()
        known = {number: self.person(number) for number in numbers}
        return frame.with_columns(
            pl.col("id_no")
            .replace_strict(known, default=None, return_dtype=pl.String)
            .alias("person")
        )

    @cached_property
    def renumbered(self) -> dict[str, str]:
        changes = pl.read_parquet(self.folder / "household_id_change.parquet")
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
        """household_person, one row a person (the row of the newest number)."""
        return (
            self.read("household_person")
            .with_columns(current=pl.col("id_no") == pl.col("person"))
            .sort("current", "updated_at")
            .unique("person", keep="last")
        )

    @cached_property
    def deaths(self) -> pl.DataFrame:
        """[person, death_date] of confirmed, uncontested deaths."""
        names = self.people.select("person", registered="name")
        reports = {}
        for source, dataset in (("certificate", "death_certificate"), ("cremation", "cremation")):
            rows = self.read(dataset).join(names, on="person")
            reports[source] = (
                rows.filter(pl.col("name") == pl.col("registered"))
                .sort("issued_on" if source == "certificate" else "cremated_on")
                .unique("person", keep="last")
                .select("person", pl.col("death_date").alias(source))
            )
        cancelled = self.people.filter(pl.col("status") == "cancelled_death")
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

    def at_home(self, frame: pl.DataFrame) -> pl.DataFrame:
        homes = self.people.select("person", home="residence_region_code")
        return self.placed(frame.join(homes, on="person"), "home")


def holds(start: str, end: str, day: date) -> pl.Expr:
    """start <= day and (end blank or end > day)."""
    return (pl.col(start) <= day) & (pl.col(end).is_null() | (pl.col(end) > day))


def persons(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.group_by("place").agg(n=pl.col("person").n_unique())


def total(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    return frame.group_by("place").agg(n=pl.col(column).sum())


Counted = tuple[pl.DataFrame, pl.DataFrame | None]


def population(p: Province, day: date) -> pl.DataFrame:
    left = (pl.col("status") == "moved_out") & (
        pl.col("status_date").is_null() | (pl.col("status_date") <= day)
    )
    rows = p.people.filter((pl.col("birth_date") <= day) & ~left)
    month, of_month = (
        part.cast(pl.Int32)
        for part in (pl.col("birth_date").dt.month(), pl.col("birth_date").dt.day())
    )
    reached = month * 100 + of_month <= day.month * 100 + day.day
    age = day.year - pl.col("birth_date").dt.year() - pl.when(reached).then(0).otherwise(1)
    return p.placed(p.alive(rows, day).with_columns(age=age), "hukou_region_code")


def share_from(age: int) -> Callable[[Province, date], Counted]:
    def count(p: Province, day: date) -> Counted:
        everybody = population(p, day)
        return persons(everybody.filter(pl.col("age") >= age)), persons(everybody)

    return count


def open_facilities(p: Province, day: date) -> pl.DataFrame:
    rows = p.read("facility").filter(holds("opened_on", "closed_on", day))
    institution = (pl.col("kind") == "institution") & (pl.col("registered_on") <= day).fill_null(
        value=False
    )
    return rows.with_columns(institution=institution)


def nursing_bed_share(p: Province, day: date) -> Counted:
    homes = p.placed(open_facilities(p, day).filter("institution"))
    return total(homes, "beds_nursing"), total(homes, "beds_total")


def elder_care_bed_total(p: Province, day: date) -> Counted:
    counted = pl.col("institution") | pl.col("kind").is_in(COMMUNITY)
    return total(p.placed(open_facilities(p, day).filter(counted)), "beds_total"), None


def public_facility_occupancy_rate(p: Province, day: date) -> Counted:
    public = open_facilities(p, day).filter(
        pl.col("institution") & pl.col("ownership").is_in(["public", "public_private_run"])
    )
    stays = p.read("facility_stay").filter(holds("checked_in_on", "checked_out_on", day))
    there = p.alive(stays, day).join(public.select("facility_code", "region_code"), "facility_code")
    return persons(p.placed(there)), total(p.placed(public), "beds_total")


def township_comprehensive_facility_coverage(p: Province, day: date) -> Counted:
    regions = p.read("region").filter(holds("valid_from", "valid_to", day))
    townships = regions.filter(pl.col("level") == "township").select("region_code")
    villages = regions.filter(pl.col("level") == "village").select(
        "region_code", township="parent_code"
    )
    offered = pl.col("functions").str.split(";")
    complete = open_facilities(p, day).filter(
        pl.all_horizontal(offered.list.contains(w) for w in ("全托", "日托", "上门", "协调"))
    )
    where = complete.select("region_code").join(villages, on="region_code", how="left")
    covered = where.select(region_code=pl.coalesce("township", "region_code")).unique()
    successors = p.places.table(covered["region_code"], ("township",))
    retired = covered.join(regions, on="region_code", how="anti").join(successors, "region_code")
    codes = pl.concat([covered, retired.select(region_code="place")])
    everywhere = p.placed(townships.with_columns(one=1))
    return (
        total(everywhere.join(codes, on="region_code", how="semi"), "one"),
        total(everywhere, "one"),
    )


def monthly_visit_rate(p: Province, day: date) -> Counted:
    listed = p.read("special_difficulty").filter(holds("valid_from", "valid_to", day))
    register = p.placed(p.alive(listed, day))
    seen = p.read("home_visit").filter(
        pl.col("visited_at").dt.date().is_between(day.replace(day=1), day)
    )
    return persons(register.join(seen, on="person", how="semi")), persons(register)


def home_adaptation_households(p: Province, day: date) -> Counted:
    done = p.read("home_adaptation").filter(pl.col("completed_on") <= day)
    counted = (
        p.at_home(done).group_by("place").agg(n=pl.col("household_no").drop_nulls().n_unique())
    )
    return counted, None


def social_workers_per_1000_elders(p: Province, day: date) -> Counted:
    workers = p.read("social_worker").filter(holds("valid_from", "valid_to", day))
    elders = population(p, day).filter(pl.col("age") >= 60)
    return persons(p.placed(p.alive(workers, day))), persons(elders)


def lottery_fund_elder_care_share(p: Province, day: date) -> Counted:
    rows = p.read("welfare_fund").filter(
        (pl.col("fund") == "lottery") & (pl.col("year") == day.year)
    )
    amounts = p.placed(rows)
    return total(amounts, "eldercare_amount"), total(amounts, "total_amount")


def ltci_coverage_rate(p: Province, day: date) -> Counted:
    rows = p.read("medical_enrolment").filter(holds("valid_from", "valid_to", day))
    members = p.placed(p.alive(rows, day))
    return persons(members.filter("ltci_insured")), persons(members)


def family_care_bed_count(p: Province, day: date) -> Counted:
    beds = p.read("family_bed").filter(holds("set_up_on", "ended_on", day))
    return p.at_home(p.alive(beds, day)).group_by("place").agg(n=pl.len()), None


INDICATORS: dict[str, Callable[[Province, date], Counted]] = {
    "elderly_share_60plus": share_from(60),
    "elderly_share_65plus": share_from(65),
} | {
    f.__name__: f
    for f in (
        nursing_bed_share,
        elder_care_bed_total,
        monthly_visit_rate,
        public_facility_occupancy_rate,
        township_comprehensive_facility_coverage,
        home_adaptation_households,
        social_workers_per_1000_elders,
        lottery_fund_elder_care_share,
        ltci_coverage_rate,
        family_care_bed_count,
    )
}
UNKNOWN_IF_ABSENT = {"lottery_fund_elder_care_share"}


def recompute(folder: Path, months: list[date]) -> pl.DataFrame:
    """All indicators, every county, prefecture and province of today, at the months' last days."""
    province = Province(folder)
    spine = pl.DataFrame({"place": province.places.shown()})
    parts = []
    for day in map(month_end, months):
        for name, count in INDICATORS.items():
            top, bottom = count(province, day)
            rows = spine.join(top.rename({"n": "numerator"}), on="place", how="left")
            columns = ["numerator"]
            if bottom is None:
                rows = rows.with_columns(denominator=pl.lit(None))
            else:
                rows = rows.join(bottom.rename({"n": "denominator"}), on="place", how="left")
                columns.append("denominator")
            rows = rows.with_columns(pl.col("numerator", "denominator").cast(pl.Float64))
            if name not in UNKNOWN_IF_ABSENT:
                rows = rows.with_columns(pl.col(columns).fill_null(0))
            parts.append(
                rows.select(
                    indicator_id=pl.lit(name),
                    region_code="place",
                    period_end=pl.lit(day),
                    numerator="numerator",
                    denominator="denominator",
                )
            )
    return pl.concat(parts)
