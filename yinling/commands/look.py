"""Looking without changing: row accounting and health."""

from __future__ import annotations

from typing import Annotated

import typer

from yinling.commands import common


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: yinling status --refused")(status)
    app.command(epilog="Example: yinling doctor")(doctor)


def status(
    refused: Annotated[
        bool, typer.Option("--refused", help="Refused rows by dataset, column and reason instead.")
    ] = False,
) -> None:
    """Row accounting of every batch: read = loaded + quarantined."""
    from yinling.accounting import accounting, refusals

    if refused:
        columns = {"dataset": "dataset", "column": "column", "reason": "reason", "rows": "rows"}
        common.table("Refused rows", refusals(common.settings()), columns)
        return
    rows = accounting(common.settings())
    columns = {
        "batch_id": "batch",
        "mode": "mode",
        "rows_read": "read",
        "rows_loaded": "loaded",
        "rows_quarantined": "quarantined",
        "balanced": "balanced",
        "received_at": "received",
    }
    common.table(f"{len(rows)} batches", rows, columns)
    if wrong := [row["batch_id"] for row in rows if not row["balanced"]]:
        raise common.CommandError(
            f"Rows are unaccounted for in: {', '.join(wrong)}. "
            "Do not publish; keep the landing folder of these batches and land them again."
        )


def doctor() -> None:
    """Check environment, keys, disk, ports, locks and versions, and say how to mend each."""
    from yinling.doctor import examine

    findings = examine(common.options.config)
    rows = [finding.__dict__ for finding in findings]
    if common.options.as_json:
        common.emit(rows)
    else:
        for finding in findings:
            print(f"{finding.status:<5} {finding.subject:<22} {finding.message}")
            if finding.mend:
                print(f"{'':<28} → {finding.mend}")
    if any(finding.status == "FAIL" for finding in findings):
        raise typer.Exit(common.FAILED)
