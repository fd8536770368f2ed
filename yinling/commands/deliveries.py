"""What came and what did not: receipts, what is owed, what was refused, what is new."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yinling.commands import common

if TYPE_CHECKING:
    from ingestion.refusals import Search
    from yinling.settings import Settings

COLOURS = {
    "missing": "red",
    "rejected": "red",
    "partly": "yellow",
    "accepted": "green",
    "accepted_with_errors": "yellow",
    "partly_accepted": "yellow",
}
BY = {
    "reason": ["reason"],
    "dataset": ["dataset", "reason"],
    "provider": ["provider", "dataset"],
    "period": ["dataset", "period"],
    "batch": ["batch_id", "reason"],
}


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(
        epilog="Example: yinling receipt facility_stay.440203.2026-09.0001 --xlsx receipt.xlsx"
    )(receipt)
    app.command(epilog="Example: yinling owed --as-of 2026-10-31 --xlsx owed.xlsx")(owed)
    app.command(epilog="Example: yinling quarantine facility_stay --by provider")(quarantine)
    app.command(epilog="Example: yinling replay facility_stay --code bad_code")(replay)
    app.command(epilog="Example: yinling news --family facility")(news)


def receipt(
    batch: Annotated[
        str | None, typer.Argument(help="Delivery, as `yinling status` and the receipt name it.")
    ] = None,
    xlsx: Annotated[
        Path | None,
        typer.Option(help="Write a workbook: a file, or a folder for one file a delivery."),
    ] = None,
    provider: Annotated[str | None, typer.Option(help="All receipts of this provider.")] = None,
    dataset: Annotated[str | None, typer.Option(help="All receipts of this dataset.")] = None,
    period: Annotated[str | None, typer.Option(help="All receipts of this period.")] = None,
) -> None:
    """Show a delivery's receipt (质量回执) or write receipts as workbooks, for the provider."""
    from yinling.receipts import find, lines, write_books

    settings = common.settings()
    found = find(settings, batch, provider=provider, dataset=dataset, period=period)
    if not found:
        raise common.CommandError(
            "No such receipt. `yinling status` lists the deliveries that were loaded; of those "
            f"refused whole the receipts lie below {settings.receipts}."
        )
    if xlsx is not None:
        files = write_books(settings, found, xlsx)
        common.emit([str(file) for file in files], [f"wrote {file}" for file in files])
        return
    if batch is not None:
        common.emit(found[-1], lines(found[-1]))
        return
    columns = {
        "batch_id": "批次", "status_zh": "接收结果", "rows_read": "收到", "rows_loaded": "载入",
        "rows_quarantined": "退回",
    }  # fmt: skip
    common.table("质量回执", found, columns)


def owed(
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="As that day ended (default: today).")
    ] = None,
    xlsx: Annotated[Path | None, typer.Option(help="Also write a workbook.")] = None,
) -> None:
    """Who owes which delivery by when: missing, refused, partly taken, late (催报清单)."""
    from yinling.owed import data_clock
    from yinling.owed import owed as list_owed
    from yinling.owed_book import by_dataset, reminders, write_owed

    settings = common.settings()
    day = common.day(as_of) if as_of else data_clock(settings)
    items = list_owed(settings, day)
    rows = reminders(items)
    if xlsx is not None:
        write_owed(xlsx, items, day)
    if common.options.as_json:
        details = [{**vars(item), "status_zh": item.status_zh} for item in items]
        common.emit(
            {"as_of": day, "datasets": by_dataset(items), "reminders": rows, "details": details}
        )
        return
    columns = {
        "status_zh": "情况", "provider_name": "单位", "title": "数据集", "periods": "期次",
        "due_on": "应报日期", "days_late": "逾期天数",
    }  # fmt: skip
    due = [item for item in items if item.status not in ("pending", "covered")]
    title = f"截至 {day}：应报 {len(due)} 期次，需要催办 {sum(i.is_open for i in due)}"
    common.table(title, rows, columns, {"status_zh": lambda row: COLOURS.get(row["status"], "")})
    if xlsx is not None:
        print(f"wrote {xlsx}")


def quarantine(
    dataset: Annotated[str | None, typer.Argument(help="Dataset; none: all.")] = None,
    by: Annotated[str, typer.Option(help=f"Count by: {', '.join(BY)}.")] = "dataset",
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    period: Annotated[str | None, typer.Option(help="Only this period.")] = None,
    code: Annotated[
        str | None, typer.Option(help="Only this reason, for example bad_date.")
    ] = None,
    batch: Annotated[str | None, typer.Option(help="Only this delivery.")] = None,
    row: Annotated[int | None, typer.Option(help="Only this row number.")] = None,
    examples: Annotated[
        int, typer.Option(min=0, help="Show so many rows of each reason, without their text.")
    ] = 0,
    role: Annotated[str | None, typer.Option(help="Role of who wants to see the text.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; goes into the access log.")] = None,
) -> None:
    """List refused rows: how many, why, where; their text with --role and --reason (logged)."""
    from ingestion import refusals

    if by not in BY:
        raise common.CommandError(f"--by {by}: one of {', '.join(BY)}.", common.USAGE)
    if (role is None) != (reason is None):
        raise common.CommandError("Give --role and --reason together.", common.USAGE)
    settings = common.settings()
    rows = refusals.refused(settings, _search(dataset, provider, period, code, batch, row))
    if role is not None and reason is not None:
        common.emit(_texts(settings, rows.head(examples) if examples else rows, role, reason))
        return
    counted = refusals.counts(rows, BY[by]).to_dicts()
    total = sum(row["rows"] for row in counted)
    shown = refusals.examples(rows, examples).to_dicts() if examples else []
    if common.options.as_json:
        common.emit({"rows": total, "counts": counted, "examples": shown})
        return
    common.table(
        f"{total} refused rows",
        counted,
        {**{name: name for name in BY[by]}, "rows": "rows", "open": "open",
         "replayed": "replayed", "forgotten": "forgotten"},
    )  # fmt: skip
    if shown:
        common.table(
            "Examples (shape of the value: 9 digit, A letter, 字 Chinese)",
            shown,
            {"batch_id": "delivery", "message_zh": "问题", "shape": "shape", "state": "state"},
        )


def _texts(settings: Settings, rows: Any, role: str, reason: str) -> list[dict[str, Any]]:
    from ingestion.refusals import disclosed

    found: list[dict[str, Any]] = disclosed(settings, rows, role, reason).to_dicts()
    return found


def _search(
    dataset: str | None,
    provider: str | None = None,
    period: str | None = None,
    code: str | None = None,
    batch: str | None = None,
    row: int | None = None,
) -> Search:
    from ingestion.refusals import Search

    return Search(
        dataset=dataset or (batch.partition(".")[0] if batch else None),
        provider=provider, period=period, reason=code, batch_id=batch, row_no=row,
    )  # fmt: skip


def replay(
    dataset: Annotated[str | None, typer.Argument(help="Dataset; none: all.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider's rows.")] = None,
    period: Annotated[str | None, typer.Option(help="Only this period's rows.")] = None,
    code: Annotated[str | None, typer.Option(help="Only rows refused for this reason.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only this delivery's rows.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="The delivery's rows put right (needs --batch).")
    ] = None,
) -> None:
    """Land refused rows that are sound now: after a change of contract or code list, or from FILE.

    Each row comes in once, under its delivery and row number; the others stay refused.
    """
    from ingestion.replay import replay as replay_rows

    if file is not None and not file.is_file():
        raise common.CommandError(f"{file} is no file.", common.USAGE)
    search = _search(dataset, provider, period, code, batch)
    receipts = replay_rows(common.settings(), search, file)
    rows = sum(item["rows_loaded"] for item in receipts)
    lines = [f"{item['batch_id']}: {item['message']}" for item in receipts]
    lines.append(
        f"{rows} rows landed from the quarantine. `yinling run` takes them into the release."
        if rows
        else "nothing to do: no refused row is sound now"
    )
    common.emit({"rows": rows, "batches": [item["batch_id"] for item in receipts]}, lines)


def news(
    datasets: Annotated[list[str] | None, typer.Argument(help="Datasets; none: all.")] = None,
    family: Annotated[str | None, typer.Option(help="All datasets of this family.")] = None,
) -> None:
    """Which sources have something that the hub has not; nothing is landed.

    A source that cannot be asked counts as news, so that landing it says what is wrong.
    """
    from ingestion.contracts import load_contracts
    from ingestion.landing import has_news

    settings = common.settings()
    contracts = load_contracts(settings.contracts)
    wanted = datasets or sorted(set(settings.sources) & set(contracts))
    if unknown := sorted(set(wanted) - (set(settings.sources) & set(contracts))):
        raise common.CommandError(f"No source or contract: {', '.join(unknown)}.", common.USAGE)
    if family is not None:
        wanted = [name for name in wanted if contracts[name].family == family]
    found = {name: has_news(settings, contracts[name]) for name in wanted}
    news = [name for name, something in found.items() if something]
    common.emit(
        {"news": news, "asked": wanted},
        [f"{name}: {'something new' if found[name] else 'nothing new'}" for name in wanted],
    )
