"""`yinling deliver`: a file from a memory stick, with what it takes to be one and the receipt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from ingestion import register
from ingestion.landing import land
from tests.integration.ingestion.conftest import CONTRACTS, funds, lake, stays
from yinling import cli
from yinling.commands import by_hand, common
from yinling.settings import Settings, load_settings

DATASET = "welfare_fund"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in a home with a folder source and a database source."""
    monkeypatch.setenv("YINLING_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "in").mkdir(parents=True)
    (tmp_path / "home" / "yinling.toml").write_text(
        f'[sources.{DATASET}]\nconnector = "folder"\npath = "in"\n'
        '[sources.facility_stay]\nconnector = "postgresql"\nuri_env = "NOT_SET"\ntable = "stay"\n'
    )

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(common, "options", common.Options())
        code = cli.run(["deliver", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def settings(run: Run) -> Settings:
    return load_settings()


def chinese(path: Path, dataset: str, rows: pl.DataFrame, encoding: str = "utf-8") -> Path:
    titles = {column.name: column.title for column in CONTRACTS[dataset].columns}
    path.write_bytes(rows.rename(titles, strict=False).write_csv().encode(encoding))
    return path


def county_book(path: Path, rows: pl.DataFrame) -> Path:
    """As a county makes it: a title above, Chinese headers."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("台账")
    sheet.merge_range(0, 0, 0, 4, "福利彩票公益金使用情况表")
    sheet.write_row(1, 0, [column.title for column in CONTRACTS[DATASET].columns])
    for line, row in enumerate(rows.rows(), 2):
        sheet.write_row(line, 0, row)
    book.close()
    return path


def test_guess_land_and_receipt(run: Run, settings: Settings, tmp_path: Path) -> None:
    file = county_book(tmp_path / "公益金_440203_202609.xlsx", funds(4))
    code, out, _ = run(str(file), "--yes", "--land")
    assert code == 0
    for words in (
        "福利彩票公益金",
        "440203",
        "2026-09",
        "文件名中的区划代码",
        "质量回执",
        "全部接收",
    ):
        assert words in out
    batch = register.batches(settings, DATASET).row(0, named=True)
    assert batch["batch_id"] == "welfare_fund.440203.2026-09.0001"
    assert batch["control_rows"] == 4
    assert {item["column"]: item["sum"] for item in batch["control_sums"]} == {
        item["column"]: item["sum"] for item in batch["sums"] if item["column"] != "year"
    }
    assert file.exists(), "the clerk's own file stays"
    code, out, _ = run(str(file), "--yes", "--land")
    assert code == 0 and "已经报送过" in out
    assert register.batches(settings, DATASET).height == 1


def test_into_the_folder_and_landed_by_the_next_run(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    file = chinese(tmp_path / "x_440203_202609.csv", DATASET, funds(3), "gb18030")
    code, out, _ = run(str(file), "--yes")
    assert code == 0 and "已放入收件目录" in out
    control = json.loads((settings.home / "in" / f"{file.name}.control.json").read_text())
    assert (control["row_count"], control["encoding"]) == (3, "gb18030")
    assert control["control_sums"] == {"total_amount": "4.50", "eldercare_amount": "3.00"}
    assert not list((settings.home / "in").glob("*.part"))
    code, out, _ = run(str(file), "--yes")
    assert code == 0 and "已经报送过" in out, "it waits in the folder already"
    assert land(settings, [DATASET]).receipts[0]["status"] == "accepted"


@pytest.mark.parametrize("lost", ["", ".control.json"])
def test_killed_between_control_record_and_file(
    run: Run, settings: Settings, tmp_path: Path, lost: str
) -> None:
    """The control record goes first; a file without one was put there by somebody else."""
    file = chinese(tmp_path / "x_440203_202609.csv", DATASET, funds(3))
    run(str(file), "--yes")
    (settings.home / "in" / f"{file.name}{lost}").unlink()
    (settings.home / "in" / ".welfare_fund.440203.2026-09.0001.part").write_bytes(b"half")
    assert run(str(file), "--yes")[0] == 0
    assert sorted(path.name for path in (settings.home / "in").iterdir()) == [
        file.name, f"{file.name}.control.json",
    ]  # fmt: skip
    assert [r["batch_id"][-4:] for r in land(settings, [DATASET]).receipts] == ["0001"]


def test_no_run_finds_the_file_without_its_control_record(
    run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at after each rename: where the name alone would do, too, the file is not first."""
    seen, replace = [], Path.replace

    def look(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        seen.append(sorted(p.name for p in (settings.home / "in").iterdir() if p.name[0] != "."))
        return moved

    monkeypatch.setattr(Path, "replace", look)
    file = chinese(tmp_path / "x_440203_202609.csv", DATASET, funds(3))
    run(str(file), "--yes")
    record = f"{file.name}.control.json"
    assert seen[-2:] == [[record], [file.name, record]]


def test_another_file_has_the_name(run: Run, settings: Settings, tmp_path: Path) -> None:
    for number, rows in enumerate((3, 4), 1):
        (tmp_path / f"{number}").mkdir()
        file = chinese(tmp_path / f"{number}" / "x_440203_202609.csv", DATASET, funds(rows))
        assert run(str(file), "--yes")[0] == 0
    assert [r["rows_loaded"] for r in land(settings, [DATASET]).receipts] == [3, 4]


def test_a_dataset_that_comes_from_a_database_can_be_handed_in(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    file = chinese(tmp_path / "入住_440203_202609.csv", "facility_stay", stays(5))
    code, out, _ = run(str(file), "--yes")
    assert code == 0 and "立即载入" in out and "质量回执" in out
    assert lake(settings, "facility_stay").height == 5
    left = list(settings.landing.glob("*/.by-hand/*"))
    assert left == [], "the only copy is in the batch's room"


def test_the_same_number_with_other_bytes(run: Run, settings: Settings, tmp_path: Path) -> None:
    run(str(chinese(tmp_path / "a_440203_202609.csv", DATASET, funds(3))), "--yes", "--land")
    other = chinese(tmp_path / "b_440203_202609.csv", DATASET, funds(4))
    code, _, err = run(str(other), "--yes", "--land", "--sequence", "1")
    assert code == 1 and "--sequence 2" in err
    assert lake(settings, DATASET).height == 3
    code, _, _ = run(str(other), "--yes", "--land")
    assert code == 0
    assert register.batches(settings, DATASET)["sequence"].to_list() == [1, 2]


def test_without_a_terminal_it_wants_yes(run: Run, settings: Settings, tmp_path: Path) -> None:
    code, out, err = run(str(chinese(tmp_path / "a_440203_202609.csv", DATASET, funds(3))))
    assert code == 2 and "--yes" in err and "数据集" in out
    assert list((settings.home / "in").iterdir()) == []


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 1)])
def test_at_a_terminal_it_asks(
    run: Run,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
    code: int,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(by_hand.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(by_hand.typer, "prompt", lambda text: asked.append(text) or "2026-09")
    monkeypatch.setattr(by_hand.typer, "confirm", lambda text, default: answer)
    file = chinese(tmp_path / "a_440203.csv", DATASET, funds(3))
    assert run(str(file))[0] == code
    assert asked == ["期次（例如 2026-09）"]
    assert len(list((settings.home / "in").iterdir())) == (2 if answer else 0)


def test_what_cannot_be_told_is_asked_for(run: Run, tmp_path: Path) -> None:
    file = chinese(tmp_path / "export.csv", "facility_stay", stays(3))
    code, _, err = run(str(file), "--yes")
    assert code == 2 and "--provider" in err and "--period" in err


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("nothing.csv", None, "没有文件"),
        ("empty_440203_202609.csv", b"", "是空的"),
        ("notes.docx", b"PK", "不认识的文件类型"),
        ("book_440203_202609.xlsx", b"PK\x03\x04 cut off", "无法打开"),
        ("other_440203_202609.csv", "甲,乙\n1,2\n".encode(), "第一行应是表头"),
        ("blank_440203_202609.csv", b"\n\n", "连表头也没有"),
    ],
)
def test_files_that_are_none(
    run: Run, settings: Settings, tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    code, _, err = run(str(file), "--yes", "--land")
    assert code == 1 and says in err and "Traceback" not in err
    assert list((settings.home / "in").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--dataset", "facilities"], 1, "没有数据集 facilities"),
        (["--period", "2026-13"], 1, "2026-13"),
        (["--provider", "武江区"], 1, "区划代码或单位代号"),
        (["--mode", "all"], 2, "full"),
        (["--sequence", "0"], 2, "--sequence"),
    ],
)
def test_words_that_are_wrong(
    run: Run, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    file = chinese(tmp_path / "a_440203_202609.csv", DATASET, funds(3))
    found, _, err = run(str(file), "--yes", *words)
    assert found == code and says in err


def test_a_refused_delivery_shows_why_and_fails(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    rows = funds(3).drop("fund")
    file = chinese(tmp_path / "a_440203_202609.csv", DATASET, rows)
    code, out, _ = run(str(file), "--yes", "--land", "--dataset", DATASET)
    assert code == 1 and "整批退回" in out and "资金来源" in out
    assert lake(settings, DATASET).is_empty()
    sound = chinese(tmp_path / "b_440203_202609.csv", DATASET, funds(3))
    code, out, _ = run(str(sound), "--yes", "--land")
    assert code == 0 and "另有 1 批（含以前退回的）" in out


def test_an_empty_workbook_is_called_empty(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a_440203_202609.xlsx"
    book = xlsxwriter.Workbook(str(file))
    book.add_worksheet()
    book.close()
    code, _, err = run(str(file), "--yes")
    assert code == 1 and "连表头也没有" in err


def test_a_month_without_rows_can_be_handed_in(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    file = chinese(tmp_path / "公益金_440203_202609.csv", DATASET, funds(0))
    code, out, _ = run(str(file), "--yes", "--land")
    assert code == 0 and "收到 0 行" in out
    assert register.batches(settings, DATASET)["control_rows"].to_list() == [0]


def test_a_delivery_of_which_nothing_was_loaded_fails(run: Run, tmp_path: Path) -> None:
    rows = funds(3).with_columns(fund=pl.lit("?"))
    code, out, _ = run(
        str(chinese(tmp_path / "a_440203_202609.csv", DATASET, rows)), "--yes", "--land"
    )
    assert code == 1 and "未接收" in out


def test_json_for_scripts(run: Run, tmp_path: Path) -> None:
    file = chinese(tmp_path / "a_440203_202609.csv", DATASET, funds(3))
    code, out, _ = run(str(file), "--yes", "--land", "--json")
    assert code == 0 and json.loads(out)["status"] == "accepted"


def test_a_second_run_at_the_same_time(run: Run, settings: Settings, tmp_path: Path) -> None:
    from ingestion.durable import single_writer

    file = chinese(tmp_path / "a_440203_202609.csv", DATASET, funds(3))
    with single_writer(settings.landing / DATASET, DATASET):
        code, _, err = run(str(file), "--yes", "--land")
    assert code == 3 and "another run" in err
    assert land(settings, [DATASET]).receipts[0]["rows_loaded"] == 3, "the file waits in the folder"
