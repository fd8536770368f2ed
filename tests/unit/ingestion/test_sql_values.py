"""Values as database drivers give them, as text."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.connectors.sql_database import BROKEN, _texts

BEIJING = timezone(timedelta(hours=8))


def texts(*values: Any) -> list[str | None]:
    return _texts([(value,) for value in values], ["a"])["a"].to_list()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([datetime(2026, 9, 1, 0, 30, tzinfo=BEIJING), None], ["2026-09-01 00:30:00", None]),
        ([datetime(2026, 8, 31, 16, 30, tzinfo=UTC)], ["2026-09-01 00:30:00"]),
        (
            [datetime(2026, 9, 1, 0, 30, tzinfo=BEIJING), datetime(2026, 9, 1, tzinfo=UTC)],
            ["2026-09-01 00:30:00", "2026-09-01 08:00:00"],
        ),
        ([datetime(2026, 8, 31, 16, 30, tzinfo=UTC), "x"], ["2026-09-01 00:30:00", "x"]),
        ([datetime(2026, 9, 1, 10)], ["2026-09-01 10:00:00"]),
        ([date(2026, 9, 1), datetime(2026, 9, 1, 10)], ["2026-09-01", "2026-09-01 10:00:00"]),
        ([time(1, 2)], ["01:02:00"]),
        ([timedelta(hours=30), None], ["1 day, 6:00:00", None]),
        ([Decimal("1.50"), None], ["1.50", None]),
        ([2**70, 1], [str(2**70), "1"]),
        (["张三".encode(), None, "李".encode("gbk")], ["张三", None, BROKEN + "C0EE"]),
        ([memoryview("张三".encode()), None], ["张三", None]),
        ([b"x", "y"], ["x", "y"]),
        ([None, None], [None, None]),
    ],
)
def test_values_as_text(values: list[Any], expected: list[str | None]) -> None:
    assert texts(*values) == expected


@given(st.lists(st.binary(max_size=8), min_size=1))
def test_bytes_are_text_where_they_are_sound_and_shown_where_not(values: list[bytes]) -> None:
    def decoded(value: bytes) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return BROKEN + value.hex().upper()

    assert texts(*values) == [decoded(value) for value in values]
