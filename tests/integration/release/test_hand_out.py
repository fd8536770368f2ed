"""Copies for other recipients: nothing in two of them can be joined, and the hub can turn back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingestion import access_log, purposes
from tests.support.published import build_release
from yinling import cli
from yinling.commands import common
from yinling.hand_out import HandOutError, hand_out
from yinling.settings import Purpose, Settings, SettingsError

TOKEN = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{64})(?![0-9a-f])")
TABLES = ["finding", "finding_evidence", "exposure"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("YINLING_TOKEN_KEY", "a key for tests")
    monkeypatch.setattr(common, "options", common.Options())
    build_release(tmp_path)
    return Settings(
        home=tmp_path,
        purposes={
            "yibao": Purpose(recipient="医保局", legal_basis="协议一", tables=TABLES),
            "renshe": Purpose(recipient="人社局", legal_basis="协议二", tables=TABLES, detail=True),
        },
    )


def truth(home: Settings, table: str) -> pl.DataFrame:
    file = (home.releases / "current").resolve() / "auditors.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        frame: pl.DataFrame = connection.table(table).pl()
        return frame


def tokens_in(folder: Path) -> set[str]:
    return {
        token
        for file in folder.glob("*.csv")
        for token in TOKEN.findall(file.read_text("utf-8-sig"))
    }


def test_two_copies_share_no_token_with_each_other_or_the_warehouse(
    home: Settings, tmp_path: Path
) -> None:
    inside = {token for table in TABLES for token in TOKEN.findall(truth(home, table).write_csv())}
    assert len(inside) > 100
    seen = set(inside)
    for name in home.purposes:
        hand_out(home, name, tmp_path / name, "csv")
        found = tokens_in(tmp_path / name)
        assert found and not found & seen
        seen |= found


def test_a_copy_says_the_same_under_other_names(home: Settings, tmp_path: Path) -> None:
    manifest = hand_out(home, "renshe", tmp_path / "out")
    findings = truth(home, "finding")
    copy = pl.read_parquet(tmp_path / "out" / "finding.parquet")
    back = {
        column: purposes.to_warehouse(home, "renshe", copy[column].to_list())
        for column in ("finding_id", "subject_key")
    }
    restored = copy.with_columns(**{name: pl.Series(values) for name, values in back.items()})
    assert restored.sort("finding_id").equals(findings.sort("finding_id"))
    evidence = pl.read_parquet(tmp_path / "out" / "finding_evidence.parquet")
    assert set(evidence["finding_id"]) <= set(copy["finding_id"])
    assert manifest["tables"]["finding"]["rows"] == findings.height
    assert json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8")) == manifest


def test_without_detail_no_mask_no_pointer_to_a_row(home: Settings, tmp_path: Path) -> None:
    hand_out(home, "yibao", tmp_path / "out")
    columns = {
        column
        for file in (tmp_path / "out").glob("*.parquet")
        for column in pl.read_parquet_schema(file)
    }
    assert not columns & {"subject_mask", "batch_id", "row_no", "fields", "known_at"}
    assert {"finding_id", "subject_key", "amount_point"} <= columns


def test_what_was_handed_out_is_in_the_access_log(home: Settings, tmp_path: Path) -> None:
    hand_out(home, "yibao", tmp_path / "out")
    (entry,) = access_log.entries(home)
    assert (entry["purpose"], entry["outcome"], entry["reason"]) == (
        "yibao",
        "handed out",
        "协议一",
    )


def test_wrong_calls_say_so_and_leave_nothing(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"No \[purposes\.wsj\]"):
        hand_out(home, "wsj", tmp_path / "out")
    with pytest.raises(HandOutError, match=r"Format `xml`"):
        hand_out(home, "yibao", tmp_path / "out", "xml")
    strange = Purpose(recipient="甲", legal_basis="乙", tables=["finding", "person"])
    other = home.model_copy(update={"purposes": {"yibao": strange}})
    with pytest.raises(HandOutError, match=r"purposes\.yibao\.tables: person"):
        hand_out(other, "yibao", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    hand_out(home, "yibao", tmp_path / "out")
    with pytest.raises(HandOutError, match="exists already"):
        hand_out(home, "yibao", tmp_path / "out")
    (home.releases / "current").unlink()
    with pytest.raises(HandOutError, match="Nothing is published"):
        hand_out(home, "yibao", tmp_path / "more")


def test_the_command(home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "own.toml"
    config.write_text(
        f'home = "{tmp_path}"\n[purposes.yibao]\nrecipient = "医保局"\nlegal_basis = "协议"\n'
        'tables = ["finding"]\n',
        "utf-8",
    )
    words = ["export", "yibao", "--to", str(tmp_path / "out"), "--config", str(config), "--json"]
    assert cli.run(words) == 0
    assert json.loads(capsys.readouterr().out)["recipient"] == "医保局"
    assert cli.run(["access-log", "--config", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[-1]["outcome"] == "handed out"
    assert cli.run(words) == 1
    assert "exists already" in capsys.readouterr().err
