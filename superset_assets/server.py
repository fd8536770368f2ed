"""Start, stop and look at the Superset server.

`python -m superset_assets.server start|stop|status`, in Superset's environment. The standard
library is enough to run this module; Superset itself is imported by the server's processes only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from superset_assets import runtime

HOST = "127.0.0.1"
DEFAULT_PORT = 8088
TRIES = 20
START_SECONDS = 120
STOP_SECONDS = 15


class ServerError(Exception):
    """The server did not start or stop; the message says why and what to do."""


def _state_file() -> Path:
    return runtime.room() / "server.json"


def _log_file() -> Path:
    return runtime.room() / "server.log"


def status() -> dict[str, Any] | None:
    """`{pid, port, address, prepared}` of this home's running server, else None."""
    file = _state_file()
    if not file.exists():
        return None
    state: dict[str, Any] = json.loads(file.read_text("utf-8"))
    # A pid may have been given to another program since: ask whether it is ours.
    try:
        command = Path(f"/proc/{state['pid']}/cmdline").read_bytes()
    except OSError:
        return None
    return state if b"gunicorn" in command else None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose_port(wanted: int | None) -> int:
    """The port asked for, else the first free one from 8088 on.

    Raises:
        ServerError: the port asked for is taken, or twenty in a row are.
    """
    if wanted is not None:
        if not _is_free(wanted):
            raise ServerError(
                f"Port {wanted} is taken by another program. Free it, or choose another with "
                "--port or YINLING_SUPERSET_PORT."
            )
        return wanted
    for port in range(DEFAULT_PORT, DEFAULT_PORT + TRIES):
        if _is_free(port):
            if port != DEFAULT_PORT:
                print(f"  superset: port {DEFAULT_PORT} is taken, using {port}", flush=True)
            return port
    raise ServerError(
        f"Ports {DEFAULT_PORT} to {DEFAULT_PORT + TRIES - 1} are all taken. Choose one with --port."
    )


def _prepared() -> str:
    """Fingerprint of what the bootstrap prepared.

    Raises:
        ServerError: it has not run yet.
    """
    file = runtime.room() / "bootstrap.json"
    if not file.exists():
        raise ServerError(
            "Superset is not prepared: run python -m superset_assets.bootstrap first."
        )
    return str(json.loads(file.read_text("utf-8"))["fingerprint"])


def start(port: int | None = None) -> dict[str, Any]:
    """Start the server unless it runs already; returns its state once it answers.

    Raises:
        ServerError: no port, not bootstrapped, or it does not answer in time.
    """
    prepared = _prepared()
    running = status()
    if running is not None and running["prepared"] == prepared:
        print(f"  superset: already running at {running['address']}", flush=True)
        return running
    if running is not None:
        print("  superset: settings or dashboards changed, starting anew", flush=True)
        port = port or int(running["port"])
        stop()
    chosen = choose_port(port)
    with _log_file().open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [
                sys.executable, "-m", "gunicorn", "superset.app:create_app()",
                "--bind", f"{HOST}:{chosen}", "--worker-class", "gthread", "--threads", "8",
                "--workers", os.environ.get("YINLING_SUPERSET_WORKERS", "2"),
                "--preload", "--timeout", "120", "--limit-request-line", "0",
                "--limit-request-field_size", "0", "--log-level", "warning",
            ],
            env=runtime.environment(), cwd=runtime.room(), stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    address = f"http://{HOST}:{chosen}"
    state = {
        "pid": process.pid, "port": chosen, "address": address, "prepared": prepared,
    }  # fmt: skip
    _state_file().write_text(json.dumps(state), "utf-8")
    _wait(process, address)
    return state


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    begin = told = time.monotonic()
    while time.monotonic() - begin < START_SECONDS:
        if process.poll() is not None:
            _state_file().unlink(missing_ok=True)
            raise ServerError(
                f"Superset stopped while starting (exit code {process.returncode}). "
                f"The end of {_log_file()}:\n{_tail()}"
            )
        if _answers(address):
            took = time.monotonic() - begin
            print(f"  superset: {'answering at ' + address:<34} {took:6.1f} s", flush=True)
            return
        if time.monotonic() - told > 10:
            told = time.monotonic()
            print(f"  superset: starting, {told - begin:.0f} s so far", flush=True)
        time.sleep(0.3)
    stop()
    raise ServerError(
        f"Superset did not answer within {START_SECONDS} s. The end of {_log_file()}:\n{_tail()}"
    )


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5):  # noqa: S310 - our own
            return True
    except OSError:
        return False


def _tail() -> str:
    lines = _log_file().read_text("utf-8", "replace").splitlines()
    return "\n".join(lines[-15:])


def stop() -> bool:
    """Stop this home's server; False if none ran."""
    state = status()
    if state is None:
        _state_file().unlink(missing_ok=True)
        return False
    pid = int(state["pid"])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while status() is not None and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.1)
    if status() is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    _state_file().unlink(missing_ok=True)
    return True


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="The Superset server of this home.")
    parser.add_argument("action", choices=["start", "stop", "status"])
    given = os.environ.get("YINLING_SUPERSET_PORT")
    parser.add_argument("--port", type=int, default=int(given) if given else None)
    parser.add_argument("--json", action="store_true", help="the state as JSON on standard output")
    arguments = parser.parse_args()
    try:
        if arguments.action == "start":
            state: dict[str, Any] | None = start(arguments.port)
        elif arguments.action == "stop":
            print("  superset: stopped" if stop() else "  superset: was not running", flush=True)
            return 0
        else:
            state = status()
            if not arguments.json:
                print(f"running at {state['address']}" if state else "not running")
        if arguments.json:
            print(json.dumps(state))
        return 0 if state else 1
    except ServerError as error:
        print(f"superset: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
