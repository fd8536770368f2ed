"""A contract as the rooms see it: the delivered columns, their checks, and the lake's columns."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

import polars as pl

from ingestion.headers import Headers
from ingestion.odcs import CodeList, Division, Drift, QualityRule, Sla, UnfitValue, Volume

POLARS_TYPES: dict[str, pl.DataType] = {
    "varchar": pl.String(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "decimal(18,2)": pl.Decimal(18, 2),
    "double": pl.Float64(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
    "boolean": pl.Boolean(),
}
# What becomes of a personal column in the lake; the clear text goes to the vault.
PERSONAL_SUFFIXES = {
    "citizen_id": ("_token", "_mask", "_form"),
    "name": ("_token", "_mask"),
    "account": ("_token", "_mask"),
    "address": ("_token",),
    "household": ("_token",),
}


@dataclass(frozen=True)
class Column:
    """One delivered column, as the landing sees it."""

    name: str
    title: str
    description: str
    logical_type: str
    physical_type: str
    required: bool
    key_position: int | None
    classification: str
    minimum: str | None
    maximum: str | None
    min_length: int | None
    max_length: int | None
    pattern: str | None
    codes: CodeList | None
    personal: str | None
    quality: tuple[QualityRule, ...]
    headers: tuple[str, ...]
    unfit: UnfitValue
    until_delivery: bool
    division: Division | None = None

    @property
    def is_identifier(self) -> bool:
        """Whether the text is a number or code of something: a key, or named as one."""
        return self.logical_type == "string" and (
            self.key_position is not None or self.name.endswith(("_no", "_code", "uscc"))
        )

    @property
    def is_month(self) -> bool:
        """Whether the text is a month, YYYY-MM, by its pattern."""
        return self.pattern is not None and [
            bool(re.search(self.pattern, text)) for text in ("2026-09", "2026-13", "2026-09-01")
        ] == [True, False, False]

    @property
    def may_be_left_out(self) -> bool:
        """Whether a value may stay empty in the lake without a hole in keys, people or times."""
        return not (self.required or self.key_position or self.personal)

    @property
    def lake(self) -> list[tuple[str, str]]:
        """(name, type) of the lake columns that this column becomes."""
        if self.personal is None or self.personal == "location":
            return [(self.name, self.physical_type)]
        return [(self.name + suffix, "varchar") for suffix in PERSONAL_SUFFIXES[self.personal]]

    def bound(self, text: str) -> date | Decimal | int | float:
        """A bound of this column as a value of its type (a timestamp's bound is a day).

        Raises:
            ValueError, ArithmeticError: the text is no such value.
        """
        if self.logical_type in ("date", "timestamp"):
            return date.fromisoformat(text)
        if self.logical_type == "integer":
            return int(text)
        return float(text) if self.physical_type == "double" else Decimal(text)


@dataclass(frozen=True)
class Contract:
    """One dataset's contract, checked.

    Attributes:
        name: dataset id, also the file's stem.
        grain: what one row is.
        known_at: the column that says when the department knew, or "delivery".
        divisions: the register of division codes, once landing has attached it.
        granularity: "province" (one provider) or "county" (a delivery each county).
        full_replaces: what a full delivery takes the place of: "provider" (all that its provider
            delivered before) or "period" (what its provider delivered for the same period).
    """

    name: str
    title: str
    purpose: str
    grain: str
    version: str
    family: str
    owner: str
    provider: str
    legal_basis: str
    known_at: str
    granularity: str
    volume: Volume
    full_replaces: str
    frequency: Sla
    latency_days: int
    encoding: str
    columns: tuple[Column, ...]
    drift: Drift
    divisions: pl.DataFrame | None = field(default=None, compare=False, repr=False)

    @cached_property
    def titles(self) -> dict[str, str]:
        """Chinese name of each column; of no column: the row as a whole."""
        return {"": "整行"} | {column.name: column.title for column in self.columns}

    @cached_property
    def headers(self) -> Headers:
        """The delivered headers that mean one of the columns."""
        return Headers(
            ((column.name, column.title, column.headers) for column in self.columns),
            [column.name for column in self.columns if column.required],
        )

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Columns by their delivered name."""
        return {column.name: column for column in self.columns}

    @property
    def key(self) -> list[str]:
        """Delivered names of the key columns, in key order."""
        keyed = [(column.key_position, column.name) for column in self.columns]
        return [name for position, name in sorted((p, n) for p, n in keyed if p is not None)]

    def key_lake_columns(self) -> list[str]:
        """Lake names of the key columns, in key order (a personal one is its token)."""
        return [self.by_name[name].lake[0][0] for name in self.key]

    def lake_schema(self) -> list[tuple[str, str]]:
        """(name, DuckDB type) of every lake column in order, lineage columns last."""
        columns = [pair for column in self.columns for pair in column.lake]
        lineage = [("batch_id", "varchar"), ("row_no", "bigint"), ("known_at", "timestamp")]
        return columns + lineage

    def polars_schema(self) -> pl.Schema:
        """The lake's columns as polars types."""
        return pl.Schema({name: POLARS_TYPES[kind] for name, kind in self.lake_schema()})

    @cached_property
    def schema_fingerprint(self) -> str:
        """16 hex digits that change when, and only when, the lake's columns or types change."""
        text = json.dumps(self.lake_schema())
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def holds_secrets(self) -> bool:
        """Whether it has columns whose clear text goes to the vault."""
        return any(column.personal not in (None, "location") for column in self.columns)
