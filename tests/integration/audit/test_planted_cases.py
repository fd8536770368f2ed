"""The rules against the ground truth: every planted case, no look-alike, nothing else."""

from __future__ import annotations

import json
from decimal import Decimal

import polars as pl
import pytest

from tests.support.truth_cases import Truth

pytestmark = pytest.mark.slow
KEY = ["rule_id", "subject_key"]
RULES = ["L01", "L03", "L07", "D01", "D07", "D08", "E01", "F01", "H01", "H03", "N01", "U01"]


def test_every_rule_was_planted(truth: Truth) -> None:
    assert set(truth.of("planted")["rule_id"]) == set(RULES)
    assert set(truth.of("lookalike")["rule_id"]) == set(RULES)


def test_every_planted_case_is_found(truth: Truth, findings: pl.DataFrame) -> None:
    missed = truth.of("planted").join(findings, on=KEY, how="anti")
    assert missed["case_id"].to_list() == []


def test_no_lookalike_is_flagged(truth: Truth, findings: pl.DataFrame) -> None:
    flagged = truth.of("lookalike").join(findings, on=KEY, how="semi")
    assert flagged["case_id"].to_list() == []


def test_nothing_else_is_found(truth: Truth, findings: pl.DataFrame) -> None:
    extra = findings.join(truth.of("planted"), on=KEY, how="anti")
    assert extra.select("rule_id", "subject_key", "first_month").rows() == []
    assert findings.select(KEY).is_duplicated().sum() == 0


def test_months_are_the_planted_ones(truth: Truth, findings: pl.DataFrame) -> None:
    both = truth.of("planted").join(findings, on=KEY, suffix="_found")
    wrong = both.filter(
        (pl.col("first_month") != pl.col("first_month_found"))
        | (pl.col("last_month") != pl.col("last_month_found"))
    )
    assert wrong.select("case_id", "first_month_found", "last_month_found").rows() == []


def test_amounts_are_the_planted_ones(truth: Truth, findings: pl.DataFrame) -> None:
    both = truth.of("planted").join(findings, on=KEY, suffix="_found")
    found = {
        case["case_id"]: (truth.amount(case), case["amount_point"])
        for case in both.iter_rows(named=True)
    }
    told = {name: pair for name, pair in found.items() if pair[0] is not None}
    assert {name: pair for name, pair in told.items() if pair[0] != pair[1]} == {}
    assert len(told) >= len(found) - truth.of("planted").filter(rule_id="F01").height
    assert all(low > 0 for _, low in found.values())


def test_low_is_below_point_and_point_below_high(findings: pl.DataFrame) -> None:
    assert findings.filter(
        (pl.col("amount_low") > pl.col("amount_point"))
        | (pl.col("amount_point") > pl.col("amount_high"))
    ).is_empty()


def test_later_dates_are_concealment(findings: pl.DataFrame) -> None:
    assert set(findings.filter(rule_id="L07")["known_class"]) == {"K3"}
    both = findings.filter(pl.col("rule_id").is_in(["L01", "L03"]))
    assert set(both["known_class"]) <= {"K0", "K1", "K2", "K3"}


def test_evidence_leads_to_delivered_rows(truth: Truth, findings: pl.DataFrame) -> None:
    evidence, batches = truth.published("finding_evidence"), truth.published("batch")
    assert evidence.join(findings, on="finding_id", how="anti").is_empty()
    assert findings.join(evidence, on="finding_id", how="anti").is_empty()
    assert evidence.join(batches, on="batch_id", how="anti").is_empty()
    assert batches["sha256"].str.len_chars().eq(64).all()
    assert evidence["row_no"].min() >= 1
    assert all(isinstance(json.loads(text), dict) for text in evidence["fields"])


def test_evidence_names_nobody(truth: Truth) -> None:
    people = truth.rows("household_person")
    names, numbers = set(people["name"]), set(people["id_no"])
    for text in truth.published("finding_evidence")["fields"]:
        values = {value for value in json.loads(text).values() if value}
        assert not values & names
        assert not values & numbers


def test_exposure_counts_each_payment_once(truth: Truth, findings: pl.DataFrame) -> None:
    """L07's payments are L01's too: the union is smaller than the sum over rules by them."""
    exposure = truth.published("exposure")
    at_risk = exposure.filter(side="at_risk", dataset="subsidy_payment")
    rules = ["L01", "D01", "D07", "E01", "N01"]
    union = findings.filter(pl.col("rule_id").is_in(rules))["amount_point"].sum()
    assert at_risk["amount_point"].sum() == union
    owed = exposure.filter(side="owed")["amount_point"].sum()
    assert owed == findings.filter(rule_id="U01")["amount_point"].sum()


def test_the_queue_holds_every_finding_and_takes_turns(
    truth: Truth, findings: pl.DataFrame
) -> None:
    queue = truth.published("case_queue").sort("queue_no")
    assert queue["queue_no"].to_list() == list(range(1, findings.height + 1))
    assert set(queue["finding_id"]) == set(findings["finding_id"])
    owed = queue.filter(side="owed", is_control_sample=False).height
    turns = queue.filter(is_control_sample=False).head(2 * owed)["side"].to_list()
    assert turns[: 2 * owed : 2] == ["owed"] * owed


def test_the_register_shows_every_rule(truth: Truth) -> None:
    rules = truth.published("rule")
    assert set(rules["rule_id"]) == set(RULES)
    assert not rules["suspended"].any()
    performance = truth.published("rule_performance")
    assert set(performance["rule_id"]) == set(RULES)
    assert performance["precision_share"].null_count() == len(RULES)
    assert performance["amount_point"].min() >= Decimal(0)
