"""The officials' marts: reasons for empty cells, nothing about persons, sums that agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Rows = Callable[[str], list[tuple[Any, ...]]]
TABLES = {
    "indicator_value",
    "indicator",
    "indicator_target",
    "indicator_progress",
    "region",
    "region_shape",
    "population",
    "facility",
    "home_service",
    "medical_care",
    "workforce",
    "subsidy",
    "fund",
    "supply_demand",
    "feed_health",
    "progress_word",
    "health_dimension",
    "health_month",
    "health_delivery",
}
THEMES = ["population", "facility", "home_service", "medical_care", "workforce", "supply_demand"]


def test_the_schema_holds_the_published_tables(rows: Rows) -> None:
    found = rows(
        "select table_name from duckdb_tables() where schema_name = 'publish_officials'"
        " and estimated_size > 0"
    )
    assert {name for (name,) in found} == TABLES


def test_a_value_is_empty_only_for_a_reason(rows: Rows) -> None:
    counted = rows(
        "select count(*) filter ((value is null) = (status_code = 'ok')),"
        " count(*) filter (status_code = 'suppressed' and"
        "   (numerator is not null or denominator is not null)), count(*)"
        " from publish_officials.indicator_value"
    )
    assert counted[0][:2] == (0, 0)
    assert counted[0][2] == 12 * 35 * (24 + 2)


def test_values_are_half_up_to_four_digits(rows: Rows) -> None:
    wrong = rows(
        "select count(*) from publish_officials.indicator_value"
        " join indicators.int_indicator using (indicator_id)"
        " where status_code = 'ok' and value <> case when denominator_zh is null then numerator"
        "  else floor(numerator::hugeint * multiplier * 10000 / denominator::double + 0.5) / 10000"
        " end"
    )
    assert wrong == [(0,)]


def test_no_column_can_name_a_person(rows: Rows) -> None:
    found = rows(
        "select table_name, column_name from duckdb_columns()"
        " where schema_name = 'publish_officials' and regexp_matches(column_name,"
        " 'token|mask|person_key|id_no|account|address|birth')"
    )
    assert found == []


def test_no_small_count_of_persons_is_shown(rows: Rows) -> None:
    (small,) = rows(
        "select count(*) from publish_officials.indicator_value v"
        " join indicators.int_indicator_cell c"
        "   using (indicator_id, region_code, period_end, period_kind)"
        " where c.person_counts and (v.numerator between 1 and 4 or (c.persons_in_denominator"
        "   and (v.denominator between 1 and 4 or v.denominator - v.numerator between 1 and 4)))"
    )
    assert small == (0,)
    for column in ["persons", "persons_60plus", "persons_65plus", "persons_80plus"]:
        assert rows(
            f"select count(*) from publish_officials.population where {column} between 1 and 4"
        ) == [(0,)]
    assert rows(
        "select count(*) from publish_officials.subsidy where beneficiaries between 1 and 4"
    ) == [(0,)]


@pytest.mark.parametrize("theme", THEMES)
def test_a_theme_has_one_row_a_region_and_month(rows: Rows, theme: str) -> None:
    assert rows(
        "select count(*), count(distinct (region_code, month)),"
        " count(*) filter (status_code is null)"
        f" from publish_officials.{theme}"
    ) == [(35 * 24, 35 * 24, 0)]


def test_subsidies_add_up_to_the_payments(rows: Rows) -> None:
    assert rows(
        "select (select sum(paid_amount) from publish_officials.subsidy"
        "   where region_level = 'province')"
        " = (select sum(amount) from core.fct_payment where is_effective)"
    ) == [(True,)]


def test_every_target_has_its_progress(rows: Rows) -> None:
    assert rows(
        "select (select count(*) from publish_officials.indicator_target where not is_baseline)"
        " = (select count(*) from publish_officials.indicator_progress where status is not null)"
    ) == [(True,)]
    words = rows(
        "select distinct status, word_code from publish_officials.indicator_progress order by all"
    )
    assert {status for status, _ in words} <= {"met", "on_track", "behind", "no_data"}


def test_feed_health_accounts_for_every_batch(rows: Rows) -> None:
    assert rows(
        "select (select sum(batches) from publish_officials.feed_health)"
        " = (select count(*) from core.int_batch)"
    ) == [(True,)]
    assert rows(
        "select count(*) from publish_officials.feed_health"
        " where (status = 'never') <> (batches = 0) or status not in ('on_time', 'late', 'never')"
    ) == [(0,)]


def test_a_region_code_is_published_once(rows: Rows) -> None:
    assert rows(
        "select count(*) - count(distinct region_code), count(*) filter (region_level = 'county'"
        " and is_current) from publish_officials.region"
    ) == [(0, 26)]
