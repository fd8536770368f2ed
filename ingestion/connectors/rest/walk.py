"""The way through one answer: what the service says about it, and its pages into landing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from ingestion.connectors.rest.client import Client
from ingestion.connectors.rest.paging import Page, Pager
from ingestion.contracts import Contract
from ingestion.control import has_not_come, real_period
from ingestion.delivery import Delivery, wall_clock
from ingestion.errors import DeliveryError, SourceError
from ingestion.readers import page_frames, text_frame
from yinling.clock import this_second
from yinling.settings import Source

RAW_FILE = "pages.jsonl.zst"


@dataclass(frozen=True)
class Control:
    """What the service says about its whole answer; without a control record, what we know.

    Attributes:
        stated: whether there was a control record.
        sha256: the service's own hash of the rows, if it says one.
    """

    period: str
    row_count: int | None
    delivered_at: datetime
    sums: dict[str, Decimal] = field(default_factory=dict)
    stated: bool = False
    sha256: str | None = None


class Walk:
    """One source's answers.

    Args:
        mine: the batches of this provider (`ingestion.register.batches`), oldest first.
    """

    def __init__(
        self, client: Client, source: Source, contract: Contract, mine: pl.DataFrame
    ) -> None:
        self.client, self.source, self.contract, self.mine = client, source, contract, mine
        self.pager = Pager(client, source)
        # A batch that was handed in has no cursor.
        self.last = mine.filter(pl.col("cursor").is_not_null()).tail(1)

    def control(self, first: Page) -> Control:
        """The first page's control record, checked."""
        stated: Any = first.body.get("control")
        if stated is None and self.source.total_at != "control.row_count":
            moment = this_second()
            return Control(moment.strftime("%Y-%m"), first.total, moment)
        try:
            sha256 = str(stated.get("sha256")).lower()
            generated = wall_clock(datetime.fromisoformat(stated["generated_at"]))
            if has_not_come(generated):
                raise ValueError(f"generated_at is {generated}, which has not come yet")
            return Control(
                period=real_period(str(stated["period"])),
                row_count=int(stated["row_count"]),
                delivered_at=generated,
                sums={c: Decimal(s) for c, s in (stated.get("control_sums") or {}).items()},
                stated=True,
                sha256=sha256 if re.fullmatch("[0-9a-f]{64}", sha256) else None,
            )
        except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise self.client.fail(f"sent a wrong control record ({error})") from error

    def delivery(self, control: Control, mode: str) -> Delivery:
        """The delivery of an answer; its rows are to be added."""
        return Delivery(
            dataset=self.contract.name,
            provider=str(self.source.provider),
            period=control.period,
            mode=mode,
            sequence=1 + (self.mine["sequence"][-1] if self.mine.height else 0),
            file=RAW_FILE,
            delivered_at=control.delivered_at,
            frames=lambda _: iter(()),
            reread=page_frames,
            rows_hint=control.row_count or self.source.page_size,
            row_count=control.row_count,
            control_sums=control.sums,
        )

    def frame(self, rows: list[Any]) -> pl.DataFrame:
        """Rows as columns of text.

        Raises:
            SourceError: one of them is no object.
        """
        try:
            return text_frame(rows)
        except DeliveryError as error:
            raise self.client.fail("sends rows that are no objects of columns") from error

    def line(self, page: Page) -> bytes:
        """The answer as one line; rows that stand deeper inside are brought to `rows`."""
        if self.source.rows_at == "rows":
            return page.raw.replace(b"\n", b" ") + b"\n"
        return rows_line(page.rows, page.total)


def rows_line(rows: list[Any], total: int | None) -> bytes:
    """Rows as a line like a service's answer."""
    line = {"rows": rows, "total": total}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def kept(
    raw: Path, pages: Iterator[tuple[bytes, pl.DataFrame]], delivery: Delivery
) -> Iterator[pl.DataFrame]:
    """The pages' rows, while their lines are written to the raw file; completes the hash."""
    digest = hashlib.sha256()
    try:
        with pa.output_stream(str(raw), compression="zstd") as stream:
            for line, frame in pages:
                stream.write(line)
                digest.update(line)
                yield frame
    except SourceError:
        raw.unlink(missing_ok=True)  # persons in clear; half an answer is asked for again
        raise
    delivery.sha256 = digest.hexdigest()
