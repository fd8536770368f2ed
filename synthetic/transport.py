"""How each dataset leaves its department: which channel, at which grain, in which months."""

from __future__ import annotations

import polars as pl

from synthetic import channels_houses, channels_people
from synthetic.calendar import Window, month_of_day
from synthetic.channel import Channel
from synthetic.regions import County

PROMPT = ("360735000000", "370812000000")
"""Counties that deliver every month; the others deliver a catch-up workbook and the last month."""
PROMPT_MONTHS = 4
FACILITY_MONTHS_BACK = (12, 4, 0)
"""A facility register is delivered whole: for the first month and for these, counted back."""


CHANNELS = {
    channel.dataset: channel
    for channel in (
        Channel("region", "csv", "minzheng", ("region_code", "valid_from")),
        Channel("region_boundary", "geojson", "ziran", ("region_code",)),
        Channel(
            "population_count",
            "csv",
            "tongji",
            ("region_code", "year", "sex", "age"),
            sums=("population",),
        ),
        Channel(
            "household_person", "postgresql", "gongan", ("id_no",), "updated_at", schema="police"
        ),
        Channel(
            "household_id_change",
            "postgresql",
            "gongan",
            ("old_id_no", "new_id_no"),
            schema="police",
        ),
        Channel(
            "medical_enrolment",
            "postgresql",
            "yibao",
            ("id_no", "insurance_kind", "valid_from"),
            schema="medical",
        ),
        Channel(
            "medical_settlement",
            "postgresql",
            "yibao",
            ("settlement_no",),
            "settled_at",
            ("total_amount", "fund_amount"),
            schema="medical",
        ),
        Channel("death_certificate", "rest", "weijian", ("certificate_no",), "issued_on"),
        Channel("assistance_member", "rest", "minzheng", ("id_no", "category", "valid_from")),
        Channel("subsidy_payment", "rest", "minzheng", ("payment_no",), "paid_at", ("amount",)),
        Channel(
            "cremation",
            "csv",
            "prefecture",
            ("cremation_no",),
            encoding="gb18030",
            sums=("funeral_subsidy_amount",),
            catch_up=True,
        ),
        Channel("programme", "csv", "minzheng", ("programme_code",)),
        Channel(
            "subsidy_standard",
            "csv",
            "minzheng",
            ("programme_code", "region_code", "valid_from", "band"),
            sums=("amount",),
        ),
        Channel(
            "welfare_fund",
            "csv",
            "caizheng",
            ("region_code", "year", "fund"),
            sums=("total_amount", "eldercare_amount"),
        ),
        Channel("social_worker", "csv", "minzheng", ("certificate_no",)),
        Channel("home_visit", "csv", "prefecture", ("visit_no",), catch_up=True),
        Channel(
            "home_service_order",
            "csv",
            "prefecture",
            ("order_no",),
            sums=("amount", "subsidy_amount"),
            catch_up=True,
        ),
        Channel("facility", "xlsx", "county", ("facility_code",), sums=("beds_total",)),
        Channel("facility_stay", "xlsx", "county", ("stay_no",), catch_up=True),
        Channel(
            "facility_claim",
            "xlsx",
            "county",
            ("facility_code", "month", "stay_no"),
            sums=("amount",),
            catch_up=True,
        ),
        Channel("ability_assessment", "xlsx", "county", ("assessment_no",), catch_up=True),
        Channel(
            "special_difficulty", "xlsx", "county", ("id_no", "kind", "valid_from"), catch_up=True
        ),
        Channel(
            "family_bed",
            "xlsx",
            "prefecture",
            ("bed_no",),
            sums=("monthly_subsidy",),
            catch_up=True,
        ),
        Channel(
            "home_adaptation",
            "xlsx",
            "prefecture",
            ("project_no",),
            sums=("total_amount", "subsidy_amount"),
            catch_up=True,
        ),
        *channels_people.CHANNELS,
        *channels_houses.CHANNELS,
    )
}

FILE_KINDS = ("csv", "xlsx", "geojson")


def provider_code(channel: Channel, county: County) -> str:
    """Who signs the delivery: six digits for a county or a prefecture, else the department."""
    if channel.provider == "county":
        return county.short
    if channel.provider == "prefecture":
        return county.prefecture[:6]
    return channel.provider


def catch_up_month(channel: Channel, county: County, window: Window) -> int:
    """The last month that the catch-up delivery covers."""
    monthly = channel.provider == "prefecture" and channel.kind == "csv"
    back = PROMPT_MONTHS if monthly or county.code in PROMPT else 1
    if channel.provider == "prefecture" and channel.kind == "xlsx":
        back = 2
    if channel.provider not in ("county", "prefecture"):
        back = 1
    return window.last_month - back


def period_of(month: pl.Expr, channel: Channel, county: County, window: Window) -> pl.Expr:
    """The month number in whose delivery a thing of that month arrives."""
    first = catch_up_month(channel, county, window)
    return (
        pl.max_horizontal(month, pl.lit(first)).cast(pl.Int32).clip(upper_bound=window.last_month)
    )


def delivered_versions(
    frame: pl.DataFrame,
    start: str,
    end: str | None,
    channel: Channel,
    county: County,
    window: Window,
) -> pl.DataFrame:
    """Rows with `_period`; one whose end falls into a later delivery comes twice, first open.

    The later version closes the earlier one: same key, new end.
    """
    begun = period_of(month_of_day(pl.col(start)), channel, county, window)
    if end is None:
        return frame.with_columns(_period=begun)
    ended = period_of(month_of_day(pl.col(end)), channel, county, window)
    frame = frame.with_columns(_period=begun, _ended=ended)
    later = pl.col("_ended") > pl.col("_period")
    closing = frame.filter(later).with_columns(_period=pl.col("_ended"))
    opening = frame.with_columns(
        pl.when(later.fill_null(value=False)).then(None).otherwise(pl.col(end)).alias(end)
    )
    return pl.concat([opening, closing]).drop("_ended")


def delivered_states(
    frame: pl.DataFrame,
    start: str,
    end: str | None,
    channel: Channel,
    county: County,
    window: Window,
) -> pl.DataFrame:
    """The whole register as each delivery shows it, with `_period`: what had begun by the month's
    end, open where the end came later."""
    frames = []
    for month in range(catch_up_month(channel, county, window), window.last_month + 1):
        known = frame.filter(month_of_day(pl.col(start)) <= month)
        if end:
            over = month_of_day(pl.col(end)) <= month
            known = known.with_columns(pl.when(over).then(end).alias(end))
        frames.append(known.with_columns(_period=pl.lit(month, dtype=pl.Int32)))
    return pl.concat(frames)
