"""Pages of our own where there is no dashboard: plain words, nothing fetched from outside."""

from __future__ import annotations

from flask import Flask, Response

_SHELL = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>银龄</title>
%s<body style="font-family:sans-serif;max-width:40em;margin:15vh auto;color:#24364b">
<img src="/yinling/static/logo.svg" alt="银龄" height="36">
<h1 style="font-size:20px">%s</h1>
<p>%s</p></body></html>"""
_REFRESH = '<meta http-equiv="refresh" content="30">\n'
_HOME = '</p><p><a href="/superset/welcome/">回到看板</a>'
ERRORS = {
    404: ("没有这个页面", "网址可能有误，或者该看板已经移走。" + _HOME),
    500: ("页面出错了", "服务器没能完成这次请求，请稍后再试；仍不行请告知数据工程师。" + _HOME),
}


def page(title: str, words: str, *, refresh: bool = False) -> str:
    """HTML of a page; `refresh`: it loads itself again every 30 seconds."""
    return _SHELL % (_REFRESH if refresh else "", title, words)


def replace_error_pages(app: Flask) -> None:
    """Superset's own error pages are English and fetch their font from a public host."""

    @app.after_request
    def in_own_words(answer: Response) -> Response:
        if answer.status_code in ERRORS and answer.mimetype == "text/html":
            answer.direct_passthrough = False
            answer.set_data(page(*ERRORS[answer.status_code]))
        return answer
