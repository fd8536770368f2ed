"""A real HTTP server that pages in three ways, checks signatures and can misbehave."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

TOKEN, KEY_ID, KEY = "secret", "hub-01", "a signing key"


class Service(ThreadingHTTPServer):
    """Serves `rows` in pages; `troubles` are answered first, one a request.

    Attributes:
        troubles: (status, body) or (status, body, headers); status 0 breaks the answer off.
        asked: the server's own log, one query a request; `seen` has the headers.
        style: how the paging parameters are understood; `control` False leaves the record out.
        persons: what the look-up answers: ID number → rows.
        said_at: the department's own time of those answers, if it says one.
        cursor: the column that `since` is compared with.
        meanwhile: what happens once, while a page is being answered.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rows: list[dict[str, Any]] = []
        self.persons: dict[str, list[dict[str, Any]]] = {}
        self.said_at: str | None = None
        self.troubles: list[tuple[Any, ...]] = []
        self.asked: list[dict[str, str]] = []
        self.seen: list[dict[str, str]] = []
        self.times: list[float] = []
        self.style, self.signed, self.cursor = "token", "", "issued_on"
        self.meanwhile: Callable[[], Any] | None = None
        self.with_control, self.pinned = True, True
        self.control: dict[str, Any] = {}
        self.loop = self.fresh_tokens = False
        self.grow: list[dict[str, Any]] = []
        self.move: list[dict[str, Any]] = []
        self.nonces: set[str] = set()
        self.refuse_after: int | None = None

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve(dict(parse_qsl(urlsplit(self.path).query)), b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._serve({k: str(v) for k, v in json.loads(body).items()}, body)

    def _serve(self, query: dict[str, str], body: bytes) -> None:
        service = self.server
        service.asked.append(query)
        service.seen.append(dict(self.headers.items()))
        service.times.append(time.monotonic())
        if service.signed:
            if not self._signed(body):
                return self._answer(401, '{"code": 401, "msg": "bad signature"}')
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._answer(401, "{}")
        if service.refuse_after is not None and len(service.asked) > service.refuse_after:
            return self._answer(403, "{}")
        if service.troubles:
            return self._answer(*service.troubles.pop(0))
        if "id_no" in query:
            said = {"generated_at": service.said_at} if service.said_at else {}
            rows = service.persons.get(query["id_no"], [])
            return self._answer(200, json.dumps({"rows": rows, **said}))
        return self._answer(200, json.dumps(self._page(query), ensure_ascii=False, indent=1))

    def _signed(self, body: bytes) -> bool:
        """The signature, worked out again from what arrived, with another library."""
        service, heads, parts = self.server, self.headers, urlsplit(self.path)
        kind = {"hmac-sha256": "sha256", "hmac-sm3": "sm3"}[service.signed]
        pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
        query = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in pairs)
        nonce = heads["X-Nonce"]
        text = "\n".join(
            (
                self.command,
                parts.path,
                query,
                heads["X-Timestamp"],
                nonce,
                hashlib.new(kind, body).hexdigest(),
            )
        )
        fresh = nonce not in service.nonces
        service.nonces.add(nonce)
        right = hmac.new(KEY.encode(), text.encode(), kind).hexdigest()
        young = abs(time.time() - int(heads["X-Timestamp"]) / 1000) < 60
        return fresh and young and right == heads["X-Signature"] and heads["X-Key-Id"] == KEY_ID

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        service = self.server
        if service.meanwhile is not None:
            happens, service.meanwhile = service.meanwhile, None
            happens()
        since = query.get("since", "")
        until = int(query.get("snapshot", len(service.rows)))
        rows = [row for row in service.rows[:until] if str(row[service.cursor]) > since]
        match service.style:
            case "page":
                size = int(query["page_size"])
                start = (int(query["page"]) - 1) * size
            case "offset":
                size, start = int(query["limit"]), int(query["offset"])
            case _:
                size = int(query["page_size"])
                start = int(query.get("page_token", "0").split(".")[0])
        if service.loop:
            start = 0
        service.rows += service.grow
        if service.move:
            service.rows = service.move
        service.grow, service.move = [], []
        part = rows[start : start + size]
        if service.style != "token":
            return {"code": 0, "data": {"total": len(rows), "list": part}}
        more = start + size < len(rows)
        token: str | None = str(start + size) if more else None
        if service.loop:
            token = f"0.{len(service.asked)}" if service.fresh_tokens else "0"
        page: dict[str, Any] = {"rows": part, "next_page_token": token}
        if service.pinned:
            page["snapshot"] = str(until)
        if service.with_control:
            page["control"] = {
                "period": "2026-10",
                "sequence": 1,
                "row_count": len(rows),
                "control_sums": {},
                "generated_at": "2026-11-08T02:00:00+08:00",
            } | service.control
        return page

    def _answer(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status or 200)
        self.send_header("Content-Length", str(len(body) + (1_000 if status == 0 else 0)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if status == 0:  # fewer bytes than announced, then the line goes dead
            self.close_connection = True


@contextmanager
def serving() -> Iterator[Service]:
    """The service in a thread of its own."""
    with Service() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
