"""Files as no test of the usual way makes them, put into the inbox byte for byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from ingestion import quarantine
from ingestion.landing import land
from tests.integration.ingestion.conftest import CONTRACTS, lake, sums
from yinling.settings import Settings


@dataclass
class Outcome:
    """What a run made of one delivery."""

    receipt: dict[str, Any]
    refused: pl.DataFrame
    home: Settings
    dataset: str

    @property
    def message(self) -> str:
        """Everything the receipt says in words."""
        texts = [self.receipt["message"], *self.receipt["warnings"]]
        texts += [
            problem["message"] + problem["suggestion"] for problem in self.receipt["problems"]
        ]
        return "\n".join(texts)

    def rejected(self, code: str, *words: str) -> None:
        """Refused whole: a code, the words, the raw bytes kept, nothing in the lake."""
        assert (self.receipt["status"], self.receipt.get("reason")) == ("rejected", code)
        for word in words:
            assert word in self.message, self.message
        assert "请" in self.message  # every refusal says what to do
        committed = self.home.lake / self.dataset
        assert [path.name for path in committed.iterdir()] == ["0-schema"]
        room = self.home.landing / self.dataset
        kept = [path for path in room.glob("*.refused-*/*/*") if path.suffix != ".json"]
        assert kept, "the bytes as received are the evidence"

    def loaded(self, rows: int, refused: list[tuple[int, str, str]], *words: str) -> pl.DataFrame:
        """Loaded but for these (row, column, reason); every row read is in one of the two."""
        found = self.refused.select("row_no", "column", "reason").rows()
        assert found == refused, self.refused
        assert self.receipt["rows_loaded"] == rows
        assert self.receipt["rows_read"] == rows + len(refused)
        frame = lake(self.home, self.dataset)
        every = sorted([*frame["row_no"], *(row for row, _, _ in found)])
        assert every == list(range(1, rows + len(refused) + 1))
        for word in words:
            assert word in self.message, self.message
        return frame


Put = Callable[..., Outcome]


def put(
    home: Settings,
    dataset: str,
    name: str,
    data: bytes | Path,
    rows: int | pl.DataFrame,
    sequence: int = 1,
    **control: Any,
) -> Outcome:
    """Deliver these bytes under this name and land them.

    Args:
        rows: what the control record states: the rows themselves, or only their number.
    """
    path = home.home / str(home.sources[dataset].path) / name
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        path = path.with_name(name)
        data.replace(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    record = {
        "provider": "440203",
        "dataset": dataset,
        "period": "2026-09",
        "mode": "full",
        "sequence": sequence,
        "row_count": rows if isinstance(rows, int) else rows.height,
        "control_sums": {} if isinstance(rows, int) else sums(rows, CONTRACTS[dataset]),
        "sha256": digest,
        "delivered_at": f"2026-10-{sequence:02d}T09:30:00",
        **control,
    }
    path.with_name(path.name + ".control.json").write_text(json.dumps(record), "utf-8")
    receipt = land(home, [dataset]).receipts[-1]
    return Outcome(receipt, quarantine.scan(home, dataset).collect(), home, dataset)


def workbook(path: Path, fill: Callable[[xlsxwriter.Workbook], None], **options: Any) -> bytes:
    """The bytes of a workbook that `fill` wrote."""
    book = xlsxwriter.Workbook(str(path), options)
    fill(book)
    book.close()
    return path.read_bytes()


def sheet_of(book: xlsxwriter.Workbook, rows: pl.DataFrame, name: str = "", top: int = 0) -> Any:
    """A sheet with these rows as text under their headers, from row `top` on."""
    sheet = book.add_worksheet(name or None)
    sheet.write_row(top, 0, rows.columns)
    for line, row in enumerate(rows.rows(), top + 1):
        for place, value in enumerate(row):
            if value is not None:
                sheet.write_string(line, place, value)
    return sheet
