"""Half a year about six persons, some with two numbers for a while: arrival has no say in it."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.lake import Lake
from tests.support.warehouses import differences
from yinling.settings import Resources, Settings
from yinling.warehouse import build

pytestmark = pytest.mark.slow

PEOPLE = "ABCDEF"
PLACES = ("440203000000", "440204000000")
MODELS = [
    "+dim_household", "+spell_residence", "+spell_enrolment", "+int_payment", "+fct_visit",
    "+spell_special_difficulty", "+fct_health_contract", "+spell_employment", "+fct_pension",
]  # fmt: skip
Batch = tuple[str, list[dict[str, Any]], dict[str, Any]]


def rows_of(dataset: str, month: int, dice: random.Random) -> list[dict[str, Any]]:
    """What one delivery of a dataset lists of the month."""
    some, text = dice.sample(PEOPLE, 4), f"2026-{month:02d}"
    if dataset == "household_id_change":
        pairs = [dice.sample(PEOPLE, 2) for _ in range(dice.randrange(3))]
        day = date(2026, 1, dice.randrange(1, 28))
        return [{"old_id_no": a, "new_id_no": b, "changed_on": day} for a, b in pairs]
    fixed: dict[str, dict[str, Any]] = {
        "household_person": {
            "sex": "1", "birth_date": date(1940, 1, 1), "name": "N", "status": "normal",
            "known_at": datetime(2026, month, dice.randrange(1, 28)),
        },
        "medical_enrolment": {"insurance_kind": "resident", "valid_from": date(2020, 1, 1)},
        "subsidy_payment": {
            "programme_code": "p", "benefit_month": text, "amount": "50", "status": "success",
        },
        "home_visit": {"visited_at": datetime(2026, month, 2), "mode": "home"},
        "special_difficulty": {"kind": "disabled", "valid_from": date(2020, 1, 1)},
        "health_contract": {"institution_code": "I", "year": 2026, "health_check_done": True},
        "employment_contribution": {"employer_uscc": "X", "month": text, "base_amount": "9"},
        "pension_payment": {"month": text, "scheme": "resident", "amount": "10"},
    }  # fmt: skip
    told = [fixed[dataset] | {"id_no": one} for one in some]
    for number, row in zip(dice.sample("123456789", 4), told, strict=True):
        if dataset == "household_person":
            row |= {"household_no": f"H{number}", "hukou_region_code": dice.choice(PLACES)}
        elif dataset == "subsidy_payment":
            row |= {"payment_no": number, "paid_at": datetime(2026, month, 9)}
        elif dataset == "home_visit":
            row["visit_no"] = number
        elif dataset in ("medical_enrolment", "special_difficulty"):
            row["region_code"] = dice.choice(PLACES)
    return told


def deliveries(dice: random.Random) -> list[Batch]:
    datasets = (
        "household_person", "household_id_change", "medical_enrolment", "subsidy_payment",
        "home_visit", "special_difficulty", "health_contract", "employment_contribution",
        "pension_payment",
    )  # fmt: skip
    made: list[Batch] = []
    for month in range(1, 7):
        for dataset in datasets:
            late = timedelta(days=8 + dice.choice([0, 0, 40, 80]), minutes=len(made))
            whole = dataset == "household_id_change" or dice.random() < 0.5
            how = {
                "period": f"2026-{month:02d}",
                "sequence": month,
                "known_at": datetime(2026, month, 28, 9) + late,
                "mode": "full" if whole else "increment",
            }
            made.append((dataset, rows_of(dataset, month, dice), how))
    return made


def hub(home: Path) -> tuple[Settings, Lake]:
    settings = Settings(home=home, resources=Resources(threads=2, memory_limit="1GB"))
    return settings, Lake(home).start()


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_deliveries_built_in_parts_end_as_all_at_once(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 (test data)
    sent = deliveries(dice)
    whole, lake = hub(tmp_path / "whole")
    for dataset, rows, how in sent:
        lake.add(dataset, rows, **how)
    build(whole, MODELS)
    parts, lake = hub(tmp_path / "parts")
    dice.shuffle(sent)
    for start in range(0, len(sent), 14):
        for dataset, rows, how in sent[start : start + 14]:
            lake.add(dataset, rows, **how)
        build(parts, MODELS)
    assert differences(whole.warehouse, parts.warehouse) == {}
