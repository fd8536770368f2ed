"""What was planted in the synthetic province, in the words of the published findings.

Reads the ground truth (`demo/truth`) that the pipeline never sees, turns its ID numbers and
accounts into the tokens of this installation, and works out amounts apart from the project's SQL.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

import duckdb
import polars as pl

from ingestion import identifiers
from ingestion.tokens import token_key, tokens
from tests.support.clean_lake import truth_rows
from yinling.settings import Settings

FAMILY_BED = Decimal(240)
CENT = Decimal("0.01")


@dataclass
class Truth:
    """The planted cases of a home whose warehouse is built."""

    settings: Settings

    def published(self, table: str) -> pl.DataFrame:
        """A table of the auditors' schema."""
        with duckdb.connect(str(self.settings.warehouse), read_only=True) as connection:
            return connection.sql(f"select * from publish_auditors.{table}").pl()

    def rows(self, dataset: str) -> pl.DataFrame:
        """Accepted rows of a dataset, as they were before any damage."""
        return truth_rows(self.settings.demo / "truth" / "clean" / f"{dataset}.parquet")

    @cached_property
    def cases(self) -> pl.DataFrame:
        """All cases, with `subject_key` and months as dates."""
        cases = pl.read_parquet(self.settings.demo / "truth" / "cases.parquet")
        persons = tokens("citizen_id", cases["subject_id_no"], token_key(self.settings))
        accounts = tokens(
            "account", identifiers.account(cases["bank_account"]), token_key(self.settings)
        )
        return cases.with_columns(
            subject_key=pl.when(pl.col("subject_kind") == "account")
            .then(accounts)
            .when(pl.col("subject_kind") == "facility")
            .then("facility_code")
            .otherwise(persons),
            first_month=(pl.col("first_month") + "-01").str.to_date("%Y-%m-%d"),
            last_month=(pl.col("last_month") + "-01").str.to_date("%Y-%m-%d"),
        )

    def of(self, kind: str) -> pl.DataFrame:
        """Cases of a kind, `planted` or `lookalike`."""
        return self.cases.filter(pl.col("kind") == kind)

    def amount(self, case: dict[str, object]) -> Decimal | None:
        """The amount at risk of a planted case; None where only bounds are known (F01)."""
        if case["rule_id"] == "L03":
            return self._claimed_after_death(case)
        if case["rule_id"] == "D07":
            return self._paid_during_stay(case)
        if case["rule_id"] == "D08":
            return self._claimed_twice(case)
        value = case["amount"]
        return None if value is None else Decimal(str(value))

    def _claimed_after_death(self, case: dict[str, object]) -> Decimal:
        claims = self.rows("facility_claim").filter(
            (pl.col("stay_no") == case["subject_no"])
            & (pl.col("month") >= f"{case['first_month']:%Y-%m}")
        )
        return Decimal(str(claims["amount"].sum()))

    def _paid_during_stay(self, case: dict[str, object]) -> Decimal:
        """Rate by days: from the day after admission up to the day before discharge."""
        stay = self._stay(str(case["subject_no"]))
        start, end = stay["checked_in_on"] + timedelta(days=1), stay["checked_out_on"]
        return sum(
            (
                _share(FAMILY_BED, _overlap(month, start, end), _length(month))
                for month in _months(start, end - timedelta(days=1))
            ),
            Decimal(0),
        )

    def _claimed_twice(self, case: dict[str, object]) -> Decimal:
        """The smaller of the two claims a month, for the days that both stays cover."""
        later = self._stay(str(case["subject_no"]))
        earlier = self._latest_stays.filter(
            (pl.col("id_no") == later["id_no"]) & (pl.col("stay_no") != later["stay_no"])
        ).row(0, named=True)
        start = later["checked_in_on"] + timedelta(days=1)
        end = min(earlier["checked_out_on"], later["checked_out_on"])
        claims = self.rows("facility_claim").filter(
            pl.col("stay_no").is_in([later["stay_no"], earlier["stay_no"]])
        )
        total = Decimal(0)
        for month in _months(start, end - timedelta(days=1)):
            both = claims.filter(pl.col("month") == f"{month:%Y-%m}")
            total += min(
                _share(
                    Decimal(str(row["amount"])),
                    _overlap(month, start, end),
                    int(row["claimed_days"]),
                )
                for row in both.iter_rows(named=True)
            )
        return total

    @cached_property
    def _latest_stays(self) -> pl.DataFrame:
        return (
            self.rows("facility_stay")
            .sort("_period")
            .unique("stay_no", keep="last", maintain_order=True)
        )

    def _stay(self, number: str) -> dict[str, object]:
        return self._latest_stays.filter(pl.col("stay_no") == number).row(0, named=True)


def _months(first: date, last: date) -> list[date]:
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    start = first.year * 12 + first.month - 1
    return [date((start + i) // 12, (start + i) % 12 + 1, 1) for i in range(count)]


def _length(month: date) -> int:
    return monthrange(month.year, month.month)[1]


def _overlap(month: date, start: date, end: date) -> int:
    until = month + timedelta(days=_length(month))
    return max((min(end, until) - max(start, month)).days, 0)


def _share(amount: Decimal, part: int, whole: int) -> Decimal:
    return (amount * part / whole).quantize(CENT, ROUND_HALF_UP)
