"""Three kinds of paging, and what a page must have.

- `token`: the answer names the next page (`next_page_token`), and `snapshot` pins the moment;
- `page`: pages are numbered from 1 (`page`, `page_size`), the answer says the total;
- `offset`: rows are skipped (`offset`, `limit`), the answer says the total.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingestion.connectors.rest.client import Client
from yinling.settings import Source

NAMES = {
    "token": ("page_token", "page_size"),
    "page": ("page", "page_size"),
    "offset": ("offset", "limit"),
}
MOST_EMPTY_PAGES = 1_000


def at(page: Any, path: str) -> Any:
    """The value at a dotted path; None where it leads nowhere."""
    for name in path.split("."):
        page = page.get(name) if isinstance(page, dict) else None
    return page


@dataclass
class Page:
    """One page of an answer.

    Attributes:
        total: rows of the whole answer, over all its pages, if the service says so.
        token: what the next page is asked with (`token` paging only).
        raw: the answer as it came.
    """

    body: dict[str, Any]
    raw: bytes
    rows: list[Any]
    total: int | None
    token: str | None


class Pager:
    """Asks for pages of one answer, from the first on."""

    def __init__(self, client: Client, source: Source) -> None:
        self.client, self.source = client, source
        paged, sized = NAMES[source.paging]
        self._paged = source.page_parameter or paged
        self._sized = source.size_parameter or sized
        self.snapshot: str | None = None

    def first(self, since: str | None, size: int | None = None) -> Page:
        """The first page of what lies beyond `since`; pins the snapshot if the service has any."""
        start = {"token": None, "page": 1, "offset": 0}[self.source.paging]
        page = self._page(since, start, size or self.source.page_size)
        if self.source.paging == "token":
            control = page.body.get("control")
            pinned = (control or {}).get("snapshot") if isinstance(control, dict) else None
            pinned = pinned or page.body.get("snapshot")
            self.snapshot = None if pinned is None else str(pinned)
        return page

    def pages(self, first: Page, since: str | None) -> Iterator[Page]:
        """The first page and all that follow.

        Raises:
            SourceError: the same page comes again and again, or the total changes under way.
        """
        page, number, read, empty = first, 1, 0, 0
        tokens: set[str] = set()
        before: list[Any] | None = None
        while True:
            if page.rows and page.rows == before:
                raise self.client.fail(f"sent the same page again and again (page {number})")
            if page.total is not None and page.total != first.total:
                raise self.client.fail(
                    f"changed while it was being read: {first.total} rows on page 1,"
                    f" {page.total} on page {number}"
                )
            yield page
            read += len(page.rows)
            before, empty = page.rows, 0 if page.rows else empty + 1
            if self.source.paging == "token":
                follows: str | int | None = page.token
                if page.token in tokens or empty > MOST_EMPTY_PAGES:
                    raise self.client.fail(f"sent the same page again and again (page {number})")
                if page.token is not None:
                    tokens.add(page.token)
            else:
                more = page.rows and (first.total is None or read < first.total)
                follows = (number + 1 if self.source.paging == "page" else read) if more else None
            if follows is None:
                break
            number += 1
            page = self._page(since, follows, self.source.page_size)
        if number > 1 and self.snapshot is None:
            self._same_still(first, since)

    def _same_still(self, first: Page, since: str | None) -> None:
        """Without a pinned snapshot, rows may have moved between pages: look at the first again."""
        start = {"token": None, "page": 1, "offset": 0}[self.source.paging]
        again = self._page(since, start, self.source.page_size)
        if again.rows != first.rows or again.total != first.total:
            raise self.client.fail(
                "changed while it was being read: page 1 is another one after the last page."
                " Read it at a quieter time, or ask the department for a `snapshot`"
            )

    def _page(self, since: str | None, place: str | int | None, size: int) -> Page:
        wanted: dict[str, str | int | None] = {
            self.source.since_parameter: since,
            self._paged: place,
            self._sized: size,
            "snapshot": self.snapshot,
        }
        body, raw = self.client.ask({n: v for n, v in wanted.items() if v is not None})
        rows, total = at(body, self.source.rows_at), at(body, self.source.total_at)
        if not isinstance(rows, list) or (
            self.source.paging == "token" and "next_page_token" not in body
        ):
            raise self.client.fail(f"answered something that is no page of rows{_own_words(body)}")
        token = body.get("next_page_token")
        return Page(body, raw, rows, self._number(total), None if token is None else str(token))

    def _number(self, total: Any) -> int | None:
        if total is None:
            return None
        try:
            return int(total)
        except (TypeError, ValueError):
            raise self.client.fail(f"says {total!r} for the number of rows") from None


def _own_words(body: dict[str, Any]) -> str:
    """What the service itself says about it: many answer 200 and put the error inside."""
    words = [
        str(body[name])[:120]
        for name in ("code", "error", "message", "msg")
        if isinstance(body.get(name), str | int)
    ]
    return f" (it says: {' · '.join(words)})" if words else ""
