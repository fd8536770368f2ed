"""A department's database: the hub's settings for it, and what lies in its tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.landing import land
from tests.integration.ingestion.conftest import CONTRACTS, identifier, lake
from tests.support.wire import Wire
from yinling.settings import Settings, Source

PEOPLE, FUNDS = "household_person", "welfare_fund"
COLUMNS = [c.name for c in CONTRACTS[PEOPLE].columns]


@dataclass
class Base:
    """A server with a schema `exchange`, and an account `hub` that may only read it.

    Attributes:
        run: executes a statement as the owner.
        uri: the hub's address, by way of the wire.
        questions: what the hub asked so far, from the server's own log.
    """

    connector: str
    run: Callable[..., Any]
    uri: str
    line: Wire
    moment: str
    questions: Callable[[], list[str]]

    @property
    def is_postgresql(self) -> bool:
        return "postgres" in self.uri


def source(base: Base, table: str = PEOPLE, **given: Any) -> Source:
    how = {"mode": "increment", "cursor": "updated_at"} if table == PEOPLE else {"mode": "full"}
    return Source(
        connector=base.connector,
        uri_env="DEPARTMENT",
        table=f"exchange.{table}",
        provider="gongan",
        **(how | given),
    )


def people(base: Base, tmp_path: Path, **given: Any) -> Settings:
    """An empty register of persons."""
    fields = ", ".join(
        f"{name} {base.moment if name == 'updated_at' else 'varchar(60)'}" for name in COLUMNS
    )
    base.run(f"create table exchange.{PEOPLE} ({fields}, primary key (id_no))")
    return Settings(home=tmp_path, sources={PEOPLE: source(base, **given)})


def add(base: Base, first: int, count: int, moment: str, name: str = "王") -> None:
    """More persons, each with a number of its own."""
    rows = [
        f"('{identifier(n)}', '{name}{n}', '1', '1950-01-01', 'H{n}', '440203000000', 'normal',"
        f" '{moment}')"
        for n in range(first, first + count)
    ]
    base.run(
        f"insert into exchange.{PEOPLE} (id_no, name, sex, birth_date, household_no,"
        f" hukou_region_code, status, updated_at) values {', '.join(rows)}"
    )


def loaded(home: Settings) -> list[int]:
    return [receipt["rows_loaded"] for receipt in land(home).receipts]


def persons(home: Settings) -> int:
    rows = lake(home, PEOPLE)
    assert rows["id_no_token"].n_unique() == rows.height  # no row twice
    return rows.height
