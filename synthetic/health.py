"""Health institutions and the yearly contracts of elders with their family doctors."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.calendar import CLOCK, Window
from synthetic.draws import generator, text
from synthetic.identity import FEMALE, SURNAMES
from synthetic.regions import County

HOSPITALS = 3
CENTRES = 2
CONTRACTED = {"4402": 0.74, "4404": 0.82, "5103": 0.70, "3708": 0.80, "3607": 0.66}
CHECKED = {"4402": 0.66, "4404": 0.74, "5103": 0.68, "3708": 0.77, "3607": 0.60}
"""Shares of elders, by prefecture."""
YEARS = 2
DOCTORS = 5


def health_institution(seed: int, county: County) -> pl.DataFrame:
    """Feed health_institution, [institution_code]: hospitals, community centres, and a health
    centre a township. The first eight are where people are treated."""
    rng = generator(seed, "health institutions", county.code)
    size = max(HOSPITALS + CENTRES + len(county.townships), 8)
    first = "hospital_l3" if county.index % 4 == 0 else "hospital_l2"
    kinds = [first, "hospital_l2", "hospital_l1"] + ["community_health_centre"] * CENTRES
    kinds += ["township_health_centre"] * (size - len(kinds))
    names = ["人民医院", "中医院", "第二医院", "第一社区卫生服务中心", "第二社区卫生服务中心"]
    names += [f"第{i}卫生院" for i in range(1, size - len(names) + 1)]
    townships = [county.townships[i % len(county.townships)] for i in range(size - HOSPITALS)]
    hospital = np.array([kind.startswith("hospital") for kind in kinds])
    strong = np.array([kind in ("hospital_l2", "hospital_l3") for kind in kinds])
    return pl.DataFrame(
        {
            "institution_code": [f"Y{county.short}{i:02d}" for i in range(1, size + 1)],
            "name": [county.name + name for name in names],
            "kind": kinds,
            "region_code": [county.code] * HOSPITALS + townships,
            "geriatric_dept": rng.random(size) < np.where(strong, 0.68, 0.05),
            "green_channel": rng.random(size) < np.where(hospital, 0.97, 0.86),
            "hospice": rng.random(size) < np.where(hospital, 0.45, 0.22),
        }
    )


def health_contract(
    seed: int, county: County, people: pl.DataFrame, institutions: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """Feed health_contract, [id_no, institution_code, year]: elders who have a family doctor or
    were examined, for the last two years."""
    rng = generator(seed, "health contracts", county.code)
    places = institutions.filter(~pl.col("kind").str.starts_with("hospital"))["institution_code"]
    old = people.filter((pl.col("age") > 59.5) & ~pl.col("reserved")).sort("person")
    home = rng.integers(0, len(places), len(old))
    doctor = rng.integers(0, DOCTORS, len(old))
    frames = []
    for year in window.years[-YEARS:]:
        size = len(old)
        signed = rng.random(size) < CONTRACTED[county.prefecture[:4]]
        part = 0.82 if year == CLOCK.year else 1.0
        checked = rng.random(size) < CHECKED[county.prefecture[:4]] * part
        age = year - pl.col("birth").dt.year()
        frames.append(
            old.with_columns(
                institution_code=places.gather(pl.Series(home)),
                year=pl.lit(year, dtype=pl.Int64),
                signed=pl.Series(signed),
                doctor=_names(home * DOCTORS + doctor),
                health_check_done=pl.Series(checked),
            ).filter(
                (pl.col("signed") | pl.col("health_check_done"))
                & (age >= 60)
                & (pl.col("death").is_null() | (pl.col("death") > pl.date(year, 6, 30)))
            )
        )
    return pl.concat(frames).select(
        "person",
        "id_no",
        "institution_code",
        "year",
        pl.when("signed").then("doctor").alias("family_doctor"),
        "health_check_done",
    )


def _names(number: np.ndarray) -> pl.Series:
    """A doctor's made-up name for each number."""
    return text(SURNAMES, number * 7 % len(SURNAMES)) + text(FEMALE, number * 11 % len(FEMALE))
