"""What lies beyond the durable cursor, and what came late: each row lands once.

The cursor's own value, or the days before it that are looked at again, is asked for every time. Of
these rows, those that the hub has are left out, known by their hash.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from ingestion import parsing
from ingestion.connectors.rest.frontier import Frontier, Mark, Scale
from ingestion.connectors.rest.paging import Page
from ingestion.connectors.rest.row_keys import row_keys
from ingestion.connectors.rest.walk import Control, Walk, kept, rows_line
from ingestion.delivery import Delivery
from ingestion.errors import SourceError
from ingestion.register import delivered_file
from yinling.settings import Settings

ANSWERED = "answered.parquet"  # beside a batch's raw bytes: hashes of rows that come once more


class Increment:
    """One answer of an incremental service."""

    def __init__(self, settings: Settings, walk: Walk) -> None:
        self.walk, self.column = walk, str(walk.source.cursor)
        if self.column not in walk.contract.by_name:
            raise SourceError(
                f"sources.{walk.contract.name}: set `cursor` to a column of the contract."
            )
        dated = walk.contract.by_name[self.column].logical_type == "date"
        self.scale = Scale(dated, timedelta(days=walk.source.look_back_days))
        self.last: Mark | None = None
        self.known = pl.Series([], dtype=pl.String)
        for batch_id, cursor in walk.last.select("batch_id", "cursor").iter_rows():
            self.last = Mark.parse(cursor)
            if self.last is None:  # the table was read whole before
                continue
            answered = delivered_file(settings, walk.contract.name, batch_id, ANSWERED)
            # Without them the rows land once more, as the same versions.
            if self.last.rows is not None and answered.exists():
                self.known = pl.read_parquet(answered)["key"]

    def delivery(self) -> Delivery | None:
        """The rows that the hub does not have; None when the service answers no such row."""
        since = None if self.last is None else self.scale.since(self.last)
        first = self.walk.pager.first(since)
        control = self.walk.control(first)
        answer = _Answer(self, control)
        pages = answer.pages(self.walk.pager.pages(first, since))
        begun = next(pages, None)
        if begun is None:
            return None
        delivery = self.walk.delivery(control, "full" if self.last is None else "increment")

        def frames(room: Path) -> Iterator[pl.DataFrame]:
            yield from kept(room / delivery.file, itertools.chain([begun], pages), delivery)
            answer.frontier.keys.write_parquet(room / ANSWERED)
            delivery.cursor = str(answer.frontier.mark)
            delivery.control_sums = answer.sums
            delivery.warnings += answer.warnings
            if control.row_count is not None:
                delivery.row_count = control.row_count - answer.left_out

        delivery.frames = frames
        return delivery


class _Answer:
    """The pages of one answer, without the rows that the hub has.

    Attributes:
        left_out: how many rows these were so far.
        sums: what the amounts of the other rows should add up to.
        warnings: what the receipt should say (Chinese).
    """

    def __init__(self, increment: Increment, control: Control) -> None:
        self.increment, self.walk = increment, increment.walk
        self.frontier = Frontier(
            increment.scale, increment.column, control.delivered_at, increment.last
        )
        self.left_out, self.sums = 0, dict(control.sums)
        self.warnings: list[str] = []

    def pages(self, pages: Iterator[Page]) -> Iterator[tuple[bytes, pl.DataFrame]]:
        """(line for landing, rows) of each page that has a row which the hub does not have."""
        for page in pages:
            if not page.rows:
                continue
            frame = self.walk.frame(page.rows)
            if self.increment.column not in frame.columns:
                raise self.walk.client.fail(
                    f"sends no column `{self.increment.column}`, which `cursor` names"
                )
            self.frontier.add(frame)
            again = self._again(frame)
            if not again.any():
                yield self.walk.line(page), frame
                continue
            self._leave_out(frame.filter(again))
            rows: list[Any] = list(itertools.compress(page.rows, ~again))
            if rows:
                yield rows_line(rows, page.total), self.walk.frame(rows)

    def _again(self, frame: pl.DataFrame) -> pl.Series:
        known = self.increment.known
        if known.is_empty():
            return pl.repeat(False, frame.height, eager=True)
        return row_keys(frame).is_in(known.implode())

    def _leave_out(self, rows: pl.DataFrame) -> None:
        self.left_out += rows.height
        for name in self.sums.keys() & set(rows.columns):
            text = parsing.tidy(rows[name])
            amounts = parsing.number(text)
            if amounts.null_count() > text.null_count():
                # Nobody knows what the service took it for.
                del self.sums[name]
                self.warnings.append(
                    f"列 {name} 的控制合计无法核对：已载入过的行中有无法识别的数值"
                )
            else:
                self.sums[name] -= Decimal(amounts.sum() or 0)
