"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PAGE = (b"<!doctype", b"<html", b"<?xml", b"<table", b"<head", b"<body", b"<meta", b"<script")


def kind_of(head: bytes) -> str | None:
    """A form that is no table of text, in Chinese; None where the bytes may be such a table."""
    if head.startswith(b"PK\x03\x04"):
        return "工作簿（.xlsx）或压缩包"
    if head.startswith(OLE):
        return "旧格式的工作簿（.xls）"
    if head.startswith(b"%PDF"):
        return " PDF"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_PAGE):
        return "网页或 XML（登录页、报错页，或系统这样导出的表）"
    return " JSON" if text.startswith((b'{"', b"[{", b"[\n")) else None
