"""The lint finds every form that the engines read differently, and nothing in the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from yinling.settings import PROJECT_DIR
from yinling.sql_lint import BANS, lint_project, lint_text

FILE = Path("model.sql")
BANNED = {
    "concat": "select concat(a, b) from t",
    "regexp": "select regexp_replace(a, 'x', 'y') from t",
    "average": "select avg(amount) from t",
    "round": "select round(amount, 2) from t",
    "date arithmetic": "select date_diff('day', a, b) from t",
    "date text": "select strftime(day, '%Y') from t",
    "weekday": "select dayofweek(day) from t",
    "hash": "select md5(a) from t",
    "collect": "select string_agg(a, ',') from t",
    "series": "select unnest(a) from t",
    "json": "select json_object('a', a) from t",
    "collections": "select list_sort(a) from t",
    "files": "select * from read_parquet('a')",
    "chance": "select a from t where day < current_date",
    "division": "select a / b from t",
    "interval": "select day + interval 1 day from t",
    "date minus date": "select d.valid_to - d.valid_from from t",
    "cast to integer": "select cast(amount * 0.5 as integer) from t",
    "backslash": "select a from t where b like '%\\%'",
    "quoted name": 'select "A" from t',
    "star": "select * exclude (a) from t",
    "distinct on": "select distinct on (a) * from t",
    "join": "select * from t asof join u on a >= b",
}
ALLOWED = [
    "select a || b, cast(count(*) as bigint), cast(beds as bigint) from t",
    "-- a / b, avg(x) in a comment\nselect 1",
    "{# concat(a, b) #}select 1",
    "select '2026-09 / avg(x)' as words",
    "select {{ ratio('a', 'b') }} as share from t",
    "select sum(a) filter (where b) from t qualify row_number() over (order by a) = 1",
    "select month_number - (12 * years) from t",
]


def test_every_ban_has_an_example() -> None:
    assert set(BANNED) == {ban.id for ban in BANS}


@pytest.mark.parametrize(("ban", "sql"), BANNED.items(), ids=list(BANNED))
def test_a_banned_form_is_found(ban: str, sql: str) -> None:
    assert ban in [breach.ban.id for breach in lint_text(sql, FILE)]


@pytest.mark.parametrize("sql", ALLOWED)
def test_other_sql_passes(sql: str) -> None:
    assert list(lint_text(sql, FILE)) == []


def test_what_a_macro_gets_as_text_is_sql_too() -> None:
    found = list(lint_text("select\n{{ ratio('avg(a)', 'b') }} as share", FILE))
    assert [(breach.line, breach.ban.id) for breach in found] == [(2, "average")]


def test_a_message_says_where_and_what_to_write_instead() -> None:
    (breach,) = lint_text("select a\nfrom t\nwhere avg(a) > 1", FILE)
    assert str(breach).startswith("model.sql:3: average: `avg(`; keep sum and count")


def test_the_project_is_clean() -> None:
    assert [str(breach) for breach in lint_project(PROJECT_DIR / "dbt_project")] == []
