"""F01: more residents than beds; and houses where it only looks so.

Works on the county's finished facilities and stays: what a case needs is fitted to them.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from synthetic.calendar import Window, first_day
from synthetic.calendar import month as month_number
from synthetic.cases.plan import PLANTED, Plants

FOREVER = date(2099, 1, 1)
LEAST_DAYS = 2
"""A month with fewer crowded days is none (the least overlap that counts)."""
BEDS_DELIVERY = 4
"""The delivery, in months before the clock, that first shows the new beds."""


def occupancy(stays: pl.DataFrame) -> pl.DataFrame:
    """[facility_code, day] residents from that day on, until the next row's day."""
    arrivals = stays.select(
        "facility_code", pl.col("checked_in_on").alias("day"), pl.lit(1).alias("change")
    )
    leavers = stays.select(
        "facility_code",
        pl.col("checked_out_on").fill_null(FOREVER).alias("day"),
        pl.lit(-1).alias("change"),
    )
    return (
        pl.concat([arrivals, leavers])
        .group_by("facility_code", "day")
        .agg(pl.col("change").sum())
        .sort("facility_code", "day")
        .with_columns(pl.col("change").cum_sum().over("facility_code").alias("residents"))
    )


def most(counts: pl.DataFrame, start: date, end: date = FOREVER) -> pl.DataFrame:
    """[facility_code] the greatest number of residents on any day of [start, end)."""
    until = pl.col("day").shift(-1).over("facility_code").fill_null(FOREVER)
    return (
        counts.with_columns(until=until)
        .filter((pl.col("until") > start) & (pl.col("day") < end))
        .group_by("facility_code")
        .agg(pl.col("residents").max().alias("most"))
    )


def _full_houses(plants: Plants, stays: pl.DataFrame, used: set[str]) -> list[tuple[str, int]]:
    start = first_day(plants.window.first_month)
    peak = most(occupancy(stays), start)
    rows = peak.filter(
        pl.col("facility_code").is_in(list(plants.homes))
        & (pl.col("most") >= 5)
        & ~pl.col("facility_code").is_in(list(used))
    ).sort("most", "facility_code", descending=[True, False])
    return [(code, count) for code, count in rows.iter_rows()]


def _crowded_months(counts: pl.DataFrame, code: str, beds: int, window: Window) -> tuple[int, int]:
    """First and last month in which the house has more residents than beds for two days."""
    start, end = first_day(window.first_month), first_day(window.last_month + 1)
    until = pl.col("day").shift(-1).over("facility_code").fill_null(FOREVER)
    days = (
        counts.with_columns(until=until)
        .filter(
            (pl.col("facility_code") == code)
            & (pl.col("residents") > beds)
            & (pl.col("until") > start)
            & (pl.col("day") < end)
        )
        .select(
            month=pl.date_ranges(
                pl.max_horizontal("day", pl.lit(start)),
                pl.min_horizontal("until", pl.lit(end)),
                closed="left",
            )
        )
        .explode("month")
        .group_by(pl.col("month").dt.truncate("1mo"))
        .len()
        .filter(pl.col("len") >= LEAST_DAYS)
    )
    months = [month_number(month) for month in days["month"]]
    return min(months), max(months)


def crowded(
    plants: Plants, stays: pl.DataFrame, wanted: dict[str, int], used: set[str]
) -> tuple[dict[str, int], pl.DataFrame, list[str]]:
    """Registered beds by facility for planted cases and for the other two tight houses.

    Returns:
        New beds by facility, the stays with the payers that the cases need, and the facilities
        that get a second site.
    """
    beds: dict[str, int] = {}
    sites: list[str] = []
    houses = _full_houses(plants, stays, used)
    for spec, shortage in ((f"F01.{PLANTED}", 3), ("F01.extra_site", 2)):
        for _ in range(wanted.get(spec, 0)):
            if not houses:
                break
            code, residents = houses.pop(0)
            beds[code] = residents - shortage
            used.add(code)
            stays = stays.with_columns(
                pl.when((pl.col("facility_code") == code) & (pl.col("payer") == "self"))
                .then(pl.lit("subsidy"))
                .otherwise("payer")
                .alias("payer")
            )
            first, last = _crowded_months(occupancy(stays), code, beds[code], plants.window)
            plants.tell(spec, code, first, last, kind="facility")
            if spec == "F01.extra_site":
                sites.append(code)
    return beds, stays, sites


def couples(
    plants: Plants, stays: pl.DataFrame, used: set[str]
) -> tuple[dict[str, int], pl.DataFrame]:
    """A couple in one bed makes the residents one more than the beds."""
    beds: dict[str, int] = {}
    rows = []
    for group in plants.of("F01.couple_room"):
        houses = _full_houses(plants, stays, used)
        if not houses:
            break
        code = houses[0][0]
        used.add(code)
        since = first_day(plants.window.first_month) - timedelta(days=100)
        rows += [stay_row(plants, person, code, since, "双人1") for person in group]
        both = pl.concat([stays, *rows], how="diagonal_relaxed")
        peak = most(occupancy(both), first_day(plants.window.first_month))
        beds[code] = peak.filter(pl.col("facility_code") == code)["most"][0] - 1
        plants.tell(
            "F01.couple_room",
            code,
            plants.window.first_month,
            plants.window.last_month,
            kind="facility",
        )
    return beds, pl.concat([stays, *rows], how="diagonal_relaxed") if rows else stays


def stay_row(
    plants: Plants, person: dict[str, object], code: str, start: date, bed: str
) -> pl.DataFrame:
    """One more stay, open until today."""
    number = f"U{plants.county.short}{len(plants.rows.setdefault('late', [])):06d}"
    plants.rows["late"].append({})
    return pl.DataFrame(
        {
            "person": [person["person"]],
            "stay_no": [number],
            "facility_code": [code],
            "id_no": [person["id_no"]],
            "name": [person["name"]],
            "bed_no": [bed],
            "care_grade": [2],
            "checked_in_on": [start],
            "payer": ["subsidy"],
        },
        schema_overrides={"care_grade": pl.Int64},
    )


def registered_late(
    plants: Plants, stays: pl.DataFrame, used: set[str]
) -> tuple[dict[str, int], pl.DataFrame]:
    """Beds in use some weeks before the register shows them: old bed numbers by facility."""
    opened = first_day(plants.window.last_month - BEDS_DELIVERY) - timedelta(days=45)
    old: dict[str, int] = {}
    rows = []
    for group in plants.of("F01.beds_registered_late"):
        houses = _full_houses(plants, stays, used)
        if not houses:
            break
        code = houses[0][0]
        used.add(code)
        counts = occupancy(stays).filter(pl.col("facility_code") == code)
        before = most(counts, first_day(plants.window.first_month) - timedelta(days=4000), opened)[
            "most"
        ][0]
        now = most(counts, opened, opened + timedelta(days=40))["most"][0]
        for place, person in enumerate(group[: before - now + 2]):
            rows.append(
                stay_row(
                    plants, person, code, opened + timedelta(days=3 + place % 5), f"新{place:02d}"
                )
            )
        old[code] = before
        plants.tell(
            "F01.beds_registered_late",
            code,
            month_number(opened),
            month_number(opened) + 1,
            kind="facility",
        )
    return old, pl.concat([stays, *rows], how="diagonal_relaxed") if rows else stays


def plant(
    plants: Plants, houses: pl.DataFrame, stays: pl.DataFrame, quota: dict[str, int]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fit F01's cases to the county.

    Returns:
        Facilities (with `beds_before`, the beds of deliveries before the new beds were told, where
        that differs) and stays.
    """
    used: set[str] = set()
    late, stays = registered_late(plants, stays, used)
    shared, stays = couples(plants, stays, used)
    short, stays, sites = crowded(plants, stays, quota, used)
    beds = {**shared, **short}
    code = pl.col("facility_code")
    before = code.replace_strict(late, default=None, return_dtype=pl.Int64)
    fitted = code.replace_strict(beds, default=None, return_dtype=pl.Int64)
    # The new beds hold everybody, whatever the free beds were counted at before.
    peak = most(occupancy(stays), first_day(plants.window.first_month))
    houses = (
        houses.join(peak, on="facility_code", how="left", maintain_order="left")
        .with_columns(
            beds_before=before,
            beds_total=pl.coalesce(
                fitted, pl.max_horizontal("beds_total", pl.col("most").fill_null(0))
            ),
        )
        .drop("most")
        .with_columns(
            beds_nursing=pl.min_horizontal("beds_nursing", "beds_total"),
            beds_dementia=pl.min_horizontal("beds_dementia", "beds_total"),
        )
    )
    second = houses.filter(code.is_in(sites)).with_columns(
        code + "-2",
        (pl.col("name") + "二号院").alias("name"),
        pl.lit(12, dtype=pl.Int64).alias("beds_total"),
        pl.lit(6, dtype=pl.Int64).alias("beds_nursing"),
        pl.lit(0, dtype=pl.Int64).alias("beds_dementia"),
    )
    return pl.concat([houses, second]), stays
