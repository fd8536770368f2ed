"""What a receipt advises: what may stand where something else stood."""

from __future__ import annotations

import pytest

from ingestion.contracts import load_contract
from ingestion.receipts import suggestion
from yinling.settings import PROJECT_DIR

CONTRACTS = PROJECT_DIR / "ingestion" / "contracts"


@pytest.mark.parametrize(
    ("dataset", "column", "reason", "words"),
    [
        ("facility_stay", "payer", "bad_code", "可填代码或名称：self（"),
        ("facility_claim", "claimed_days", "out_of_range", "应不小于 0、不大于 31"),
        ("facility_claim", "amount", "out_of_range", "应不小于 0"),
        ("facility_claim", "month", "bad_pattern", "格式填写：补贴所属月份，YYYY-MM"),
        ("facility", "functions", "bad_code", "：全托、日托、上门、协调；有多项的，中间用“;”分隔"),
        ("facility", "star_grade", "bad_number", "可填代码或名称：1（一级）"),
        ("facility", "beds_total", "bad_number", "请只填整数"),
        ("home_visit", "visited_at", "bad_date", "如 2026-09-01 09:30"),
        ("cremation", "funeral_subsidy_amount", "bad_number", "最多两位小数；没有的请留空"),
        ("facility", "closed_on", "bad_date", "如 2026-09-01；没有的请留空"),
        ("facility_claim", "", "column_count", "请检查该行的分隔符"),
    ],
)
def test_what_may_stand_there(dataset: str, column: str, reason: str, words: str) -> None:
    contract = load_contract(CONTRACTS / f"{dataset}.yaml")
    assert words in suggestion(contract, column, reason)
