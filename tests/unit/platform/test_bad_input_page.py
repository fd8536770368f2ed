"""docs/bad-input.md: every row of its tables names tests, and every test named is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from yinling.settings import PROJECT_DIR

PAGE = (PROJECT_DIR / "docs" / "bad-input.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| What comes in")
]


@cache
def folders() -> dict[str, str]:
    """Short name of a test file → its path, as the page says itself."""
    flat = " ".join(PAGE.split())
    return dict(re.findall(r"`(\w+)` is `(tests/[\w/]+\.py)`", flat))


@cache
def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_row_says_what_happens_and_names_a_test() -> None:
    assert len(ROWS) > 40
    for row in ROWS:
        assert len(row) == 3 and all(row), row
        assert "::" in row[2], row


NAMED = sorted({name.strip(" `") for row in ROWS for name in row[-1].split(",")})


@pytest.mark.parametrize("name", NAMED)
def test_the_test_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    path = PROJECT_DIR / folders().get(file, file)
    assert path.is_file(), f"{name}: no such file"
    assert test in functions_of(path), f"{name}: no such test"
