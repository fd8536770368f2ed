"""What is owed: by contract, by the counties that there are, by the day of the report."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import pytest

from ingestion.landing import land
from tests.integration.ingestion.conftest import Deliver, funds
from yinling.owed import Owed, owed, spans
from yinling.owed_book import by_dataset, reminders, write_owed
from yinling.settings import Settings

REGIONS = """region_code,valid_from,name,level,valid_to
440200000000,2000-01-01,韶关市,prefecture,
440203000000,2000-01-01,武江区,county,
440204000000,2000-01-01,浈江区,county,2026-08-01
440205000000,2026-08-01,曲江区,county,
"""


@pytest.fixture
def hub(home: Settings, deliver: Deliver) -> Settings:
    """Three places, one of which ends where another begins; some months delivered, some not."""
    wanted = ("region", "facility", "home_visit", "welfare_fund", "household_person")
    chosen = {name: home.sources[name] for name in wanted}
    home = home.model_copy(update={"sources": chosen})
    regions = pl.read_csv(REGIONS.encode(), infer_schema=False)
    deliver("region", regions, control={"provider": "minzheng", "period": "2025"})
    sequence = 0

    def facility(provider: str, month: int, day: str, *, full: bool = False, bad: int = 0) -> None:
        nonlocal sequence
        sequence += 1
        rows = pl.DataFrame(
            {
                "facility_code": [f"F{n}" for n in range(4)], "name": ["某院"] * 4,
                "kind": ["institution"] * 4, "region_code": [f"{provider}000000"] * 4,
                "beds_total": ["many"] * bad + ["40"] * (4 - bad),
            }
        )  # fmt: skip
        control: dict[str, Any] = {
            "provider": provider,
            "period": f"2026-{month:02d}",
            "mode": "full" if full else "increment",
            "sequence": sequence,
            "delivered_at": f"{day}T09:00:00",
            "control_sums": {},
        }
        deliver("facility", rows, sequence=sequence, control=control)

    facility("440203", 6, "2026-07-05")
    facility("440203", 7, "2026-08-20")  # late
    facility("440203", 9, "2026-10-07", bad=2)  # August never came; September is half refused
    facility("440204", 6, "2026-07-05")
    facility("440204", 7, "2026-08-05")  # ends with July
    facility("440205", 8, "2026-09-30", full=True)  # late
    facility("440205", 10, "2026-11-05", full=True)  # September never came, but it is contained
    deliver("home_visit", pl.DataFrame({"visit_no": ["V"]}), control={"provider": "440200"})
    deliver("welfare_fund", funds(3), control={"provider": "caizheng", "row_count": 9,
                                               "period": "2025"})  # fmt: skip
    land(home)
    return home


def found(items: list[Owed], dataset: str) -> dict[tuple[str, str], str]:
    return {(i.provider, i.period): i.status for i in items if i.dataset == dataset}


def test_each_county_owes_each_month_in_which_it_exists(hub: Settings) -> None:
    items = owed(hub, date(2026, 11, 6))
    assert found(items, "facility") == {
        ("440203", "2026-06"): "delivered",
        ("440203", "2026-07"): "late",
        ("440203", "2026-08"): "missing",
        ("440203", "2026-09"): "partly",
        ("440203", "2026-10"): "pending",
        ("440203", "2026-11"): "pending",
        ("440204", "2026-06"): "delivered",
        ("440204", "2026-07"): "delivered",
        ("440205", "2026-08"): "late",
        ("440205", "2026-09"): "covered",
        ("440205", "2026-10"): "delivered",
        ("440205", "2026-11"): "pending",
    }
    late = next(i for i in items if (i.provider, i.period) == ("440203", "2026-07"))
    assert (late.due_on, late.days_late) == (date(2026, 8, 8), 12)
    assert late.provider_name == "武江区"


def test_an_earlier_day_sees_what_had_come_by_then(hub: Settings) -> None:
    then = found(owed(hub, date(2026, 8, 15)), "facility")
    assert then["440203", "2026-07"] == "missing"
    assert ("440205", "2026-08") in then
    assert then["440205", "2026-08"] == "pending"
    assert found(owed(hub, date(2026, 8, 8)), "facility")["440203", "2026-07"] == "pending"


def test_refused_whole_is_not_delivered_and_daily_feeds_have_no_periods(hub: Settings) -> None:
    items = owed(hub, date(2026, 11, 6))
    assert found(items, "welfare_fund")["caizheng", "2025"] == "rejected"
    assert found(items, "household_person") == {("gongan", "每日"): "missing"}
    assert found(items, "region")["minzheng", "2025"] == "late"


def test_the_workbook_and_the_reminders_say_the_same(hub: Settings, tmp_path: Path) -> None:
    day = date(2026, 11, 6)
    items = owed(hub, day)
    rows = reminders(items)
    assert sum(row["count"] for row in rows) == sum(item.is_open for item in items)
    assert rows[0]["days_late"] == max(row["days_late"] for row in rows)
    assert {row["dataset"]: row["missing"] for row in by_dataset(items)}["facility"] == 1
    write_owed(tmp_path / "owed.xlsx", items, day)
    book = fastexcel.read_excel(tmp_path / "owed.xlsx")
    assert book.sheet_names == ["概况", "催报清单", "明细", "说明"]
    sheet = book.load_sheet("催报清单", header_row=None, dtypes="string").to_polars()
    assert ["440203", "武江区", "养老服务设施", "未报"] in [list(r[:4]) for r in sheet.iter_rows()]


def test_periods_in_short() -> None:
    assert spans(["2025-12", "2026-01", "2026-02", "2026-04"]) == "2025-12至2026-02、2026-04"
    assert spans(["2024", "2025"]) == "2024至2025"
    assert spans(["每日"]) == "每日"
