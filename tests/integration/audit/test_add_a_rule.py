"""docs/how-to/add-a-rule.md, walked on a scratch copy: two new files, and the rule is published."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.lake import Lake, token
from yinling.settings import PROJECT_DIR

pytestmark = pytest.mark.slow
PAGE = PROJECT_DIR / "docs" / "how-to" / "add-a-rule.md"
BLOCK = re.compile(r"^`(?P<path>dbt_project/\S+)`:\n\n```\w+\n(?P<text>.*?)^```", re.S | re.M)
COUNTY, PROVINCE = "440203000000", "440000000000"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of the project's tracked files under its own git."""
    copy = tmp_path / "project"
    files = run(["git", "ls-files", "-z"], PROJECT_DIR).split("\0")
    for name in filter(None, files):
        source, target = PROJECT_DIR / name, copy / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    run(["git", "init", "-q"], copy)
    run(["git", "add", "-A"], copy)
    return copy


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def deliver(home: Path) -> None:
    """Two equal payments of one month to one person, and what the core needs to place them."""
    lake = Lake(home).start()
    region: dict[str, Any] = {"valid_from": date(2013, 1, 1), "urban_rural": "urban"}
    lake.add(
        "region",
        [
            {"region_code": PROVINCE, "name": "广东省", "level": "province", **region},
            {
                "region_code": COUNTY,
                "name": "武江区",
                "level": "county",
                "parent_code": PROVINCE,
                **region,
            },
        ],
    )
    lake.add("programme", [{"programme_code": "old_age_allowance", "class": "personal"}])
    born = date(1940, 1, 1)
    lake.add(
        "household_person",
        [{"id_no": "甲", "name": "张三", "birth_date": born, "status": "normal"}],
    )
    paid = {
        "programme_code": "old_age_allowance",
        "id_no": "甲",
        "payee_name": "张三",
        "benefit_month": "2026-08",
        "amount": "50.00",
        "region_code": COUNTY,
        "status": "success",
    }
    lake.add("subsidy_payment", [{**paid, "payment_no": n} for n in ("1", "2")])


def test_two_files_make_a_rule(scratch: Path, tmp_path: Path) -> None:
    blocks = {match["path"]: match["text"] for match in BLOCK.finditer(PAGE.read_text("utf-8"))}
    assert [Path(path).suffix for path in blocks] == [".sql", ".yml"]
    for path, text in blocks.items():
        (scratch / path).write_text(text, "utf-8")
    home = tmp_path / "home"
    deliver(home)

    yinling = [sys.executable, "-m", "yinling"]
    run([*yinling, "build", "--select", "@int_rule"], scratch, YINLING_HOME=str(home))

    changed = run(["git", "status", "--porcelain", "--untracked-files=all"], scratch)
    assert sorted(line[3:] for line in changed.splitlines()) == sorted(blocks)
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as warehouse:
        found = warehouse.sql(
            "select rule_id, subject_key, amount_point, status from publish_auditors.finding"
        ).fetchall()
        rows = warehouse.sql(
            "select row_no from publish_auditors.finding_evidence order by row_no"
        ).fetchall()
        register = warehouse.sql(
            "select name_zh, suspended from publish_auditors.rule where rule_id = 'D02'"
        ).fetchall()
    assert found == [("D02", token("甲"), 50, "new")]
    assert rows == [(1,), (2,)]
    assert register == [("同月重复发放", False)]

    code = (
        "from yinling.settings import load_settings; from yinling.warehouse import run_dbt;"
        "s = load_settings();"
        "r = run_dbt(s, ['test', '--select', 'd02,test_type:unit'], s.warehouse);"
        "print(sum(n.status == 'pass' for n in r.nodes))"
    )
    passed = run([sys.executable, "-c", code], scratch, YINLING_HOME=str(home))
    assert passed.split()[-1] == "2"
