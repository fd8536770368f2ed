"""Whole rows of any text through a contract: loaded or refused, never lost, never a silent null."""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import cache
from typing import Any
from unittest.mock import patch

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ingestion import parsing, repeats
from ingestion.checks import examine
from ingestion.contracts import Column, Contract, load_contracts
from ingestion.control import parse_control
from ingestion.errors import DeliveryError
from ingestion.marks import FAULT, PLACE, TEXT
from ingestion.reasons import REASONS
from ingestion.repeats import Memory
from ingestion.transform import Chunk, transform
from tests.property.effort import effort
from yinling.settings import PROJECT_DIR

CONTRACTS = load_contracts(PROJECT_DIR / "ingestion" / "contracts")
KEY = "a key for tests"
MANY = effort(60)
CONTRACT = st.sampled_from(sorted(CONTRACTS)).map(CONTRACTS.__getitem__)
# Texts that come near to what the columns want, and texts that do not.
NEAR = st.one_of(
    st.sampled_from(
        [
            *("2026-09-01", "2026年9月1日", "20260901", "2026-02-30", "农历八月十五", "45901"),
            *("12", "１２", "1,234.50", "12.345", "1.2E+5", "100元", "３万元", "-0", "+3", "0.0"),
            *("是", "无", "TRUE", "可能", "#REF!", "'440203194912310021", "440203194912310021"),
            *("440203000000", "2026-09", "2026", "", " ", "　", "\ufffd", "\ufeff", "x\ny"),
        ]
    ),
    st.dates(date(1600, 1, 1), date(2300, 1, 1)).map(str),
    st.datetimes(datetime(1600, 1, 1), datetime(2300, 1, 1)).map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-(10**18), 10**18, places=3).map(lambda number: format(number, "f")),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
)


@cache
def values(name: str, column: str) -> st.SearchStrategy[str | None]:
    """Texts for one column: its codes, if it has any, and everything else."""
    codes = CONTRACTS[name].by_name[column].codes
    listed = [st.sampled_from(sorted(codes.values))] if codes else []
    return st.one_of(st.none(), *listed, NEAR)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[Contract, pl.DataFrame]:
    contract = draw(CONTRACT)
    height = draw(st.integers(1, 8))
    frame = pl.DataFrame(
        {
            column.name: pl.Series(
                [draw(values(contract.name, column.name)) for _ in range(height)],
                dtype=pl.String,
            )
            for column in contract.columns
        }
    )
    if draw(st.booleans()):
        stray = [draw(st.booleans()) for _ in range(height)]
        marks = {
            FAULT: ["column_count" if s else None for s in stray],
            PLACE: ["" if s else None for s in stray],
            TEXT: ["a,b" if s else None for s in stray],
        }
        frame = frame.hstack(pl.DataFrame(marks, schema=dict.fromkeys(marks, pl.String)))
    return contract, frame


def lineage(contract: Contract, height: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "batch_id": [f"{contract.name}.440203.2026-09.0001"] * height,
            "row_no": range(1, height + 1),
            "known_at": [datetime(2026, 10, 8)] * height,
        },
        schema={"batch_id": pl.String, "row_no": pl.Int64, "known_at": pl.Datetime("us")},
    )


def blank(text: str | None) -> bool:
    """Whether there is nothing to load in a delivered value."""
    column = pl.Series([text], dtype=pl.String)
    return parsing.tidy(column)[0] is None or parsing.tidy(column, half_width=False)[0] is None


@MANY
@given(deliveries())
def test_every_row_is_loaded_whole_or_refused_with_its_text(
    delivery: tuple[Contract, pl.DataFrame],
) -> None:
    contract, raw = delivery
    chunk = transform(contract, raw, lineage(contract, raw.height), KEY)
    numbers = sorted([*chunk.good["row_no"], *chunk.refused["row_no"]])
    assert numbers == list(range(1, raw.height + 1))
    assert set(chunk.refused["reason"]) <= set(REASONS)
    for row in chunk.refused.to_dicts():
        place, at = row["column"], row["row_no"] - 1
        wanted = raw[TEXT][at] if place == "" else raw[place][at]
        assert row["raw_value"] == wanted
    for row in chunk.good.to_dicts():
        for column in contract.columns:
            if not blank(raw[column.name][row["row_no"] - 1]):
                assert all(row[name] is not None for name, _ in column.lake), column.name


@MANY
@given(st.data())
def test_a_column_is_read_the_same_alone_and_among_others(data: st.DataObject) -> None:
    contract = data.draw(CONTRACT)
    column: Column = data.draw(st.sampled_from(contract.columns))
    texts = data.draw(st.lists(values(contract.name, column.name), min_size=1, max_size=12))
    whole = examine(column, pl.Series(texts, dtype=pl.String), KEY)
    for at, text in enumerate(texts):
        one = examine(column, pl.Series([text], dtype=pl.String), KEY)
        for name in one.lake:
            assert one.lake[name][0] == whole.lake[name][at] or one.lake[name][0] is None
        reasons = [why for why, rows in whole.refusals if rows[at]]
        assert reasons == [why for why, rows in one.refusals if rows[0]]


@MANY
@given(st.lists(NEAR, min_size=1, max_size=20))
def test_units_lunar_days_and_serials_are_never_read(texts: list[str]) -> None:
    text = parsing.tidy(pl.Series(texts, dtype=pl.String))
    assert not (parsing.has_unit(text) & parsing.number(text).is_not_null()).any()
    assert not (parsing.has_unit(text) & parsing.integer(text, pl.Int64()).is_not_null()).any()
    for strange in (parsing.looks_lunar(text), parsing.is_serial(text)):
        assert not (strange & parsing.date(text).is_not_null()).any()


CONTROL: dict[str, Any] = {
    "provider": "440203",
    "dataset": "facility",
    "period": "2026-09",
    "mode": "full",
    "sequence": 1,
    "row_count": 3,
    "control_sums": {"amount": "1.50"},
    "delivered_at": "2026-10-08T09:30:00",
}


@MANY
@given(
    st.one_of(
        st.binary(max_size=80),
        st.dictionaries(
            st.sampled_from([*CONTROL, "sha256", "more"]),
            st.none() | st.integers() | st.text(max_size=12) | st.lists(st.integers(), max_size=2),
            max_size=3,
        ).map(lambda other: _json(CONTROL | other)),
    )
)
def test_any_control_record_is_read_or_refused(text: bytes) -> None:
    try:
        control = parse_control(text, "a.csv.control.json", "facility")
    except DeliveryError as error:
        assert error.code == "bad_control" and "控制记录" in str(error)
        return
    assert control.dataset == "facility" and control.sequence >= 0


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "replace")


def plain(chunk: Chunk) -> dict[str, pl.DataFrame]:
    """A chunk's frames with coded texts as texts."""
    names = ("good", "refused", "refused_values", "doubts", "discarded")
    return {
        name: getattr(chunk, name).cast({pl.Enum: pl.String, pl.Categorical: pl.String})
        for name in names
    }


@MANY
@given(deliveries(), st.lists(st.integers(0, 7), min_size=1, max_size=24), st.integers(1, 9))
def test_what_a_batch_remembers_of_earlier_chunks_changes_nothing(
    delivery: tuple[Contract, pl.DataFrame], picked: list[int], most: int
) -> None:
    contract, some = delivery
    raw = some[[number % some.height for number in picked]]
    numbered = lineage(contract, raw.height)
    chunks = [(raw[at : at + 5], numbered[at : at + 5]) for at in range(0, raw.height, 5)]
    alone = [transform(contract, *chunk, KEY) for chunk in chunks]
    with patch.multiple(repeats, SAMPLE=1, MOST_VALUES=most):
        memory = Memory(contract, KEY)
        together = [transform(contract, *chunk, KEY, memory) for chunk in chunks]
    for one, other in zip(alone, together, strict=True):
        for name, frame in plain(one).items():
            assert plain(other)[name].equals(frame), name
        assert other.hashes.equals(one.hashes)
    secrets = [{row for chunk in way for row in chunk.secrets.rows()} for way in (alone, together)]
    assert secrets[0] == secrets[1]
