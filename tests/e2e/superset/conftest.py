"""One Superset for all tests of this folder: starting it is what takes the time."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.superset.site import Site, chromium, run
from tests.support.published import build_release


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    build_release(home)
    prepared = run(home, "bootstrap")
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = run(home, "server", "start", "--port", str(port))
    assert started.returncode == 0, started.stdout + started.stderr
    yield Site(home, f"http://127.0.0.1:{port}")
    run(home, "server", "stop")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one
