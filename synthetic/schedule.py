"""Which delivery brings which row: catch-up workbooks, monthly ones, versions and corrections."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from synthetic import planning, transport
from synthetic.calendar import Window, first_day
from synthetic.channel import Channel
from synthetic.draws import generator
from synthetic.regions import County
from synthetic.transport import (
    CHANNELS,
    PROMPT,
    PROMPT_MONTHS,
    delivered_states,
    delivered_versions,
)

BEDS_TOLD_BACK = 4
"""Months before the clock whose register first shows the beds of `beds_before` houses."""
CORRECTED = 0.02
"""Share of the catch-up's rows that a later delivery corrects."""


def facility_months(county: County, window: Window) -> list[int]:
    """The months whose register the county delivers."""
    months = {window.first_month, *(window.last_month - b for b in transport.FACILITY_MONTHS_BACK)}
    if county.code in PROMPT:
        months |= {window.last_month - b for b in range(PROMPT_MONTHS)}
    return sorted(m for m in months if m >= window.first_month)


def facility_versions(
    seed: int, rows: pl.DataFrame, county: County, window: Window
) -> pl.DataFrame:
    """The register as each delivery shows it: what opened later is missing, what closed later is
    open, some grades, nursing beds and equipment come in the course of the months."""
    rng = generator(seed, "facility versions", county.code)
    size = len(rows)
    graded = pl.Series(rng.integers(0, 100, size))
    better = pl.Series(rng.integers(0, 100, size))
    frames = []
    for month in facility_months(county, window):
        after = first_day(month + 1)
        early = (window.last_month - month) * 1.2
        old_beds = month < window.last_month - BEDS_TOLD_BACK
        beds = pl.coalesce("beds_before", "beds_total") if old_beds else pl.col("beds_total")
        nursing = pl.when(better < early).then(pl.col("beds_nursing") - 2).otherwise("beds_nursing")
        frames.append(
            rows.with_columns(
                beds.alias("beds_total"),
                pl.when(pl.col("closed_on") < after).then("closed_on").alias("closed_on"),
                pl.when(graded >= early).then("star_grade").alias("star_grade"),
                pl.max_horizontal(pl.min_horizontal(nursing, beds), pl.lit(0))
                .cast(pl.Int64)
                .alias("beds_nursing"),
                (pl.col("kitchen_online") & (graded >= early)).alias("kitchen_online"),
                (pl.col("smart_fire") & (better >= early)).alias("smart_fire"),
                _period=pl.lit(month, dtype=pl.Int32),
            ).filter(pl.col("opened_on") < after)
        )
    return pl.concat(frames)


def _stays(seed: int, rows: pl.DataFrame, county: County, window: Window) -> pl.DataFrame:
    """Stays as told: open first where the end came later; a late end is corrected afterwards."""
    channel = CHANNELS["facility_stay"]
    if "first_told" not in rows.columns:
        rows = rows.with_columns(first_told=pl.lit(None, dtype=pl.Date))
    told = rows.with_columns(pl.coalesce("first_told", "checked_out_on").alias("checked_out_on"))
    versions = delivered_versions(told, "checked_in_on", "checked_out_on", channel, county, window)
    wrong = rows.filter(pl.col("first_told").is_not_null()).with_columns(
        _period=pl.lit(window.last_month, dtype=pl.Int32)
    )
    return pl.concat([versions, wrong.select(versions.columns)])


def _corrected(
    seed: int,
    rows: pl.DataFrame,
    channel: Channel,
    county: County,
    window: Window,
    wrong: pl.Expr,
    column: str,
) -> pl.DataFrame:
    """Some early rows come with a wrong value first and right in the last delivery."""
    rng = generator(seed, "corrections", channel.dataset, county.code)
    early = rows["_period"] < window.last_month
    picked = pl.Series(rng.random(len(rows)) < CORRECTED) & early
    first = rows.with_columns(pl.when(picked).then(wrong).otherwise(column).alias(column))
    again = rows.filter(picked).with_columns(_period=pl.lit(window.last_month, dtype=pl.Int32))
    return pl.concat([first, again])


def _by_month(rows: pl.DataFrame, channel: Channel, county: County, window: Window) -> pl.DataFrame:
    return rows.with_columns(
        _period=transport.period_of(pl.col("month_number"), channel, county, window)
    )


def _accounts(rows: pl.DataFrame, county: County) -> pl.DataFrame:
    """A year's accounts, for its December; counties that are late send all years with the last."""
    december = (pl.col("year") - 1970) * 12 + 11
    due = december if county.code in PROMPT else december.max()
    return rows.with_columns(_period=due.cast(pl.Int32))


def scheduled(
    seed: int, dataset: str, rows: pl.DataFrame, county: County, window: Window
) -> pl.DataFrame:
    """A file dataset's rows with `_period`, the month number of the delivery that brings them."""
    channel = CHANNELS[dataset]

    def versions(start: str, end: str | None) -> pl.DataFrame:
        return delivered_versions(rows, start, end, channel, county, window)

    def assessments() -> pl.DataFrame:
        # The wrong score first typed lies in the same band's neighbourhood; the grade stays.
        wrong = (pl.col("score") - 3).clip(0, 90)
        return _corrected(
            seed, versions("assessed_on", None), channel, county, window, wrong, "score"
        )

    def visits() -> pl.DataFrame:
        return _corrected(
            seed,
            _by_month(rows, channel, county, window),
            channel,
            county,
            window,
            pl.lit("needs_help"),
            "result",
        )

    makers: dict[str, Callable[[], pl.DataFrame]] = {
        "facility": lambda: facility_versions(seed, rows, county, window),
        "facility_stay": lambda: _stays(seed, rows, county, window),
        "facility_claim": lambda: _by_month(rows, channel, county, window),
        "home_visit": visits,
        "home_service_order": lambda: _by_month(rows, channel, county, window),
        "home_adaptation": lambda: versions("completed_on", None),
        "ability_assessment": assessments,
        "special_difficulty": lambda: versions("valid_from", "valid_to"),
        "family_bed": lambda: versions("set_up_on", "ended_on"),
        "cremation": lambda: versions("cremated_on", None),
        "facility_finance": lambda: _accounts(rows, county),
    }
    if dataset in makers:
        return makers[dataset]()
    if channel.dated == ("month_number",):
        return _by_month(rows, channel, county, window)
    if channel.dated:
        start, end = str(channel.dated[0]), (*channel.dated, None)[1]
        if channel.catch_up:
            return versions(start, end)
        states = delivered_states(rows, start, end, channel, county, window)
        return planning.as_told(states) if dataset == "construction_project" else states
    return rows.with_columns(_period=pl.lit(window.last_month, dtype=pl.Int32))
