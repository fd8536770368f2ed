"""JSON objects that say each name once; of a name said twice, one value would be lost unseen."""

from __future__ import annotations

import json
from typing import Any

_LONGEST_NAME = 40


class RepeatedNameError(ValueError):
    """An object has a name twice; the message is the name."""


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its pairs (for `json.loads(object_pairs_hook=…)`).

    Raises:
        RepeatedNameError: a name comes twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        # JSON can name half of a character (\ud800); that is no text.
        raise RepeatedNameError(twice[:_LONGEST_NAME].encode("utf-8", "replace").decode())
    return found


def exact_json(text: str | bytes) -> Any:
    """A JSON document with its numbers as text, as written (`NaN` and the like as text too).

    Raises:
        RepeatedNameError: an object has a name twice.
    """
    return json.loads(
        text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=distinct
    )
