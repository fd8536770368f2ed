"""Facilities of all kinds, their beds, and the stays in them.

Beds are filled one stay after the other, so that nobody is in two beds, no bed holds two, and each
institution keeps some beds free (planted cases move in there).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic import identity
from synthetic.calendar import CLOCK, Window, day
from synthetic.draws import NO_DAY, Rng, dates, generator, numbers, pick, text
from synthetic.regions import County

NURSING_SHARE = {
    "4402": 0.50,
    "4404": 0.55,
    "5103": 0.56,
    "370812": 0.72,
    "3708": 0.62,
    "360735": 0.52,
    "3607": 0.49,
}
COMPREHENSIVE = {
    "4402": 0.55,
    "4404": 0.62,
    "5103": 0.46,
    "370812": 0.90,
    "3708": 0.70,
    "360735": 0.45,
    "3607": 0.35,
}
"""Aimed at: nursing beds among an institution's, townships with a comprehensive facility."""
OWNERSHIP = ("public", "public_private_run", "private_nonprofit", "private_profit")
STYLE = (
    "安康",
    "福寿",
    "颐和",
    "夕阳红",
    "松鹤",
    "康宁",
    "长青",
    "幸福",
    "仁爱",
    "金秋",
    "怡园",
    "慈恩",
    "瑞祥",
    "和顺",
    "永乐",
    "益寿",
)
KIND_NAME = {
    "institution": "养老院",
    "community_embedded": "社区养老服务站",
    "day_care": "日间照料中心",
    "rural_mutual_aid": "农村幸福院",
    "township_centre": "综合养老服务中心",
    "canteen": "长者饭堂",
}
LEAST_SPARE = 3
OCCUPIED = 0.90


def spare_beds(persons: int, institutions: int) -> int:
    """Beds that ordinary stays leave free in each institution."""
    return max(LEAST_SPARE, round(persons * 0.002 / institutions))


def local(table: dict[str, float], county: County) -> float:
    """The entry of the county, else of its prefecture."""
    return table.get(county.short, table[county.prefecture[:4]])


def _sites(rng: Rng, county: County, persons: int) -> pl.DataFrame:
    """Which facility stands where: kind, region_code, beds."""
    townships, villages = county.townships, county.villages
    scale = max(persons / 4_000, 1.0) ** 0.5
    institutions = max(round(len(townships) * 0.30 * scale), 3)
    where = rng.choice(len(townships), institutions, replace=institutions > len(townships))
    beds = np.clip(persons * 0.013 / institutions * rng.gamma(5.0, 0.2, institutions), 6, 600)
    frames = [
        pl.DataFrame(
            {
                "kind": ["institution"] * institutions,
                "region_code": [townships[i] for i in where],
                "beds_total": beds.astype(np.int64) + spare_beds(persons, institutions),
            }
        )
    ]
    share = local(COMPREHENSIVE, county)
    centres = [t for t in townships if rng.random() < share]
    plans = [("township_centre", centres, 8)]
    for kind, rate, bed, urban in (
        ("community_embedded", 0.06, 5, True),
        ("day_care", 0.16, 6, True),
        ("rural_mutual_aid", 0.10, 4, False),
        ("canteen", 0.05, 0, True),
    ):
        chosen = [
            v
            for v, u in zip(villages, county.urban, strict=True)
            if rng.random() < (rate if u == urban else rate / 4)
        ]
        plans.append((kind, chosen, bed))
    frames += [
        pl.DataFrame(
            {
                "kind": [kind] * len(codes),
                "region_code": codes,
                "beds_total": rng.integers(0, 2 * bed + 1, len(codes))
                if bed
                else np.zeros(len(codes), dtype=np.int64),
            },
            schema={"kind": pl.String, "region_code": pl.String, "beds_total": pl.Int64},
        )
        for kind, codes, bed in plans
    ]
    return pl.concat(frames)


def facility(seed: int, county: County, persons: int, window: Window) -> pl.DataFrame:
    """Feed facility, [facility_code]: today's state."""
    rng = generator(seed, "facility", county.code)
    sites = _sites(rng, county, persons)
    size = len(sites)
    kind = sites["kind"].to_numpy()
    home = kind == "institution"
    beds = sites["beds_total"].to_numpy()
    nursing = np.clip(local(NURSING_SHARE, county) + rng.normal(0, 0.10, size), 0.2, 1.0)
    opened = day(CLOCK) - rng.integers(800, 7000, size)
    recent = rng.random(size) < 0.10
    opened = np.where(recent, window.first_day + rng.integers(0, window.months * 28, size), opened)
    closed = np.where(
        ~home & ~recent & (rng.random(size) < 0.02),
        window.first_day + rng.integers(60, window.months * 29, size),
        NO_DAY,
    )
    owner = np.where(
        home,
        pick(rng, OWNERSHIP, size, (38, 14, 34, 14)),
        pick(rng, OWNERSHIP, size, (62, 14, 20, 4)),
    )
    style = text(STYLE, pick(rng, STYLE, size))
    area = pl.Series(beds * 31.5 + rng.integers(60, 900, size)).cast(pl.Decimal(18, 2))

    def flag(rate: float) -> pl.Expr:
        return (
            pl.when(pl.Series(home))
            .then(pl.Series(rng.random(size) < rate))
            .otherwise(pl.Series(rng.random(size) < rate / 2))
        )

    star = pick(rng, range(5), size, (28, 34, 24, 10, 4)) + 1
    functions = text(["日托", "上门;协调", "日托;上门", "全托;日托"], pick(rng, range(4), size))
    spread = 0.12
    return sites.select(
        numbers(f"F{county.short}", 1, size, 5).alias("facility_code"),
        pl.Series(
            identity.usccs(county.short, "52", county.index * 20_000 + 1_000_000, size)
        ).alias("uscc"),
        (
            pl.lit(county.name)
            + style
            + pl.Series([str(i) for i in range(1, size + 1)])
            + "号"
            + pl.col("kind").replace_strict(KIND_NAME)
        ).alias("name"),
        "kind",
        text(OWNERSHIP, owner).alias("ownership"),
        "region_code",
        (
            pl.lit(county.name)
            + style
            + "路"
            + pl.Series(rng.integers(1, 400, size)).cast(pl.String)
            + "号"
        ).alias("address"),
        pl.Series(np.round(county.longitude + rng.uniform(-spread, spread, size), 6)).alias(
            "longitude"
        ),
        pl.Series(np.round(county.latitude + rng.uniform(-spread, spread, size), 6)).alias(
            "latitude"
        ),
        dates(opened).alias("opened_on"),
        pl.when(pl.Series(home & (rng.random(size) < 0.97)) | pl.Series(~home))
        .then(dates(opened + rng.integers(0, 25, size)))
        .alias("registered_on"),
        dates(closed).alias("closed_on"),
        pl.when(pl.Series(home & (rng.random(size) < 0.72)))
        .then(pl.Series(star))
        .alias("star_grade"),
        pl.col("beds_total"),
        pl.Series(
            np.where(home, np.round(beds * nursing), np.round(beds * 0.3)).astype(np.int64)
        ).alias("beds_nursing"),
        pl.Series(
            np.where(home, np.round(beds * 0.06 * rng.random(size) * 2), 0).astype(np.int64)
        ).alias("beds_dementia"),
        area.alias("floor_area"),
        text(
            ["passed", "filed", "not_required", "not_passed"],
            pick(rng, range(4), size, (70, 20, 8, 2)),
        ).alias("fire_status"),
        flag(0.9).alias("food_licence"),
        flag(0.78).alias("kitchen_online"),
        flag(0.64).alias("smart_fire"),
        flag(0.55).alias("infection_monitoring"),
        flag(0.86).alias("liability_insured"),
        text(["internal", "contracted", "none"], pick(rng, range(3), size, (22, 66, 12))).alias(
            "medical_mode"
        ),
        flag(0.3).alias("medical_designated"),
        flag(0.03).alias("member_prepaid"),
        pl.when(pl.col("kind") == "township_centre")
        .then(pl.lit("全托;日托;上门;协调"))
        .when(pl.col("kind") == "institution")
        .then(pl.lit("全托"))
        .otherwise(functions)
        .alias("functions"),
    )


def stays(
    seed: int,
    county: County,
    people: pl.DataFrame,
    homes: pl.DataFrame,
    spare: int,
    window: Window,
) -> pl.DataFrame:
    """Feed facility_stay, [stay_no]: each bed's stays in turn, each elder at most one.

    Args:
        people: with `grade`; the reserved are given no stay.
        homes: facility rows of kind institution.
        spare: beds of each that stay free.
    """
    rng = generator(seed, "stays", county.code)
    beds = (
        homes.with_columns(bed=pl.int_ranges(1, pl.col("beds_total") - spare + 1))
        .explode("bed")
        .filter(pl.col("bed").is_not_null())
    )
    used = beds.filter(pl.Series(rng.random(len(beds)) < OCCUPIED))
    size = len(used)
    first = (
        window.first_day
        - rng.integers(5, 1500, size)
        + (rng.random(size) < 0.25) * (rng.integers(0, window.months * 25, size) + 900)
    )
    opened = used["opened_on"].cast(pl.Int32).to_numpy()
    first = np.maximum(np.maximum(first, opened + 10), window.first_day - 1400)
    length = rng.gamma(1.6, 500, size).astype(np.int64) + 35
    second = first + length + rng.integers(3, 60, size)
    length2 = rng.gamma(1.6, 500, size).astype(np.int64) + 35
    third = second + length2 + rng.integers(3, 60, size)
    both = pl.concat(
        [
            used.with_columns(start=pl.Series(first), end=pl.Series(first + length)),
            used.with_columns(start=pl.Series(second), end=pl.Series(second + length2)),
            used.with_columns(start=pl.Series(third), end=pl.Series(third + 900)),
        ]
    ).filter((pl.col("end") > window.first_day) & (pl.col("start") < window.last_day - 3))
    elders = people.filter(~pl.col("reserved") & (pl.col("age") >= 66))
    weight = np.exp((elders["age"].to_numpy() - 60) / 14) * (1 + elders["grade"].to_numpy())
    order = np.argsort(-np.log(rng.random(len(elders))) / weight)
    count = min(len(both), len(elders))
    both = both.sort("facility_code", "bed", "start").head(count)
    chosen = elders[order[:count]]
    frame = (
        pl.concat(
            [
                both.select("facility_code", "bed", "start", "end"),
                chosen.select("person", "id_no", "name", "grade", "death"),
            ],
            how="horizontal",
        )
        .with_columns(
            died=pl.col("death").cast(pl.Int32) + pl.Series(rng.integers(0, 2, count)),
        )
        .filter(pl.col("died").is_null() | (pl.col("died") > pl.col("start") + 2))
    )
    out = pl.min_horizontal("end", "died")
    draw = pl.Series(rng.random(len(frame)))
    return frame.select(
        "person",
        numbers(f"S{county.short}", 1, len(frame), 7).alias("stay_no"),
        "facility_code",
        "id_no",
        "name",
        pl.col("bed").cast(pl.String).str.zfill(3).alias("bed_no"),
        pl.col("grade").alias("care_grade"),
        pl.col("start").cast(pl.Int32).cast(pl.Date).alias("checked_in_on"),
        pl.when(out <= window.last_day)
        .then(out.cast(pl.Int32).cast(pl.Date))
        .alias("checked_out_on"),
        pl.when(draw < 0.5).then(pl.lit("subsidy")).otherwise(pl.lit("self")).alias("payer"),
    )
