"""The departments' REST service: bearer token, pages pinned to a snapshot, `since`.

`GET /v1/<dataset>?since=…&page_size=…&page_token=…&snapshot=…` answers
`{"rows": […], "next_page_token": …, "snapshot": …, "control": {…}}`, every value text or null.
A dataset is a folder of parts (0000.parquet, 0001.parquet, …), each in cursor order; a snapshot is
the number of parts there were at the first page, so that a later part changes no page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import polars as pl
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from synthetic import lookup
from synthetic.channel import Channel
from synthetic.configuration import TOKEN_ENV
from synthetic.files import control_sums
from synthetic.transport import CHANNELS
from yinling.clock import SHANGHAI

LARGEST_PAGE = 50_000
USUAL_PAGE = 5_000


class BadRequestError(Exception):
    """The request cannot be answered as asked; the message goes back to the caller."""


def parts_of(folder: Path) -> list[Path]:
    """A dataset's parts in order."""
    return sorted(folder.glob("*.parquet"))


@lru_cache(maxsize=64)
def offsets(path: Path, cursor: str | None, since: str) -> tuple[int, int]:
    """First row after `since` and number of rows of a part (parts never change)."""
    if cursor is None or not since:
        return 0, pl.scan_parquet(path).select(pl.len()).collect().item()
    seen = (
        pl.scan_parquet(path)
        .select((pl.col(cursor) <= since).sum().alias("before"), pl.len().alias("rows"))
        .collect()
    )
    return seen.row(0)


@lru_cache(maxsize=64)
def control(folder: Path, snapshot: int, dataset: str, since: str) -> dict[str, object]:
    """The control record of the whole answer, over all its pages."""
    channel = CHANNELS[dataset]
    count, totals = 0, dict.fromkeys(channel.sums, 0)
    for path in parts_of(folder)[:snapshot]:
        first, rows = offsets(path, channel.cursor, since)
        count += rows - first
        if channel.sums and rows > first:
            frame = pl.scan_parquet(path).select(channel.sums).slice(first).collect()
            for column, text in control_sums(frame, channel.sums).items():
                totals[column] += round(float(text) * 100)
    stamp = datetime.fromtimestamp(parts_of(folder)[snapshot - 1].stat().st_mtime, SHANGHAI)
    return {
        "period": "2026-10",
        "sequence": snapshot,
        "row_count": count,
        "control_sums": {c: f"{cents // 100}.{cents % 100:02d}" for c, cents in totals.items()},
        "sha256": digest(folder, snapshot, since),
        "generated_at": stamp.strftime("%Y-%m-%dT%H:%M:%S"),
    }


def digest(folder: Path, snapshot: int, since: str) -> str:
    """A hash of the whole answer: of what it was made from, and of the question."""
    found = hashlib.sha256(since.encode())
    for path in parts_of(folder)[:snapshot]:
        with path.open("rb") as part:
            found.update(hashlib.file_digest(part, "sha256").digest())
    return found.hexdigest()


def read_page(
    folder: Path, channel: Channel, since: str, part: int, offset: int, size: int, snapshot: int
) -> tuple[str, tuple[int, int] | None]:
    """Rows as JSON text, and where the next page starts (null after the last)."""
    paths = parts_of(folder)[:snapshot]
    while part < len(paths):
        first, rows = offsets(paths[part], channel.cursor, since)
        start = max(offset, first)
        if start < rows:
            frame = pl.scan_parquet(paths[part]).slice(start, size).collect()
            follows = (part, start + size) if start + size < rows else (part + 1, 0)
            last = follows[0] >= len(paths)
            return frame.write_json(), None if last else follows
        part, offset = part + 1, 0
    return "[]", None


def encode(part: int, offset: int) -> str:
    return base64.urlsafe_b64encode(f"{part}:{offset}".encode()).decode()


def decode(token: str) -> tuple[int, int]:
    try:
        part, offset = base64.urlsafe_b64decode(token.encode()).decode().split(":")
        return int(part), int(offset)
    except (ValueError, binascii.Error) as error:
        raise BadRequestError("page_token is none of ours; start again without it") from error


def _answer(root: Path, dataset: str, query: dict[str, str]) -> Response:
    channel = CHANNELS.get(dataset)
    folder = root / dataset
    if channel is None or channel.kind != "rest" or not folder.exists():
        return JSONResponse({"error": f"no dataset {dataset}"}, 404)
    try:
        size = min(max(int(query.get("page_size", USUAL_PAGE)), 1), LARGEST_PAGE)
        snapshot = min(int(query.get("snapshot") or len(parts_of(folder))), len(parts_of(folder)))
    except ValueError:
        return JSONResponse({"error": "page_size and snapshot are whole numbers"}, 400)
    since = query.get("since", "").replace("T", " ")
    try:
        part, offset = decode(query["page_token"]) if query.get("page_token") else (0, 0)
    except BadRequestError as error:
        return JSONResponse({"error": str(error)}, 400)
    rows, follows = read_page(folder, channel, since, part, offset, size, snapshot)
    rest = json.dumps(
        {
            "next_page_token": encode(*follows) if follows else None,
            "snapshot": str(snapshot),
            "control": control(folder, snapshot, dataset, since),
        }
    )
    return Response(f'{{"rows":{rows},{rest[1:]}', media_type="application/json")


def application(root: Path, token: str) -> Starlette:
    """The service over the parts in `root/<dataset>/`."""

    async def dataset(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return JSONResponse({"error": "wrong or missing token"}, 401)
        name = request.path_params["dataset"]
        if name in CHANNELS and CHANNELS[name].kind == "lookup":
            return await run_in_threadpool(lookup.answer, root.parent / "lookup" / name, request)
        return await run_in_threadpool(_answer, root, name, dict(request.query_params))

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "synthetic": True})

    return Starlette(routes=[Route("/health", health), Route("/v1/{dataset}", dataset)])


if __name__ == "__main__":
    uvicorn.run(
        application(Path(sys.argv[1]), os.environ[TOKEN_ENV]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="warning",
    )
