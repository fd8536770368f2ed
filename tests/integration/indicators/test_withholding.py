"""No small count of persons can be worked out from what the officials' file shows.

The published model's own SQL runs over thousands of made-up trees of regions; what it shows is then
attacked with linear algebra: which withheld counts do the shown totals determine?
"""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import duckdb
import numpy as np
import pytest

from yinling.settings import Settings

TREE = {
    "v1": (["p1", "p2", "p3"], None),
    "v2": (["p4"], None),
    "p1": (["a", "b", "c", "d"], "v1"),
    "p2": (["e", "f"], "v1"),
    "p3": (["g"], "v1"),
    "p4": (["h", "i", "j"], "v2"),
}
COUNTIES = [code for children, parent in TREE.values() if parent for code in children]
PARENT = {child: code for code, (children, _) in TREE.items() for child in children}
THRESHOLD = 5
CASES = 3_000
Counts = dict[str, tuple[int, int]]


def invented(chance: random.Random) -> Counts:
    """Numerator and denominator of every region; small ones are common."""
    scale = chance.choice([3, 8, 30, 200])
    counts: Counts = {}
    for code in COUNTIES:
        whole = chance.choice([0, chance.randrange(scale), chance.randrange(40 * scale + 1)])
        counts[code] = (chance.choice([0, whole, chance.randint(0, whole)]), whole)
    for level in (["p1", "p2", "p3", "p4"], ["v1", "v2"]):
        for code in level:
            below = [counts[child] for child in TREE[code][0]]
            counts[code] = (sum(n for n, _ in below), sum(d for _, d in below))
    return counts


def level(code: str) -> str:
    return {"v": "province", "p": "prefecture"}.get(code[0], "county")


@pytest.fixture(scope="module")
def shown(
    warehouse: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Counts], dict[int, set[str]]]:
    """The invented counts, and for each which regions the model shows."""
    compiled = warehouse.parent / "dbt" / "target" / "compiled"
    (sql,) = compiled.rglob("publish/officials/indicator_value.sql")
    chance = random.Random(11)  # noqa: S311 (test data)
    cases = [invented(chance) for _ in range(CASES)]
    values = ", ".join(
        f"('{number}', '{code}', '{level(code)}', nullif('{PARENT.get(code, '')}', ''),"
        f" {top}, {bottom})"
        for number, counts in enumerate(cases)
        for code, (top, bottom) in counts.items()
    )
    file = tmp_path_factory.mktemp("withholding") / warehouse.name
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema indicators")
        connection.execute(
            "create table indicators.int_indicator_cell as select indicator_id, region_code,"
            " region_level, parent_code, date '2026-01-31' as period_end, 'month' as period_kind,"
            " numerator::decimal(18,2) as numerator, denominator::decimal(18,2) as denominator,"
            " 1.0 as value, 'ok' as status_code, '%' as unit, 'computed' as value_kind,"
            " null::varchar as part_of, date '2026-01-31' as data_through, true as person_counts,"
            " true as persons_in_denominator from (values "
            f"{values}) t(indicator_id, region_code, region_level, parent_code, numerator,"
            " denominator)"
        )
        connection.execute(
            "create table indicators.int_region_size as"
            " select distinct region_code, hash(region_code) % 1000 as persons"
            " from indicators.int_indicator_cell"
        )
        found = connection.execute(
            f"select indicator_id, region_code from ({sql.read_text('utf-8')})"
            " where value is not null"
        ).fetchall()
    open_regions: dict[int, set[str]] = defaultdict(set)
    for number, code in found:
        open_regions[int(number)].add(code)
    return cases, open_regions


def parts(counts: tuple[int, int]) -> tuple[int, int, int]:
    top, bottom = counts
    return top, bottom, bottom - top


def test_nothing_small_is_shown(shown: tuple[list[Counts], dict[int, set[str]]]) -> None:
    cases, visible = shown
    assert not [
        (number, code)
        for number, counts in enumerate(cases)
        for code in visible[number]
        if any(0 < part < THRESHOLD for part in parts(counts[code]))
    ]


def test_nothing_small_follows_from_what_is_shown(
    shown: tuple[list[Counts], dict[int, set[str]]],
) -> None:
    cases, visible = shown
    followed = []
    for number, counts in enumerate(cases):
        hidden = sorted(set(counts) - visible[number])
        place = {code: index for index, code in enumerate(hidden)}
        equations = []
        for code, (children, _) in TREE.items():
            row = np.zeros(len(hidden))
            for term, sign in [(code, 1), *((child, -1) for child in children)]:
                if term in place:
                    row[place[term]] = sign
            if row.any():
                equations.append(row)
        if not equations:
            continue
        matrix = np.array(equations)
        rank = np.linalg.matrix_rank(matrix)
        for code in hidden:
            small = any(0 < part < THRESHOLD for part in parts(counts[code]))
            unit = np.eye(len(hidden))[place[code]]
            if small and np.linalg.matrix_rank(np.vstack([matrix, unit])) == rank:
                followed.append((number, code, hidden))
    assert followed == []


def test_what_hides_together_is_not_small_together(
    shown: tuple[list[Counts], dict[int, set[str]]],
) -> None:
    cases, visible = shown
    small = []
    for number, counts in enumerate(cases):
        for code, (children, _) in TREE.items():
            hidden = [child for child in children if child not in visible[number]]
            if code in visible[number] and hidden:
                sums = [
                    sum(column) for column in zip(*(parts(counts[c]) for c in hidden), strict=True)
                ]
                if any(0 < total < THRESHOLD for total in sums):
                    small.append((number, code, hidden, sums))
    assert small == []


def test_zero_and_large_counts_stay_visible(
    shown: tuple[list[Counts], dict[int, set[str]]],
) -> None:
    cases, visible = shown
    untouched = [
        number
        for number, counts in enumerate(cases)
        if not any(0 < part < THRESHOLD for pair in counts.values() for part in parts(pair))
    ]
    assert len(untouched) > 50
    assert all(visible[number] == set(cases[number]) for number in untouched)
