"""Delivered column names to the contract's: Chinese names, aliases, and what a typist adds to them.

A header is the contract's `name`, its `businessName`, or one of its `headers`. Width, case, blanks,
line breaks, a star for "required" and a neutral remark in brackets (（必填）, （元）) make no
difference. A unit that would change the values, such as （万元）, is never passed over.

Where the header is missing, a person stands in its place. `column_names` keeps such text out of
everything that is told about columns.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from ingestion.errors import DeliveryError

_NOISE = re.compile(r"[\s*'\"‘’“”`\u200b\ufeff]+")
_REMARK = re.compile(r"^(.+?)[(\[]([^()\[\]]*)[)\]]$")
_NEUTRAL = re.compile(
    r"^(必填|选填|可空|元|单位[:为]?元|人民币|人|名|张|个|户|次|天|日|岁|平方米|m2|㎡|小时|文本|文本格式"
    r"|日期|yyyy[-/]?mm([-/]?dd)?|18位|12位)$"
)
_REMEMBERED = 10_000
_SCALED = re.compile(r"[十百千万亿]|thousand|million|k$")
# Four digits (numbers of people, telephones and cards, days), no letter at all, "经办人：…", mail.
_VALUE = re.compile(r"(?:\d\D*){4}|^[\W\d_]+$|[:@]\s*\S")
_SEVERAL = 3
_LONGEST = 30  # characters; what is longer is a sentence
_UNNAMED = re.compile(r"（第\d+列无列名）|第\d+列（列名有\d+个字")


def plain(header: str) -> str:
    """A header as it is compared: half-width, lower case, without blanks, stars and quotes."""
    text = unicodedata.normalize("NFKC", header)
    return _NOISE.sub("", text).casefold().rstrip(":")


class Headers:
    """The headers that a contract knows.

    Args:
        columns: (name, title, further headers) of each column.
        required: names of the columns that every delivery has.

    Raises:
        ValueError: two columns share a header; the text names it.
    """

    def __init__(
        self,
        columns: Iterable[tuple[str, str, Sequence[str]]],
        required: Collection[str] = (),
    ) -> None:
        self._known: dict[str, str] = {}
        self._asked: dict[str, str | None] = {}  # the same headers come with every delivery
        self._required = frozenset(required)
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
        column, unit = self._find(header)
        if unit is not None:
            raise DeliveryError(
                "wrong_unit",
                f"列“{header}”的单位是“{unit}”，应为元（或目录规定的单位）。"
                "请换算后重新导出，列名不带单位。",
            )
        if len(self._asked) < _REMEMBERED:
            self._asked[header] = column
        return column

    def _find(self, header: str) -> tuple[str | None, str | None]:
        """The contract's column behind a header, and the unit that changes its values."""
        text = plain(header)
        if text in self._known:
            return self._known[text], None
        remark = _REMARK.match(text)
        column = self._known.get(remark[1].rstrip(":")) if remark else None
        if remark is None or column is None:
            return None, None
        if _NEUTRAL.match(remark[2]):
            return column, None
        return (column, remark[2]) if _SCALED.search(remark[2]) else (None, None)

    def found(self, cells: Iterable[str | None]) -> set[str]:
        """The contract's columns that stand in a row of cells; a wrong unit is said later."""
        return {column for cell in cells if cell and (column := self._find(cell)[0]) is not None}

    def fit(self, cells: Iterable[str | None]) -> int:
        """How many of the contract's columns stand in a row of cells."""
        return len(self.found(cells))

    def is_header(self, cells: Iterable[str | None]) -> bool:
        """Whether a row of cells surely is a header.

        Half of the required columns stand in it, or half of its cells are headers, several at that.
        """
        filled = [cell for cell in cells if cell]
        found = self.found(filled)
        if 2 * len(found & self._required) >= len(self._required):
            return True
        return len(found) >= _SEVERAL and 2 * len(found) >= len(filled)

    def quotable(self, cells: Sequence[str]) -> list[bool]:
        """Which cells of what should be a header are surely names of columns, not of people.

        Those that the contract knows are. The others are if the row surely is a header, unless
        they read like a value.
        """
        sure = self.is_header(cells)
        return [
            bool(cell) and (self._find(cell)[0] is not None or (sure and not _is_data(cell)))
            for cell in cells
        ]

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


def _is_data(text: str) -> bool:
    text = unicodedata.normalize("NFKC", text)
    remark = _REMARK.match(plain(text))
    if remark and _NEUTRAL.match(remark[2]):
        text = remark[1]
    return len(text) > _LONGEST or _VALUE.search(text) is not None


def column_names(
    cells: Sequence[str | None], headers: Headers | None, where: str = ""
) -> list[str]:
    """Names of the columns below a row of cells that should be the header.

    A cell that is empty, or may be a person's data, is named by its place only: the names go into
    receipts and manifests.

    Args:
        headers: the contract's; without them, as long as the dataset is being guessed, nothing
            is told to anyone, and every text stays.
        where: says which part of the file it is, for the message.

    Raises:
        DeliveryError: `duplicate_column`.
    """
    texts = [(cell or "").strip() for cell in cells]
    quotable = [bool(text) for text in texts] if headers is None else headers.quotable(texts)
    names: list[str] = []
    for number, (text, quoted) in enumerate(zip(texts, quotable, strict=True), 1):
        if quoted and not (headers is None and text in names):
            names.append(text)
        elif text:
            names.append(f"第{number}列（列名有{len(text)}个字，不引用）")
        else:
            names.append(f"（第{number}列无列名）")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise DeliveryError(
            "duplicate_column", f"{where}列名重复：{'、'.join(twice)}。请只保留一列。"
        )
    return names


def is_named(column: str) -> bool:
    """Whether a column of a reader's frame has a name that may be told, not only a place."""
    return not _UNNAMED.match(column)


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
