"""Care at home: assessments, the register of elders in special difficulty, visits, family beds,
home adaptations and social workers."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic import programmes
from synthetic.calendar import CLOCK, Window, day, month_of_day, month_start
from synthetic.draws import Ints, Rng, column, generator, numbers, pick, text
from synthetic.regions import County

SCORES = {0: (90, 90), 1: (66, 89), 2: (46, 65), 3: (30, 45), 4: (0, 29)}
VISIT_RATE = {
    "4402": 0.88,
    "4404": 0.95,
    "5103": 0.84,
    "370812": 0.965,
    "3708": 0.90,
    "360735": 0.91,
    "3607": 0.80,
}
SOCIAL_WORKERS = {
    "4402": 0.7,
    "4404": 1.6,
    "5103": 0.6,
    "370812": 1.1,
    "3708": 0.8,
    "360735": 0.9,
    "3607": 0.4,
}
"""Monthly visit rate at the clock; social workers a thousand elders."""
ADAPTATIONS = ("卫生间扶手", "淋浴椅", "床边护栏", "防滑处理", "坡道", "紧急呼叫器", "感应夜灯")


def local(table: dict[str, float], county: County) -> float:
    """The entry of the county, else of its prefecture."""
    return table.get(county.short, table[county.prefecture[:4]])


def staff(seed: int, county: County, people: pl.DataFrame, purpose: str, size: int) -> pl.DataFrame:
    """[person, id_no] of healthy, unreserved adults of 28-56 for a job; never in two jobs."""
    jobs = {"visitor": 0, "assessor": 1, "worker": 2, "social_worker": 3, "planted": 4}
    rng = generator(seed, "staff", county.code)
    able = people.filter(
        (pl.col("age") > 28)
        & (pl.col("age") < 56)
        & pl.col("death").is_null()
        & ~pl.col("reserved")
    ).select("person", "id_no")
    mine = able[rng.permutation(len(able))][jobs[purpose] :: len(jobs)]
    return mine.head(max(size, 2))


def special_difficulty(
    seed: int, county: County, people: pl.DataFrame, housed: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """[id_no, kind, valid_from] of feed special_difficulty, with `death` as a helper."""
    rng = generator(seed, "difficulty", county.code)
    homes = people.group_by("household").agg(
        pl.len().alias("size"), (pl.col("age") < 60).any().alias("young")
    )
    elders = (
        people.filter((pl.col("age") > 62) & ~pl.col("reserved"))
        .join(homes, on="household")
        .join(housed, on="person", how="anti")
        .sort("person")
    )
    draw = pl.Series(rng.random(len(elders)))
    alone = (pl.col("size") == 1) & (draw < 0.42)
    couple = (pl.col("size") > 1) & ~pl.col("young") & (draw < 0.14)
    kind = (
        pl.when(alone)
        .then(pl.lit("living_alone"))
        .when(couple)
        .then(pl.lit("empty_nest"))
        .when((pl.col("grade") >= 3) & (draw > 0.55))
        .then(pl.lit("severe_disability"))
        .when((pl.col("grade") >= 2) & (draw > 0.75))
        .then(pl.lit("disabled"))
        .when(draw > 0.985)
        .then(pl.lit("left_behind"))
        .when(draw > 0.981)
        .then(pl.lit("family_planning"))
    )
    size = len(elders)
    since = day(CLOCK) - rng.integers(40, 2400, size)
    lag = rng.random(size) < 0.8
    return (
        elders.with_columns(
            kind=kind, since=pl.Series(since).cast(pl.Int32).cast(pl.Date), closed=pl.Series(lag)
        )
        .filter(
            pl.col("kind").is_not_null()
            & (pl.col("death").is_null() | (pl.col("death") > pl.col("since")))
        )
        .select(
            "person",
            "id_no",
            "kind",
            pl.col("since").alias("valid_from"),
            pl.col("residence_region_code").str.slice(0, 6).alias("where"),
            pl.col("hukou_region_code").alias("region_code"),
            pl.when("closed")
            .then(pl.col("death").dt.month_end().dt.offset_by("1d"))
            .alias("valid_to"),
            "death",
        )
        .drop("where")
    )


def home_visit(
    seed: int, county: County, register: pl.DataFrame, visitors: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """Feed home_visit, [visit_no], with month_number: most on the register once a month."""
    rng = generator(seed, "visits", county.code)
    due = (
        register.select("person", "id_no", "valid_from", "death", "valid_to")
        .unique("person", keep="first", maintain_order=True)
        .with_columns(
            month_number=pl.int_ranges(window.first_month, window.last_month + 1, dtype=pl.Int32)
        )
        .explode("month_number")
    )
    age = window.last_month - due["month_number"].to_numpy()
    rate = np.clip(local(VISIT_RATE, county) - 0.004 * age + rng.normal(0, 0.01), 0.3, 0.995)
    due = due.filter(pl.Series(rng.random(len(due)) < rate))
    size = len(due)
    when = month_start(pl.col("month_number")) + pl.duration(days=column(rng.integers(0, 28, size)))
    at = when.cast(pl.Datetime("us")) + pl.duration(
        seconds=column(rng.integers(8 * 3600, 18 * 3600, size))
    )
    far = 0.05
    result = text(
        ("normal", "needs_help", "not_met", "moved", "refused"),
        pick(rng, range(5), size, (90, 5, 3, 1, 1)),
    )
    home = pl.Series(rng.random(size) < 0.74)
    rows = due.with_columns(
        when=when,
        visited_at=at,
        result=result,
        mode=pl.when(home).then(pl.lit("home")).otherwise(pl.lit("phone")),
        visitor_id_no=visitors["id_no"].gather(pl.Series(rng.integers(0, len(visitors), size))),
        longitude=pl.when(home).then(
            pl.Series(np.round(county.longitude + rng.uniform(-far, far, size), 6))
        ),
        latitude=pl.when(home).then(
            pl.Series(np.round(county.latitude + rng.uniform(-far, far, size), 6))
        ),
    ).filter(
        (pl.col("when") >= pl.col("valid_from"))
        & (pl.col("death").is_null() | (pl.col("when") < pl.col("death")))
        & (pl.col("valid_to").is_null() | (pl.col("when") < pl.col("valid_to")))
    )
    return rows.sort("month_number", "visited_at", "person").select(
        "person",
        numbers(f"V{county.short}", 1, len(rows), 8).alias("visit_no"),
        "id_no",
        "visitor_id_no",
        "visited_at",
        "mode",
        "result",
        "longitude",
        "latitude",
        "month_number",
    )


def family_bed(
    seed: int,
    county: County,
    people: pl.DataFrame,
    housed: pl.DataFrame,
    facilities: pl.DataFrame,
    window: Window,
) -> pl.DataFrame:
    """Feed family_bed, [bed_no]: disabled elders who are cared for at home."""
    rng = generator(seed, "family beds", county.code)
    able = (
        people.filter((pl.col("age") > 64) & (pl.col("grade") >= 2) & ~pl.col("reserved"))
        .join(housed, on="person", how="anti")
        .sort("person")
    )
    chosen = able.filter(pl.Series(rng.random(len(able)) < 0.30))
    size = len(chosen)
    since = day(CLOCK) - rng.integers(50, 1100, size)
    stops = pl.Series(since + rng.integers(200, 900, size)).cast(pl.Int32).cast(pl.Date)
    stopped = pl.Series(rng.random(size) < 0.10) & (stops < CLOCK)
    carers = facilities.filter(pl.col("kind").is_in(["township_centre", "institution"]))
    return (
        chosen.with_columns(
            facility_code=carers["facility_code"].gather(
                pl.Series(rng.integers(0, len(carers), size))
            ),
            set_up_on=pl.Series(since).cast(pl.Int32).cast(pl.Date),
            ended_on=pl.min_horizontal(
                pl.col("death").dt.offset_by("1d"), pl.when(stopped).then(stops)
            ),
            monthly_subsidy=pl.lit(programmes.FAMILY_BED).cast(pl.Decimal(18, 2)),
        )
        .filter(pl.col("ended_on").is_null() | (pl.col("ended_on") > pl.col("set_up_on")))
        .select(
            "person",
            pl.int_range(pl.len()).alias("n"),
            "id_no",
            "facility_code",
            "set_up_on",
            "ended_on",
            "monthly_subsidy",
            "death",
        )
        .select(
            "person",
            pl.format(
                "J{}{}", pl.lit(county.short), pl.col("n").cast(pl.String).str.zfill(6)
            ).alias("bed_no"),
            "id_no",
            "facility_code",
            "set_up_on",
            "ended_on",
            "monthly_subsidy",
        )
    )


def family_bed_months(beds: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Entitlements to the family-bed subsidy: months of which a day is covered."""
    last = month_of_day(pl.col("ended_on").dt.offset_by("-1d"))
    return beds.select(
        "person",
        pl.lit("family_bed_subsidy").alias("programme_code"),
        pl.max_horizontal(month_of_day(pl.col("set_up_on")), pl.lit(window.first_month))
        .cast(pl.Int32)
        .alias("first"),
        pl.min_horizontal(pl.coalesce(last, pl.lit(window.last_month)), pl.lit(window.last_month))
        .cast(pl.Int32)
        .alias("last"),
        pl.col("monthly_subsidy").cast(pl.Int64).alias("amount"),
    ).filter(pl.col("first") <= pl.col("last"))


def _scores(rng: Rng, grade: Ints) -> Ints:
    low = np.array([SCORES[g][0] for g in range(5)])[grade]
    high = np.array([SCORES[g][1] for g in range(5)])[grade]
    scores: Ints = low + (rng.random(len(grade)) * (high - low + 1)).astype(np.int64)
    return scores


def ability_assessment(
    seed: int,
    county: County,
    people: pl.DataFrame,
    assessed: pl.DataFrame,
    assessors: pl.DataFrame,
) -> pl.DataFrame:
    """Feed ability_assessment, [assessment_no]: today's grade, for some an earlier, better one.

    Higher scores are better (GB/T 42195-2022); an upgrade makes the grade one step worse than the
    score's band, coma makes it 4.
    """
    rng = generator(seed, "assessments", county.code)
    frame = people.join(assessed.select("person").unique(), on="person", how="semi").sort("person")
    earlier = frame.filter(pl.Series(rng.random(len(frame)) < 0.3) & (pl.col("grade") > 0))
    both = pl.concat(
        [
            frame.with_columns(now=pl.lit(value=True)),
            earlier.with_columns(pl.col("grade") - 1, now=pl.lit(value=False)),
        ]
    )
    size = len(both)
    grade = both["grade"].to_numpy()
    reason = np.where((rng.random(size) < 0.05) & (grade >= 1), rng.integers(1, 4, size), 0)
    reason = np.where((grade == 4) & (rng.random(size) < 0.03), 4, reason)
    band = np.where((reason >= 1) & (reason <= 3), grade - 1, grade)
    band = np.where(reason == 4, rng.integers(2, 5, size), band)
    score = _scores(rng, band)
    now = both["now"].to_numpy()
    when = day(CLOCK) - np.where(now, rng.integers(15, 700, size), rng.integers(745, 1100, size))
    assessed_on = pl.Series(when).cast(pl.Int32).cast(pl.Date)
    reasons = pl.Series(["", "dementia", "mental", "risk_events", "coma"]).gather(pl.Series(reason))
    rows = (
        both.with_columns(
            assessed_on=assessed_on,
            score=pl.Series(score),
            upgrade=reasons,
            assessor_id_no=assessors["id_no"].gather(
                pl.Series(rng.integers(0, len(assessors), size))
            ),
            organisation=text(
                [f"{county.name}{n}评估中心" for n in ("康健", "民安", "颐评")],
                pick(rng, range(3), size),
            ),
        )
        .filter(pl.col("death").is_null() | (pl.col("death") > pl.col("assessed_on")))
        .sort("assessed_on", "person")
    )
    return rows.select(
        "person",
        numbers(f"A{county.short}", 1, len(rows), 7).alias("assessment_no"),
        "id_no",
        "assessed_on",
        "organisation",
        "assessor_id_no",
        "score",
        "grade",
        pl.when(pl.col("upgrade") != "").then("upgrade").alias("upgrade_reason"),
        pl.col("assessed_on").dt.offset_by("2y").dt.offset_by("-1d").alias("valid_to"),
    )


def home_adaptation(
    seed: int, county: County, people: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """Feed home_adaptation, [project_no]: one home of an elder, 2021 until the clock."""
    rng = generator(seed, "adaptation", county.code)
    homes = people.filter((pl.col("age") > 68) & ~pl.col("reserved")).unique(
        "household", keep="first", maintain_order=True
    )
    chosen = homes.filter(pl.Series(rng.random(len(homes)) < 0.06))
    size = len(chosen)
    done = day(CLOCK) - (2120 * (1 - np.sqrt(rng.random(size)))).astype(np.int64)
    total = rng.integers(24, 62, size) * 100
    picks = rng.integers(0, len(ADAPTATIONS), (3, size))
    items = (
        text(ADAPTATIONS, picks[0])
        + "、"
        + text(ADAPTATIONS, picks[1])
        + "、"
        + text(ADAPTATIONS, picks[2])
    )
    money = pl.Decimal(18, 2)
    rows = (
        chosen.with_columns(
            completed_on=pl.Series(done).cast(pl.Int32).cast(pl.Date),
            items=items,
            total_amount=pl.Series(total).cast(money),
            subsidy_amount=pl.Series(np.minimum(total, 3500)).cast(money),
            house=pl.Series(rng.integers(1, 300, size)),
            invoice=pl.Series(rng.integers(10**7, 10**8, size)),
        )
        .filter(pl.col("death").is_null() | (pl.col("death") > pl.col("completed_on")))
        .sort("completed_on", "person")
    )
    serial = pl.int_range(pl.len()).cast(pl.String).str.zfill(6)
    return rows.select(
        "person",
        pl.format("G{}{}", pl.lit(county.short), serial).alias("project_no"),
        "id_no",
        "household_no",
        pl.format("{}{}号", pl.lit(county.name), pl.col("house")).alias("address"),
        "items",
        "completed_on",
        "total_amount",
        "subsidy_amount",
        pl.lit("特殊困难老年人家庭适老化改造").alias("programme"),
        pl.format("{}{}", pl.lit(county.short), "invoice").alias("invoice_no"),
        pl.format("{}", (pl.col("person") * 2_654_435_761 % 4_294_967_291)).alias("photo_hash"),
        month_of_day(pl.col("completed_on")).alias("month_number"),
    )


def social_worker(
    seed: int, county: County, people: pl.DataFrame, staff_rows: pl.DataFrame, window: Window
) -> pl.DataFrame:
    """Feed social_worker, [certificate_no]."""
    rng = generator(seed, "social workers", county.code)
    elders = people.filter(pl.col("age") >= 60).height
    wanted = max(round(elders / 1000 * local(SOCIAL_WORKERS, county)), 1)
    rows = staff_rows.head(wanted)
    size = len(rows)
    since = day(CLOCK) - rng.integers(100, 1900, size)
    return rows.select(
        "person",
        numbers(f"W{county.short}", 1, size, 5).alias("certificate_no"),
        "id_no",
        pl.lit(county.code).alias("region_code"),
        pl.lit(f"{county.name}社会工作服务中心").alias("organisation"),
        text(
            ("assistant", "social_worker", "senior"), pick(rng, range(3), size, (60, 36, 4))
        ).alias("level"),
        pl.Series(since).cast(pl.Int32).cast(pl.Date).alias("valid_from"),
        pl.lit(None, dtype=pl.Date).alias("valid_to"),
    )
