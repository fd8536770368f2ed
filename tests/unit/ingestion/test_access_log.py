"""The access log: who asked what, and that nobody can change it unnoticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingestion import access_log, vault
from ingestion.errors import VaultError
from yinling.settings import Settings

TOKEN = "0123456789abcdef" * 2


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("YINLING_VAULT_KEY", "11" * 32)
    settings = Settings(home=tmp_path)
    (settings.lake / "facility_stay" / "b1").mkdir(parents=True)
    file = settings.landing / "facility_stay" / "b1" / vault.FILE
    file.parent.mkdir(parents=True)
    settings.landing.chmod(0o700)
    with file.open("wb") as stream:
        vault.VaultWriter(stream, "b1", vault.current_seal(settings)).close()
    return settings


def ask(home: Settings, role: str = "auditor", reason: str = "核实疑点 F-1") -> None:
    vault.reveal(home, [TOKEN], role, reason)


def test_says_who_asked_for_what_and_what_came_of_it(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "somebody else")
    monkeypatch.delenv("SUDO_USER", raising=False)
    ask(home)
    with pytest.raises(VaultError, match="Only auditor"):
        ask(home, role="county")
    monkeypatch.setenv("SUDO_USER", "zhang")
    monkeypatch.delenv("YINLING_VAULT_KEY")
    with pytest.raises(Exception, match="YINLING_VAULT_KEY"):
        ask(home)
    found = access_log.entries(home)
    assert [entry["outcome"] for entry in found] == ["not found", "refused", "failed"]
    assert {entry["account"] for entry in found} == {access_log.account()}
    assert [entry.get("sudo_account") for entry in found] == [None, None, "zhang"]
    assert {entry["token"] for entry in found} == {TOKEN}


def test_a_changed_or_removed_line_is_noticed(home: Settings) -> None:
    for number in range(3):
        ask(home, reason=f"核实疑点 {number}")
    log = home.landing / access_log.LOG
    lines = log.read_text("utf-8").splitlines(keepends=True)
    for broken in (
        [lines[0], lines[2]],
        [lines[0], lines[1].replace("核实疑点 1", "核实疑点 9"), lines[2]],
        [lines[0], "{}\n", lines[1], lines[2]],
        [lines[0], "not a line\n"],
    ):
        log.write_text("".join(broken), "utf-8")
        with pytest.raises(VaultError, match="line 2"):
            access_log.entries(home)


def test_a_line_cut_short_does_not_stop_the_log(home: Settings) -> None:
    ask(home)
    log = home.landing / access_log.LOG
    log.write_bytes(log.read_bytes()[:-20])
    ask(home, reason="核实疑点 F-2")
    assert json.loads(log.read_text("utf-8").splitlines()[-1])["reason"] == "核实疑点 F-2"
    with pytest.raises(VaultError, match="line 1"):
        access_log.entries(home)


def test_the_chain_goes_on_from_the_end_of_a_long_log(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "TAIL_BYTES", 600)  # a line has some 400
    for number in range(5):
        ask(home, reason=f"核实疑点\u2028{number}\x85")
    assert [entry["reason"][-2] for entry in access_log.entries(home)] == list("01234")
