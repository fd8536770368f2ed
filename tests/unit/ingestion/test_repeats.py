"""Values that come again in a batch: examined once, sealed once, and never too many remembered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl
import pytest

from ingestion import repeats
from ingestion.checks import Examined, examine
from ingestion.contracts import Column, load_contracts
from ingestion.repeats import SAMPLE, Memory
from yinling.settings import PROJECT_DIR

CONTRACT = load_contracts(PROJECT_DIR / "ingestion" / "contracts")["subsidy_payment"]
KEY = "a key for tests"


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many values were examined, call by call."""
    counts: list[int] = []

    def counting(column: Column, raw: pl.Series, key: str) -> Examined:
        counts.append(len(raw))
        return examine(column, raw, key)

    monkeypatch.setattr(repeats, "examine", counting)
    return counts


def accounts(start: int, count: int = SAMPLE) -> pl.Series:
    return pl.Series(
        "bank_account", [f"62284800{number:08}" for number in range(start, start + count)]
    )


def tokens(found: repeats.Repeats | None) -> list[Any]:
    assert found is not None
    return found.rows(found.seen.lake["bank_account_token"]).cast(pl.String).to_list()


def test_a_value_of_an_earlier_chunk_is_not_examined_again(examined: list[int]) -> None:
    memory = Memory(CONTRACT, KEY)
    first, second = accounts(0), pl.concat([accounts(SAMPLE // 2), pl.Series([None, ""])])
    for raw in (first, second):
        wanted = examine(CONTRACT.by_name["bank_account"], raw, KEY).lake["bank_account_token"]
        assert tokens(memory.look("bank_account", raw)) == wanted.to_list()
    assert examined == [1 + SAMPLE, SAMPLE // 2 + 1]  # null is examined first, "" is new


def test_a_value_is_sealed_once_a_batch_and_only_when_a_row_with_it_is_loaded() -> None:
    memory = Memory(CONTRACT, KEY)
    found = memory.look("bank_account", accounts(0))
    assert found is not None
    loaded = pl.int_range(SAMPLE, eager=True) < 10
    assert len(found.unsealed(loaded)) == 10
    assert len(found.unsealed(None)) == SAMPLE - 10
    again = memory.look("bank_account", accounts(5))
    assert again is not None and len(again.unsealed(None)) == 5


def test_a_key_of_one_column_and_a_short_chunk_are_not_remembered() -> None:
    memory = Memory(CONTRACT, KEY)
    assert memory.look("payment_no", accounts(0)) is None
    assert memory.look("bank_account", accounts(0, SAMPLE - 1)) is None
    assert memory.look("batch_no", accounts(0)) is None  # all different, and no person's


def test_people_who_do_not_come_again_are_given_up(
    monkeypatch: pytest.MonkeyPatch, examined: list[int]
) -> None:
    monkeypatch.setattr(repeats, "_TRIED_ROWS", 2 * SAMPLE)
    memory = Memory(CONTRACT, KEY)
    assert memory.look("bank_account", accounts(0)) is not None
    assert memory.look("bank_account", accounts(SAMPLE)) is not None
    assert memory.look("bank_account", accounts(0)) is None


@pytest.mark.parametrize("bound", ["MOST_VALUES", "MOST_BYTES"])
def test_a_full_memory_starts_again(
    monkeypatch: pytest.MonkeyPatch, examined: list[int], bound: str
) -> None:
    monkeypatch.setattr(repeats, bound, SAMPLE + 10)
    memory = Memory(CONTRACT, KEY)
    many = pl.concat([accounts(0), accounts(0), accounts(SAMPLE, 20)])
    for _ in range(3):
        assert tokens(memory.look("bank_account", many))[:SAMPLE] == tokens(
            memory.look("bank_account", accounts(0))
        )
    assert sum(count > SAMPLE for count in examined) > 1


def test_chunks_of_several_threads_share_one_memory(examined: list[int]) -> None:
    memory = Memory(CONTRACT, KEY)
    chunks = [accounts(100 * number) for number in range(30)]
    wanted = [
        examine(CONTRACT.by_name["bank_account"], raw, KEY).lake["bank_account_token"].to_list()
        for raw in chunks
    ]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda raw: memory.look("bank_account", raw), chunks))
    assert [tokens(one) for one in found] == wanted
    assert sum(examined) == 1 + SAMPLE + 29 * 100


def test_values_get_their_codes_in_the_order_of_the_chunks() -> None:
    memory = Memory(CONTRACT, KEY)
    first, empty, last = memory.turn(), memory.turn(), memory.turn()
    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(last.look, "bank_account", accounts(SAMPLE))
        left = pool.submit(empty.__exit__, None, None, None)
        early = first.look("bank_account", accounts(0))
        first.__exit__(None, None, None)
        left.result()
        found = late.result()
    assert early is not None and found is not None
    assert early.places.to_list() == list(range(1, SAMPLE + 1))
    assert found.places.to_list() == list(range(SAMPLE + 1, 2 * SAMPLE + 1))


def test_a_chunk_that_fails_does_not_hold_up_the_next() -> None:
    memory = Memory(CONTRACT, KEY)
    first, second = memory.turn(), memory.turn()
    with pytest.raises(RuntimeError), first:
        raise RuntimeError
    assert second.look("bank_account", accounts(0)) is not None
