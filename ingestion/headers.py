"""Delivered column names to the contract's: Chinese names, aliases, and what a typist adds to them.

A header is the contract's `name`, its `businessName`, or one of its `headers`. Width, case, blanks,
line breaks, a star for "required" and a neutral remark in brackets (（必填）, （元）) make no
difference. A unit that would change the values, such as （万元）, is never passed over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from ingestion.errors import DeliveryError

_NOISE = re.compile(r"[\s*'\"‘’“”`\u200b\ufeff]+")
_REMARK = re.compile(r"^(.+?)[(\[]([^()\[\]]*)[)\]]$")
_NEUTRAL = re.compile(
    r"^(必填|选填|可空|元|单位[:为]?元|人民币|人|名|张|个|户|次|天|日|岁|平方米|m2|㎡|小时|文本|文本格式"
    r"|日期|yyyy[-/]?mm([-/]?dd)?|18位|12位)$"
)
_REMEMBERED = 10_000
_SCALED = re.compile(r"[十百千万亿]|thousand|million|k$")


def plain(header: str) -> str:
    """A header as it is compared: half-width, lower case, without blanks, stars and quotes."""
    text = unicodedata.normalize("NFKC", header)
    return _NOISE.sub("", text).casefold().rstrip(":")


class Headers:
    """The headers that a contract knows.

    Args:
        columns: (name, title, further headers) of each column.

    Raises:
        ValueError: two columns share a header; the text names it.
    """

    def __init__(self, columns: Iterable[tuple[str, str, Sequence[str]]]) -> None:
        self._known: dict[str, str] = {}
        self._asked: dict[str, str | None] = {}  # the same headers come with every delivery
        for name, title, more in columns:
            for header in (name, title, *more):
                if self._known.setdefault(plain(header), name) != name:
                    raise ValueError(f"header `{header}` belongs to two columns")

    def match(self, header: str) -> str | None:
        """The contract's column behind a delivered header; None: the contract has none.

        Raises:
            DeliveryError: `wrong_unit`, when the header states a unit that changes the values.
        """
        if header in self._asked:
            return self._asked[header]
        column = self._match(header)
        if len(self._asked) < _REMEMBERED:
            self._asked[header] = column
        return column

    def _match(self, header: str) -> str | None:
        text = plain(header)
        if text in self._known:
            return self._known[text]
        remark = _REMARK.match(text)
        column = self._known.get(remark[1].rstrip(":")) if remark else None
        if remark is None or column is None:
            return None
        if _NEUTRAL.match(remark[2]):
            return column
        if _SCALED.search(remark[2]):
            raise DeliveryError(
                "wrong_unit",
                f"列“{header}”的单位是“{remark[2]}”，应为元（或目录规定的单位）。"
                "请换算后重新导出，列名不带单位。",
            )
        return None

    def mapping(self, delivered: Sequence[str]) -> dict[str, str]:
        """Delivered header → contract column, of the headers that the contract knows.

        Raises:
            DeliveryError: `duplicate_column`, `wrong_unit`.
        """
        found: dict[str, str] = {}
        for header in delivered:
            column = header if header in self._known.values() else self.match(header)
            if column is None:
                continue
            if other := next((h for h, c in found.items() if c == column), None):
                raise DeliveryError(
                    "duplicate_column",
                    f"列“{other}”和“{header}”都是 {column}。请只保留一列。",
                )
            found[header] = column
        return found

    def fit(self, delivered: Iterable[str | None]) -> int:
        """How many of the contract's columns stand in a row of cells."""
        cells = [cell for cell in delivered if cell]
        found = set()
        for cell in cells:
            try:
                found.add(self.match(cell))
            except DeliveryError:  # a header all the same; said when the columns are mapped
                found.add(cell)
        return len(found - {None})


def renames(missing: Mapping[str, str], unknown: Sequence[str]) -> dict[str, str]:
    """Missing column → unknown header that looks like it, to help whoever mends the file.

    Args:
        missing: name → title of the columns that are not there.
        unknown: delivered headers that the contract does not know.
    """
    likely: dict[str, str] = {}
    for name, title in missing.items():
        best = max(unknown, key=lambda u: max(_alike(u, name), _alike(u, title)), default=None)
        if best and max(_alike(best, name), _alike(best, title)) >= 0.5:
            likely[name] = best
    return likely


def _alike(one: str, other: str) -> float:
    """Share of the characters that two headers have in common (Dice)."""
    left, right = set(plain(one)), set(plain(other))
    return 2 * len(left & right) / (len(left) + len(right)) if left and right else 0.0
