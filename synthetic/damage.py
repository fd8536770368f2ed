"""Planted delivery errors: rows that a contract must refuse, and ID forms that it must repair.

Works on delivered text. Each damaged row has exactly one error, so its reason is certain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from synthetic.draws import Rng
from synthetic.files import BROKEN
from synthetic.identity import finish

REFUSED = 0.0022
REPAIRED = 0.004
Change = Callable[[pl.Series, Rng], pl.Series]


@dataclass(frozen=True)
class Error:
    """One way to damage a column, and the reason that a refusal must give."""

    column: str
    reason: str
    change: Change


def _constant(*values: str) -> Change:
    return lambda old, rng: pl.Series(values).gather(
        pl.Series(rng.integers(0, len(values), len(old)))
    )


def _expression(build: Callable[[pl.Expr], pl.Expr]) -> Change:
    return lambda old, rng: pl.select(build(pl.lit(old)).alias("v"))["v"]


def _with_body(build: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Change the 17 digits and give them the check character that belongs to them."""
    return lambda old, rng: finish(build(old.str.slice(0, 17).cast(pl.Int64).to_numpy()))


def _wrong_check(old: pl.Series, rng: Rng) -> pl.Series:
    """Another last character: X becomes 5, 9 becomes 1, any other digit one more."""
    last = old.str.slice(17, 1)
    other = last.replace_strict(list("0123456789X"), list("12345678915"), return_dtype=pl.String)
    return old.str.slice(0, 17) + other


ID_ERRORS: tuple[tuple[str, Change], ...] = (
    ("id_checksum", _wrong_check),
    ("id_length", _expression(lambda v: v.str.slice(0, 17))),
    ("id_date", _with_body(lambda body: body // 10**7 * 10**7 + 13 * 10**5 + body % 10**5)),
    ("id_area", _with_body(lambda body: 100_101 * 10**11 + body % 10**11)),
    (
        "id_excel_damage",
        _expression(lambda v: v.str.slice(0, 1) + "." + v.str.slice(1, 5) + "E+17"),
    ),
    ("id_excel_damage", lambda old, rng: _rounded(old)),
)


def _rounded(old: pl.Series) -> pl.Series:
    """The last three digits lost in a float. Where 000 would by chance be right, the digit before
    them goes up by one, which makes it wrong for certain."""
    body = old.str.slice(0, 15)
    right = finish((body + "00").cast(pl.Int64).to_numpy()).str.ends_with("000")
    up = body.str.slice(14, 1).replace_strict(
        list("0123456789"), list("1234567890"), return_dtype=pl.String
    )
    return pl.select(
        pl.when(right)
        .then(pl.lit(body.str.slice(0, 14) + up) + "000")
        .otherwise(pl.lit(body) + "000")
        .alias("v")
    )["v"]


def _ids(column: str) -> list[Error]:
    return [Error(column, reason, change) for reason, change in ID_ERRORS]


def _dates(*columns: str) -> list[Error]:
    return [
        Error(c, "bad_date", _constant("2025-02-30", "2025-13-01", "不详", "20250931"))
        for c in columns
    ]


MISSING_ID = _constant("")
BAD_NUMBER = _constant("十二", "1O", "12张", "1.5")
BAD_CODE = _constant("99", "其它类", "unknown_code")
ERRORS: dict[str, list[Error]] = {
    "household_person": [
        *_ids("id_no"),
        Error("id_no", "id_missing", MISSING_ID),
        *_dates("birth_date"),
        Error("sex", "bad_code", _constant("3", "男性")),
        Error("relation_to_head", "bad_code", _constant("户主本人", "0A")),
        Error("hukou_region_code", "bad_pattern", _constant("4402", "44020000000A")),
        Error("name", "missing_required", MISSING_ID),
    ],
    "death_certificate": [
        *_ids("id_no"),
        Error("id_no", "id_missing", MISSING_ID),
        *_dates("death_date"),
        Error("death_place", "bad_code", BAD_CODE),
        Error("name", "missing_required", MISSING_ID),
    ],
    "cremation": [
        *_ids("id_no"),
        *_dates("death_date"),
        Error("name", "missing_required", MISSING_ID),
        Error("name", "bad_encoding", _expression(lambda v: v.str.slice(0, 1) + BROKEN)),
    ],
    "medical_enrolment": [
        *_ids("id_no"),
        Error("insurance_kind", "bad_code", _constant("rural", "新农合")),
        Error("ltci_insured", "bad_boolean", _constant("也许", "2")),
        *_dates("valid_from"),
        Error("region_code", "bad_pattern", _constant("4402", "3707")),
    ],
    "medical_settlement": [
        *_ids("id_no"),
        Error("visit_kind", "bad_code", BAD_CODE),
        *_dates("admitted_at"),
        Error("diagnosis_code", "bad_pattern", _constant("高血压", "i10")),
        Error("institution_code", "missing_required", MISSING_ID),
    ],
    "assistance_member": [
        *_ids("id_no"),
        Error("category", "bad_code", BAD_CODE),
        *_dates("valid_from"),
        Error("wants_institution", "bad_boolean", _constant("不清楚", "2")),
    ],
    "subsidy_payment": [
        *_ids("id_no"),
        Error("status", "bad_code", _constant("ok", "已发")),
        Error("benefit_month", "bad_pattern", _constant("2025-13", "202509", "2025年9月")),
        Error("bank_account", "excel_damage", _constant("6.22848E+18")),
        Error("region_code", "bad_pattern", _constant("4402", "乐昌市")),
    ],
    "facility": [
        Error("kind", "bad_code", BAD_CODE),
        Error("star_grade", "bad_code", _constant("6", "0")),
        Error("longitude", "out_of_range", _constant("213.5", "11.34")),
        Error("beds_nursing", "bad_number", BAD_NUMBER),
        Error("uscc", "bad_length", _expression(lambda v: v.str.slice(0, 17))),
        Error("smart_fire", "bad_boolean", _constant("部分", "2")),
        *_dates("opened_on"),
        Error("functions", "bad_code", _constant("全托;睡觉")),
    ],
    "facility_stay": [
        *_ids("id_no"),
        Error("payer", "bad_code", BAD_CODE),
        *_dates("checked_in_on"),
        Error("name", "missing_required", MISSING_ID),
    ],
    "facility_claim": [
        Error("claimed_days", "out_of_range", _constant("32", "-1")),
        Error("claimed_grade", "bad_code", _constant("5", "9")),
        Error("month", "bad_pattern", _constant("2025-13", "2025.9")),
    ],
    "ability_assessment": [
        *_ids("id_no"),
        Error("score", "out_of_range", _constant("95", "-2")),
        Error("score", "bad_number", BAD_NUMBER),
        Error("grade", "bad_code", _constant("7", "5")),
        *_dates("assessed_on"),
    ],
    "special_difficulty": [
        *_ids("id_no"),
        Error("kind", "bad_code", BAD_CODE),
        *_dates("valid_from"),
        Error("region_code", "bad_pattern", _constant("4402")),
    ],
    "home_visit": [
        *_ids("id_no"),
        Error("mode", "bad_code", BAD_CODE),
        *_dates("visited_at"),
        Error("longitude", "out_of_range", _constant("0", "181.2")),
    ],
    "home_service_order": [
        *_ids("id_no"),
        *_ids("worker_id_no")[:2],
        Error("item", "bad_code", BAD_CODE),
        *_dates("started_at"),
        Error("provider_code", "missing_required", MISSING_ID),
    ],
    "family_bed": [*_ids("id_no")[:3], *_dates("set_up_on")],
    "home_adaptation": [
        *_ids("id_no"),
        *_dates("completed_on"),
        Error("household_no", "missing_required", MISSING_ID),
    ],
    "social_worker": [*_ids("id_no")[:1]],
    "population_count": [
        Error("age", "out_of_range", _constant("131")),
        Error("sex", "bad_code", _constant("0")),
        Error("age", "bad_number", _constant("百岁以上")),
    ],
}
"""By dataset, the errors that are planted in it; duplicate keys come on top."""

FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


def _widths(old: pl.Series, rng: Rng) -> pl.Series:
    pairs = {chr(k): chr(v) for k, v in FULL_WIDTH.items()}
    return old.str.replace_many(list(pairs), list(pairs.values()))


REPAIRS: tuple[Change, ...] = (
    _expression(lambda v: v.str.slice(0, 6) + v.str.slice(8, 9)),
    _widths,
    _expression(lambda v: v.str.slice(0, 6) + " " + v.str.slice(6, 8) + " " + v.str.slice(14)),
    _expression(lambda v: v + "  "),
    _expression(lambda v: "'" + v),
    _expression(lambda v: v.str.to_lowercase()),
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
