"""The hub's clock: wall time in Shanghai without zone, as every timestamp of the hub."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """The time in Shanghai, without zone."""
    return datetime.now(SHANGHAI).replace(tzinfo=None)


def this_second() -> datetime:
    """The same in whole seconds, as deliveries are dated."""
    return now().replace(microsecond=0)
