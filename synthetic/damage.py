"""Planted delivery errors: rows that a contract must refuse, and ID forms that it must repair.

Works on delivered text. Each damaged row has exactly one error, so its reason is certain.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic import errors_houses, errors_people
from synthetic.draws import Rng
from synthetic.errors import (
    BAD_CODE,
    BAD_NUMBER,
    MISSING_ID,
    Change,
    Error,
    constant,
    dates,
    expression,
    ids,
)
from synthetic.files import BROKEN

REFUSED = 0.0022
REPAIRED = 0.004
ERRORS: dict[str, list[Error]] = {
    "household_person": [
        *ids("id_no"),
        Error("id_no", "id_missing", MISSING_ID),
        *dates("birth_date"),
        Error("sex", "bad_code", constant("3", "男性")),
        Error("relation_to_head", "bad_code", constant("户主本人", "0A")),
        Error("hukou_region_code", "bad_pattern", constant("4402", "44020000000A")),
        Error("name", "missing_required", MISSING_ID),
    ],
    "death_certificate": [
        *ids("id_no"),
        Error("id_no", "id_missing", MISSING_ID),
        *dates("death_date"),
        Error("death_place", "bad_code", BAD_CODE),
        Error("name", "missing_required", MISSING_ID),
    ],
    "cremation": [
        *ids("id_no"),
        *dates("death_date"),
        Error("name", "missing_required", MISSING_ID),
        Error("name", "bad_encoding", expression(lambda v: v.str.slice(0, 1) + BROKEN)),
    ],
    "medical_enrolment": [
        *ids("id_no"),
        Error("insurance_kind", "bad_code", constant("rural", "新农合")),
        Error("ltci_insured", "bad_boolean", constant("也许", "2")),
        *dates("valid_from"),
        Error("region_code", "bad_pattern", constant("4402", "3707")),
    ],
    "medical_settlement": [
        *ids("id_no"),
        Error("visit_kind", "bad_code", BAD_CODE),
        *dates("admitted_at"),
        Error("diagnosis_code", "bad_pattern", constant("高血压", "i10")),
        Error("institution_code", "missing_required", MISSING_ID),
    ],
    "assistance_member": [
        *ids("id_no"),
        Error("category", "bad_code", BAD_CODE),
        *dates("valid_from"),
        Error("wants_institution", "bad_boolean", constant("不清楚", "2")),
    ],
    "subsidy_payment": [
        *ids("id_no"),
        Error("status", "bad_code", constant("ok", "已发")),
        Error("benefit_month", "bad_pattern", constant("2025-13", "202509", "2025年9月")),
        Error("bank_account", "excel_damage", constant("6.22848E+18")),
        Error("region_code", "bad_pattern", constant("4402", "乐昌市")),
    ],
    "facility": [
        Error("kind", "bad_code", BAD_CODE),
        Error("star_grade", "bad_code", constant("6", "0")),
        Error("longitude", "out_of_range", constant("213.5", "11.34")),
        Error("beds_nursing", "bad_number", BAD_NUMBER),
        Error("uscc", "bad_length", expression(lambda v: v.str.slice(0, 17))),
        Error("smart_fire", "bad_boolean", constant("部分", "2")),
        *dates("opened_on"),
        Error("functions", "bad_code", constant("全托;睡觉")),
    ],
    "facility_stay": [
        *ids("id_no"),
        Error("payer", "bad_code", BAD_CODE),
        *dates("checked_in_on"),
        Error("name", "missing_required", MISSING_ID),
    ],
    "facility_claim": [
        Error("claimed_days", "out_of_range", constant("32", "-1")),
        Error("claimed_grade", "bad_code", constant("5", "9")),
        Error("month", "bad_pattern", constant("2025-13", "2025.9")),
    ],
    "ability_assessment": [
        *ids("id_no"),
        Error("score", "out_of_range", constant("95", "-2")),
        Error("score", "bad_number", BAD_NUMBER),
        Error("grade", "bad_code", constant("7", "5")),
        *dates("assessed_on"),
    ],
    "special_difficulty": [
        *ids("id_no"),
        Error("kind", "bad_code", BAD_CODE),
        *dates("valid_from"),
        Error("region_code", "bad_pattern", constant("4402")),
    ],
    "home_visit": [
        *ids("id_no"),
        Error("mode", "bad_code", BAD_CODE),
        *dates("visited_at"),
        Error("longitude", "out_of_range", constant("0", "181.2")),
    ],
    "home_service_order": [
        *ids("id_no"),
        *ids("worker_id_no")[:2],
        Error("item", "bad_code", BAD_CODE),
        *dates("started_at"),
        Error("provider_code", "missing_required", MISSING_ID),
    ],
    "family_bed": [*ids("id_no")[:3], *dates("set_up_on")],
    "home_adaptation": [
        *ids("id_no"),
        *dates("completed_on"),
        Error("household_no", "missing_required", MISSING_ID),
    ],
    "social_worker": [*ids("id_no")[:1]],
    "population_count": [
        Error("age", "out_of_range", constant("131")),
        Error("sex", "bad_code", constant("0")),
        Error("age", "bad_number", constant("百岁以上")),
    ],
    **errors_people.ERRORS,
    **errors_houses.ERRORS,
}
"""By dataset, the errors that are planted in it; duplicate keys come on top."""

FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


def _widths(old: pl.Series, rng: Rng) -> pl.Series:
    pairs = {chr(k): chr(v) for k, v in FULL_WIDTH.items()}
    return old.str.replace_many(list(pairs), list(pairs.values()))


REPAIRS: tuple[Change, ...] = (
    expression(lambda v: v.str.slice(0, 6) + v.str.slice(8, 9)),
    _widths,
    expression(lambda v: v.str.slice(0, 6) + " " + v.str.slice(6, 8) + " " + v.str.slice(14)),
    expression(lambda v: v + "  "),
    expression(lambda v: "'" + v),
    expression(lambda v: v.str.to_lowercase()),
)
"""Forms that must load: 15 digits, full width, blanks inside and after, apostrophe, small x."""


def _usable(ids: pl.Series, repair: bool) -> pl.Series:
    """Rows whose number is a full one that each error or repair really changes."""
    plain = ids.str.contains(r"^[0-9]{17}[0-9X]$").fill_null(value=False)
    if repair:
        return plain & (ids.str.slice(6, 2) == "19") & (ids.str.slice(14, 3) < "990")
    return plain & ~ids.str.slice(14, 3).str.ends_with("00")


def _patch(
    frame: pl.DataFrame, column: str, rows: np.ndarray, change: Change, rng: Rng
) -> pl.DataFrame:
    old = frame[column].gather(pl.Series(rows))
    return frame.with_columns(frame[column].scatter(pl.Series(rows), change(old, rng)))


def repair(frame: pl.DataFrame, column: str, rows: np.ndarray, rng: Rng) -> pl.DataFrame:
    """Give some numbers another form, each form in turn."""
    good = rows[_usable(frame[column].gather(pl.Series(rows)), repair=True).to_numpy()]
    for turn, change in enumerate(REPAIRS):
        part = good[turn :: len(REPAIRS)]
        if len(part):
            frame = _patch(frame, column, part, change, rng)
    return frame


def shorten(frame: pl.DataFrame, column: str, rows: np.ndarray, rng: Rng) -> pl.DataFrame:
    """Write these numbers with 15 digits."""
    return _patch(frame, column, rows, REPAIRS[0], rng) if len(rows) else frame


def spoil(
    frame: pl.DataFrame, dataset: str, rows: np.ndarray, rng: Rng
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Damage the rows, each kind of error in turn.

    Returns:
        The frame, and [row] column, reason, raw_value of what was damaged.
    """
    told = []
    errors = ERRORS[dataset]
    for turn, error in enumerate(errors):
        part = rows[turn :: len(errors)]
        if error.column.endswith("id_no"):
            part = part[
                _usable(frame[error.column].gather(pl.Series(part)), repair=False).to_numpy()
            ]
        else:
            filled = frame[error.column].gather(pl.Series(part)).is_not_null().to_numpy()
            part = part[filled]
        if not len(part):
            continue
        frame = _patch(frame, error.column, part, error.change, rng)
        told.append(
            pl.DataFrame(
                {
                    "row": part.astype(np.int64),
                    "column": [error.column] * len(part),
                    "reason": [error.reason] * len(part),
                    "raw_value": frame[error.column].gather(pl.Series(part)),
                }
            )
        )
    schema = {"row": pl.Int64, "column": pl.String, "reason": pl.String, "raw_value": pl.String}
    return frame, pl.concat(told) if told else pl.DataFrame(schema=schema)
