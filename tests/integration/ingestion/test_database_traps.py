"""What departments' databases hold and do that a reader would not expect, on real servers."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.connectors import sql_reading
from ingestion.errors import SourceError
from ingestion.landing import land
from tests.integration.ingestion.databases import (  # noqa: F401 (fixtures)
    PEOPLE,
    Base,
    add,
    base_server,
    maria_server,
    no_sleeps,
    people,
    pg_server,
)

pytestmark = pytest.mark.slow


def test_what_a_server_says_is_told_without_the_password(
    base: Base,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    sleeps: list[Callable[[], Any]],
) -> None:
    """A server that quotes the whole address, whenever it is asked for rows."""
    home = people(base, tmp_path)
    add(base, 0, 1, "2026-09-01")
    address = base.uri.replace("hub@", "hub:S3c%2Fret@")
    monkeypatch.setenv("DEPARTMENT", address)
    monkeypatch.setattr(sql_reading, "ATTEMPTS", 2)
    quoted = f"{address} S3c/ret S3c%2Fret"
    if base.is_postgresql:
        base.run(
            "create function exchange.fails() returns text language plpgsql as"
            f" $$ begin raise exception '{quoted.replace('%', '%%')}: away'"
            " using errcode = '40P01'; end $$"
        )
    else:
        base.run("alter user hub@'%' identified by 'S3c/ret'")
        base.run(
            "create function exchange.fails() returns varchar(9) begin signal sqlstate '40001'"
            f" set mysql_errno = 1213, message_text = '{quoted}: away'; return ''; end"
        )
    base.run(
        f"create view exchange.broken as select id_no, exchange.fails() as name, updated_at"
        f" from exchange.{PEOPLE}"
    )
    broken = home.sources[PEOPLE].model_copy(update={"table": "exchange.broken"})
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(SourceError, match=r"\*\*\*: away") as met,
    ):
        land(home.model_copy(update={"sources": {PEOPLE: broken}}))
    told = "".join(traceback.format_exception(met.value)) + caplog.text
    assert "again in" in caplog.text
    assert "S3c" not in told
