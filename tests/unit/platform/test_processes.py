"""Servers: found again, stopped with all they started, never confused with a stranger."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from yinling.processes import ServerError, Servers, free_port

SLEEP = "import time; time.sleep(60)"
WITH_CHILD = (
    "import subprocess, sys, time, pathlib\n"
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
    "pathlib.Path('child').write_text(str(child.pid))\n"
    "time.sleep(60)\n"
)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    found = Servers(tmp_path)
    yield found
    for name in found.known():
        found.stop(name, seconds=1)


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port(port) < port + 100


def test_start_is_remembered_and_stop_ends_children_too(servers: Servers, tmp_path: Path) -> None:
    servers.start("one", [sys.executable, "-c", WITH_CHILD], os.environ, 4711)
    servers.wait("one", (tmp_path / "child").exists, 20)
    child = int((tmp_path / "child").read_text())
    assert Servers(tmp_path).port("one") == 4711
    assert servers.stop("one") is True
    assert servers.port("one") is None
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or " Z " in state.read_text()
    assert servers.stop("one") is False


def test_stop_ends_what_a_dead_server_left_behind(servers: Servers, tmp_path: Path) -> None:
    child = tmp_path / "child"
    servers.start("air", ["bash", "-c", f"sleep 60 & echo $! > {child}"], os.environ, 1)
    deadline = time.monotonic() + 10
    while servers.alive("air") or not child.exists() or not child.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert servers.stop("air")
    state = Path(f"/proc/{child.read_text().strip()}/stat")
    assert not state.exists() or " Z " in state.read_text()


def test_a_reused_process_number_is_not_ours(servers: Servers, tmp_path: Path) -> None:
    entry = {"one": {"pid": os.getpid(), "born": 1, "port": 80}}
    servers._write(entry)
    assert servers.alive("one") is False
    assert servers.stop("one") is False  # and this very test lives on


def test_a_server_that_dies_shows_its_last_words(servers: Servers) -> None:
    servers.start("one", [sys.executable, "-c", "raise SystemExit('no such disk')"], os.environ, 1)
    with pytest.raises(ServerError, match="no such disk"):
        servers.wait("one", lambda: False, 20)


def test_a_server_that_never_answers_does_not_hang(servers: Servers) -> None:
    servers.start("one", [sys.executable, "-c", SLEEP], os.environ, 1)
    begin = time.monotonic()
    with pytest.raises(ServerError, match="not ready after 1 s"):
        servers.wait("one", lambda: False, 1)
    assert time.monotonic() - begin < 5
