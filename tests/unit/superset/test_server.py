"""The server's ports, its state and the words when it cannot start."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from superset_assets import bootstrap, runtime, server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YINLING_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind((server.HOST, 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_taken_port_is_named(taken: int) -> None:
    with pytest.raises(server.ServerError, match=rf"Port {taken} is taken.*--port"):
        server.choose_port(taken)


def test_the_next_free_port_is_said(
    taken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "DEFAULT_PORT", taken)
    assert server.choose_port(None) > taken
    assert f"port {taken} is taken, using" in capsys.readouterr().out


def test_starting_before_the_bootstrap_says_what_to_do() -> None:
    with pytest.raises(server.ServerError, match=r"superset_assets\.bootstrap"):
        server.start()


def test_nothing_runs_in_a_new_home() -> None:
    assert server.status() is None
    assert server.stop() is False


def test_a_pid_that_now_belongs_to_another_program_is_not_ours() -> None:
    state = {"pid": os.getpid(), "port": 1, "address": "http://127.0.0.1:1"}
    (runtime.room() / "server.json").write_text(json.dumps(state), "utf-8")
    assert server.status() is None


def test_the_bundle_has_every_asset_and_its_metadata() -> None:
    texts = bootstrap.asset_texts()
    assert texts["metadata.yaml"].endswith("type: assets\n")
    for folder in bootstrap.FOLDERS:
        assert any(path.startswith(f"{folder}/") for path in texts)
