"""Deliveries in time: what they mean does not depend on the order in which they arrive."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from ingestion.landing import land
from tests.integration.ingestion.conftest import identifier
from tests.support.lake import Lake
from tests.support.warehouses import differences
from yinling.settings import Settings, Source
from yinling.warehouse import build, warehouse_file

pytestmark = pytest.mark.slow

SEEDS = 80
COLUMNS = {"facility_stay": ("stay_no", "bed_no"), "home_visit": ("visit_no", "result")}
MODELS = [
    "stg_facility_stay", "stg_household_id_change", "int_person_renumbered", "spell_stay",
    "stg_facility", "stg_facility_version", "dim_facility", "stg_home_visit", "fct_visit",
]  # fmt: skip


# --- what deliveries mean, told plainly -----------------------------------------------------------


@dataclass
class Told:
    """One delivery: what it lists, and which of that was refused."""

    provider: str
    period: str
    mode: str
    sequence: int
    at: datetime
    listed: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def speaks(self) -> tuple[Any, ...]:
        year, month = map(int, self.period.split("-"))
        end = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return (min(end, self.at.date()), self.at, self.sequence, self.provider)


def deliveries(dice: random.Random) -> list[Told]:
    """A few months of two counties: late, early, repeated, corrected, full and increments."""
    told: list[Told] = []
    for provider in ("440203", "440204"):
        for sequence in range(1, dice.randrange(3, 8)):
            month = dice.randrange(1, 5)
            late = dice.choice([8, 8, 8, 40, 95, -12])  # days after the month's end
            at = datetime(2026, month, 28, 9) + timedelta(days=3 + late, seconds=sequence)
            keys = dice.sample("ABCDEF", dice.randrange(1, 6))
            refused = dice.sample(keys, dice.randrange(0, len(keys) // 2 + 1))
            told.append(
                Told(
                    provider, f"2026-{month:02d}", dice.choice(["full", "increment"]), sequence, at,
                    {key: dice.randrange(5) for key in keys if key not in refused}, refused,
                )
            )  # fmt: skip
    return told


def account(told: list[Told], whole: bool) -> dict[str, tuple[str, int]]:
    """What stands after all deliveries: key → (batch, value), told one after the other.

    whole: a full delivery replaces all of its provider; else only what was told for its period.
    """
    rooms: dict[tuple[str, str], dict[str, tuple[tuple[Any, ...], Told, int]]] = {}
    for one in sorted(told, key=lambda t: t.speaks):
        room = rooms.setdefault((one.provider, "" if whole else one.period), {})
        rows = {key: (one.speaks, one, value) for key, value in one.listed.items()}
        sound = len(one.listed) > 0 and len(one.refused) <= len(one.listed)
        if one.mode == "full" and sound:
            for key in set(room) - set(one.refused):
                del room[key]
        room.update(rows)
    stands: dict[str, tuple[tuple[Any, ...], Told, int]] = {}
    for room in rooms.values():
        for key, row in room.items():
            if key not in stands or row[0] > stands[key][0]:
                stands[key] = row
    return {
        key: (f"{one.provider}.{one.period}.{one.sequence:04d}", value)
        for key, (_, one, value) in stands.items()
    }


class Compiled:
    """The staging model's SQL as dbt compiled it, to be run on many lakes."""

    def __init__(self, settings: Settings, dataset: str) -> None:
        target = settings.warehouse.parent / "dbt" / "target" / "compiled" / "yinling"
        self.home, (self.key, self.column) = settings.home, COLUMNS[dataset]
        (hook,) = target.rglob("*on-run-start-0.sql")
        (model,) = target.rglob(f"stg_{dataset}.sql")
        self.hook, self.model = hook.read_text("utf-8"), model.read_text("utf-8")

    def stands(self, lake: Lake) -> dict[str, tuple[str, int]]:
        def here(sql: str) -> str:
            return sql.replace(str(self.home), str(lake.home))

        with duckdb.connect() as connection:
            connection.execute(here(self.hook))
            rows = connection.execute(
                f"select {self.key}, batch_id, {self.column} from ({here(self.model)})"
            ).fetchall()
        return {key: (batch.partition(".")[2], int(value)) for key, batch, value in rows}


def put(lake: Lake, dataset: str, told: list[Told]) -> None:
    key, column = COLUMNS[dataset]
    for one in told:
        rows = [{key: name, column: str(value)} for name, value in one.listed.items()]
        lake.add(
            dataset, rows, period=one.period, sequence=one.sequence, provider=one.provider,
            known_at=one.at, mode=one.mode, refused=one.refused,
        )  # fmt: skip


# --- a year through the real landing and the real build -------------------------------------------

STOPPED = date(2026, 6, 30)


@dataclass
class Sent:
    """One delivery as a file."""

    dataset: str
    provider: str
    period: str
    mode: str
    sequence: int
    at: datetime
    rows: list[dict[str, str | None]]

    def put(self, home: Path) -> None:
        folder = home / "inbox" / self.dataset
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.dataset}.{self.provider}.{self.period}.{self.sequence}.csv"
        pl.DataFrame(self.rows, infer_schema_length=None).cast(pl.String).write_csv(file)
        record = {
            "dataset": self.dataset,
            "provider": self.provider,
            "period": self.period,
            "mode": self.mode,
            "sequence": self.sequence,
            "row_count": len(self.rows),
            "delivered_at": self.at.isoformat(),
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        file.with_name(f"{file.name}.control.json").write_text(json.dumps(record), "utf-8")


def a_year(dice: random.Random) -> list[Sent]:
    """Twelve months of two counties: registers in full, stays as increments, visits by month."""
    sent: list[Sent] = []
    count: dict[tuple[str, str], int] = {}

    def send(dataset: str, provider: str, month: int, mode: str, rows: Any, late: int = 0) -> None:
        sequence = count[dataset, provider] = count.get((dataset, provider), 0) + 1
        end = date(2026 + month // 12, month % 12 + 1, 1)
        at = datetime(end.year, end.month, 8, 9, sequence) + timedelta(days=late)
        sent.append(Sent(dataset, provider, f"2026-{month:02d}", mode, sequence, at, list(rows)))

    def facility(code: str, month: int, provider: str) -> dict[str, str | None]:
        return {
            "facility_code": code, "name": f"{code}院", "kind": "institution",
            "region_code": f"{provider}000000", "opened_on": "2020-01-01",
            # One row in ten cannot be taken; its house is listed all the same.
            "beds_total": "many" if dice.random() < 0.1 else str(40 + month + dice.randrange(3)),
        }  # fmt: skip

    def stay(number: int, month: int) -> dict[str, str | None]:
        return {
            "stay_no": f"S{number}", "facility_code": "F1", "name": "某人",
            "id_no": identifier(number), "bed_no": str(dice.randrange(9)),
            "care_grade": str(dice.randrange(5)), "checked_in_on": "2026-01-02",
            "checked_out_on": f"2026-{month:02d}-28" if dice.random() < 0.2 else None,
            "payer": "self",
        }  # fmt: skip

    def visit(number: int, month: int) -> dict[str, str | None]:
        return {
            "visit_no": f"V{number}", "id_no": identifier(number),
            "visitor_id_no": identifier(number % 9), "visited_at": f"2026-{month:02d}-10 10:00:00",
            "mode": "home", "result": dice.choice(["normal", "needs_help"]),
        }  # fmt: skip

    for month in range(1, 13):
        for provider, houses in (("440203", "ABCD"), ("440204", "DEFG")):
            # Both counties list FD.
            listed = [facility(f"F{h}", month, provider) for h in houses if dice.random() < 0.9]
            send("facility", provider, month, "full", listed, dice.choice([0, 0, 0, 50]))
            some = dice.sample(range(30), 8)
            send("facility_stay", provider, month, "full" if month in (1, 7) else "increment",
                 [stay(n + 100 * int(provider[-1]), month) for n in some])  # fmt: skip
            done = range(month * 100, month * 100 + 12)
            send("home_visit", provider, month, "full", [visit(n, month) for n in done])
            if dice.random() < 0.5:  # corrected, and the correction corrected, months later
                for late in (40, 75):
                    send("home_visit", provider, month, dice.choice(["full", "increment"]),
                         [visit(n, month) for n in dice.sample(done, 9)], late)  # fmt: skip
    return sent


def hub(folder: Path) -> Settings:
    names = ("facility", "facility_stay", "home_visit")
    for name in names:
        (folder / "inbox" / name).mkdir(parents=True, exist_ok=True)
    sources = {name: Source(connector="folder", path=f"inbox/{name}") for name in names}
    return Settings(home=folder, sources=sources, synthetic=True)  # a year that has not come


def take(settings: Settings, sent: list[Sent]) -> None:
    """Put the deliveries where the hub looks, one hub run for each few of them."""
    for start in range(0, len(sent), 20):
        for one in sent[start : start + 20]:
            one.put(settings.home)
        done = land(settings)
        assert not done.rejected


Rows = dict[str, list[tuple[Any, ...]]]


def staged(file: Path) -> Rows:
    with duckdb.connect(str(file), read_only=True) as connection:
        return {
            name: sorted(
                connection.execute(f"select * from staging.{name}").fetchall(),
                key=lambda row: (row[-3], row[-2]),
            )
            for name in ("stg_facility", "stg_facility_stay", "stg_home_visit")
        }


@dataclass
class Year:
    """The same deliveries taken in order, with a stop half-way, and shuffled."""

    ordered: Settings
    stopped: Path
    stopped_rows: Rows
    shuffled: Settings


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    dice = random.Random(2026)  # noqa: S311 (test data)
    sent = a_year(dice)
    in_order = sorted(sent, key=lambda one: one.at)
    early = [one for one in in_order if one.at.date() <= STOPPED]
    folder = tmp_path_factory.mktemp("year")
    ordered, shuffled, stopped = hub(folder / "a"), hub(folder / "b"), folder / "stopped.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YINLING_TOKEN_KEY", "a key for tests")
        patch.setenv("YINLING_VAULT_KEY", "11" * 32)
        take(ordered, early)
        build(ordered, MODELS)
        shutil.copy(ordered.warehouse, stopped)
        stopped_rows = staged(ordered.warehouse)
        take(ordered, in_order[len(early) :])
        build(ordered, MODELS)
        dice.shuffle(sent)
        for half in (sent[: len(sent) // 2], sent[len(sent) // 2 :]):
            take(shuffled, half)
            build(shuffled, MODELS)
        yield Year(ordered, stopped, stopped_rows, shuffled)


def test_a_year_in_shuffled_order_ends_as_in_order(year: Year) -> None:
    assert differences(year.ordered.warehouse, year.shuffled.warehouse) == {}
    rows = staged(year.shuffled.warehouse)
    assert rows == staged(year.ordered.warehouse)
    assert all(len(part) > 5 for part in rows.values())


def test_a_facility_that_is_dropped_from_the_list_is_no_longer_current(year: Year) -> None:
    with duckdb.connect(str(year.ordered.warehouse), read_only=True) as connection:
        houses = dict(
            connection.execute(
                "select facility_code, bool_or(is_current) from core.dim_facility group by all"
            ).fetchall()
        )
    listed = {row[0] for row in staged(year.ordered.warehouse)["stg_facility"]}
    assert {code for code, current in houses.items() if current} == listed
    assert set(houses) - listed


def test_a_past_day_is_what_a_hub_holds_that_stopped_then(year: Year) -> None:
    then = build(year.shuffled, MODELS, known_as_of=STOPPED.isoformat()).warehouse
    assert then == warehouse_file(year.shuffled, STOPPED.isoformat())
    assert differences(year.stopped, then) == {}
    assert staged(then) == year.stopped_rows
    assert staged(year.shuffled.warehouse) != year.stopped_rows


@pytest.mark.parametrize(("dataset", "whole"), [("facility_stay", True), ("home_visit", False)])
def test_what_stands_is_what_a_plain_account_says(
    dataset: str, whole: bool, year: Year, tmp_path: Path
) -> None:
    kept, withdrawn = 0, 0
    compiled = Compiled(year.ordered, dataset)
    lake = Lake(tmp_path).start()
    for seed in range(SEEDS):
        told = deliveries(random.Random(seed))  # noqa: S311 (test data)
        for batch in (lake.folder / dataset).glob(f"{dataset}.*"):
            shutil.rmtree(batch)
        put(lake, dataset, told)
        expected = account(told, whole)
        assert compiled.stands(lake) == expected, f"seed {seed}"
        ever = {key for one in told for key in one.listed}
        withdrawn += len(ever - set(expected))
        kept += sum(bool(set(one.refused) & set(expected)) for one in told if one.mode == "full")
    assert withdrawn > SEEDS / 20
    assert kept > SEEDS / 10
