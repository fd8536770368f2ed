"""The departments' systems as running servers: start, stop, status."""

from __future__ import annotations

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

from synthetic import configuration, environment, postgres
from synthetic.configuration import TOKEN_ENV, URI_ENV

PG_PORT = 18_742
WAIT_SECONDS = 30


class DepartmentError(Exception):
    """A department system does not start or there is nothing to serve; the message says why."""


def _free_port(preferred: int) -> int:
    """The preferred port, or any free one when it is taken."""
    for candidate in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", candidate))
            port: int = probe.getsockname()[1]
            return port
    raise DepartmentError("No free port on 127.0.0.1. Close some programs and try again.")


def _state_file(home: Path) -> Path:
    return home / "demo" / "servers.json"


def _state(home: Path) -> dict[str, Any]:
    file = _state_file(home)
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def _made(home: Path) -> tuple[int, str]:
    """Seed and scale of the province."""
    file = home / "demo" / "province.json"
    if not file.exists():
        raise DepartmentError(
            f"There is no synthetic province in {home}. Make one: python -m synthetic --home {home}"
        )
    facts = json.loads(file.read_text("utf-8"))
    return int(facts["seed"]), str(facts["scale"])


def _rest_alive(state: dict[str, Any]) -> bool:
    if "rest_port" not in state:
        return False
    try:
        address = f"http://127.0.0.1:{state['rest_port']}/health"
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(json.load(answer).get("synthetic"))
    except OSError:
        return False


def _pg_alive(home: Path, state: dict[str, Any]) -> bool:
    if "pg_port" not in state or not (home / "demo" / "postgresql" / "postmaster.pid").exists():
        return False
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", state["pg_port"])) == 0


def _start_rest(home: Path, port: int) -> int:
    token = environment.read_env(home)[TOKEN_ENV]
    log = (home / "demo" / "rest.log").open("ab")
    process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
        [
            sys.executable,
            "-m",
            "synthetic.rest",
            str(home / "demo" / "departments" / "rest"),
            str(port),
        ],
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, TOKEN_ENV: token},
        cwd=Path(__file__).parent.parent,
    )
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _rest_alive({"rest_port": port}):
            return process.pid
        time.sleep(0.1)
    raise DepartmentError(
        f"The REST service did not start on port {port}. Its log: {home / 'demo' / 'rest.log'}"
    )


def start(home: Path) -> dict[str, Any]:
    """Start what does not run yet, load what is not loaded yet, and write the settings.

    Returns:
        The status, as `status` gives it.

    Raises:
        DepartmentError: there is no province in `home`, or a server does not start.
    """
    home = home.resolve()
    seed, scale = _made(home)
    state = _state(home)
    password = configuration.secret_of(seed, "postgresql")[:40]
    data = home / "demo" / "postgresql"
    if not _pg_alive(home, state):
        state["pg_port"] = _free_port(int(os.environ.get("YINLING_DEMO_PG_PORT", PG_PORT)))
        try:
            postgres.start(data, state["pg_port"], password)
        except subprocess.SubprocessError as error:
            raise DepartmentError(
                f"PostgreSQL did not start on port {state['pg_port']}. Its log: {data / 'log'}"
            ) from error
    if not _rest_alive(state):
        port = _free_port(configuration.rest_port())
        configuration.write(home, seed, scale, port)
        state["rest_pid"], state["rest_port"] = _start_rest(home, port), port
    _state_file(home).write_text(json.dumps(state), "utf-8")
    configuration.write(home, seed, scale, state["rest_port"])
    uri = postgres.reader_uri(state["pg_port"], password)
    environment.write_env(home, dict.fromkeys(URI_ENV.values(), uri))
    postgres.load(home / "demo" / "departments" / "postgresql", state["pg_port"], password)
    return status(home)


def load(home: Path) -> int:
    """Bring a running PostgreSQL up to date with the parts on disk; 0 when it does not run."""
    state = _state(home)
    if not _pg_alive(home, state):
        return 0
    password = configuration.secret_of(_made(home)[0], "postgresql")[:40]
    folder = home / "demo" / "departments" / "postgresql"
    return postgres.load(folder, state["pg_port"], password)


def status(home: Path) -> dict[str, Any]:
    """{"postgresql": running, "rest": running, "pg_port": …, "rest_port": …}."""
    state = _state(home)
    return {
        "postgresql": _pg_alive(home, state),
        "rest": _rest_alive(state),
        "pg_port": state.get("pg_port"),
        "rest_port": state.get("rest_port"),
    }


def stop(home: Path) -> None:
    """Stop both servers; nothing happens when they do not run."""
    state = _state(home)
    if _rest_alive(state):
        with contextlib.suppress(ProcessLookupError):
            os.kill(state["rest_pid"], signal.SIGTERM)
        deadline = time.monotonic() + WAIT_SECONDS
        while _rest_alive(state) and time.monotonic() < deadline:
            time.sleep(0.1)
    if _pg_alive(home, state):
        postgres.stop(home / "demo" / "postgresql")
    _state_file(home).unlink(missing_ok=True)
