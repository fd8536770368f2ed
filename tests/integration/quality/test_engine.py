"""Great Expectations on DuckDB: the mend holds, errors stay where they are, nothing stays open."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from quality.engine import open_session
from quality.model import Check
from yinling.settings import Settings

pytestmark = pytest.mark.slow


def check(name: str, sql: str) -> Check:
    return Check(
        id=name,
        gate="g",
        scope="t",
        title="",
        meaning="",
        remedy="",
        severity="stop",
        sql=sql,
        count="select count(*) from shown.t",
    )


CHECKS = [
    check("filled", "select n from shown.t where n is null"),
    check("wrong", "select nothing from shown.t"),
    check("listed", "select s from shown.t where s not in ('a')"),
    check("unique", "select n, s from shown.t group by n, s having count(*) > 1"),
    check("braces", "select s from shown.t where regexp_matches(s, '^(?:a|b){1,2}$') and n < 2"),
    check("cast", "select n::varchar from shown.t where n::int > 1000"),
    check("comment", "select n from shown.t -- the last line\nwhere n > 97"),
]


def test_answers_errors_and_closing(tmp_path: Path) -> None:
    file = tmp_path / "data.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "create table t as select case when i <> 50 then i end as n, "
            "case i when 7 then 'b' else 'a' end as s from range(100) r(i)"
        )
    with open_session(Settings(home=tmp_path)) as session:
        session.attach(file, "data")
        session.connection.execute(
            "create schema shown; create view shown.t as select * from data.t"
        )
        answers = session.run("test", CHECKS)
        empty = session.run("none", [])
    found = {name: (raw.numerator, raw.denominator) for name, raw in answers.items()}
    assert found["filled"] == found["listed"] == (1, 100)
    assert found["unique"] == found["cast"] == (0, 100)
    assert found["braces"] == found["comment"] == (2, 100)
    assert answers["listed"].sample == [{"s": "b"}]
    assert {name for name, raw in answers.items() if raw.error} == {"wrong"}
    assert "nothing" in str(answers["wrong"].error)
    assert empty == {}
    # Read-only handles would forbid this.
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table more as select 1 as one")
