"""Finding receipts, showing them, writing them as workbooks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yinling.settings import Settings

SHOWN = 15  # problems in the terminal


def find(
    settings: Settings,
    batch: str | None = None,
    *,
    provider: str | None = None,
    dataset: str | None = None,
    period: str | None = None,
) -> list[dict[str, Any]]:
    """Receipts by batch name; of one delivery: its own, then those of its replays."""
    named = dataset or (batch.partition(".")[0] if batch else "*")
    found = []
    for file in sorted(settings.receipts.glob(f"{named}/*.json")):
        if batch is not None and not (file.stem == batch or file.stem.startswith(f"{batch}.")):
            continue
        receipt = json.loads(file.read_bytes())
        if provider in (None, receipt["provider"]) and period in (None, receipt["period"]):
            found.append(receipt | {"receipt": file.stem})
    return found


def lines(receipt: dict[str, Any]) -> list[str]:
    """A receipt for the terminal, in Chinese."""
    shown = [
        f"质量回执  {receipt['title']}  {receipt['batch_id']}",
        f"接收结果  {receipt['status_zh']}",
        f"说明      {receipt['message']}",
        f"怎么办    {receipt.get('what_to_do', '')}",
        f"文件      {receipt['file']}（{receipt['delivered_at'].replace('T', ' ')} 报送）",
    ]
    for item in receipt["problems"][:SHOWN]:
        rows = "、".join(str(row) for row in item.get("first_rows", []))
        shown.append(f"  · {item['message']}（数据行 {rows}）。{item['suggestion']}。")
    if len(receipt["problems"]) > SHOWN:
        shown.append(f"  · 另有 {len(receipt['problems']) - SHOWN} 类问题，见 --xlsx 或 --json")
    shown += [f"  提示：{text}" for text in receipt["warnings"]]
    return shown


def write_books(settings: Settings, receipts: Sequence[dict[str, Any]], target: Path) -> list[Path]:
    """Write receipts as workbooks: to the file named, or into the folder, one each.

    Several receipts into one file name make that name a folder.
    """
    from ingestion.contracts import load_contracts
    from ingestion.places import places_of
    from ingestion.receipt_book import write_receipt
    from ingestion.register import delivered_file
    from yinling.owed import provider_names

    contracts, names = load_contracts(settings.contracts), provider_names(settings)
    single = len(receipts) == 1 and target.suffix.lower() == ".xlsx"
    written = []
    for receipt in receipts:
        name = receipt["dataset"]
        file = target if single else target / f"{receipt['receipt']}.回执.xlsx"
        batch_id = receipt.get("replay_of") or receipt["batch_id"]
        delivered = delivered_file(settings, name, batch_id, receipt["file"])
        places = places_of(delivered, contracts[name])
        who = names.get(receipt["provider"], "")
        write_receipt(file, receipt, contracts[name], who, places)
        written.append(file)
    return written
