"""Every indicator, at every region and month, equals what the truth gives without our SQL."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from tests.support.recompute import INDICATORS, recompute

KEY = ["indicator_id", "region_code", "period_end"]


def test_all_values_equal_the_recomputation(truth: Path, warehouse: Path) -> None:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        computed = connection.sql(
            "select indicator_id, region_code, period_end, numerator::double as numerator,"
            " denominator::double as denominator, period_kind from indicators.int_indicator_cell"
        ).pl()
    monthly = computed.filter(pl.col("period_kind") == "month").drop("period_kind")
    months = monthly["period_end"].unique().sort().to_list()
    assert len(months) == 24
    assert set(monthly["indicator_id"]) >= set(INDICATORS)
    expected = recompute(truth, months)
    ours = monthly.filter(pl.col("indicator_id").is_in(list(INDICATORS)))
    both = ours.join(expected, on=KEY, how="full", suffix="_true", coalesce=True)
    wrong = both.filter(
        ~pl.col("numerator").eq_missing(pl.col("numerator_true"))
        | ~pl.col("denominator").eq_missing(pl.col("denominator_true"))
    )
    assert wrong.is_empty(), wrong
    assert both.height == len(INDICATORS) * expected["region_code"].n_unique() * 24
    # The figures are not trivially equal: each indicator counts something somewhere.
    assert both.group_by("indicator_id").agg(pl.col("numerator").max() > 0)["numerator"].all()


def test_a_year_is_its_december(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        different, years = connection.execute(
            "select count(*) filter (y.numerator is distinct from m.numerator"
            "   or y.denominator is distinct from m.denominator),"
            " count(distinct y.period_end)"
            " from indicators.int_indicator_cell y join indicators.int_indicator_cell m"
            " using (indicator_id, region_code, period_end)"
            " where y.period_kind = 'year' and m.period_kind = 'month'"
        ).fetchall()[0]
    assert (different, years) == (0, 2)
