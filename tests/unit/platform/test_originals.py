"""`reveal`, `access-log` and `keys` as they are typed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest

from ingestion import vault
from yinling import cli
from yinling.commands import common
from yinling.settings import Settings

ONE, TWO, NONE = "0123456789abcdef" * 2, "fedcba9876543210" * 2, "a1b2c3d4" * 4
ASK = ["--role", "auditor", "--reason", "case 2026-17", "--json"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("YINLING_HOME", str(tmp_path))
    monkeypatch.setenv("YINLING_VAULT_KEY", "11" * 32)
    monkeypatch.setattr(common, "options", common.Options())
    settings = Settings(home=tmp_path)
    (settings.lake / "facility_stay" / "b1").mkdir(parents=True)
    file = settings.landing / "facility_stay" / "b1" / vault.FILE
    file.parent.mkdir(parents=True)
    with file.open("wb") as stream:
        writer = vault.VaultWriter(stream, "b1", vault.current_seal(settings))
        rows = {"kind": ["name", "name"], "token": [ONE, TWO], "clear": ["张三", "李四"]}
        writer.add(pl.DataFrame(rows))
        writer.close()
    return settings


def test_several_tokens_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["reveal", TWO, ONE, *ASK]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["token"], row["original"]) for row in found] == [(TWO, "李四"), (ONE, "张三")]
    assert {row["batch"] for row in found} == {"b1"}


def test_what_is_not_found_is_named_and_the_rest_still_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ONE}\n\n{NONE}\n"))
    assert cli.run(["reveal", *ASK]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)[0]["original"] == "张三"
    assert f"No batch has: {NONE}" in said.err
    monkeypatch.setattr(common, "options", common.Options())
    assert cli.run(["access-log", "--json"]) == 0
    log = json.loads(capsys.readouterr().out)
    assert [(entry["token"], entry["outcome"]) for entry in log] == [
        (ONE, "revealed"),
        (NONE, "not found"),
    ]


def test_a_role_of_the_settings(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    (home.home / "yinling.toml").write_text('[reveal.roles]\ninspector = ["*"]\n', "utf-8")
    assert cli.run(["reveal", ONE, *ASK]) == 1
    assert "Only inspector" in capsys.readouterr().err
    assert cli.run(["reveal", ONE, "--role", "inspector", "--reason", "case 2026-17"]) == 0


def test_a_purpose_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["reveal", ONE, *ASK, "--purpose", "yibao"]) == 2
    assert "No [purposes.yibao]" in capsys.readouterr().err


def test_rotation_as_it_is_typed(
    home: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.run(["keys", "new", "2027a", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["key"]
    monkeypatch.setenv("YINLING_VAULT_KEY", f"{made},{'11' * 32}")
    assert cli.run(["keys", "rotate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"key": "2027a", "sealed_anew": 1, "unchanged": 0}
    assert cli.run(["keys", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows == [{"key": "2027a", "cipher": "aes-256-gcm", "files": 1, "state": "seals"}]


@pytest.mark.parametrize("crypto", ['vault = "des"', 'keys = "service"', 'unknown = "x"'])
def test_wrong_settings_name_the_key(
    home: Settings, capsys: pytest.CaptureFixture[str], crypto: str
) -> None:
    (home.home / "yinling.toml").write_text(f"[crypto]\n{crypto}\n", "utf-8")
    assert cli.run(["keys", "list"]) == 2
    assert "crypto" in capsys.readouterr().err
