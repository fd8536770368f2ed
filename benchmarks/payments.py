"""Payments to time the channels with: a few thousand made-up persons, month after month."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import xlsxwriter

MONTHS = 24
DATASET = "subsidy_payment"
_WEIGHTS = np.array((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
_NAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗"


def payments(rows: int) -> pl.DataFrame:
    """So many payments in the contract's columns, all sound, ordered by month."""
    people = max(1, -(-rows // MONTHS))
    number = np.arange(rows)
    month, person = number // people, number % people
    day = np.datetime64("1930-01-01") + (person // 999 % 10_000).astype("timedelta64[D]")
    body = np.char.add("440203", np.char.replace(day.astype(str), "-", ""))
    body = np.char.add(body, np.char.zfill((person % 999 + 1).astype(str), 3))
    digits = np.frombuffer(body.astype("S17").tobytes(), np.uint8).reshape(-1, 17).astype(int) - 48
    checks = np.array(list("10X98765432"))[(digits @ _WEIGHTS) % 11]
    at = np.datetime64("2024-10") + month.astype("timedelta64[M]")
    second = (person * 7 % 600_000).astype("timedelta64[s]")
    paid = at.astype("datetime64[s]") + np.timedelta64(14, "D") + second
    first = np.array(list(_NAMES))[person % len(_NAMES)]
    second_name = np.array([chr(0x4E00 + n) for n in range(3_000)])[person * 31 % 3_000]
    name = np.char.add(first, second_name)
    return pl.DataFrame(
        {
            "payment_no": np.char.add("P", np.char.zfill(number.astype(str), 12)),
            "programme_code": np.array(["old_age_allowance", "dibao"])[person % 2],
            "id_no": np.char.add(body, checks),
            "payee_name": name,
            "benefit_month": at.astype(str),
            "amount": np.char.add((person % 900 + 100).astype(str), ".50"),
            "paid_at": np.char.replace(paid.astype(str), "T", " "),
            "bank_account": np.char.add("622848", np.char.zfill(person.astype(str), 13)),
            "account_name": name,
            "region_code": np.array(["440203000000", "440204000000", "370812000000"])[person % 3],
            "facility_code": np.full(rows, ""),
            "batch_no": np.char.add("B-", at.astype(str)),
            "status": np.full(rows, "success"),
            "approved_by": np.char.add("审批", (person % 26).astype(str)),
            "entered_by": np.char.add("经办", (person % 7).astype(str)),
        }
    ).with_columns(pl.col("facility_code").replace("", None))


def deliver(frame: pl.DataFrame, folder: Path, kind: str) -> Path:
    """A file of the kind (`csv`, `gb18030.csv`, `xlsx`, `parquet`) with its control record."""
    folder.mkdir(parents=True)
    file = folder / f"payments.{kind}"
    if kind == "parquet":
        frame.write_parquet(file)
    elif kind == "xlsx":
        book = xlsxwriter.Workbook(str(file), {"constant_memory": True})
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, frame.columns)
        for line, row in enumerate(frame.iter_rows(), 1):
            sheet.write_row(line, 0, [value or "" for value in row])
        book.close()
    else:
        with file.open("wb") as out:
            for start in range(0, frame.height, 200_000):
                part = frame.slice(start, 200_000).write_csv(include_header=start == 0)
                out.write(part.encode("gb18030" if "gb18030" in kind else "utf-8"))
    with file.open("rb") as done:
        digest = hashlib.file_digest(done, "sha256").hexdigest()
    record = {
        "provider": "minzheng",
        "dataset": DATASET,
        "period": "2026-10",
        "mode": "full",
        "sequence": 1,
        "row_count": frame.height,
        "control_sums": {"amount": str(frame["amount"].cast(pl.Decimal(18, 2)).sum())},
        "sha256": digest,
        "delivered_at": "2026-11-08T09:00:00",
    }
    control = file.with_name(file.name + ".control.json")
    control.write_text(json.dumps(record), "utf-8")
    return file
