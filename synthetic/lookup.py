"""Answer-only services: one person's ID number in, that person's rows out, the purpose recorded.

`GET /v1/<dataset>?id_no=…` with the bearer token and a header `X-Purpose` (percent-encoded UTF-8)
answers `{"rows": […], "generated_at": …}`, every value text or null, at the province's own time;
nobody's rows can be listed. Each question is a
line of JSON on standard output, without the ID number.
"""

from __future__ import annotations

import json
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from synthetic.calendar import CLOCK

PURPOSE = "x-purpose"
SAID_AT = f"{CLOCK + timedelta(days=1)}T03:00:00"
"""Whenever it is asked, the province knows what it knew in the night after its last day."""


@lru_cache(maxsize=8)
def _rows(path: Path, written_ns: int) -> pl.DataFrame:
    """A part's rows; read again when the file was written again."""
    return pl.read_parquet(path)


def rows_of(folder: Path, id_no: str) -> list[dict[str, str | None]]:
    """Rows of the person in all parts of `folder`, in the order of delivery."""
    frames = [
        _rows(path, path.stat().st_mtime_ns).filter(pl.col("id_no") == id_no)
        for path in sorted(folder.glob("*.parquet"))
    ]
    return pl.concat(frames).to_dicts() if frames else []


def answer(folder: Path, request: Request) -> Response:
    """The answer to a question whose token is right."""
    purpose = unquote(request.headers.get(PURPOSE, "")).strip()
    id_no = request.query_params.get("id_no", "").strip()
    if not purpose:
        return JSONResponse({"error": f"say what for in the header {PURPOSE}"}, 400)
    if not id_no:
        return JSONResponse({"error": "id_no is missing; persons cannot be listed here"}, 400)
    rows = rows_of(folder, id_no)
    note = {"asked": folder.name, "purpose": purpose, "rows": len(rows)}
    print(json.dumps(note, ensure_ascii=False), flush=True)
    return JSONResponse({"rows": rows, "generated_at": SAID_AT})
