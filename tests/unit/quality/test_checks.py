"""The checks themselves: derived from contracts and models, ids stable and unique."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.contracts import load_contracts
from quality import landing, release, suites
from quality.lake import Scope
from yinling.settings import Settings

CONTRACTS = load_contracts(Settings(home=Path("/nowhere")).contracts)
ALL_NEW = Scope(frozenset({"b"}), expected=True)


def test_every_contract_gets_every_kind_of_check() -> None:
    kinds = {"schema", "key", "required", "accounting", "control", "freshness", "volume"}
    for contract in CONTRACTS.values():
        made = [check.id for check in landing.checks(contract, ALL_NEW)]
        assert {f"landing.{contract.name}.{kind}" for kind in kinds} <= set(made)
        assert max(Counter(made).values()) == 1
        coded = [column.name for column in contract.columns if column.codes]
        assert [i for i in made if ".codes." in i] == [
            f"landing.{contract.name}.codes.{name}" for name in coded
        ]


def test_a_dataset_without_new_batches_is_only_asked_whether_it_is_late() -> None:
    contract = CONTRACTS["facility"]
    assert [c.id for c in landing.checks(contract, Scope(frozenset(), True))] == [
        "landing.facility.freshness"
    ]
    assert landing.checks(contract, Scope(frozenset(), False)) == []


def test_suites_are_whole() -> None:
    for name in ("warehouse", "release"):
        loaded = suites.suite(name)
        assert loaded.checks
        assert all(check.remedy and check.meaning for check in loaded.checks)
    assert set(suites.landing_wording()) >= {"schema", "key", "sums"}


@pytest.fixture
def payments() -> Iterator[duckdb.DuckDBPyConnection]:
    """Four deliveries of payments; a full one has taken the place of b2, which alone had P3.

    P1 was delivered twice, the older amount last: staging keeps the newer.
    """
    with duckdb.connect() as connection:
        connection.execute(
            """create schema lake; create schema standing; create schema staging;
            create schema core;
            create table lake.subsidy_payment (
              payment_no varchar, amount decimal(18, 2), batch_id varchar);
            insert into lake.subsidy_payment values
              ('P1', 90, 'b1'), ('P1', 80, 'b0'), ('P2', 50, 'b1'), ('P3', 40, 'b2'),
              ('P4', 30, 'b3');
            create table staging.lake_batch as select * from
              (values ('b0', true), ('b1', true), ('b2', false), ('b3', true)) t(batch_id, is_live);
            create table standing.subsidy_payment as
              select * from lake.subsidy_payment where batch_id <> 'b2';
            create table staging.stg_subsidy_payment as
              select * from standing.subsidy_payment where batch_id <> 'b0';
            create table core.fct_payment as from staging.stg_subsidy_payment"""
        )
        yield connection


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("select 1", 0),
        # A single row of a delivery whose place was taken may stand on.
        ("insert into staging.stg_subsidy_payment values ('P3', 40, 'b2'); "
         "insert into core.fct_payment values ('P3', 40, 'b2')", 0),
        ("update staging.stg_subsidy_payment set amount = 51 where payment_no = 'P2'; "
         "update core.fct_payment set amount = 51 where payment_no = 'P2'", 1),
        ("delete from staging.stg_subsidy_payment where payment_no = 'P4'; "
         "delete from core.fct_payment where payment_no = 'P4'", 1),
        ("update core.fct_payment set amount = 89 where payment_no = 'P1'", 1),
        ("insert into core.fct_payment from core.fct_payment where payment_no = 'P1'", 1),
    ],
    ids=["sound", "kept row", "changed on the way", "lost on the way", "core differs", "doubled"],
)  # fmt: skip
def test_amounts_are_the_same_from_lake_to_core(
    payments: duckdb.DuckDBPyConnection, change: str, found: int
) -> None:
    (check,) = (c for c in suites.suite("warehouse").checks if c.id == "fct_payment.amount")
    payments.execute(change)
    assert len(payments.execute(check.sql).fetchall()) == found


# Made-up numbers; GB 11643-1999 check characters. 11010519491231002X is the standard's example.
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("11010519491231002X", "citizen_id"),
        ("11010519491231002x", "citizen_id"),
        ("证件：440524188001010014。", "citizen_id"),
        ("110105194912310021", None),  # wrong check character
        ("9911010519491231002X", None),  # inside a longer number
        ("130503670401001", "citizen_id_15"),
        ("电话13800138000", "mobile"),
        ("6222021234567890123", "card"),
        ("0123456789abcdef0123456789abcdef", "token"),
        ("张**", "mask"),
        ("4402**********1234", "mask"),
        ("440203000000", None),
        ("[[113.440203199001,24.9]]", None),
        ("护理型床位占比 58.3%", None),
        ("20261031-a4d09b34dd", None),
    ],
)
def test_personal_data_is_found_in_text(text: str, found: str | None) -> None:
    with duckdb.connect() as connection:
        connection.execute(release._CHECKSUM)
        connection.execute("create schema officials")
        connection.execute("create table officials.t as select ? as note", [text])
        rows = connection.execute(release._scan("officials", "t", "note")).fetchall()
    assert rows == ([("t", "note", found)] if found else [])


@pytest.mark.parametrize(
    ("persons", "spells_each", "registered", "found"),
    [
        (110, 1, 100, []),
        (111, 1, 100, [("440000000000", 111, 100)]),
        (100, 3, 100, []),  # enrolled several times is not several persons
        (1, 1, 0, [("440000000000", 1, 0)]),
    ],
)
def test_more_insured_than_registered_persons(
    persons: int, spells_each: int, registered: int, found: list[tuple[str, int, int]]
) -> None:
    (check,) = [c for c in suites.suite("warehouse").checks if c.id == "spell_enrolment.population"]
    with duckdb.connect() as connection:
        connection.execute(
            f"""create schema core;
            create table core.bridge_region_ancestor as select '440203000000' as region_code,
              '440000000000' as ancestor_code, 'province' as ancestor_level;
            create table core.spell_enrolment as select p::varchar as person_key,
              '440203000000' as region_code, null::date as valid_to
              from range({persons}) as persons(p), range({spells_each}) as spells(s);
            create table core.dim_person as select '440203000000' as hukou_region_code,
              true as is_current, 'normal' as status from range({registered})"""
        )
        assert connection.execute(check.sql).fetchall() == found
