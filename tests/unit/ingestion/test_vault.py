"""The vault: round trip, wrong key, damage, roles and the access log."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest

from ingestion import vault
from ingestion.errors import VaultError
from yinling.settings import Settings, SettingsError

TOKEN = "0123456789abcdef" * 2
KEY = "11" * 32


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("YINLING_VAULT_KEY", KEY)
    file = tmp_path / "landing" / "facility_stay" / "b1" / vault.FILE
    file.parent.mkdir(parents=True)
    buffer = io.BytesIO()
    writer = vault.VaultWriter(buffer, "b1", vault.vault_key())
    for clear in ("张三", "李四"):
        token = TOKEN if clear == "李四" else TOKEN[::-1]
        writer.add(pl.DataFrame({"kind": ["name"], "token": [token], "clear": [clear]}))
    writer.close()
    file.write_bytes(buffer.getvalue())
    return Settings(home=tmp_path)


def the_file(home: Settings) -> Path:
    return home.landing / "facility_stay" / "b1" / vault.FILE


def test_reveals_to_a_role_with_a_reason_and_writes_it_down(home: Settings) -> None:
    assert vault.reveal(home, TOKEN, "auditor", "核实疑点 F-1") == ("name", "李四")
    lines = (home.landing / vault.LOG).read_text("utf-8").splitlines()
    entry = json.loads(lines[0])
    assert (entry["role"], entry["outcome"], entry["token"]) == ("auditor", "revealed", TOKEN)
    assert "李四" not in lines[0]
    assert vault.verify_log(home) == 1


@pytest.mark.parametrize(("role", "reason"), [("county", "核实疑点"), ("auditor", "  x ")])
def test_refuses_and_writes_down_the_refusal(home: Settings, role: str, reason: str) -> None:
    with pytest.raises(VaultError, match="Only auditor"):
        vault.reveal(home, TOKEN, role, reason)
    assert '"refused"' in (home.landing / vault.LOG).read_text("utf-8")


def test_an_unknown_token_says_so(home: Settings) -> None:
    with pytest.raises(VaultError, match="No batch has this token"):
        vault.reveal(home, "f" * 32, "auditor", "核实疑点")


def test_wrong_key_is_a_plain_message(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINLING_VAULT_KEY", "22" * 32)
    with pytest.raises(VaultError, match="another key"):
        vault.reveal(home, TOKEN, "auditor", "核实疑点")
    monkeypatch.setenv("YINLING_VAULT_KEY", "short")
    with pytest.raises(VaultError, match="64 hex digits"):
        vault.reveal(home, TOKEN, "auditor", "核实疑点")
    monkeypatch.delenv("YINLING_VAULT_KEY")
    with pytest.raises(SettingsError, match="YINLING_VAULT_KEY"):
        vault.reveal(home, TOKEN, "auditor", "核实疑点")


def test_nothing_in_the_file_is_readable(home: Settings) -> None:
    data = the_file(home).read_bytes()
    assert "李四".encode() not in data
    assert TOKEN.encode() not in data
    assert bytes.fromhex(TOKEN) not in data


def test_a_cut_or_changed_file_is_noticed(home: Settings) -> None:
    file = the_file(home)
    whole = file.read_bytes()
    for broken in (whole[:-5], whole[:-40], whole[:60] + b"x" + whole[61:]):
        file.write_bytes(broken)
        with pytest.raises(VaultError, match="damaged"):
            list(vault.secrets_of(file, vault.vault_key()))


def test_a_file_moved_to_another_batch_does_not_open(home: Settings) -> None:
    other = home.landing / "facility_stay" / "b2" / vault.FILE
    other.parent.mkdir()
    the_file(home).rename(other)
    with pytest.raises(VaultError, match="damaged"):
        list(vault.secrets_of(other, vault.vault_key()))


def test_a_changed_log_line_is_noticed(home: Settings) -> None:
    for number in range(3):
        vault.reveal(home, TOKEN, "auditor", f"核实疑点 {number}")
    log = home.landing / vault.LOG
    lines = log.read_text("utf-8").splitlines(keepends=True)
    log.write_text("".join([lines[0], lines[2]]), "utf-8")
    with pytest.raises(VaultError, match="line 2"):
        vault.verify_log(home)
    log.write_text("".join(lines).replace("核实疑点 1", "核实疑点 9"), "utf-8")
    with pytest.raises(VaultError, match="line 2"):
        vault.verify_log(home)
