"""Errors planted in what is delivered about persons: insurance, work, means, health, training."""

from __future__ import annotations

from synthetic.errors import (
    BAD_CODE,
    BAD_NUMBER,
    MISSING_ID,
    Error,
    constant,
    dates,
    expression,
    ids,
)

BAD_MONTH = constant("2026-13", "202609", "2026年9月")
BAD_BOOLEAN = constant("不清楚", "2")
BAD_REGION = constant("4402", "乐昌市")
ERRORS: dict[str, list[Error]] = {
    "ltci_assessment": [
        *ids("id_no"),
        *dates("assessed_on"),
        Error("scheme", "bad_code", BAD_CODE),
        Error("severity_rank", "bad_code", constant("6", "9")),
    ],
    "ltci_claim": [
        *ids("id_no"),
        *ids("worker_id_no")[:2],
        *dates("started_at"),
        Error("provider_code", "missing_required", MISSING_ID),
        Error("service_code", "missing_required", MISSING_ID),
    ],
    "pension_payment": [
        *ids("id_no"),
        Error("id_no", "id_missing", MISSING_ID),
        Error("month", "bad_pattern", BAD_MONTH),
        Error("scheme", "bad_code", BAD_CODE),
        *dates("qualification_verified_on"),
    ],
    "employment_contribution": [
        *ids("id_no"),
        Error("employer_uscc", "bad_pattern", expression(lambda v: v.str.slice(0, 17))),
        Error("month", "bad_pattern", BAD_MONTH),
        Error("region_code", "bad_pattern", BAD_REGION),
    ],
    "asset_check": [
        Error("household_no", "missing_required", MISSING_ID),
        *dates("checked_on"),
        Error("vehicles", "bad_number", BAD_NUMBER),
        Error("homes", "out_of_range", constant("101", "-1")),
    ],
    "treasury_batch": [
        Error("programme_code", "bad_pattern", constant("高龄津贴", "Old-Age")),
        Error("month", "bad_pattern", BAD_MONTH),
        Error("list_count", "bad_number", BAD_NUMBER),
        Error("region_code", "bad_pattern", BAD_REGION),
    ],
    "recovery": [
        Error("payment_no", "missing_required", MISSING_ID),
        *dates("received_on"),
    ],
    "disability_certificate": [
        *ids("id_no"),
        *dates("valid_from"),
        Error("kind", "bad_code", constant("8", "肢体")),
        Error("grade", "bad_code", constant("5", "0")),
        Error("status", "bad_code", BAD_CODE),
    ],
    "health_contract": [
        *ids("id_no"),
        Error("institution_code", "missing_required", MISSING_ID),
        Error("year", "out_of_range", constant("25", "20255")),
        Error("health_check_done", "bad_boolean", BAD_BOOLEAN),
    ],
    "health_institution": [
        Error("name", "missing_required", MISSING_ID),
        Error("kind", "bad_code", BAD_CODE),
        Error("region_code", "bad_pattern", BAD_REGION),
        Error("hospice", "bad_boolean", BAD_BOOLEAN),
    ],
    "training_record": [
        *ids("id_no"),
        *dates("started_on"),
        Error("kind", "bad_code", BAD_CODE),
        Error("hours", "bad_number", BAD_NUMBER),
        Error("hours", "out_of_range", constant("2400", "-8")),
        Error("course", "missing_required", MISSING_ID),
    ],
}
"""By dataset; custody_period has none: it is asked for one person at a time."""
