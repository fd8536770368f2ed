"""The receipt (质量回执): what goes back to the provider, in plain words, without personal data.

A receipt is JSON (`receipts/<dataset>/<batch_id>.json`); `ingestion.receipt_book` makes a workbook
of it. Status and words are explained in docs/receipts.md.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from ingestion import quarantine
from ingestion.contracts import Contract
from ingestion.delivery import Delivery
from ingestion.odcs import CodeList
from ingestion.reasons import REASONS

EXAMPLES = 20
# Faults of the platform itself, and what is told instead: nobody need deliver anything again.
OWN_FAULTS = {"rows_lost": "无需重新报送：由平台查明原因后再次载入。"}
DETAILS = 2_000  # faults told one by one; of the others the summary speaks
LISTED_CODES = 12
PARTLY = 0.1  # share of refused rows above which a delivery does not count as delivered
WHOLE_ROW = "整行"
STATUS = {
    "accepted": "全部接收",
    "accepted_with_errors": "基本接收：少量数据行被退回",
    "partly_accepted": "部分接收：较多数据行被退回",
    "rejected": "整批退回，未载入任何数据",
}
NOTHING_LOADED = "未接收：全部数据行被退回"
WHAT_TO_DO = {
    "accepted": "无需处理。",
    "accepted_with_errors": "请更正被退回的行，用新的序号（或在下期）重新报送；其余行无需重报。",
    "partly_accepted": "本期视为未报齐。请更正被退回的行，尽快用新的序号重新报送。",
    "rejected": "本期视为未报。请按退回原因更正，重新报送整批。",
}


def status_of(rows_read: int, rows_refused: int) -> str:
    """What a delivery of which something was loaded is called."""
    if not rows_refused:
        return "accepted"
    return "partly_accepted" if rows_refused > PARTLY * rows_read else "accepted_with_errors"


def words(status: str, rows_read: int, rows_loaded: int) -> str:
    """The status in Chinese, for a delivery that was taken."""
    return STATUS[status] if rows_loaded or not rows_read else NOTHING_LOADED


def accepted(
    contract: Contract, delivery: Delivery, manifest: dict[str, Any], refused: pl.LazyFrame
) -> dict[str, Any]:
    """The receipt of a loaded batch: counts, sums, what was refused and what to do about it.

    Args:
        refused: rows of the quarantine that the delivery still has.
    """
    read, loaded = manifest["rows_read"], manifest["rows_loaded"]
    problems = _problems(contract, refused)
    left = int(refused.select(pl.len()).collect(engine="streaming").item())
    if delivery.replay:
        status = "accepted_with_errors" if left else "accepted"
        message = f"更正补入 {loaded} 行，仍退回 {left} 行。"
    else:
        status = status_of(read, left)
        counts = f"收到 {read} 行，载入 {loaded} 行，退回 {left} 行"
        message = f"{words(status, read, loaded)}。{counts}。"
    shown = ("row_no", "column", "reason", "message_zh", "others")
    first = refused.select(shown).sort("row_no").head(DETAILS).collect(engine="streaming")
    details = quarantine.every_fault(first.lazy()).sort("row_no", "nth").head(DETAILS).collect()
    return {
        **_head(contract, delivery, status),
        "status_zh": words(status, read, loaded),
        "message": message,
        "received_at": manifest["received_at"],
        "rows_read": read,
        "rows_loaded": loaded,
        "rows_quarantined": left,
        "control": manifest["control"],
        "sums": manifest["sums"],
        "refused_sums": manifest["refused_sums"],
        "problems": problems,
        "examples": first.drop("others").head(EXAMPLES).to_dicts(),
        "details": details.drop("nth").to_dicts(),
        "warnings": manifest["warnings"],
    }


def suggestion(contract: Contract, column: str, reason: str) -> str:
    """What the provider can do; for a wrong code, form or range, what may stand there."""
    known = contract.by_name.get(column)
    if known is None:
        return REASONS[reason].suggestion
    listed = known.codes is not None and len(known.codes.values) <= LISTED_CODES
    if known.codes and listed and reason in ("bad_code", "bad_number"):
        return _codes_to_fill_in(known.codes)
    blank = "" if known.required else "；没有的请留空"
    if reason == "bad_number":
        whole = known.logical_type == "integer"
        return ("请只填整数，不带单位和文字" if whole else REASONS[reason].suggestion) + blank
    if reason == "bad_date":
        clock = " 09:30" if known.logical_type == "timestamp" else ""
        return f"{REASONS[reason].suggestion}{clock}{blank}"
    if reason == "bad_pattern":
        return f"{REASONS[reason].suggestion}：{known.description}"
    if reason == "out_of_range":
        bounds = (("不小于", known.minimum), ("不大于", known.maximum))
        limits = "、".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
        return f"{REASONS[reason].suggestion}：应{limits}"
    return REASONS[reason].suggestion


def _codes_to_fill_in(codes: CodeList) -> str:
    labels = {code: str(getattr(label, "label", label)) for code, label in codes.values.items()}
    listed = [code if code == label else f"{code}（{label}）" for code, label in labels.items()]
    several = f"；有多项的，中间用“{codes.separator}”分隔" if codes.separator else ""
    return f"可填代码或名称：{'、'.join(listed)}{several}"


def _problems(contract: Contract, refused: pl.LazyFrame) -> list[dict[str, Any]]:
    """What is wrong by column and reason, most rows first; a row counts for each of its faults."""
    titles = contract.titles
    grouped = (
        quarantine.every_fault(refused)
        .group_by("column", "reason")
        .agg(rows=pl.len(), first=pl.col("row_no").bottom_k(5).sort())
    )
    ordered = grouped.sort("rows", "column", "reason", descending=[True, False, False])
    return [
        {
            "column": column,
            "title": titles[column],
            "reason": reason,
            "rows": rows,
            "first_rows": first,
            "message": f"“{titles[column]}”：{REASONS[reason].message}，{rows} 行",
            "suggestion": suggestion(contract, column, reason),
        }
        for column, reason, rows, first in ordered.collect(engine="streaming").iter_rows()
    ]


def rejected(
    contract: Contract, delivery: Delivery, code: str, reason: str, received_at: str
) -> dict[str, Any]:
    """The receipt of a delivery of which nothing was loaded."""
    return {
        **_head(contract, delivery, "rejected"),
        "what_to_do": OWN_FAULTS.get(code, WHAT_TO_DO["rejected"]),
        "reason": code,
        "message": f"{STATUS['rejected']}。{reason}",
        "received_at": received_at,
        "rows_read": 0,
        "rows_loaded": 0,
        "rows_quarantined": 0,
        "control": {
            "rows": delivery.row_count,
            "sums": {name: str(total) for name, total in delivery.control_sums.items()},
        },
        "problems": [],
        "examples": [],
        "details": [],
        "warnings": delivery.warnings,
    }


def _head(contract: Contract, delivery: Delivery, status: str) -> dict[str, Any]:
    return {
        "batch_id": delivery.batch_id,
        "replay_of": delivery.delivery_id if delivery.replay else None,
        "dataset": contract.name,
        "title": contract.title,
        "provider": delivery.provider,
        "period": delivery.period,
        "mode": delivery.mode,
        "sequence": delivery.sequence,
        "file": delivery.file,
        "sha256": delivery.sha256,
        "control_sha256": delivery.control_sha256,
        "delivered_at": delivery.delivered_at.isoformat(),
        "contract_version": contract.version,
        "status": status,
        "status_zh": STATUS[status],
        "what_to_do": WHAT_TO_DO[status],
    }
