"""docs/how-to/add-an-indicator.md on a scratch copy: two new files, and the figure is published."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import duckdb
import pytest

from tests.support.scratch import changed_files, copy_project, files_of, run
from yinling.settings import PROJECT_DIR, Settings

PAGE = PROJECT_DIR / "docs" / "how-to" / "add-an-indicator.md"
NEW = "embedded_care_home_count"

pytestmark = pytest.mark.slow


def test_two_files_make_an_indicator(warehouse: Path, settings: Settings, tmp_path: Path) -> None:
    scratch = copy_project(tmp_path / "project")
    blocks = files_of(PAGE)
    assert [Path(path).suffix for path in blocks] == [".sql", ".yml"]
    for path, text in blocks.items():
        (scratch / path).write_text(text, "utf-8")
    home = tmp_path / "home"
    (home / "warehouse").mkdir(parents=True)
    (home / "lake").symlink_to(settings.lake)
    shutil.copy(warehouse, home / "warehouse")

    yinling = [sys.executable, "-m", "yinling"]
    quick = f"{NEW}+ int_indicator+ int_indicator_target+"
    assert f'--select "{quick}"' in PAGE.read_text("utf-8")
    run([*yinling, "build", "--select", quick], scratch, YINLING_HOME=str(home))

    assert changed_files(scratch) == sorted(blocks)
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as built:
        said = built.sql(
            f"select unit, theme, direction from publish_officials.indicator"
            f" where indicator_id = '{NEW}'"
        ).fetchall()
        shown, wrong = built.sql(
            "select count(*), count(*) filter (v.value is distinct from c.numerator)"
            " from publish_officials.indicator_value v join indicators.int_indicator_cell c"
            "   using (indicator_id, region_code, period_end, period_kind)"
            f" where indicator_id = '{NEW}' and v.status_code = 'ok'"
        ).fetchall()[0]
        progress = built.sql(
            "select document, year, target_value, baseline_value, status <> 'no_data'"
            f" from publish_officials.indicator_progress where indicator_id = '{NEW}'"
        ).fetchall()
    assert said == [("家", "facility", "up")]
    assert (shown, wrong) == (35 * 26, 0)
    assert progress == [("shicheng", 2025, 13, 10, True)]

    code = (
        "from yinling.settings import load_settings; from yinling.warehouse import run_dbt;"
        "s = load_settings();"
        f"r = run_dbt(s, ['test', '--select', '{NEW},test_type:unit'], s.warehouse);"
        "print(sum(n.status == 'pass' for n in r.nodes))"
    )
    passed = run([sys.executable, "-c", code], scratch, YINLING_HOME=str(home))
    assert passed.split()[-1] == "1"
