"""The twelve indicators once more, from the departments' rows, without any of the project's SQL.

Written for being obviously right, not for speed: for every month's last day, the rows that hold on
that day are filtered, placed and counted. Input is the ground truth of the synthetic province (its
folder `clean`: one Parquet file a dataset, ID numbers in the clear). Output: [indicator_id,
region_code, period_end] with numerator and denominator (float, base units; null where there is
nothing to count from).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from tests.support.truth_province import Province, holds

COMMUNITY = ("community_embedded", "day_care", "rural_mutual_aid", "township_centre")


def month_end(day: date) -> date:
    first = day.replace(day=1)
    return (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def persons(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.group_by("place").agg(n=pl.col("person").n_unique())


def total(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    return frame.group_by("place").agg(n=pl.col(column).sum())


Counted = tuple[pl.DataFrame, pl.DataFrame | None]


def population(p: Province, day: date) -> pl.DataFrame:
    left = (pl.col("status") == "moved_out") & (
        pl.col("status_date").is_null() | (pl.col("status_date") <= day)
    )
    rows = p.people_on(day).filter((pl.col("birth_date") <= day) & ~left)
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
    listed = p.read("facility").sort("_period")
    on_day = listed.filter(pl.col("_period") <= day.strftime("%Y-%m")).unique(
        "facility_code", keep="last"
    )
    first = listed.unique("facility_code", keep="first")
    rows = pl.concat([on_day, first.join(on_day, on="facility_code", how="anti")])
    rows = rows.filter(holds("opened_on", "closed_on", day))
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
        p.at_home(done, pl.col("completed_on"))
        .group_by("place")
        .agg(n=pl.col("household_no").drop_nulls().n_unique())
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
    return p.at_home(p.alive(beds, day), pl.lit(day)).group_by("place").agg(n=pl.len()), None


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
