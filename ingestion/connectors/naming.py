"""File names that say what a delivery is: `facility_440203_202609_02.xlsx`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from string import Formatter

from ingestion.errors import DeliveryError, SourceError

FIELDS = {
    "dataset": r"[^_.]\S*?",
    "provider": r"[A-Za-z0-9-]{1,40}",
    "period": r"\d{4}(?:-?\d{2}(?:-?\d{2})?)?",
    "sequence": r"\d{1,6}",
    "mode": r"full|increment|全量|增量",
    "any": r".*?",
}
MODES = {"full": "full", "全量": "full", "increment": "increment", "增量": "increment"}
# With or without a day after the month; one digit is a month only where it cannot be a sequence.
_DATES = re.compile(
    r"(?<!\d)(20\d{2})(?:(\d{2})(\d{2})?|_(\d{2})|[-.年](\d{1,2})(?:[-.月](\d{1,2}))?)(?!\d)"
)


@dataclass(frozen=True)
class Named:
    """What a file's name says; None where it says nothing."""

    dataset: str | None = None
    provider: str | None = None
    period: str | None = None
    sequence: int | None = None
    mode: str | None = None


class Naming:
    """A pattern such as `{dataset}_{provider}_{period}_{sequence}`; the ending is left out of it.

    Raises:
        SourceError: a field is unknown or stands twice.
    """

    def __init__(self, pattern: str, where: str) -> None:
        self.pattern = pattern
        parts, seen = [], set[str]()
        try:
            pieces = list(Formatter().parse(pattern))
        except ValueError as error:
            raise SourceError(f"{where}: `name_pattern`: {error}. Correct it.") from error
        for literal, field, *_ in pieces:
            parts.append(re.escape(literal))
            if field is None:
                continue
            if field not in FIELDS or (field in seen and field != "any"):
                raise SourceError(
                    f"{where}: `name_pattern`: {{{field}}} is unknown or stands twice. Use"
                    f" {', '.join(f'{{{name}}}' for name in FIELDS)}, each once."
                )
            seen.add(field)
            name = f"?P<{field}>" if field != "any" else "?:"
            parts.append(f"({name}{FIELDS[field]})")
        self._expression = re.compile("".join(parts))

    def read(self, file: str) -> Named:
        """What the name says.

        Raises:
            DeliveryError: `bad_name`.
        """
        found = self._expression.fullmatch(file.partition(".")[0])
        if found is None:
            raise DeliveryError(
                "bad_name",
                f"文件名 {file} 不符合约定的格式 {self.pattern}（例：{self._example()}）。"
                "请改名后重新报送。",
            )
        values = found.groupdict()
        period = values.get("period")
        if period is not None and (period := month(period)) is None:
            raise DeliveryError(
                "bad_name",
                f"文件名 {file} 中的期次 {values['period']} 不是有效的年月。请改名后重新报送。",
            )
        sequence = values.get("sequence")
        return Named(
            dataset=values.get("dataset"),
            provider=values.get("provider"),
            period=period,
            sequence=int(sequence) if sequence else None,
            mode=MODES[values["mode"]] if values.get("mode") else None,
        )

    def _example(self) -> str:
        text = self.pattern
        for field, value in {
            "dataset": "facility",
            "provider": "440203",
            "period": "202609",
            "sequence": "02",
            "mode": "full",
            "any": "",
        }.items():
            text = text.replace(f"{{{field}}}", value)
        return text + ".xlsx"


def month(text: str) -> str | None:
    """`202609`, `2026-09`, `20260930` or `2026` as a period; None where the calendar has none."""
    digits = text.replace("-", "")
    year, of_year, day = digits[:4], digits[4:6], digits[6:]
    try:
        date(int(year), int(of_year or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join(filter(None, (year, of_year, day)))


def month_in(name: str) -> str | None:
    """The month that stands somewhere in a name: `…2026年9月…`, `…20260930…`; None without one."""
    for found in _DATES.finditer(name):
        year, *rest = found.groups()
        of_year, day = rest[0] or rest[2] or rest[3], rest[1] or rest[4] or "1"
        if month(f"{year}{of_year:0>2}{day:0>2}"):
            return f"{year}-{of_year:0>2}"
    return None
