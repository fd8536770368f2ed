"""Servers of the demo: started once, remembered in a file, stopped by their process group."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """The calling process is killed when its parent ends, however that ends (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class ServerError(Exception):
    """A server did not start or died; the message names its log."""


def free_port(wanted: int) -> int:
    """`wanted` if nobody listens there, else the next free one of the hundred that follow.

    Raises:
        ServerError: all of them are taken.
    """
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise ServerError(f"Ports {wanted} to {wanted + 99} are all taken. Stop one of those servers.")


class Servers:
    """The servers that one home folder runs, kept in `servers.json` (name → pid, start, port)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "servers.json"

    def known(self) -> dict[str, dict[str, int]]:
        """Every server remembered, alive or not."""
        return json.loads(self.file.read_text("utf-8")) if self.file.exists() else {}

    def alive(self, name: str) -> bool:
        """Whether the very process that was started is still there (not a reused number)."""
        entry = self.known().get(name)
        return entry is not None and _born(entry["pid"]) == entry["born"]

    def port(self, name: str) -> int | None:
        """Port of a server that is running."""
        return self.known()[name]["port"] if self.alive(name) else None

    def start(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str], port: int
    ) -> None:
        """Start a server detached, in a session of its own, its output in `<name>.log`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own servers
                [str(word) for word in command],
                env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, cwd=self.folder,
            )  # fmt: skip
        entry = {"pid": process.pid, "born": _born(process.pid) or 0, "port": port}
        self._write(self.known() | {name: entry})

    def log(self, name: str) -> Path:
        """Where the server's output goes."""
        return self.folder / f"{name}.log"

    def wait(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready()`.

        Raises:
            ServerError: the server died, or was not ready in time; its last lines are shown.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if ready():
                return
            if not self.alive(name):
                raise ServerError(f"{name} stopped while starting. {self._tail(name)}")
            time.sleep(0.3)
        raise ServerError(f"{name} was not ready after {seconds:.0f} s. {self._tail(name)}")

    def stop(self, name: str, seconds: float = 20) -> bool:
        """End the server and all that it started; False if it was not running."""
        entry = self.known().get(name)
        running = self.alive(name)
        # A number is not given to a new process while a group still bears it: what is left of the
        # group of a server that died is its own.
        left = entry is not None and _born(entry["pid"]) is None and _group_alive(entry["pid"])
        if entry is not None and (running or left):
            group = entry["pid"]
            _signal(group, signal.SIGTERM)
            end = time.monotonic() + seconds
            while _group_alive(group) and time.monotonic() < end:
                time.sleep(0.1)
            _signal(group, signal.SIGKILL)
        if entry is not None:
            self._write({key: value for key, value in self.known().items() if key != name})
        return running or left

    def _write(self, entries: Mapping[str, Mapping[str, int]]) -> None:
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(entries), "utf-8")
        partial.replace(self.file)

    def _tail(self, name: str) -> str:
        log = self.log(name)
        lines = log.read_text("utf-8", errors="replace").splitlines()[-8:] if log.exists() else []
        return "\n".join([f"Its log: {log}", *lines])


def _signal(group: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, what)


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/<pid>/stat after the command's name; None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def _born(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None for none, or a finished one."""
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def _group_alive(group: int) -> bool:
    """Whether any process of the group still runs; finished ones do not count."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None and fields[0] != "Z" and int(fields[2]) == group:
                return True
    return False
