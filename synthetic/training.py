"""Feed training_record: courses for those who manage homes, care for pay, or care for their own."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.calendar import Window
from synthetic.draws import generator, numbers, text
from synthetic.regions import County

COURSES = {
    "director": ("养老机构负责人安全管理", "养老机构服务质量提升"),
    "carer": ("养老护理员初级", "养老护理员中级", "失智照护", "康复护理基础"),
    "family_carer": ("家庭照护者基础", "失能老人居家照护"),
}
HOURS = {"director": (16, 24), "carer": (40, 80), "family_carer": (8, 16)}
SUBSIDY = {"director": 300, "carer": 800, "family_carer": 100}
"""Yuan a person and course."""


def _pupils(
    seed: int,
    county: County,
    people: pl.DataFrame,
    at_work: pl.DataFrame,
    frail: pl.DataFrame,
) -> pl.DataFrame:
    """[person, kind] of those who are trained.

    Args:
        at_work: [id_no] role (director, carer) of those who care for pay.
        frail: [person] of those who are cared for at home.
    """
    rng = generator(seed, "pupils", county.code)
    healthy = people.filter(
        (pl.col("age") > 24)
        & (pl.col("age") < 66)
        & (pl.col("grade") == 0)
        & pl.col("death").is_null()
        & ~pl.col("reserved")
    ).sort("person")
    paid = healthy.join(at_work.rename({"role": "kind"}), on="id_no", maintain_order="left")
    own = healthy.join(
        people.join(frail, on="person", how="semi").select("household").unique(),
        on="household",
        how="semi",
    )
    own = own.join(at_work, on="id_no", how="anti", maintain_order="left")
    return pl.concat(
        [
            paid.filter(pl.Series(rng.random(len(paid)) < 0.7)),
            own.filter(pl.Series(rng.random(len(own)) < 0.3)).with_columns(
                kind=pl.lit("family_carer")
            ),
        ],
        how="diagonal",
    ).select("person", "id_no", "kind")


def training_record(
    seed: int,
    county: County,
    people: pl.DataFrame,
    at_work: pl.DataFrame,
    frail: pl.DataFrame,
    absences: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """Feed training_record, [record_no]: one or two different courses each, never while in
    hospital.

    Args:
        absences: [person, from, to] days in a hospital or facility.
    """
    rng = generator(seed, "training", county.code)
    pupils = _pupils(seed, county, people, at_work, frail)
    twice = pupils.filter(pl.Series(rng.random(len(pupils)) < 0.25))
    both = pl.concat([pupils.with_columns(turn=pl.lit(0)), twice.with_columns(turn=pl.lit(1))])
    size = len(both)
    number = rng.integers(0, 4, size) // 2 * 2 + both["turn"].to_numpy()
    start = window.first_day + rng.integers(0, window.last_day - window.first_day - 14, size)
    long = rng.integers(0, 2, size)
    rows = []
    for kind, courses in COURSES.items():
        mine = (both["kind"] == kind).to_numpy()
        span = np.array(HOURS[kind])[long[mine]]
        rows.append(
            both.filter(pl.Series(mine)).with_columns(
                course=text(courses, number[mine] % len(courses)),
                hours=pl.Series(span).cast(pl.Int64),
                started_on=pl.Series(start[mine]).cast(pl.Int32).cast(pl.Date),
                ended_on=pl.Series(start[mine] + span // 8 - 1).cast(pl.Int32).cast(pl.Date),
                subsidy=pl.lit(SUBSIDY[kind]),
            )
        )
    taught = pl.concat(rows).sort("started_on", "person", "course").with_row_index("row")
    away = taught.join(absences, on="person").filter(
        (pl.col("started_on") <= pl.col("to")) & (pl.col("ended_on") >= pl.col("from"))
    )
    taught = taught.join(away.select("row").unique(), on="row", how="anti", maintain_order="left")
    count = len(taught)
    certified = pl.Series(rng.random(count) < 0.85)
    serial = numbers(f"PXZ{county.short}", 1, count, 6)
    return taught.select(
        "person",
        numbers(f"PX{county.short}", 1, count, 6).alias("record_no"),
        "id_no",
        "course",
        pl.lit(f"{county.name}养老服务指导中心").alias("organiser"),
        "kind",
        "started_on",
        "ended_on",
        "hours",
        pl.when((pl.col("kind") != "family_carer") & certified)
        .then(serial)
        .alias("certificate_no"),
        pl.col("subsidy").cast(pl.Decimal(18, 2)).alias("subsidy_amount"),
    )
