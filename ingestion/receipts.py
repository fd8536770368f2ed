"""The receipt (质量回执): what goes back to the provider, in plain words, without personal data."""

from __future__ import annotations

from typing import Any

import polars as pl

from ingestion.contracts import Contract
from ingestion.delivery import Delivery
from ingestion.reasons import REASONS

EXAMPLES = 20
STATUS = {
    "accepted": "全部接收",
    "accepted_with_errors": "部分接收：有数据行被退回",
    "rejected": "整批退回，未载入任何数据",
}


def accepted(
    contract: Contract, delivery: Delivery, manifest: dict[str, Any], refused: pl.DataFrame
) -> dict[str, Any]:
    """The receipt of a loaded batch: counts, sums, what was refused and what to do about it."""
    status = "accepted_with_errors" if refused.height else "accepted"
    titles = {column.name: column.title for column in contract.columns}
    grouped = refused.group_by("column", "reason").agg(rows=pl.len()).sort("rows", "column")
    problems = [
        {
            "column": column,
            "title": titles[column],
            "reason": reason,
            "rows": rows,
            "message": f"“{titles[column]}”：{REASONS[reason].message}，{rows} 行",
            "suggestion": REASONS[reason].suggestion,
        }
        for column, reason, rows in grouped.reverse().iter_rows()
    ]
    return {
        **_head(contract, delivery, status),
        "message": f"{STATUS[status]}。收到 {manifest['rows_read']} 行，"
        f"载入 {manifest['rows_loaded']} 行，退回 {manifest['rows_quarantined']} 行。",
        "received_at": manifest["received_at"],
        **{name: manifest[name] for name in ("rows_read", "rows_loaded", "rows_quarantined")},
        "control": manifest["control"],
        "sums": manifest["sums"],
        "refused_sums": manifest["refused_sums"],
        "problems": problems,
        "examples": refused.head(EXAMPLES)
        .select("row_no", "column", "reason", "message_zh")
        .to_dicts(),
        "warnings": manifest["warnings"],
    }


def rejected(
    contract: Contract, delivery: Delivery, code: str, reason: str, received_at: str
) -> dict[str, Any]:
    """The receipt of a delivery of which nothing was loaded."""
    return {
        **_head(contract, delivery, "rejected"),
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
        "warnings": delivery.warnings,
    }


def _head(contract: Contract, delivery: Delivery, status: str) -> dict[str, Any]:
    return {
        "batch_id": delivery.batch_id,
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
    }
