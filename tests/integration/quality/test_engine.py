"""Great Expectations on DuckDB: the mend holds, errors stay where they are, nothing stays open."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from quality.engine import open_session
from quality.model import Check
from yinling.settings import Settings

pytestmark = pytest.mark.slow


def check(
    name: str, sql: str, kind: str = "unexpected_rows_expectation", **kwargs: object
) -> Check:
    return Check(
        id=name,
        gate="g",
        scope="t",
        table=("shown", "t"),
        title="",
        meaning="",
        remedy="",
        severity="stop",
        sql=sql,
        kind=kind,
        kwargs=kwargs,
    )


CHECKS = [
    check("filled", "select n from {batch} where n is null", "expect_column_values_to_not_be_null",
          column="n"),
    check("listed", "select s from {batch} where s <> 'a'", "expect_column_values_to_be_in_set",
          column="s", value_set=["a"]),
    check("unique", "select n from {batch} group by n having count(*) > 1",
          "expect_compound_columns_to_be_unique", column_list=["n", "s"]),
    check("alias", "select t.n from {batch} t where t.n > 98"),
    check("braces", "select s from {batch} where regexp_matches(s, '^(?:a|b){1,2}$') and n < 2"),
    check("wrong", "select nothing from {batch}"),
    check("fine", "select n from {batch} where n > 1000"),
]  # fmt: skip


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
    assert found["filled"] == found["listed"] == found["alias"] == (1, 100)
    assert found["unique"] == found["fine"] == (0, 100)
    assert found["braces"] == (2, 100)
    assert answers["listed"].sample == [{"s": "b"}]
    assert {name for name, raw in answers.items() if raw.error} == {"wrong"}
    assert "nothing" in str(answers["wrong"].error)
    assert empty == {}
    # Read-only handles would forbid this.
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table more as select 1 as one")
