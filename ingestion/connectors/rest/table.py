"""A table that a service answers in pages: whole, or what lies beyond the durable cursor."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from ingestion.connectors.rest.client import Client
from ingestion.connectors.rest.frontier import Frontier, Mark, Scale
from ingestion.connectors.rest.paging import Page, Pager
from ingestion.contracts import Contract
from ingestion.delivery import SHANGHAI, Delivery, real_period, wall_clock
from ingestion.errors import SourceError
from ingestion.readers import page_frames, text_frame
from yinling.settings import Settings, Source

RAW_FILE = "pages.jsonl.zst"
_VOLATILE = ("generated_at", "snapshot", "expires_at")


@dataclass(frozen=True)
class Control:
    """What the service says about its whole answer; without a control record, what we know."""

    period: str
    row_count: int | None
    delivered_at: datetime
    sums: dict[str, Decimal] = field(default_factory=dict)
    fingerprint: str | None = None


def table_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame, client: Client
) -> Iterator[Delivery]:
    """One delivery with the rows that the service has beyond the durable cursor, or none.

    Raises:
        SourceError: the service does not answer, refuses, or answers no delivery.
    """
    incremental = source.mode == "increment"
    if incremental and source.cursor not in contract.by_name:
        raise SourceError(f"sources.{contract.name}: set `cursor` to a column of the contract.")
    mine = known.filter(pl.col("provider") == source.provider).sort("sequence")
    cursors = mine["cursor"].drop_nulls()
    last = Mark.parse(cursors[-1]) if incremental and len(cursors) else None
    walk = _Walk(client, source, contract)
    first = walk.start(last) if incremental else walk.pager.first(None)
    if first is None:
        return
    control = walk.control(first)
    if not first.rows:
        return
    spool: Path | None = None
    fingerprint = control.fingerprint
    if not incremental and fingerprint is None:
        # Nothing but the rows themselves tells whether this is news: they are fetched first.
        spool, fingerprint = walk.spool(settings.landing / contract.name / ".incoming", first)
    if not incremental and len(cursors) and cursors[-1] == fingerprint:
        return
    delivery = Delivery(
        dataset=contract.name,
        provider=str(source.provider),
        period=control.period,
        mode="full" if last is None else "increment",
        sequence=1 + (mine["sequence"][-1] if mine.height else 0),
        file=RAW_FILE,
        delivered_at=control.delivered_at,
        frames=lambda room: walk.frames(first, room, delivery, spool),
        reread=page_frames,
        rows_hint=control.row_count or len(first.rows),
        row_count=control.row_count,
        control_sums=control.sums,
        cursor=None if incremental else fingerprint,
    )
    yield delivery


class _Walk:
    """The way through one answer."""

    def __init__(self, client: Client, source: Source, contract: Contract) -> None:
        self.client, self.source, self.contract = client, source, contract
        self.pager = Pager(client, source)
        self.since: str | None = None
        self.last: Mark | None = None
        dated = source.cursor is not None and contract.by_name[source.cursor].logical_type == "date"
        self.scale = Scale(dated, timedelta(days=source.look_back_days))

    def start(self, last: Mark | None) -> Page | None:
        """The first page of what is new, None where nothing is.

        Asked are two numbers: the rows since the window's start, and those beyond the last value.
        Their difference is what lay inside the window; when it has changed, a row came late and
        the window is read again.
        """
        if last is None:
            return self.pager.first(None)
        start = self.scale.start(last.value)
        window = self.pager.first(start, size=1)
        self.since = last.value
        first = self.pager.first(last.value)
        late = False
        if window.total is not None and first.total is not None:
            inside = window.total - first.total
            late = last.inside is not None and inside != last.inside
            if not late and first.total == last.beyond:
                return None
            # Asked before the rows are read: whatever comes from now on changes a number.
            last = Mark(last.value, inside, first.total)
        self.last = last
        if late or (self.scale.window and first.rows):
            self.since = start
            first = self.pager.first(start)
        return first

    def control(self, first: Page) -> Control:
        """The first page's control record, checked."""
        stated: Any = first.body.get("control")
        if stated is None and self.source.total_at != "control.row_count":
            moment = datetime.now(SHANGHAI).replace(tzinfo=None, microsecond=0)
            return Control(moment.strftime("%Y-%m"), first.total, moment)
        try:
            text = json.dumps({k: v for k, v in stated.items() if k not in _VOLATILE})
            return Control(
                period=real_period(str(stated["period"])),
                row_count=int(stated["row_count"]),
                delivered_at=wall_clock(datetime.fromisoformat(stated["generated_at"])),
                sums={c: Decimal(s) for c, s in (stated.get("control_sums") or {}).items()},
                fingerprint=hashlib.sha256(text.encode()).hexdigest()[:32],
            )
        except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise self.client.fail(f"sent a wrong control record ({error})") from error

    def spool(self, folder: Path, first: Page) -> tuple[Path, str]:
        """Fetch all pages into landing; returns the file and a hash of the rows alone."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file, rows = folder / RAW_FILE, hashlib.sha256()
        with pa.output_stream(str(file), compression="zstd") as stream:
            for page in self.pager.pages(first, self.since):
                rows.update(json.dumps(page.rows, sort_keys=True).encode())
                stream.write(self._line(page))
        return file, rows.hexdigest()[:32]

    def frames(
        self, first: Page, room: Path, delivery: Delivery, spool: Path | None
    ) -> Iterator[pl.DataFrame]:
        """All pages; the answers are kept as they came, one a line."""
        raw = room / RAW_FILE
        if spool is not None:
            spool.replace(raw)
            with raw.open("rb") as file:
                delivery.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            yield from page_frames(raw)
            return
        digest = hashlib.sha256()
        frontier = self._frontier(delivery)
        with pa.output_stream(str(raw), compression="zstd") as stream:
            for page in self.pager.pages(first, self.since):
                line = self._line(page)
                stream.write(line)
                digest.update(line)
                if page.rows:
                    frame = text_frame(page.rows)
                    if frontier is not None:
                        self._needs(frame, str(self.source.cursor))
                        frontier.add(frame)
                    yield frame
        delivery.sha256 = digest.hexdigest()
        if frontier is not None:
            mark = frontier.mark(self.last)
            delivery.cursor = None if mark is None else str(mark)

    def _frontier(self, delivery: Delivery) -> Frontier | None:
        if self.source.mode != "increment":
            return None
        return Frontier(self.scale, str(self.source.cursor), delivery.delivered_at)

    def _needs(self, frame: pl.DataFrame, column: str) -> None:
        if column not in frame.columns:
            raise self.client.fail(f"sends no column `{column}`, which `cursor` names")

    def _line(self, page: Page) -> bytes:
        """The answer as one line; rows that stand deeper inside are brought to `rows`."""
        if self.source.rows_at == "rows":
            return page.raw.replace(b"\n", b" ") + b"\n"
        line = {"rows": page.rows, "total": page.total}
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"
