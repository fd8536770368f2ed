"""Every code with which landing refuses a whole delivery has its words on the health page."""

from __future__ import annotations

import re

import yaml

from ingestion.reasons import REASONS
from yinling.settings import PROJECT_DIR

MACROS = (PROJECT_DIR / "dbt_project" / "macros" / "health.sql").read_text("utf-8")
CODE = re.compile(r"DeliveryError\(\s*\"([a-z_0-9]+)\"")


def test_every_delivery_code_has_words() -> None:
    codes = {
        code
        for file in (PROJECT_DIR / "ingestion").rglob("*.py")
        for code in CODE.findall(file.read_text("utf-8"))
    }
    block = MACROS[MACROS.index("macro delivery_codes") : MACROS.index("macro word_for")]
    words = set(re.findall(r"'([a-z_0-9]+)':", block))
    assert len(codes) > 10
    assert codes - words == set()


def test_reasons_counted_apart_exist() -> None:
    block = MACROS[MACROS.index("macro health_dimension_of") : MACROS.index("macro delivery_codes")]
    named = set(re.findall(r"'([a-z_]+)'", block)) - {"completeness", "uniqueness", "validity"}
    assert named and named <= set(REASONS)


def test_the_dimensions_are_described_in_full() -> None:
    folder = PROJECT_DIR / "dbt_project" / "seeds"
    header, *rows = (folder / "health_dimension.csv").read_text("utf-8").splitlines()
    (seed,) = yaml.safe_load((folder / "health_dimension.yml").read_text("utf-8"))["seeds"]
    assert header.split(",") == [column["name"] for column in seed["columns"]]
    assert len(rows) == 6 and all(row.count(",") == 8 and ",," not in row for row in rows)
