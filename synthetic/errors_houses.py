"""Errors planted in what is delivered about facilities and the places around them."""

from __future__ import annotations

from synthetic.errors import BAD_CODE, BAD_NUMBER, MISSING_ID, Error, constant, dates, ids

BAD_AMOUNT = constant("十二万", "1O0.00", "一百")
FORMULA = constant("#VALUE!", "#REF!")
BAD_REGION = constant("4402", "乳源县", "44020000000A")
ERRORS: dict[str, list[Error]] = {
    "facility_staff": [
        *ids("id_no"),
        Error("role", "bad_code", BAD_CODE),
        *dates("hired_on"),
        Error("prejob_trained", "bad_boolean", constant("部分", "2")),
    ],
    "facility_finance": [
        Error("food_spend", "bad_number", BAD_AMOUNT),
        Error("utility_spend", "formula_error", FORMULA),
        Error("net_assets", "unit_in_number", constant("12万元", "350000元")),
        Error("prepaid_balance", "out_of_range", constant("-1200.00")),
        Error("year", "bad_number", BAD_NUMBER),
        Error("year", "out_of_range", constant("20255", "202")),
    ],
    "facility_inspection": [
        *dates("inspected_on"),
        Error("kind", "bad_code", BAD_CODE),
        Error("departments", "bad_code", constant("民政;街道办", "城管")),
        Error("random_drawn", "bad_boolean", constant("抽", "2")),
        Error("issues", "bad_number", BAD_NUMBER),
        Error("facility_code", "missing_required", MISSING_ID),
    ],
    "credit_list": [
        Error("uscc", "bad_pattern", constant("52440203MJK001234", "无")),
        *dates("listed_on"),
    ],
    "complaint": [
        *dates("received_on"),
        Error("kind", "bad_code", BAD_CODE),
        Error("facility_code", "missing_required", MISSING_ID),
    ],
    "admission_queue": [
        *ids("id_no"),
        Error("priority_class", "bad_code", BAD_CODE),
        *dates("applied_on"),
    ],
    "meal_order": [
        *ids("id_no"),
        *dates("served_at"),
        Error("subsidy_amount", "bad_number", BAD_AMOUNT),
        Error("canteen_code", "missing_required", MISSING_ID),
    ],
    "emergency_call": [
        *ids("id_no"),
        Error("outcome", "bad_code", BAD_CODE),
        *dates("answered_at"),
    ],
    "volunteer_hours": [
        *ids("id_no"),
        *ids("helped_id_no")[:2],
        Error("hours", "out_of_range", constant("30", "-1")),
        *dates("served_on"),
    ],
    "construction_project": [
        Error("region_code", "bad_pattern", BAD_REGION),
        Error("required_area", "bad_number", BAD_AMOUNT),
        Error("four_sync", "bad_code", constant("已竣工")),
    ],
    "land_supply": [
        Error("region_code", "bad_pattern", BAD_REGION),
        Error("planned_area", "bad_number", BAD_AMOUNT),
    ],
    "policy_declaration": [
        Error("period", "bad_pattern", constant("2025年", "2025-13", "去年")),
        Error("value", "bad_number", constant("已完成", "100%%", "是")),
        Error("evidence_document", "missing_required", MISSING_ID),
    ],
}
