"""The page: from the history alone, nothing from outside, everything escaped."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

from quality import history
from quality.engine import Raw
from quality.express import outcome
from quality.model import Check
from quality.page import render, sparkline
from yinling.settings import Settings

AT = datetime(2026, 11, 9, 2, 0)


def one(bad: int, at: datetime) -> list:
    check = Check(
        id="landing.facility.key",
        gate="landing",
        scope="facility",
        title="批次内主键不重复",
        meaning="主键的每个取值只出现一次。",
        remedy="重新落地。",
        severity="stop",
        sql="",
        count="",
    )
    raw = Raw(bad, 50, sample=[{"batch_id": "<script>alert(1)</script>", "row_no": 7}])
    return [outcome(check, raw, at)]


def page(tmp_path: Path, synthetic: bool = True) -> str:
    for day, bad in enumerate((0, 3, 1)):
        at = AT + timedelta(days=day)
        before = history.latest(tmp_path / "quality", "landing")
        found = history.compare(one(bad, at), before)
        history.append(tmp_path / "quality", "landing", at, found)
    settings = Settings(home=tmp_path, synthetic=synthetic)
    return render(settings).read_text("utf-8")


def test_it_says_what_fails_since_when_and_what_to_do(tmp_path: Path) -> None:
    text = page(tmp_path)
    for part in (
        "未放行", "facility", "批次内主键不重复", "50 中有 1 不符", "自 2026-11-10 02:00 起",
        "重新落地。", "持续", "landing.facility.key", "合成数据",
    ):  # fmt: skip
        assert part in text, part


def test_it_needs_nothing_from_outside(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert not re.search(r"https?://|<link|<script|@import|url\(", text)


def test_values_are_escaped(tmp_path: Path) -> None:
    assert "&lt;script&gt;" in page(tmp_path)


def test_real_data_are_not_called_synthetic(tmp_path: Path) -> None:
    assert "合成数据" not in page(tmp_path, synthetic=False)


def test_a_page_without_history_says_what_to_run(tmp_path: Path) -> None:
    assert "yinling check landing" in render(Settings(home=tmp_path)).read_text("utf-8")


def test_a_gap_in_the_trend_stays_a_gap() -> None:
    assert sparkline([0.0, None, 0.5]).count("<rect") == 2
    assert sparkline([None]) == ""
