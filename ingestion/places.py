"""Where a refused row stands in the workbook that was delivered: sheet, column letter, row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingestion.contracts import Contract
from ingestion.errors import DeliveryError
from ingestion.readers.content import Content
from ingestion.readers.workbook import workbook_places


@dataclass(frozen=True)
class Places:
    """The data rows of a workbook, sheet after sheet: title, sheet rows, column positions."""

    sheets: list[tuple[str, list[int], dict[str, int]]]

    def cell(self, row_no: int, column: str) -> str:
        """`C12`, or `名单!C12` where there are several sheets; empty where it is not known."""
        left = row_no
        for title, rows, columns in self.sheets:
            if left > len(rows):
                left -= len(rows)
                continue
            row = rows[left - 1]
            place = f"{letters(columns[column])}{row}" if column in columns else f"第{row}行"
            return f"{title}!{place}" if len(self.sheets) > 1 else place
        return ""


def letters(position: int) -> str:
    """A column's letters by its position from 0: 0 is A, 26 is AA."""
    text = ""
    number = position + 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


def places_of(file: Path, contract: Contract) -> Places | None:
    """The places in a delivered file; None where it is no workbook or no longer there."""
    if file.suffix.lower() != ".xlsx" or not file.exists():
        return None
    required = [column.name for column in contract.columns if column.required]
    try:
        return Places(workbook_places(Content.of(file), contract.headers, required))
    except DeliveryError:
        return None
