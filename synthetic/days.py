"""One more day of deliveries: about 0.5 % new and changed rows, through the same channels.

The register moves people and adds births, doctors and payers add rows, visits and orders of the
day arrive as files. Nobody of a planted case is touched.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from synthetic import departments, files
from synthetic.draws import Rng, column, generator
from synthetic.files import Delivery
from synthetic.identity import bank_accounts, finish
from synthetic.programmes import SERVICE
from synthetic.regions import counties
from synthetic.transport import CHANNELS, FILE_KINDS

LAST_DELIVERY = date(2026, 11, 8)
SHARE = 0.005
TIMES = {
    "home_visit": ("visited_at",),
    "home_service_order": ("started_at", "ended_at"),
    "meal_order": ("served_at",),
    "ltci_claim": ("started_at", "ended_at"),
}
"""What is repeated from day to day, and when it was done."""
PERIOD = "2026-11"


class DayError(Exception):
    """The day cannot be made; the message says why."""


@dataclass(frozen=True)
class Day:
    """What a day is made from."""

    home: Path
    number: int
    seed: int
    rows: dict[str, int]

    @property
    def date(self) -> date:
        return LAST_DELIVERY + timedelta(days=self.number)

    def rng(self, purpose: str) -> Rng:
        return generator(self.seed, "day", str(self.number), purpose)

    def clean(self, dataset: str) -> pl.LazyFrame:
        """Accepted rows of the base deliveries."""
        clean = self.home / "demo" / "truth" / "clean"
        paths = [*clean.glob(f"{dataset}.parquet"), *sorted(clean.glob(f"{dataset}-*.parquet"))]
        return pl.scan_parquet(paths).filter(pl.col("_refused").is_null())

    def wanted(self, dataset: str) -> int:
        """About 0.5 % of the dataset's rows."""
        return max(round(self.rows[dataset] * SHARE), 1)


def _people(day: Day, young: int, old: int) -> pl.LazyFrame:
    """Living, ordinary people by age: nobody of a case, nobody whose death is on record."""
    demo = day.home / "demo" / "truth"
    reserved = pl.scan_parquet(demo / "reserved.parquet")
    dead = pl.concat(
        [day.clean("death_certificate").select("id_no"), day.clean("cremation").select("id_no")]
    )
    age = (pl.lit(day.date) - pl.col("birth_date")).dt.total_days() / 365.25
    return (
        day.clean("household_person")
        .filter((pl.col("status") == "normal") & age.is_between(young, old))
        .join(reserved, on="id_no", how="anti")
        .join(dead, on="id_no", how="anti")
        .sort("id_no")
    )


def _sample(frame: pl.DataFrame, count: int, rng: Rng) -> pl.DataFrame:
    return frame[np.sort(rng.permutation(len(frame))[:count])]


def _moment(day: Day, rng: Rng, size: int) -> pl.Expr:
    seconds = column(rng.integers(8 * 3600, 17 * 3600, size))
    return pl.lit(datetime.combine(day.date, datetime.min.time())) + pl.duration(seconds=seconds)


def register_rows(day: Day) -> pl.DataFrame:
    """household_person: people who moved house within their county, and births."""
    rng = day.rng("register")
    movers = _sample(_people(day, 19, 55).collect(), day.wanted("household_person"), rng)
    contract = [c for c in movers.columns if not c.startswith("_")]
    movers = movers.select(contract)
    villages = {c.short: c.villages for c in counties()}
    area = movers["residence_region_code"].str.slice(0, 6)
    draw = pl.Series(rng.random(len(movers)))
    choices = pl.DataFrame({"area": list(villages), "villages": list(villages.values())})
    place = (
        pl.DataFrame({"area": area, "draw": draw})
        .join(choices, on="area", how="left", maintain_order="left")
        .select(
            pl.col("villages").list.get(
                (pl.col("draw") * pl.col("villages").list.len()).cast(pl.Int64)
            )
        )["villages"]
    )
    moved = movers.with_columns(
        residence_region_code=place, updated_at=_moment(day, rng, len(movers))
    )
    parents = movers.filter(pl.col("relation_to_head") == "02").head(len(movers) // 20)
    county = parents["hukou_region_code"].str.slice(0, 6).cast(pl.Int64).to_numpy()
    born = day.date - timedelta(days=4)
    rank = pl.Series(county).to_frame("c").select(pl.int_range(pl.len()).over("c"))["literal"]
    serial = rank.to_numpy() * 2 + 500 + rng.integers(0, 2, len(parents))
    body = county * 10**11 + int(born.strftime("%Y%m%d")) * 1_000 + serial
    births = parents.with_columns(
        id_no=finish(body),
        name=pl.col("name").str.slice(0, 1) + "新" + "生",
        sex=pl.Series(np.where(serial % 2 == 1, "1", "2")),
        birth_date=pl.lit(born),
        relation_to_head=pl.Series(np.where(serial % 2 == 1, "20", "30")),
        status_date=pl.lit(born),
        updated_at=_moment(day, rng, len(parents)),
    )
    return pl.concat([moved, births]).sort("updated_at", "id_no")


def settlement_rows(day: Day) -> pl.DataFrame:
    """medical_settlement: outpatient visits of yesterday, settled today."""
    rng = day.rng("settlements")
    who = _sample(_people(day, 30, 75).collect(), day.wanted("medical_settlement"), rng)
    like = _sample(
        day.clean("medical_settlement")
        .filter(pl.col("visit_kind") == "outpatient")
        .head(50_000)
        .collect(),
        len(who),
        rng,
    )
    size = min(len(who), len(like))
    yesterday = pl.lit(datetime.combine(day.date, datetime.min.time())) - pl.duration(days=1)
    start = yesterday + pl.duration(seconds=column(rng.integers(8 * 3600, 15 * 3600, size)))
    return (
        like.head(size)
        .with_columns(
            id_no=who["id_no"].head(size),
            settlement_no=pl.format(f"MD{day.number:04d}{{}}", pl.int_range(pl.len()) + 1_000_000),
            admitted_at=start,
            discharged_at=start + pl.duration(hours=1),
            settled_at=_moment(day, rng, size),
            outcome=pl.lit(None, dtype=pl.String),
        )
        .sort("settled_at", "settlement_no")
    )


def certificate_rows(day: Day) -> pl.DataFrame:
    """death_certificate: some who died three days ago."""
    rng = day.rng("deaths")
    dead = _sample(_people(day, 60, 90).collect(), day.wanted("death_certificate"), rng)
    return dead.select(
        pl.format(f"DD{day.number:04d}{{}}", pl.int_range(pl.len()) + 1_000).alias(
            "certificate_no"
        ),
        "id_no",
        "name",
        pl.lit(day.date - timedelta(days=3)).alias("death_date"),
        pl.lit("home").alias("death_place"),
        pl.lit(day.date).alias("issued_on"),
    )


def payment_rows(day: Day) -> pl.DataFrame:
    """subsidy_payment: services for poor elders, granted late, paid for October."""
    paid = day.clean("subsidy_payment").select("id_no").drop_nulls()
    housed = day.clean("facility_stay").select("id_no")
    able = (
        _people(day, 62, 75)
        .join(paid, on="id_no", how="anti")
        .join(housed, on="id_no", how="anti")
        .collect()
    )
    # The same person is granted once, whatever the day.
    turn = _sample(able, len(able), generator(day.seed, "late grants"))
    size = day.wanted("subsidy_payment")
    new = turn.slice((day.number - 1) * size, size).sort("id_no")
    if new.is_empty():
        raise DayError(
            f"Day {day.number}: nobody is left to grant a subsidy. Make the province "
            "again or use a larger scale."
        )
    order = pl.int_range(pl.len())
    account = 9 * 10**10 + day.number * 10**6 + np.arange(len(new))
    county = pl.col("hukou_region_code").str.slice(0, 6)
    return new.select(
        pl.format(f"PD{day.number:04d}{{}}", order + 1_000_000).alias("payment_no"),
        pl.lit("hardship_elder_service_subsidy").alias("programme_code"),
        "id_no",
        pl.col("name").alias("payee_name"),
        pl.lit("2026-10").alias("benefit_month"),
        pl.lit(SERVICE).cast(pl.Decimal(18, 2)).alias("amount"),
        (
            pl.lit(datetime.combine(day.date, datetime.min.time()))
            + pl.duration(hours=9, seconds=order)
        ).alias("paid_at"),
        bank_accounts(account).alias("bank_account"),
        pl.col("name").alias("account_name"),
        (county + "000000").alias("region_code"),
        pl.lit(None, dtype=pl.String).alias("facility_code"),
        pl.format("B{}-2026-10-late", county).alias("batch_no"),
        pl.lit("success").alias("status"),
        pl.format("审批{}", county).alias("approved_by"),
        pl.lit("经办1").alias("entered_by"),
    )


def _at_home(day: Day) -> pl.LazyFrame:
    """Those of `_people` who have never lived in a house."""
    housed = day.clean("facility_stay").select("id_no")
    return _people(day, 0, 130).join(housed, on="id_no", how="anti")


def call_rows(day: Day) -> pl.DataFrame:
    """emergency_call: calls of today from homes that have called before, all resolved."""
    rng = day.rng("calls")
    known = day.clean("emergency_call").select("id_no")
    able = _at_home(day).join(known, on="id_no", how="semi").select("id_no").collect()
    who = _sample(able, day.wanted("emergency_call"), rng)
    size = len(who)
    called = _moment(day, rng, size)
    return (
        who.with_columns(called_at=called)
        .sort("called_at", "id_no")
        .select(
            pl.format(f"HD{day.number:04d}{{}}", pl.int_range(pl.len()) + 100_000).alias("call_no"),
            "id_no",
            "called_at",
            (pl.col("called_at") + pl.duration(seconds=20)).alias("answered_at"),
            (pl.col("called_at") + pl.duration(minutes=15)).alias("arrived_at"),
            pl.lit("resolved").alias("outcome"),
        )
    )


def repeated_rows(day: Day, dataset: str) -> pl.DataFrame:
    """Visits, orders, meals or claims of yesterday: those of the same day of October, a month on,
    so that no worker is in two places; `_provider` as then."""
    (first, *_), (number,) = TIMES[dataset], CHANNELS[dataset].key
    people = _at_home(day) if dataset == "meal_order" else _people(day, 0, 130)
    people = people.select("id_no")
    shift = pl.duration(days=31)
    rows = (
        day.clean(dataset)
        .filter(pl.col(first).dt.date() == day.date - timedelta(days=32))
        .join(people, on="id_no", how="semi")
        .collect()
        .unique(number, maintain_order=True)
    )
    kept = _sample(rows, day.wanted(dataset), day.rng(dataset))
    return kept.with_columns(
        *(pl.col(c) + shift for c in TIMES[dataset]),
        (pl.lit(f"Z{day.number:03d}") + pl.col(number)).alias(number),
        _provider=pl.col("_batch_id").str.split(".").list.get(1),
    )


def _contract(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(c for c in frame.columns if not c.startswith("_"))


def _next_sequence(inbox: Path, dataset: str, provider: str) -> int:
    taken = [
        int(p.name.split(".")[3])
        for p in (inbox / dataset).glob(f"{dataset}.{provider}.*.control.json")
    ]
    return max(taken, default=0) + 1


def next_day(home: Path) -> int:
    """The first day that has not been delivered."""
    done = [int(p.name.split("-")[1]) for p in (home / "demo" / "truth").glob("day-*")]
    return max(done, default=0) + 1


def day(home: Path, number: int) -> dict[str, int]:
    """Deliver day `number` (1 is the ninth of November).

    Returns:
        Rows by dataset.

    Raises:
        DayError: there is no province, or the day has been delivered.
    """
    file = home / "demo" / "province.json"
    if not file.exists():
        raise DayError(
            f"There is no synthetic province in {home}. Make one: python -m synthetic --home {home}"
        )
    facts = json.loads(file.read_text("utf-8"))
    if not 1 <= number <= 20:
        raise DayError(f"Day {number} does not exist. Days go from 1 to 20.")
    today = Day(home, number, int(facts["seed"]), facts["rows"])
    truth = home / "demo" / "truth" / f"day-{number:04d}"
    if truth.exists():
        raise DayError(f"Day {number} has been delivered already. Ask for day {number + 1}.")
    counts = {}
    truth.mkdir(parents=True)
    for dataset, rows in (
        ("household_person", register_rows(today)),
        ("medical_settlement", settlement_rows(today)),
        ("death_certificate", certificate_rows(today)),
        ("subsidy_payment", payment_rows(today)),
        ("emergency_call", call_rows(today)),
        ("ltci_claim", repeated_rows(today, "ltci_claim").sort("ended_at", "claim_no")),
    ):
        channel, rows = CHANNELS[dataset], _contract(rows)
        folder = home / "demo" / "departments" / channel.kind / dataset
        files.as_text(rows).write_parquet(folder / f"{number:04d}-000.parquet")
        rows.write_parquet(truth / f"{dataset}.parquet")
        counts[dataset] = len(rows)
    for dataset in (name for name in TIMES if CHANNELS[name].kind in FILE_KINDS):
        rows = repeated_rows(today, dataset)
        rows.write_parquet(truth / f"{dataset}.parquet")
        for (provider,), part in sorted(rows.partition_by("_provider", as_dict=True).items()):
            _deliver(today, dataset, str(provider), part)
        counts[dataset] = len(rows)
    departments.load(home)
    return counts


def _deliver(today: Day, dataset: str, provider: str, part: pl.DataFrame) -> None:
    inbox = today.home / "demo" / "inbox"
    channel = CHANNELS[dataset]
    files.write(
        inbox,
        Delivery(
            dataset=dataset,
            provider=provider,
            period=PERIOD,
            sequence=_next_sequence(inbox, dataset, provider),
            mode="increment",
            kind=channel.kind,
            encoding=channel.encoding,
            delivered_at=datetime.combine(today.date, datetime.min.time()) + timedelta(hours=9),
            rows=files.as_text(_contract(part)),
            sums=channel.sums,
        ),
    )
