"""Data health against counts made by hand: two counties, three months, every kind of trouble."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.lake import Lake
from yinling.owed import owed
from yinling.settings import Settings, Source
from yinling.warehouse import build

pytestmark = pytest.mark.slow

SELECTION = [
    "+health_month", "+health_delivery", "+health_refusal", "+feed_health", "health_dimension",
]  # fmt: skip
Rows = Callable[[str], list[tuple[Any, ...]]]


def deliver(
    lake: Lake,
    provider: str,
    period: str,
    day: str,
    read: int,
    sequence: int = 1,
    mode: str = "full",
    **refused: int,
) -> None:
    """A batch of facilities by its manifest; `refused`: reason → rows."""
    at = datetime.fromisoformat(f"{day}T09:00:00")
    batch = lake.add(
        "facility", [], provider=provider, period=period, sequence=sequence, known_at=at, mode=mode
    )
    file = lake.folder / "facility" / batch / "manifest.json"
    manifest = json.loads(file.read_text("utf-8"))
    manifest["rows_read"] = read
    manifest["rows_quarantined"] = sum(refused.values())
    manifest["rows_loaded"] = read - manifest["rows_quarantined"]
    manifest["refused_by"] = [
        {"column": "name", "reason": reason, "rows": rows} for reason, rows in refused.items()
    ]
    file.write_text(json.dumps(manifest), "utf-8")


def refuse(settings: Settings, provider: str, period: str, day: str, code: str) -> None:
    """The receipt of a delivery that was refused whole."""
    folder = settings.receipts / "facility"
    folder.mkdir(parents=True, exist_ok=True)
    receipt = {
        "batch_id": f"facility.{provider}.{period}.0001",
        "dataset": "facility",
        "provider": provider,
        "period": period,
        "mode": "full",
        "sequence": 1,
        "sha256": "ab" * 32,
        "delivered_at": f"{day}T09:00:00",
        "status": "rejected",
        "reason": code,
        "message": "整批退回",
    }
    file = folder / f"facility.{provider}.{period}.0001.json"
    file.write_text(json.dumps(receipt, ensure_ascii=False), "utf-8")


@pytest.fixture
def province(lake: Lake, settings: Settings) -> None:
    """Facilities are due 8 days after the month; the newest delivery is of 10 November."""
    for code, name in (("440203", "武江区"), ("440204", "浈江区")):
        lake.add(
            "region",
            [
                {
                    "region_code": f"{code}000000",
                    "valid_from": datetime(2013, 11, 1).date(),
                    "name": name,
                    "level": "county",
                    "parent_code": "440200000000",
                }
            ],
            provider="minzheng",
            sequence=int(code[-1]),
            known_at=datetime(2026, 8, 20, 9, 0),
            period="2026-07",
        )
    deliver(
        lake, "440203", "2026-08", "2026-09-05", 100,
        missing_required=2, duplicate_key=1, bad_date=3, id_length=4,
    )  # fmt: skip
    deliver(lake, "440203", "2026-09", "2026-10-12", 50)
    deliver(lake, "440203", "2026-08", "2026-10-20", 101, sequence=2)
    deliver(lake, "440203", "2026-10", "2026-11-10", 50)
    deliver(lake, "440204", "2026-08", "2026-09-08", 3, bad_code=1)
    refuse(settings, "440204", "2026-09", "2026-10-08", "row_count")
    deliver(lake, "440204", "2026-10", "2026-11-08", 40, mode="increment")
    build(settings, SELECTION)


def test_health_is_what_was_counted_by_hand(province: None, rows: Rows) -> None:
    found = {
        (provider, f"{month:%Y-%m}", dimension): rest
        for provider, month, dimension, *rest in rows(
            "select provider, month, dimension, numerator, denominator, days, status_code"
            " from publish_officials.health_month where dataset = 'facility'"
        )
    }
    wu, zhen = "440203", "440204"
    # Both deliveries of August count: 201 rows, 10 of them refused.
    assert found[wu, "2026-08", "completeness"] == [199, 201, None, "good"]
    assert found[wu, "2026-08", "validity"] == [194, 201, None, "fair"]
    assert found[wu, "2026-08", "uniqueness"] == [200, 201, None, "fair"]
    assert found[wu, "2026-08", "consistency"] == [2, 2, None, "good"]
    # A correction is not late; September came four days after its day.
    assert found[wu, "2026-08", "timeliness"] == [1, 1, 0, "good"]
    assert found[wu, "2026-09", "timeliness"] == [0, 1, 4, "poor"]
    # At the end of September the newest period owed is August; it was there.
    assert found[wu, "2026-09", "freshness"] == [1, 1, 30, "good"]
    assert found[wu, "2026-08", "timeliness"][3] == "good"
    # Three rows would show a small count of persons.
    assert found[zhen, "2026-08", "validity"] == [None, None, None, "suppressed"]
    assert found[zhen, "2026-10", "validity"] == [None, None, None, "suppressed"]
    assert found[zhen, "2026-08", "timeliness"] == [1, 1, 0, "good"]
    # Nothing of September was taken.
    assert found[zhen, "2026-09", "timeliness"] == [0, 1, None, "poor"]
    assert found[zhen, "2026-09", "consistency"] == [0, 1, None, "poor"]
    assert found[zhen, "2026-09", "completeness"] == [None, None, None, "not_delivered"]
    assert found[zhen, "2026-10", "freshness"] == [0, 1, 61, "poor"]
    assert found[zhen, "2026-11", "freshness"] == [1, 1, 10, "good"]
    # November is not owed yet.
    assert (wu, "2026-11", "timeliness") not in found

    deliveries = rows(
        "select provider, period, coalesce(sequence, 0), days_late, rows_read, rows_refused,"
        " status, reason_zh from publish_officials.health_delivery where dataset = 'facility'"
        " order by 1, 2, 3"
    )
    assert deliveries == [
        (wu, "2026-08", 1, 0, 100, 10, "accepted_with_errors", None),
        (wu, "2026-08", 2, 0, 101, 0, "accepted", None),
        (wu, "2026-09", 1, 4, 50, 0, "accepted", None),
        (wu, "2026-10", 1, 2, 50, 0, "accepted", None),
        (zhen, "2026-08", 1, 0, None, None, "partly_accepted", None),
        (zhen, "2026-09", 0, None, None, None, "missing", None),
        (zhen, "2026-09", 1, None, None, None, "rejected", "行数与控制记录不符"),
        # Not few, but the total less the others would tell the few of August.
        (zhen, "2026-10", 1, 0, None, None, "accepted", None),
    ]
    assert rows(
        "select provider, rows_read, rows_quarantined, quarantine_share"
        " from publish_officials.feed_health where dataset = 'facility' order by 1"
    ) == [(wu, 301, 10, Decimal("3.3223")), (zhen, 43, 1, Decimal("2.3256"))]
    refusals = rows(
        "select provider, column_zh, reason, reason_zh, dimension, refused_rows"
        " from publish_officials.health_refusal order by 1, 3"
    )
    assert [row[:3] + row[4:] for row in refusals] == [
        (wu, "设施名称", "bad_date", "validity", 3),
        (wu, "设施名称", "duplicate_key", "uniqueness", 1),
        (wu, "设施名称", "id_length", "validity", 4),
        (wu, "设施名称", "missing_required", "completeness", 2),
        (zhen, "设施名称", "bad_code", "validity", None),
    ]
    assert all(row[3] and row[3] != row[2] for row in refusals)
    names = rows("select distinct provider_name from publish_officials.health_month order by 1")
    assert [name for (name,) in names if name] == ["武江区", "浈江区"]


def test_who_owes_is_who_the_reminders_name(lake: Lake, settings: Settings, rows: Rows) -> None:
    """A prefecture delivers for its counties; one county ends where another begins."""
    places = [
        ("440200000000", "prefecture", date(2000, 1, 1), None),
        ("440203000000", "county", date(2000, 1, 1), date(2026, 9, 1)),
        ("440204000000", "county", date(2000, 1, 1), None),
        ("440205000000", "county", date(2026, 9, 1), None),
        ("440400000000", "prefecture", date(2000, 1, 1), None),
        ("440402000000", "county", date(2000, 1, 1), None),
        ("440403000000", "county", date(2000, 1, 1), None),
    ]
    names = ("region_code", "level", "valid_from", "valid_to")
    listed = [dict(zip(names, place, strict=True)) | {"name": "某地"} for place in places]
    lake.add("region", listed, provider="minzheng", period="2025", known_at=datetime(2026, 2, 1))
    for provider in ("440203", "440204", "440400"):
        deliver(lake, provider, "2026-07", "2026-08-05", 40, mode="increment")
    deliver(lake, "440203", "2026-08", "2026-09-05", 40, mode="increment")
    for provider in ("440205", "440400"):
        deliver(lake, provider, "2026-09", "2026-10-05", 40, mode="increment")
    deliver(lake, "440205", "2026-10", "2026-11-20", 40, mode="increment")
    build(settings, SELECTION)
    assert rows(
        "select provider, period from publish_officials.health_delivery"
        " where dataset = 'facility' and status = 'missing' order by all"
    ) == [
        ("440204", "2026-08"), ("440204", "2026-09"), ("440204", "2026-10"),
        ("440400", "2026-08"), ("440400", "2026-10"),
    ]  # fmt: skip
    with_sources = settings.model_copy(
        update={"sources": {"facility": Source(connector="folder", path="inbox")}}
    )
    items = owed(with_sources, date(2026, 11, 20))
    assert [(i.provider, i.period) for i in items if i.status == "missing"] == [
        ("440204", "2026-08"), ("440204", "2026-09"), ("440204", "2026-10"),
        ("440400", "2026-08"), ("440400", "2026-10"),
    ]  # fmt: skip
    assert rows(
        "select provider, status from publish_officials.feed_health where dataset = 'facility'"
        " order by all"
    ) == [
        ("440203", "on_time"), ("440204", "late"), ("440205", "on_time"), ("440400", "late"),
    ]  # fmt: skip
    # What September wants of a county that began with it is nothing yet.
    assert rows(
        "select distinct month from publish_officials.health_month where provider = '440205'"
        " and dimension = 'freshness' order by 1"
    ) == [(date(2026, month, 1),) for month in (10, 11)]
