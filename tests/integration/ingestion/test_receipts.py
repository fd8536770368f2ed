"""Receipts: the four results, where each bad row stands, and nothing about anybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import pytest
import xlsxwriter

from ingestion.landing import land
from tests.integration.ingestion.conftest import CONTRACTS, Deliver, funds, stays
from yinling import cli, receipts
from yinling.commands import common
from yinling.settings import Settings

STAY, FUND = "facility_stay", "welfare_fund"
FIRST = "facility_stay.440203.2026-09.0001"


def sheets(path: Path) -> dict[str, list[list[str]]]:
    """Every sheet's rows of text, blank cells left out."""
    book = fastexcel.read_excel(path)
    found = {}
    for name in book.sheet_names:
        frame = book.load_sheet(name, header_row=None, dtypes="string").to_polars()
        found[name] = [[cell for cell in row if cell] for row in frame.iter_rows()]
    return found


@pytest.mark.parametrize(
    ("bad", "status"),
    [(0, "accepted"), (1, "accepted_with_errors"), (2, "accepted_with_errors"),
     (3, "partly_accepted"), (20, "partly_accepted")],
)  # fmt: skip
def test_the_share_of_refused_rows_decides(
    home: Settings, deliver: Deliver, bad: int, status: str
) -> None:
    rows = funds(20).with_row_index("n")
    text = pl.when(pl.col("n") < bad).then(pl.lit("?")).otherwise("eldercare_amount")
    deliver(FUND, rows.select(pl.exclude("n", "eldercare_amount"), eldercare_amount=text),
            control={"control_sums": {}})  # fmt: skip
    receipt = land(home, [FUND]).receipts[0]
    assert receipt["status"] == status
    assert (receipt["rows_loaded"], receipt["rows_quarantined"]) == (20 - bad, bad)
    assert receipt["what_to_do"]


def county_workbook(path: Path, rows: pl.DataFrame) -> None:
    """As a county makes it: titles above the header, Chinese headers, two sheets."""
    titles = [CONTRACTS[STAY].by_name[name].title for name in rows.columns]
    book = xlsxwriter.Workbook(str(path))
    for name, part in (("城区", rows.head(10)), ("乡镇", rows.tail(rows.height - 10))):
        sheet = book.add_worksheet(name)
        sheet.write_string(0, 0, "某县养老机构入住情况表")
        sheet.write_string(1, 0, "填报单位：某县民政局")
        sheet.write_row(3, 1, titles)
        for line, row in enumerate(part.rows(), 4):
            for place, value in enumerate(row, 1):
                if value is not None:
                    sheet.write_string(line + (line > 8), place, value)  # a blank row in between
    book.close()


def test_a_receipt_points_to_the_cells_of_the_workbook(
    home: Settings, deliver: Deliver, tmp_path: Path
) -> None:
    rows = stays(30)
    rows[2, "checked_in_on"] = "2026-02-30"
    rows[7, "payer"] = "nobody"
    rows[12, "id_no"] = rows[12, "id_no"][:-1] + "a"
    file = deliver(STAY, rows, kind="xlsx", control={"sha256": None})
    county_workbook(file, rows)
    done = land(home, [STAY])
    assert done.receipts[0]["rows_quarantined"] == 3, done.receipts[0]["message"]

    (written,) = receipts.write_books(home, receipts.find(home, FIRST), tmp_path / "r.xlsx")
    found = sheets(written)
    assert list(found) == ["概况", "问题汇总", "问题明细", "说明"]
    columns = {name: chr(ord("B") + n) for n, name in enumerate(rows.columns)}
    cells = [row[2] for row in found["问题明细"] if row[0].isdigit()]
    assert cells == [
        f"城区!{columns['checked_in_on']}7",
        f"城区!{columns['payer']}13",  # one further down: a blank row stands before it
        f"乡镇!{columns['id_no']}7",
    ]
    text = json.dumps(found, ensure_ascii=False) + json.dumps(done.receipts)
    assert not [clear for clear in [*rows["id_no"], *rows["name"]] if clear in text]
    assert "请填写真实存在的公历日期" in text
    assert ["行数", "30", "30", "27", "3"] in found["概况"]


def test_every_fault_of_a_row_is_told_and_the_row_counts_once(
    home: Settings, deliver: Deliver, tmp_path: Path
) -> None:
    """A clerk who corrects all that is listed need not deliver a third time."""
    rows = stays(30)
    rows[2, "checked_in_on"], rows[2, "payer"], rows[2, "id_no"] = "2026-02-30", "nobody", ""
    rows[5, "payer"] = "nobody"
    file = deliver(STAY, rows, control={"sha256": None})
    text = rows.write_csv().splitlines()
    text[10] += ",one,cell,too,many"
    file.write_text("\n".join(text), "utf-8")
    receipt = land(home, [STAY]).receipts[0]
    counts = {name: receipt[name] for name in ("rows_read", "rows_loaded", "rows_quarantined")}
    assert list(counts.values()) == [30, 27, 3]
    order = [column.name for column in CONTRACTS[STAY].columns]
    of_row_3 = [("checked_in_on", "bad_date"), ("payer", "bad_code"), ("id_no", "id_missing")]
    assert [tuple(detail.values()) for detail in receipt["details"]] == [
        *((3, *fault) for fault in sorted(of_row_3, key=lambda fault: order.index(fault[0]))),
        (6, "payer", "bad_code"),
        (10, "", "column_count"),  # what cannot be split has no columns that could be wrong
    ]
    assert {(p["column"], p["rows"]) for p in receipt["problems"]} == {
        ("payer", 2), ("checked_in_on", 1), ("id_no", 1), ("", 1),
    }  # fmt: skip
    assert sum(part["rows"] for part in manifest(home)["refused_by"]) == 3
    (written,) = receipts.write_books(home, receipts.find(home, FIRST), tmp_path / "r.xlsx")
    told = sheets(written)
    assert "被退回的共 3 行" in told["问题汇总"][1][0]
    assert [row[1] for row in told["问题明细"] if row[0].isdigit()] == ["3", "3", "3", "6", "10"]


def manifest(home: Settings) -> dict[str, Any]:
    (file,) = (home.lake / STAY).glob("*/manifest.json")
    return dict(json.loads(file.read_text("utf-8")))


def test_a_refused_delivery_has_a_receipt_that_says_what_to_do(
    home: Settings, deliver: Deliver, tmp_path: Path
) -> None:
    deliver(FUND, funds(20), control={"row_count": 21})
    land(home, [FUND])
    found = receipts.find(home, dataset=FUND)
    (file,) = receipts.write_books(home, found, tmp_path / "receipts")
    told = sheets(file)
    facts = dict(row for row in told["概况"] if len(row) == 2)
    assert told["问题明细"][1] == told["问题汇总"][1] == ["整批被退回，原因见“概况”。"]
    assert facts["接收结果"] == "整批退回，未载入任何数据"
    assert facts["退回原因"].startswith("控制记录写 21 行，实际收到 20 行")
    assert "重新报送整批" in facts["要做的事"]


def test_the_command_prints_finds_and_writes(
    home: Settings, deliver: Deliver, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("YINLING_HOME", str(home.home))
    monkeypatch.setattr(common, "options", common.Options())
    rows = stays(30)
    rows[2, "checked_in_on"] = "2026-02-30"
    deliver(STAY, rows)
    land(home, [STAY])
    assert cli.run(["receipt", FIRST]) == 0
    shown = capsys.readouterr().out
    assert "基本接收" in shown and "数据行 3" in shown
    assert cli.run(["receipt", FIRST, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["details"] == [
        {"row_no": 3, "column": "checked_in_on", "reason": "bad_date"}
    ]
    folder = tmp_path / "out"
    assert cli.run(["receipt", "--provider", "440203", "--xlsx", str(folder)]) == 0
    assert [file.name for file in folder.iterdir()] == [f"{FIRST}.回执.xlsx"]
    assert cli.run(["receipt", "nothing"]) == 1
    assert "No such receipt" in capsys.readouterr().err
