"""SFTP with a password: whom it is shown to, what is said when it is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from ingestion import register
from ingestion.connectors import host_keys
from ingestion.errors import SourceError
from ingestion.landing import land
from tests.integration.ingestion.conftest import Deliver, funds
from tests.support.sftp_password import PasswordServer
from tests.support.sshd import keygen
from yinling.settings import Settings, SettingsError, Source

DATASET = "welfare_fund"
PASSWORD = "银龄 Zx-41"
Serve = Callable[..., PasswordServer]


@pytest.fixture
def serve(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    started: list[PasswordServer] = []

    def start(methods: str = "password") -> PasswordServer:
        folder = home.home / "inbox" / DATASET
        started.append(PasswordServer(folder, "caizheng", PASSWORD, methods))
        return started[-1]

    monkeypatch.setenv("FINANCE_PASSWORD", PASSWORD)
    yield start
    for server in started:
        server.stop()


def at(home: Settings, server: PasswordServer, pin: bool = True, **values: object) -> Settings:
    """Settings in which the dataset comes from the server."""
    source = Source(
        connector="sftp",
        host="127.0.0.1",
        port=server.port,
        user="caizheng",
        path="/",
        password_env="FINANCE_PASSWORD",
        settle_seconds=0.1,
    ).model_copy(update=values)
    if pin:
        host_keys.pin(home, source, DATASET, host_keys.fingerprint(server.host_key))
    return home.model_copy(update={"sources": {DATASET: source}})


@pytest.mark.parametrize("methods", ["password", "keyboard-interactive"])
def test_the_right_password_opens(
    home: Settings, serve: Serve, deliver: Deliver, methods: str
) -> None:
    server = serve(methods)
    deliver(DATASET, funds(40))
    there = at(home, server)
    assert land(there).receipts[0]["rows_loaded"] == 40
    assert server.asked[-1] == (methods, PASSWORD)
    assert land(there).receipts == []


def test_a_wrong_password(
    home: Settings, serve: Serve, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    deliver(DATASET, funds(4))
    there = at(home, server)
    monkeypatch.setenv("FINANCE_PASSWORD", "guess-7321")
    with pytest.raises(
        SourceError, match=r"refuses the account `caizheng`; check FINANCE_PASS"
    ) as e:
        land(there)
    assert "guess-7321" not in str(e.value)
    assert server.asked == [("password", "guess-7321")], "a second try may lock the account"
    assert register.committed(there, DATASET) == set()
    monkeypatch.setenv("FINANCE_PASSWORD", PASSWORD)
    assert land(there).receipts[0]["rows_loaded"] == 4


def test_a_password_that_is_not_set(
    home: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    there = at(home, server)
    monkeypatch.delenv("FINANCE_PASSWORD")
    with pytest.raises(SettingsError, match="FINANCE_PASSWORD"):
        land(there)
    assert server.asked == []


def test_a_server_that_nobody_has_checked_sees_no_password(
    home: Settings, serve: Serve, deliver: Deliver
) -> None:
    server = serve()
    deliver(DATASET, funds(4))
    with pytest.raises(SourceError, match="is not known yet"):
        land(at(home, server, pin=False))
    # Known, but another answers now: as bad.
    there = at(home, server)
    server.host_key = paramiko.RSAKey.generate(2048)
    with pytest.raises(SourceError, match="shows another host key"):
        land(there)
    assert server.asked == []


def test_with_a_key_the_password_is_its_passphrase_and_is_not_sent(
    home: Settings, serve: Serve, deliver: Deliver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve("publickey,password")
    locked = keygen(tmp_path / "locked", passphrase=PASSWORD)
    monkeypatch.setenv("FINANCE_KEY", str(locked))
    deliver(DATASET, funds(4))
    there = at(home, server, key_file_env="FINANCE_KEY")
    with pytest.raises(SourceError, match="refuses the account"):
        land(there)
    server.trusted = paramiko.Ed25519Key.from_private_key_file(str(locked), PASSWORD)
    assert land(there).receipts[0]["rows_loaded"] == 4
    assert {method for method, _ in server.asked} == {"publickey"}
