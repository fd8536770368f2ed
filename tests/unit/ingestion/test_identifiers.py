"""Identifiers: normal form, refusals, masks — pass, fail and boundary of each."""

from __future__ import annotations

import polars as pl
import pytest

from ingestion import identifiers
from ingestion.parsing import tidy

GOOD = "11010519491231002X"  # the standard's own example


def judge(value: str | None) -> tuple[str | None, str | None, str | None]:
    """(number, form, first reason) of one delivered value."""
    raw = pl.Series([value], dtype=pl.String)
    number, form, refusals = identifiers.citizen_id(raw, tidy(raw))
    reasons = [reason for reason, rows in refusals if rows[0]]
    return number[0], form[0], next(iter(reasons), None)


@pytest.mark.parametrize(
    ("delivered", "number", "form"),
    [
        (GOOD, GOOD, "exact"),
        ("11010519491231002x", GOOD, "normalised"),
        ("１１０１０５１９４９１２３１００２Ｘ", GOOD, "normalised"),
        (" 110105 19491231 002X ", GOOD, "normalised"),
        ("'" + GOOD, GOOD, "normalised"),
        ("110105-19491231-002X", GOOD, "normalised"),
        ("440524188001010014", "440524188001010014", "exact"),
        ("440524801010014", "440524198010100141", "converted_15"),
        ("440524801010014.0", "440524198010100141", "converted_15"),
        # Serials 996 to 999 of 15 digits are people born before 1900.
        ("370882950101996", "37088218950101996X", "converted_15"),
        ("370882950101995", "370882199501019950", "converted_15"),
        (None, None, None),
        ("  ", None, None),
    ],
)
def test_normal_form(delivered: str | None, number: str | None, form: str | None) -> None:
    got_number, got_form, reason = judge(delivered)
    assert (got_number, got_form, reason) == (number, form, None)


@pytest.mark.parametrize(
    ("delivered", "reason"),
    [
        ("110105194912310021", "id_checksum"),
        ("11010519491231002", "id_length"),
        ("11010519491231002XX", "id_length"),
        ("A1010519491231002X", "id_length"),
        ("不详", "id_length"),
        ("1.10105E+17", "id_excel_damage"),
        ("1E+17", "id_excel_damage"),
        ("110105194912310000", "id_excel_damage"),
        ("110105491331001", "id_date"),  # month 13 in 15 digits: no checksum to fail first
        ("110105490230001", "id_date"),
        ("999999491231001", None),  # a 9 opens a foreign permanent resident's number
        ("100000491231001", "id_area"),
    ],
)
def test_refusal(delivered: str, reason: str | None) -> None:
    assert judge(delivered)[2] == reason


@pytest.mark.parametrize("code", ["370822", "370882", "370812", "362137", "440221", "810000"])
def test_retired_area_codes_stay_valid(code: str) -> None:
    assert judge(code + "491231001")[2] is None


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("19000229", "id_date"),
        ("20000229", None),
        ("19000228", None),
        ("19040431", "id_date"),
        ("19040430", None),
        ("19041231", None),
        ("19040100", "id_date"),
        ("17991231", "id_date"),
        ("18000101", None),
    ],
)
def test_days_of_the_calendar(day: str, reason: str | None) -> None:
    body = f"110105{day}123"
    weights = identifiers.ID_WEIGHTS
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    assert judge(body + "10X98765432"[total % 11])[2] == reason


def test_damage_is_told_from_a_number_that_really_ends_in_zeros() -> None:
    body = "110105194912"
    for tail in range(100):
        candidate = f"{body}{tail:02d}1000"
        reason = judge(candidate)[2]
        assert reason in (None, "id_excel_damage", "id_date")


def test_masks() -> None:
    assert identifiers.id_mask(pl.Series([GOOD, None])).to_list() == ["1101**********002X", None]
    assert identifiers.name_mask(pl.Series(["张三", "欧阳修", None])).to_list() == [
        *("张**", "欧**", None)
    ]
    accounts = pl.Series(["6222021234567890", "1234", "12345", None])
    assert identifiers.account_mask(accounts).to_list() == ["****7890", "****", "****2345", None]


def test_names_and_accounts_have_one_form() -> None:
    names = pl.Series(["张 三", "买买提•阿不都", "买买提·阿不都"])
    assert identifiers.name(names).to_list() == ["张三", "买买提·阿不都", "买买提·阿不都"]
    accounts = pl.Series(["6222 0212 3456 7890", "6222-0212-3456-7890"])
    assert identifiers.account(accounts).unique().to_list() == ["6222021234567890"]


@pytest.mark.parametrize(
    ("code", "doubtful"),
    [
        ("91350100M000100Y43", False),  # GB 32100-2015's example
        ("91350100m000100y43", False),
        ("91350100M000100Y44", True),
        ("91350100O000100Y43", True),  # O is not in the alphabet
        ("91350211M0000XUF46", True),  # a genuine early code that fails: why this only warns
        ("9135", True),
        (None, False),
    ],
)
def test_credit_code(code: str | None, doubtful: bool) -> None:
    column = pl.Series([code], dtype=pl.String)
    assert identifiers.credit_code_doubtful(column).to_list() == [doubtful]
