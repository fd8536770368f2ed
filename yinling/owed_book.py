"""The list of deliveries owed as a workbook for the bureau: whom to remind of what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from yinling.owed import STATUS, Owed, spans
from yinling.workbook import Book

TONES = {
    "missing": "bad",
    "rejected": "bad",
    "partly": "warn",
    "late": "warn",
    "delivered": "good",
    "covered": "quiet",
    "pending": "quiet",
}
REMEDY = {
    "missing": "请尽快报送",
    "rejected": "请按质量回执更正后重新报送整批",
    "partly": "请按质量回执更正被退回的行，用新的序号重新报送",
}


def reminders(items: Sequence[Owed]) -> list[dict[str, Any]]:
    """What is open, one row a provider, dataset and status; the longest overdue first."""
    grouped: dict[tuple[str, str, str], list[Owed]] = {}
    for item in items:
        if item.is_open:
            grouped.setdefault((item.provider, item.dataset, item.status), []).append(item)
    rows = [
        {
            "provider": some[0].provider,
            "provider_name": some[0].provider_name,
            "dataset": some[0].dataset,
            "title": some[0].title,
            "status": some[0].status,
            "status_zh": some[0].status_zh,
            "periods": some[0].period_zh if some[0].is_daily else spans(i.period for i in some),
            "count": len(some),
            "due_on": min(item.due_on for item in some),
            "days_late": max(item.days_late for item in some),
            "remedy": REMEDY[some[0].status],
        }
        for some in grouped.values()
    ]
    return sorted(rows, key=lambda r: (-r["days_late"], r["provider"], r["dataset"]))


def by_dataset(items: Sequence[Owed]) -> list[dict[str, Any]]:
    """Numbers by dataset and status, in the datasets' order by department."""
    names = {(item.owner, item.dataset): item.title for item in items}
    return [
        {
            "owner": owner,
            "dataset": dataset,
            "title": title,
            "due": sum(
                i.status not in ("pending", "covered") for i in items if i.dataset == dataset
            ),
            **{
                status: sum(i.status == status for i in items if i.dataset == dataset)
                for status in STATUS
            },
        }
        for (owner, dataset), title in sorted(names.items())
    ]


def write_owed(path: Path, items: Sequence[Owed], as_of: date) -> None:
    """Write the sheets 概况, 催报清单, 明细, 说明."""
    with Book(path) as book:
        _overview(book, items, as_of)
        _reminders(book, items, as_of)
        _details(book, items)
        _notes(book)


def _overview(book: Book, items: Sequence[Owed], as_of: date) -> None:
    sheet = book.sheet("概况", [30, 24, 9, 9, 9, 9, 11, 9])
    sheet.title("数据报送情况")
    due = [item for item in items if item.status not in ("pending", "covered")]
    opened = [item for item in due if item.is_open]
    sheet.line(
        f"截至 {as_of:%Y年%m月%d日}：应报 {len(due)} 期次，"
        f"按时 {sum(i.status == 'delivered' for i in due)}，"
        f"迟报 {sum(i.status == 'late' for i in due)}，"
        f"部分接收 {sum(i.status == 'partly' for i in due)}，"
        f"被退回 {sum(i.status == 'rejected' for i in due)}，"
        f"未报 {sum(i.status == 'missing' for i in due)}。"
    )
    sheet.line(
        f"需要催办 {len(opened)} 期次，涉及 {len({i.provider for i in opened})} 个单位，"
        "见“催报清单”。"
        if opened
        else "没有需要催办的单位。"
    )
    sheet.gap()
    rows, tones = [], []
    for row in by_dataset(items):
        states = ("delivered", "late", "partly", "rejected", "missing")
        counts = [row[state] or None for state in states]
        rows.append([row["owner"], row["title"], row["due"], *counts])
        tones.append(
            "bad" if row["missing"] or row["rejected"] else "warn" if row["partly"] else None
        )
    heads = ["责任部门", "数据集", "应报", "按时", "迟报", "部分接收", "退回未重报", "未报"]
    sheet.table(heads, rows, tones, tone_column=1, freeze=True)


def _reminders(book: Book, items: Sequence[Owed], as_of: date) -> None:
    sheet = book.sheet("催报清单", [11, 22, 22, 11, 30, 7, 13, 10, 30])
    sheet.title("催报清单")
    rows = reminders(items)
    if not rows:
        sheet.line("没有需要催办的单位。")
        return
    sheet.line(f"截至 {as_of:%Y年%m月%d日}，逾期最久的在前。应报日期为最早一期的应报日期。")
    sheet.table(
        ["单位代码", "单位", "数据集", "情况", "期次", "期数", "应报日期", "逾期天数", "要做的事"],
        [
            [r["provider"], r["provider_name"], r["title"], r["status_zh"], r["periods"],
             r["count"], r["due_on"], r["days_late"], r["remedy"]]
            for r in rows
        ],
        [TONES[r["status"]] for r in rows],
        tone_column=3,
        freeze=True,
    )  # fmt: skip


def _details(book: Book, items: Sequence[Owed]) -> None:
    sheet = book.sheet("明细", [26, 14, 26, 12, 13, 16, 13, 11, 10, 10])
    sheet.title("逐期明细")
    sheet.table(
        ["数据集", "单位代码", "单位", "期次", "应报日期", "情况", "报送日期", "逾期天数", "行数",
         "退回行数"],
        [
            [i.title, i.provider, i.provider_name, i.period, i.due_on, i.status_zh,
             i.delivered_on, i.days_late or None, i.rows_read or None, i.rows_refused or None]
            for i in items
        ],
        [TONES[i.status] for i in items],
        tone_column=5,
        freeze=True,
    )  # fmt: skip


def _notes(book: Book) -> None:
    sheet = book.sheet("说明", [20, 96])
    sheet.title("怎样看这份表")
    sheet.table(["情况", "含义"], [
        [STATUS["delivered"], "在应报日期（含当日）以前报送，平台已接收。"],
        [STATUS["late"], "已报送，但晚于应报日期；无需再报。"],
        [STATUS["partly"], "已报送，但被退回的行超过一成，视为未报齐；请按质量回执更正后重报。"],
        [STATUS["rejected"], "报送过，但整批被退回且尚未重报。"],
        [STATUS["missing"], "应报日期已过，没有收到。"],
        [STATUS["covered"], "当期未报，但后来报了全量，内容已包含在内；不再催报。"],
        [STATUS["pending"], "应报日期未到。"],
    ])  # fmt: skip
    sheet.gap()
    for text in (
        "应报什么由数据合同规定：多久报一次、期满后几日内报、由部门还是由各县（市、区）报。",
        "由县报送的数据集，按当月存在的县级区划计；由市统一代报的，计在市名下。",
        "起报之前的期次不算：以该单位首次报送的期次为起点；从未报送的，以该数据集最早的期次为起点。",
        f"“{'每日'}”更新的数据集不分期次，看最近一次数据是否在约定的天数之内。",
    ):
        sheet.line("· " + text)
