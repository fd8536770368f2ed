"""docs/how-to/add-a-rule.md, walked on a scratch copy: two new files, and the rule is published."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.lake import Lake, token
from tests.support.scratch import changed_files, copy_project, files_of, run
from yinling.settings import PROJECT_DIR

pytestmark = pytest.mark.slow
PAGE = PROJECT_DIR / "docs" / "how-to" / "add-a-rule.md"
COUNTY, PROVINCE = "440203000000", "440000000000"


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


def test_two_files_make_a_rule(tmp_path: Path) -> None:
    scratch, blocks = copy_project(tmp_path / "project"), files_of(PAGE)
    assert [Path(path).suffix for path in blocks] == [".sql", ".yml"]
    for path, text in blocks.items():
        (scratch / path).write_text(text, "utf-8")
    home = tmp_path / "home"
    deliver(home)

    yinling = [sys.executable, "-m", "yinling"]
    run([*yinling, "build", "--select", "@int_rule"], scratch, YINLING_HOME=str(home))

    assert changed_files(scratch) == sorted(blocks)
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

    # One dated row suspends the rule: the register says why, and its findings are gone.
    with (scratch / "dbt_project" / "seeds" / "policy_parameter.csv").open("a") as seed:
        seed.write("suspended,D02,,2026-01-01,,数据共享依据失效,测试文件\n")
    run(
        [*yinling, "build", "--select", "policy_parameter int_rule+"],
        scratch,
        YINLING_HOME=str(home),
    )
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as warehouse:
        left = warehouse.sql("select count(*) from publish_auditors.finding").fetchall()
        register = warehouse.sql(
            "select suspended, suspended_reason from publish_auditors.rule where rule_id = 'D02'"
        ).fetchall()
    assert left == [(0,)]
    assert register == [(True, "数据共享依据失效")]
