"""The receipt as a workbook that a clerk understands without help. It names no person."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from ingestion.contracts import Contract
from ingestion.places import Places
from ingestion.reasons import REASONS
from ingestion.receipts import DETAILS, PARTLY, STATUS, WHAT_TO_DO, WHOLE_ROW, suggestion
from yinling.workbook import Book, Sheet

TONES = {
    "accepted": "good",
    "accepted_with_errors": "warn",
    "partly_accepted": "warn",
    "rejected": "bad",
}
MODES = {"full": "全量", "increment": "增量"}


def write_receipt(
    path: Path,
    receipt: dict[str, Any],
    contract: Contract,
    provider_name: str = "",
    places: Places | None = None,
) -> None:
    """Write one receipt as a workbook with the sheets 概况, 问题汇总, 问题明细, 说明.

    Args:
        places: where each row stands in the delivered workbook, if it was one and is still there.
    """
    with Book(path) as book:
        _overview(book, receipt, contract, provider_name)
        _summary(book, receipt)
        _details(book, receipt, contract, places)
        _notes(book)


def _overview(book: Book, receipt: dict[str, Any], contract: Contract, provider_name: str) -> None:
    sheet = book.sheet("概况", [26, 22, 22, 22, 22])
    sheet.title(f"数据质量回执：{receipt['title']}")
    refused, whole = receipt["rows_quarantined"], receipt["status"] == "rejected"
    provider = f"{provider_name}（{receipt['provider']}）" if provider_name else receipt["provider"]
    pairs = {
        "接收结果": receipt["status_zh"],
        **({"退回原因": receipt["message"].partition("。")[2]} if whole else {}),
        "要做的事": receipt["what_to_do"],
        "数据集": f"{receipt['title']}（{receipt['dataset']}）",
        "报送单位": provider,
        "所属期": f"{receipt['period']}（{MODES.get(receipt['mode'], receipt['mode'])}，"
        f"序号 {receipt['sequence']}）",
        "文件": receipt["file"],
        "报送时间": receipt["delivered_at"].replace("T", " "),
        "接收时间": receipt["received_at"].replace("T", " "),
        "批次编号": receipt["batch_id"],
    }
    if receipt["replay_of"]:
        pairs["更正补入"] = f"{receipt['message']}本回执接续批次 {receipt['replay_of']} 的回执。"
    tone = TONES[receipt["status"]]
    sheet.facts(pairs, {"接收结果": tone, "要做的事": tone})
    sheet.gap()
    if not whole:
        stated = receipt["control"]["rows"]
        told = "—" if stated is None else stated
        counted = ["行数", told, receipt["rows_read"], receipt["rows_loaded"], refused]
        heads = ["核对", "报送单位申报", "平台收到", "已载入", "被退回"]
        sheet.table(heads, [counted, *_sums(receipt, contract)])
        sheet.gap()
    if receipt["warnings"]:
        sheet.line("提示（不影响接收，请核对）：")
        for number, text in enumerate(receipt["warnings"], 1):
            sheet.line(f"{number}. {text}")
        sheet.gap()
    if refused:
        sheet.line("各类问题见“问题汇总”，逐行位置见“问题明细”，更正办法见“说明”。")


def _sums(receipt: dict[str, Any], contract: Contract) -> list[list[Any]]:
    """A row a column whose total was stated: stated, found, loaded, refused."""
    rows: list[list[Any]] = []
    for name, stated in receipt["control"]["sums"].items():
        loaded = Decimal(receipt["sums"].get(name, "0"))
        refused = Decimal(receipt["refused_sums"].get(name, "0"))
        column = contract.by_name.get(name)
        label = f"{column.title}合计" if column else name
        rows.append([label, Decimal(stated), loaded + refused, loaded, refused])
    return rows


def _summary(book: Book, receipt: dict[str, Any]) -> None:
    sheet = book.sheet("问题汇总", [7, 24, 44, 8, 24, 50])
    sheet.title("问题汇总")
    if not receipt["problems"]:
        _nothing(sheet, receipt)
        return
    sheet.line(
        "同一列的同一种问题合为一行，按行数从多到少排列。"
        + (
            f"有的行不止一处问题，各处分别计数；被退回的共 {receipt['rows_quarantined']:,} 行。"
            if _faults(receipt) > receipt["rows_quarantined"]
            else ""
        )
    )
    rows = [
        [
            number,
            item["title"],
            REASONS[item["reason"]].message,
            item["rows"],
            "、".join(str(row) for row in item["first_rows"])
            + (" 等" if item["rows"] > len(item["first_rows"]) else ""),
            item["suggestion"],
        ]
        for number, item in enumerate(receipt["problems"], 1)
    ]
    sheet.table(
        ["序号", "列名", "问题", "行数", "数据行号（前几行）", "如何更正"], rows, freeze=True
    )


def _faults(receipt: dict[str, Any]) -> int:
    """How many faults there are; a row may have several."""
    return sum(item["rows"] for item in receipt["problems"])


def _nothing(sheet: Sheet, receipt: dict[str, Any]) -> None:
    whole = receipt["status"] == "rejected"
    sheet.line("整批被退回，原因见“概况”。" if whole else "没有被退回的数据行。")


def _details(
    book: Book, receipt: dict[str, Any], contract: Contract, places: Places | None
) -> None:
    titles = {column.name: column.title for column in contract.columns}
    sheet = book.sheet("问题明细", [7, 11, 16, 24, 44, 50])
    sheet.title("问题明细")
    details, faults = receipt["details"], _faults(receipt)
    if not details:
        _nothing(sheet, receipt)
        return
    sheet.line(
        "数据行号从 1 起，不算表头和空行。一行有几处问题的，每处各列一行。"
        + ("单元格位置是报送的工作簿中的位置。" if places else "")
        + "为保护个人信息，本表不列数据内容，请按位置查阅原件。"
    )
    if faults > len(details):
        sheet.line(f"共 {faults:,} 处问题，此处列出前 {DETAILS:,} 处；其余同类，见“问题汇总”。")
    rows = [
        [
            number,
            item["row_no"],
            places.cell(item["row_no"], item["column"]) if places else "",
            titles.get(item["column"], WHOLE_ROW),
            REASONS[item["reason"]].message,
            suggestion(contract, item["column"], item["reason"]),
        ]
        for number, item in enumerate(details, 1)
    ]
    heads = ["序号", "数据行号", "单元格", "列名", "问题", "如何更正"]
    sheet.table(heads, rows, freeze=True)


def _notes(book: Book) -> None:
    sheet = book.sheet("说明", [26, 90])
    sheet.title("怎样看这份回执")
    sheet.table(["接收结果", "含义和要做的事"], [
        [STATUS["accepted"], WHAT_TO_DO["accepted"]],
        [
            STATUS["accepted_with_errors"],
            f"被退回的行不超过一成（{PARTLY:.0%}），本期视为已报。"
            + WHAT_TO_DO["accepted_with_errors"],
        ],
        [
            STATUS["partly_accepted"],
            f"被退回的行超过一成（{PARTLY:.0%}）。" + WHAT_TO_DO["partly_accepted"],
        ],
        [STATUS["rejected"], WHAT_TO_DO["rejected"]],
    ])  # fmt: skip
    sheet.gap()
    sheet.table(["要更正的情况", "做法"], [
        ["少量行有错", "在原文件中更正这些行，以新的序号重新报送；可以只报更正的行（增量），"
         "也可以报整份（全量）。平台按主键用新内容替换旧内容，历史保留。"],
        ["整批被退回", "按原因更正后重新报送整批；整批退回的序号可以再次使用。"],
        ["已接收的批次有错", "不要用同一序号重报不同内容（会被拒收），请使用新的序号。"],
        ["确无错误，是代码表或规则不全", "请告知数据管理部门；规则更新后由平台重新处理，"
         "无需重新报送，届时另发回执。"],
        ["全量报送", "以名册方式报送的全量，未列入的旧记录视为注销；被退回的行不算注销。"],
    ])  # fmt: skip
    sheet.gap()
    sheet.line("本回执不含个人信息。对结果有异议的，请在收到后与数据管理部门核对。")
