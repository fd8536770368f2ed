"""Each check of a contract on one column: pass, fail, boundary; then whole rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from ingestion.checks import examine
from ingestion.contracts import Contract, load_contracts
from ingestion.odcs import CodeList, DatedLabel
from ingestion.reasons import REASONS
from ingestion.transform import transform
from yinling.settings import PROJECT_DIR

CONTRACTS = load_contracts(PROJECT_DIR / "ingestion" / "contracts")
KEY = "a key for tests"
GOOD_ID = "11010519491231002X"


def reason(dataset: str, column: str, value: str | None) -> str | None:
    """The first refusal of one value."""
    raw = pl.Series([value], dtype=pl.String)
    seen = examine(CONTRACTS[dataset].by_name[column], raw, KEY)
    return next((why for why, rows in seen.refusals if rows[0]), None)


@pytest.mark.parametrize(
    ("dataset", "column", "value", "expected"),
    [
        ("facility", "kind", "institution", None),
        ("facility", "kind", "Institution", "bad_code"),
        ("facility", "kind", "", "missing_required"),
        ("facility", "ownership", "", None),
        ("facility", "functions", "全托;日托", None),
        ("facility", "functions", "全托;唱歌", "bad_code"),
        ("facility", "functions", "全托;", "bad_code"),
        ("facility", "star_grade", "5", None),
        ("facility", "star_grade", "5.0", None),
        ("facility", "star_grade", "6", "bad_code"),
        ("facility", "star_grade", "五", "bad_number"),
        ("facility", "beds_total", "0", None),
        ("facility", "beds_total", "-1", "out_of_range"),
        ("facility", "beds_total", "100000", None),
        ("facility", "beds_total", "100001", "out_of_range"),
        ("facility", "liability_insured", "是", None),
        ("facility", "liability_insured", "可能", "bad_boolean"),
        ("facility", "uscc", "91350100M000100Y43", None),
        ("facility", "uscc", "91350100M000100Y4", "bad_length"),
        ("facility", "uscc", "91350100M000100Y433", "bad_length"),
        ("facility", "longitude", "136", None),
        ("facility", "longitude", "136.01", "out_of_range"),
        ("facility", "name", "福\ufffd院", "bad_encoding"),
        ("facility", "region_code", "440203000000", None),
        ("facility", "region_code", "440203", "bad_pattern"),
        ("subsidy_payment", "benefit_month", "2026-09", None),
        ("subsidy_payment", "benefit_month", "2026-13", "bad_pattern"),
        ("subsidy_payment", "amount", "-80.00", None),
        ("subsidy_payment", "amount", "80.001", "bad_number"),
        ("subsidy_payment", "paid_at", "2026-02-30", "bad_date"),
        ("subsidy_payment", "id_no", "", None),
        ("subsidy_payment", "bank_account", "6.22202E+15", "excel_damage"),
        ("household_person", "id_no", "", "id_missing"),
        ("household_person", "id_no", "110105194912310021", "id_checksum"),
        ("household_person", "name", "", "missing_required"),
        ("household_person", "sex", "1", None),
        ("household_person", "sex", "男", None),
        ("household_person", "birth_date", "1850-01-01", None),
        ("household_person", "birth_date", "1849-12-31", "out_of_range"),
        ("household_person", "birth_date", "2100-12-31", None),
        ("household_person", "updated_at", "2100-12-31 23:59:59", None),
        ("household_person", "updated_at", "2101-01-01 00:00:00", "out_of_range"),
        ("region_boundary", "geometry", '{"type":"Polygon","coordinates":[]}', None),
        ("region_boundary", "geometry", '{"type":"Point"}', "bad_pattern"),
        ("medical_settlement", "diagnosis_code", "I10", None),
        ("medical_settlement", "diagnosis_code", "I10.x00", None),
        ("medical_settlement", "diagnosis_code", "高血压", "bad_pattern"),
        ("home_visit", "longitude", "", None),
    ],
)
def test_one_value(dataset: str, column: str, value: str, expected: str | None) -> None:
    assert reason(dataset, column, value) == expected


@pytest.mark.parametrize(
    ("dataset", "column", "values", "expected"),
    [
        ("special_difficulty", "kind", ["独居", " 失能　", "empty_nest"],
         ["living_alone", "disabled", "empty_nest"]),
        ("facility_staff", "certificate_grade", ["三级", "4"], [3, 4]),
        ("facility", "kind", ["乡镇（街道）综合养老服务中心", "乡镇(街道)综合养老服务中心"], None),
    ],
)  # fmt: skip
def test_a_label_is_read_as_its_code(
    dataset: str, column: str, values: list[str], expected: list[str | int] | None
) -> None:
    seen = examine(CONTRACTS[dataset].by_name[column], pl.Series(values), KEY)
    assert not seen.refusals
    got = seen.lake[column].to_list()
    assert got == expected if expected else len(set(got)) == 1


@pytest.mark.parametrize("value", ["独居老人", "独居、留守", "Living_Alone", "独 居"])
def test_what_only_looks_like_a_label_is_refused(value: str) -> None:
    assert reason("special_difficulty", "kind", value) == "bad_code"


def test_a_label_of_two_codes_names_none() -> None:
    codes = CodeList(
        name="x", standard="本目录", values={"a": "甲", "b": "甲", "乙": "丙", "c": "乙"}
    )
    assert codes.by_label == {"丙": "乙"}


def test_labels_in_a_list_of_codes() -> None:
    codes: dict[str, str | DatedLabel] = {"day": "日托", "night": "夜托"}
    column = replace(
        CONTRACTS["facility"].by_name["functions"],
        codes=CodeList(name="x", standard="本目录", values=codes, separator=";"),
    )
    seen = examine(column, pl.Series(["日托;night", "日托", "日托;夜里", None]), KEY)
    assert seen.lake["functions"].to_list() == ["day;night", "day", "day;夜里", None]
    ((why, rows),) = seen.refusals
    assert (why, rows.to_list()) == ("bad_code", [False, False, True, None])


def test_every_reason_has_words_in_chinese() -> None:
    for known in REASONS.values():
        assert known.message and known.suggestion


def test_location_is_rounded_to_a_hundred_metres() -> None:
    column = CONTRACTS["home_visit"].by_name["longitude"]
    seen = examine(column, pl.Series(["113.591249", None]), KEY)
    assert seen.lake["longitude"].to_list() == [113.591, None]


def test_the_same_person_has_one_token_in_every_dataset_and_no_class_shares_tokens() -> None:
    def token(dataset: str, column: str, value: str) -> str:
        seen = examine(CONTRACTS[dataset].by_name[column], pl.Series([value]), KEY)
        return seen.lake[f"{column}_token"][0]

    one = token("household_person", "id_no", GOOD_ID)
    assert one == token("home_visit", "visitor_id_no", "１１０１０５１９４９１２３１００２x")
    assert len(one) == 32
    assert token("subsidy_payment", "bank_account", GOOD_ID) != one
    assert token("household_person", "household_no", GOOD_ID) != one


def rows(contract: Contract, *given: dict[str, str | None]) -> pl.DataFrame:
    """Text rows in the contract's columns; what is not given is null."""
    names = [column.name for column in contract.columns]
    return pl.DataFrame(
        [{name: row.get(name) for name in names} for row in given],
        schema=dict.fromkeys(names, pl.String),
    )


def lineage(count: int, batch: str = "b") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "batch_id": [batch] * count,
            "row_no": range(1, count + 1),
            "known_at": [datetime(2026, 10, 8)] * count,
        },
        schema={"batch_id": pl.String, "row_no": pl.Int64, "known_at": pl.Datetime("us")},
    )


FUND = {
    "region_code": "440203000000",
    "year": "2026",
    "fund": "lottery",
    "total_amount": "10",
    "eldercare_amount": "5.5",
}


def test_a_row_is_refused_once_for_its_first_fault() -> None:
    contract = CONTRACTS["welfare_fund"]
    raw = rows(contract, FUND, FUND | {"year": "x", "fund": "gold"}, FUND | {"year": "2025"})
    chunk = transform(contract, raw, lineage(3), KEY)
    assert chunk.good["row_no"].to_list() == [1, 3]
    assert chunk.refused.select("row_no", "column", "reason", "raw_value").rows() == [
        (2, "year", "bad_number", "x")
    ]
    assert chunk.refused["message_zh"][0] == "第2行“年份”：数值无法识别"
    assert '"fund":"gold"' in chunk.refused["raw_row"][0]
    assert chunk.good.schema == contract.polars_schema()


def test_of_equal_keys_the_first_sound_row_stays() -> None:
    contract = CONTRACTS["welfare_fund"]
    raw = rows(contract, FUND | {"total_amount": "x"}, FUND, FUND | {"total_amount": "11"})
    chunk = transform(contract, raw, lineage(3), KEY)
    assert chunk.good["row_no"].to_list() == [2]
    assert chunk.refused.select("row_no", "reason").rows() == [
        (1, "bad_number"),
        (3, "duplicate_key"),
    ]
    assert chunk.refused_values["total_amount?"].to_list() == [True, False]


def test_equal_keys_in_two_batches_are_two_versions() -> None:
    contract = CONTRACTS["welfare_fund"]
    both = pl.concat([lineage(1, "b1"), lineage(1, "b2")])
    chunk = transform(contract, rows(contract, FUND, FUND), both, KEY)
    assert chunk.refused.height == 0
    parts = chunk.by_batch()
    assert {name: part.good.height for name, part in parts.items()} == {"b1": 1, "b2": 1}


def test_known_at_comes_from_the_row_or_from_the_delivery() -> None:
    change = CONTRACTS["household_id_change"]
    row = {"old_id_no": GOOD_ID, "new_id_no": "440524188001010014", "changed_on": "2026-05-01"}
    chunk = transform(change, rows(change, row), lineage(1), KEY)
    assert chunk.good["known_at"].to_list() == [datetime(2026, 5, 1)]
    fund = CONTRACTS["welfare_fund"]
    chunk = transform(fund, rows(fund, FUND), lineage(1), KEY)
    assert chunk.good["known_at"].to_list() == [datetime(2026, 10, 8)]


def test_doubts_are_counted_for_loaded_rows_only() -> None:
    contract = CONTRACTS["facility"]
    base = {
        "name": "院",
        "kind": "institution",
        "region_code": "440203000000",
        "beds_total": "1",
        "uscc": "91350211M0000XUF46",
    }
    raw = rows(
        contract,
        base | {"facility_code": "F1"},
        base | {"facility_code": "F2", "beds_total": "x"},
    )
    chunk = transform(contract, raw, lineage(2), KEY)
    assert chunk.doubts.rows() == [("b", "uscc", 1)]
