"""From an expectation's answer to an outcome: status, plain words, masked sample."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from quality.engine import Raw
from quality.model import Check, Outcome, Status

_TOKEN = re.compile(r"^[0-9a-f]{32,64}$")
_DIGITS = re.compile(r"(?<![0-9])([0-9]{4})[0-9]{3,}([0-9Xx]{4})(?![0-9])")
_REGION = re.compile(r"^[0-9]{12}$")


def mask(value: Any) -> str | int | float | bool | None:
    """A value that can be shown: tokens cut, long runs of digits starred.

    The warehouse holds only tokens and masks; this is for the day on which a check finds that
    it does not. A 12-digit region code stays readable.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    if _TOKEN.match(text):
        return text[:8] + "…"
    if _REGION.match(text):
        return text
    return _DIGITS.sub(r"\1****\2", text)[:200]


def outcome(check: Check, raw: Raw, checked_at: datetime) -> Outcome:
    """Judge an answer. Nothing looked at is N/A, never Pass."""
    share = raw.numerator / raw.denominator if raw.denominator else 0.0
    status: Status
    if raw.error is not None:
        status = "error"
    elif raw.denominator == 0:
        status = "na"
    else:
        status = "fail" if raw.numerator and share > check.threshold else "pass"
    sample = [{name: mask(value) for name, value in row.items()} for row in raw.sample]
    return Outcome(
        check_id=check.id,
        gate=check.gate,
        scope=check.scope,
        title=check.title,
        meaning=check.meaning,
        remedy=check.remedy,
        severity=check.severity,
        status=status,
        numerator=raw.numerator,
        denominator=raw.denominator,
        threshold=check.threshold,
        message=_message(check, raw, status, sample),
        sample=json.dumps(sample if status == "fail" else [], ensure_ascii=False),
        checked_at=checked_at,
    )


def _message(check: Check, raw: Raw, status: Status, sample: list[dict[str, Any]]) -> str:
    if status == "pass":
        return ""
    if status == "na":
        return f"[{check.id}] {check.scope}：没有可检查的数据。"
    if status == "error":
        return f"[{check.id}] {check.scope}：检查无法执行：{raw.error}。{check.remedy}"
    limit = f"（允许 {check.threshold:.2%}）" if check.threshold else ""
    example = "，".join(f"{k}={v}" for k, v in sample[0].items()) if sample else ""
    shown = f"例：{example}。" if example else ""
    return (
        f"[{check.id}] {check.scope}：应当“{check.title}”，{raw.denominator} 中有 "
        f"{raw.numerator} 不符{limit}。{shown}{check.remedy}"
    )


def judge(checks: Iterable[Check], raws: dict[str, Raw], checked_at: datetime) -> list[Outcome]:
    """Outcomes of the checks, in their order."""
    return [outcome(check, raws[check.id], checked_at) for check in checks]
