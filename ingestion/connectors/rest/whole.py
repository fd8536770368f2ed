"""A table that is delivered whole, whenever its rows are not those of the last time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ingestion.connectors.rest.paging import Page
from ingestion.connectors.rest.row_keys import Fingerprint
from ingestion.connectors.rest.walk import Control, Walk, kept
from ingestion.delivery import Delivery
from ingestion.errors import SourceError
from ingestion.readers import page_frames


class Whole:
    """One answer with all rows of a table.

    Its durable cursor is `<fingerprint>|<rows>`: the hash that the service states, or ours over
    the rows, whatever their order.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self._rows = Fingerprint()  # of the rows that were read, where the service states no hash

    def delivery(self, spool: Path | None) -> Delivery | None:
        """All rows; None when they are those that landed last.

        Args:
            spool: where to bring the rows while only they can tell; None: they are not kept, and
                the delivery is there only to tell that there is one.
        """
        first = self.walk.pager.first(None)
        control = self.walk.control(first)
        if not first.rows:
            return None
        delivery = self.walk.delivery(control, "full")
        told = control.sha256 is not None
        if told and self._is_last(control, self._cursor(control)):
            return None
        if told or self._differs(control):
            delivery.frames = lambda room: self._taken(first, room, delivery, control)
            return delivery
        pages = self._pages(first, control)
        for _ in pages if spool is None else kept(spool, pages, delivery):
            pass
        if self._is_last(control, self._cursor(control)):
            return None
        if spool is not None:
            delivery.cursor = self._cursor(control)
            delivery.frames = lambda room: self._spooled(spool, room / delivery.file)
        return delivery

    def _cursor(self, control: Control) -> str:
        if control.sha256 is not None:
            return f"{control.sha256}|{control.row_count}"
        return f"{self._rows}|{self._rows.rows}"

    def _is_last(self, control: Control, cursor: str) -> bool:
        """Whether these very rows landed last; another period's are a delivery of their own."""
        if self.walk.last.is_empty() or (
            control.stated and self.walk.last["period"][0] != control.period
        ):
            return False
        return bool(self.walk.last["cursor"][0] == cursor)

    def _differs(self, control: Control) -> bool:
        """Whether there is news for certain, before the rows are read."""
        if self.walk.last.is_empty():
            return True
        before = str(self.walk.last["cursor"][0]).rpartition("|")[2]
        return control.row_count is not None and before != str(control.row_count)

    def _pages(self, first: Page, control: Control) -> Iterator[tuple[bytes, pl.DataFrame]]:
        for page in self.walk.pager.pages(first, None):
            if page.rows:
                frame = self.walk.frame(page.rows)
                if control.sha256 is None:
                    self._rows.add(frame)
                yield self.walk.line(page), frame

    def _taken(
        self, first: Page, room: Path, delivery: Delivery, control: Control
    ) -> Iterator[pl.DataFrame]:
        yield from kept(room / delivery.file, self._pages(first, control), delivery)
        delivery.cursor = self._cursor(control)

    def _spooled(self, spool: Path, raw: Path) -> Iterator[pl.DataFrame]:
        spool.replace(raw)
        standing = 0
        for frame in page_frames(raw):
            standing += frame.height
            yield frame
        if standing != self._rows.rows:
            raise SourceError(
                f"sources.{self.walk.contract.name}: {raw} holds {standing} rows,"
                f" but {self._rows.rows} came from the service: another program changed the file."
                " Nothing was loaded; start again."
            )
