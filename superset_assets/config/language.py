"""Chinese everywhere: the language pack before the login too, and what that pack lacks."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from flask import Flask, Response, request

PACK_PATH = "/superset/language_pack/zh/"

D3_TIME_FORMAT = {
    "dateTime": "%Y-%m-%d %H:%M:%S",
    "date": "%Y-%m-%d",
    "time": "%H:%M:%S",
    "periods": ["上午", "下午"],
    "days": ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"],
    "shortDays": ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
    "months": [f"{number}月" for number in range(1, 13)],
    "shortMonths": [f"{number}月" for number in range(1, 13)],
}


def whole_pack() -> bytes:
    """Superset's zh pack with the translations of `translations.json` laid over it, as JSON."""
    shipped = files("superset") / "translations" / "zh" / "LC_MESSAGES" / "messages.json"
    pack = json.loads(shipped.read_text("utf-8"))
    ours = json.loads((Path(__file__).parent / "translations.json").read_text("utf-8"))
    pack["locale_data"]["superset"].update({text: [chinese] for text, chinese in ours.items()})
    return json.dumps(pack, ensure_ascii=False, separators=(",", ":")).encode()


def serve(app: Flask) -> None:
    """Answer the language pack's address before Superset asks for a login.

    Superset gives the pack to logged-in users only, so its login page falls back to English.
    """
    pack = whole_pack()

    @app.before_request
    def language_pack() -> Response | None:
        if request.path != PACK_PATH:
            return None
        answer = Response(pack, mimetype="application/json")
        answer.add_etag()
        answer.cache_control.max_age = 3600
        return answer.make_conditional(request)
