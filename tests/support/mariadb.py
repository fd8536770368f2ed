"""A MariaDB of the test's own: a scratch folder, a free port, the server's own log of questions."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

START_SECONDS = 60


@dataclass(frozen=True)
class MariaDB:
    """A running server; `root` (no password) owns it."""

    port: int
    log: Path

    def connect(self, user: str = "root", **more: object) -> pymysql.Connection:
        return pymysql.connect(host="127.0.0.1", port=self.port, user=user, autocommit=True, **more)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mariadb() -> Iterator[MariaDB]:
    """Start, hand out, stop, delete."""
    # A short path: a socket's name has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="mdb", dir="/tmp") as name:
        folder = Path(name)
        who = ["--user=root"] if os.geteuid() == 0 else []
        common = ["--no-defaults", f"--datadir={folder / 'data'}", *who]
        installed = subprocess.run(
            [
                shutil.which("mariadb-install-db") or "mariadb-install-db",
                *common,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            capture_output=True,
            text=True,
        )
        if installed.returncode:
            raise RuntimeError(f"mariadb-install-db: {installed.stdout}{installed.stderr}")
        port, log = _free_port(), folder / "questions.log"
        command = [
            shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") or "mariadbd",
            *common,
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={folder / 's'}",
            f"--pid-file={folder / 'pid'}",
            "--general-log=1",
            f"--general-log-file={log}",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-name-resolve",
        ]
        with (folder / "server.log").open("w") as words:
            server = subprocess.Popen(command, stdout=words, stderr=words)
        try:
            _wait(port, server, folder / "server.log")
            yield MariaDB(port, log)
        finally:
            server.terminate()
            server.wait(START_SECONDS)


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
            return
        except pymysql.Error:
            time.sleep(0.1)
    raise RuntimeError(f"MariaDB did not start:\n{log.read_text()[-2000:]}")
