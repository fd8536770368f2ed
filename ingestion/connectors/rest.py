"""A department's REST service: pages of JSON rows, all of one snapshot.

`GET url?since=&page_token=&page_size=&snapshot=` with a bearer token answers
`{"rows": […], "next_page_token": …, "control": {…}}`. The first answer's control record counts for
all pages. Waits and tries again when the service is busy or away for a moment.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pyarrow as pa

from ingestion import parsing
from ingestion.contracts import Contract
from ingestion.delivery import Delivery, wall_clock
from ingestion.errors import SourceError
from ingestion.readers import page_frames, text_frame
from yinling.settings import Settings, Source, secret

RAW_FILE = "pages.jsonl.zst"
ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.5
_PASSING = (408, 425, 429, 500, 502, 503, 504)


def rest_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Iterator[Delivery]:
    """One delivery with the rows that the service has beyond the durable cursor, or none.

    Raises:
        SourceError: the service does not answer, refuses, or answers no delivery.
    """
    if source.url is None or source.provider is None:
        raise SourceError(f"sources.{contract.name}: set `url` and `provider`.")
    if source.mode == "increment" and source.cursor not in contract.by_name:
        raise SourceError(f"sources.{contract.name}: set `cursor` to a column of the contract.")
    mine = known.filter(pl.col("provider") == source.provider).sort("sequence")
    last = mine["cursor"][-1] if mine.height else None
    since = last if source.mode == "increment" else None
    with httpx.Client(headers=_headers(source), timeout=60) as client:
        service = _Service(client, source, contract, since)
        first = service.page(None, None)
        control = service.control(first)
        unchanged = mine.filter(
            (pl.col("mode") == "full") & (pl.col("cursor") == control["fingerprint"])
        )
        if not first["rows"] or (source.mode == "full" and unchanged.height):
            return
        delivery = Delivery(
            dataset=contract.name,
            provider=source.provider,
            period=control["period"],
            mode="full" if since is None else "increment",
            sequence=1 + (mine["sequence"][-1] if mine.height else 0),
            file=RAW_FILE,
            delivered_at=control["delivered_at"],
            frames=lambda room: service.frames(first, room, delivery),
            reread=page_frames,
            rows_hint=control["row_count"],
            row_count=control["row_count"],
            control_sums=control["control_sums"],
            cursor=control["fingerprint"],
        )
        yield delivery


def _headers(source: Source) -> dict[str, str]:
    if source.token_env is None:
        return {}
    return {"Authorization": f"Bearer {secret(source.token_env)}"}


class _Service:
    """One conversation with the service."""

    def __init__(
        self, client: httpx.Client, source: Source, contract: Contract, since: str | None
    ) -> None:
        self.client, self.source, self.contract, self.since = client, source, contract, since
        self.snapshot: str | None = None

    def fail(self, what: str) -> SourceError:
        return SourceError(
            f"sources.{self.contract.name}: {self.source.url} {what}. Nothing was loaded;"
            " the next run starts from the same place."
        )

    def page(self, token: str | None, expected: str | None) -> dict[str, Any]:
        """One answer, after as many attempts as needed."""
        wanted = {
            "since": self.since,
            "page_token": token,
            "page_size": self.source.page_size,
            "snapshot": expected,
        }
        params = {name: value for name, value in wanted.items() if value is not None}
        wait, last = FIRST_WAIT_SECONDS, "did not answer"
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(wait)
                wait *= 2
            try:
                answer = self.client.get(str(self.source.url), params=params)
            except httpx.TransportError as error:
                last = f"did not answer ({type(error).__name__})"
                continue
            if answer.status_code in _PASSING:
                last = f"answered {answer.status_code} {ATTEMPTS} times"
                after = answer.headers.get("Retry-After", "")
                wait = min(float(after), 60.0) if after.isdigit() else wait
                continue
            return self._parse(answer)
        raise self.fail(last)

    def _parse(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code in (401, 403):
            raise self.fail(f"refused the token ({answer.status_code}); check `token_env`")
        if answer.status_code != 200:
            raise self.fail(f"answered {answer.status_code}")
        try:
            page: dict[str, Any] = json.loads(answer.content)
            complete = isinstance(page["rows"], list) and "next_page_token" in page
        except (ValueError, KeyError, TypeError):
            complete = False
        if not complete:
            raise self.fail("answered something that is no page of rows")
        page["raw"] = answer.content
        return page

    def control(self, first: dict[str, Any]) -> dict[str, Any]:
        """The first page's control record, checked; pins the snapshot for the other pages."""
        control: Any = first.get("control")
        try:
            self.snapshot = control.get("snapshot") or first.get("snapshot")
            sums = {c: Decimal(s) for c, s in (control.get("control_sums") or {}).items()}
            text = json.dumps({k: v for k, v in control.items() if k not in _VOLATILE})
            return {
                "period": str(control["period"]),
                "row_count": int(control["row_count"]),
                "control_sums": sums,
                "delivered_at": wall_clock(datetime.fromisoformat(control["generated_at"])),
                "fingerprint": hashlib.sha256(text.encode()).hexdigest()[:32],
            }
        except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise self.fail(f"sent a wrong control record ({error})") from error

    def frames(
        self, page: dict[str, Any], room: Path, delivery: Delivery
    ) -> Iterator[pl.DataFrame]:
        """All pages; the answers are kept as they came, one a line."""
        raw, digest, seen = room / RAW_FILE, hashlib.sha256(), set()
        newest: datetime | None = None
        with pa.output_stream(str(raw), compression="zstd") as stream:
            while True:
                line = page["raw"].replace(b"\n", b" ") + b"\n"
                stream.write(line)
                digest.update(line)
                if page["rows"]:
                    frame = text_frame(page["rows"])
                    newest = self._newest(frame, newest, delivery.delivered_at)
                    yield frame
                token = page["next_page_token"]
                if token is None:
                    break
                if token in seen:
                    raise self.fail("sent the same page again and again")
                seen.add(token)
                page = self.page(token, self.snapshot)
        delivery.sha256 = digest.hexdigest()
        if self.source.mode == "increment":
            dated = self.contract.by_name[str(self.source.cursor)].logical_type == "date"
            style = "%Y-%m-%d" if dated else "%Y-%m-%d %H:%M:%S.%f"
            text = newest.strftime(style).removesuffix(".000000") if newest else None
            delivery.cursor = text or self.since

    def _newest(
        self, frame: pl.DataFrame, before: datetime | None, until: datetime
    ) -> datetime | None:
        """The highest cursor value so far; what is no date or lies ahead of time counts not."""
        cursor = self.source.cursor
        if cursor is None:
            return None
        if cursor not in frame.columns:
            raise self.fail(f"sends no column `{cursor}`, which `cursor` names")
        moments = parsing.timestamp(parsing.tidy(frame[cursor]))
        newest = moments.filter(moments <= until).max()
        found = [m for m in (before, newest) if isinstance(m, datetime)]
        return max(found, default=None)


_VOLATILE = ("generated_at", "snapshot", "expires_at")
