"""From a contract to checks: one delivered column in, typed lake columns and refusals out.

`examine` is the whole of what a contract promises about a single value. Keys within a batch, row
counts and control sums are the batch's business (`ingestion.batch`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import polars as pl

from ingestion import identifiers, parsing
from ingestion.contracts import POLARS_TYPES, Column
from ingestion.odcs import CodeList
from ingestion.tokens import tokens

DECIMALS_OF_A_PLACE = 3  # of a degree: about 100 m


@dataclass
class Examined:
    """What became of one column of a chunk.

    Attributes:
        lake: the lake columns by name.
        refusals: (reason, rows) in order of precedence; rows is a boolean column, null is no.
        doubtful: rows that a warning rule doubts; they are loaded.
        clear: normal form behind the tokens, for the vault.
    """

    lake: dict[str, pl.Series]
    refusals: list[tuple[str, pl.Series]] = field(default_factory=list)
    doubtful: pl.Series | None = None
    clear: pl.Series | None = None

    def reasons(self) -> pl.Series | None:
        """The first reason of each row, null where none fits; None when no row is refused."""
        if not self.refusals:
            return None
        rows = pl.DataFrame([bad.alias(str(n)) for n, (_, bad) in enumerate(self.refusals)])
        first = pl.coalesce(
            pl.when(pl.col(str(n))).then(pl.lit(why)) for n, (why, _) in enumerate(self.refusals)
        )
        return rows.select(first.alias("reason")).to_series()


def examine(column: Column, raw: pl.Series, key: str) -> Examined:
    """Parse, check and tokenise one column.

    Args:
        column: its contract.
        raw: the delivered text.
        key: the token key.
    """
    free_text = column.logical_type == "string" and not (column.personal or column.codes)
    text = parsing.tidy(
        raw, half_width=not free_text or column.pattern is not None or column.is_identifier
    )
    if column.codes is not None:
        text = _coded(column.codes, text)
    if column.personal and column.personal != "location":
        result = _personal(column, raw, text, key)
    elif column.logical_type == "string":
        result = Examined({column.name: text}, _text_refusals(column, text))
    else:
        result = _typed(column, text)
    first: list[tuple[str, pl.Series]] = []
    if column.required:
        missing = "id_missing" if column.personal == "citizen_id" else "missing_required"
        first.append((missing, text.is_null()))
    if not parsing.is_ascii(text):
        first.append(("bad_encoding", text.str.contains(parsing.REPLACEMENT, literal=True)))
    if column.logical_type == "string" and (errors := parsing.formula_error(text)) is not None:
        first.append(("formula_error", errors))
    result.refusals = [(why, rows) for why, rows in first + result.refusals if rows.any()]
    if column.unfit == "evolve":
        result.doubtful = next((rows for why, rows in result.refusals if why == "bad_code"), None)
        result.refusals = [(why, rows) for why, rows in result.refusals if why != "bad_code"]
    if any(rule.rule == "usccCheckCharacter" for rule in column.quality):
        result.doubtful = identifiers.credit_code_doubtful(text)
    return result


def _personal(column: Column, raw: pl.Series, text: pl.Series, key: str) -> Examined:
    name, kind = column.name, column.personal
    result = Examined({})
    if kind == "citizen_id":
        normal, form, result.refusals = identifiers.citizen_id(raw, text)
        mask = identifiers.id_mask(normal)
        extra = {f"{name}_mask": mask, f"{name}_form": form}
    elif kind == "name":
        normal = identifiers.name(text)
        extra = {f"{name}_mask": identifiers.name_mask(normal)}
    elif kind == "account":
        normal = identifiers.account(text)
        result.refusals = [("excel_damage", identifiers.account_damaged(normal))]
        extra = {f"{name}_mask": identifiers.account_mask(normal)}
    else:
        normal, extra = identifiers.compact(text), {}
    result.clear = normal
    result.lake = {f"{name}_token": tokens(str(kind), normal, key), **extra}
    return result


def _text_refusals(column: Column, text: pl.Series) -> list[tuple[str, pl.Series]]:
    refusals = []
    if column.codes is None:
        refusals.append(("excel_damage", identifiers.account_damaged(text)))
    else:
        refusals.append(("bad_code", _unknown_codes(column, text)))
    if column.pattern is not None:
        refusals.append(("bad_pattern", ~text.str.contains(column.pattern)))
    length = text.str.len_chars()
    if column.min_length is not None:
        refusals.append(("bad_length", length < column.min_length))
    if column.max_length is not None:
        refusals.append(("bad_length", length > column.max_length))
    return refusals


def _typed(column: Column, text: pl.Series) -> Examined:
    kind = POLARS_TYPES[column.physical_type]
    match column.logical_type:
        case "integer":
            value, reason = parsing.integer(text, kind), "bad_number"
        case "number" if column.physical_type == "double":
            value, reason = parsing.measure(text), "bad_number"
        case "number":
            value, reason = parsing.number(text), "bad_number"
        case "boolean":
            value, reason = parsing.boolean(text), "bad_boolean"
        case "date":
            value, reason = parsing.date(text), "bad_date"
        case _:
            value, reason = parsing.timestamp(text), "bad_date"
    unread = value.is_null() & text.is_not_null()
    refusals = [*_why_unread(column, text, unread), (reason, unread)]
    if column.codes is not None:
        plain = value.cast(pl.String)
        refusals.append(("bad_code", _unknown_codes(column, plain)))
    for bound, beyond in ((column.minimum, "<"), (column.maximum, ">")):
        if bound is not None:
            limit = column.bound(bound)
            days = value.dt.date() if column.logical_type == "timestamp" else value
            refusals.append(("out_of_range", days < limit if beyond == "<" else days > limit))
    if column.logical_type in ("date", "timestamp"):
        refusals.append(("implausible_date", parsing.implausible(value)))
    lake = value.round(DECIMALS_OF_A_PLACE) if column.personal == "location" else value
    return Examined({column.name: lake}, refusals)


def _why_unread(column: Column, text: pl.Series, unread: pl.Series) -> list[tuple[str, pl.Series]]:
    """What is plainly the matter with some of the values that could not be read."""
    if not unread.any():
        return []
    found = []
    if (errors := parsing.formula_error(text)) is not None:
        found.append(("formula_error", errors))
    if column.logical_type in ("integer", "number"):
        found.append(("merged_cell", unread & text.str.starts_with(parsing.MERGED)))
        found.append(("unit_in_number", unread & parsing.has_unit(text)))
    if column.logical_type in ("date", "timestamp"):
        found.append(("lunar_date", unread & parsing.looks_lunar(text)))
        found.append(("date_serial", unread & parsing.is_serial(text)))
    return found


def _coded(codes: CodeList, text: pl.Series) -> pl.Series:
    """Labels (独居) as their codes (living_alone): tables made by hand hold what people read."""
    labels = codes.by_label
    if not labels or parsing.is_ascii(text):
        return text
    if codes.separator is None:
        return text.replace(labels)
    parts = text.str.split(codes.separator)
    return parts.list.eval(pl.element().replace(labels)).list.join(codes.separator)


def _unknown_codes(column: Column, text: pl.Series) -> pl.Series:
    assert column.codes is not None  # noqa: S101 (callers ask first)
    known = _known(tuple(column.codes.values))
    if column.codes.separator is None:
        return ~text.is_in(known.implode())
    parts = text.str.split(column.codes.separator)
    unknown = pl.element().is_in(known.implode()).not_().any()
    return parts.list.eval(unknown).list.first()


@cache
def _known(codes: tuple[str, ...]) -> pl.Series:
    return pl.Series(codes)
