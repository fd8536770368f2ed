"""A real OpenSSH server for one test: its own host keys, a free port, its own log."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
import time
from pathlib import Path

SERVER = Path("/usr/sbin/sshd")
SFTP = Path("/usr/lib/openssh/sftp-server")


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair."""
    path.unlink(missing_ok=True)
    words = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(words, check=True)
    return path


def show(path: Path) -> str:
    """`SHA256:…` of a key, as ssh-keygen says it."""
    words = ["ssh-keygen", "-l", "-f", str(path)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[1]


class Sshd:
    """Serves the files that its own account can read; one client key may log in."""

    def __init__(self, room: Path) -> None:
        room.mkdir(parents=True, mode=0o700)
        self.room, self.log = room, room / "sftp.log"
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.host_key, self.client_key = keygen(room / "host"), keygen(room / "client")
        self.authorized = room / "authorized_keys"
        self.authorized.write_bytes(self.client_key.with_suffix(".pub").read_bytes())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self.room / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\nPidFile none\n"
            f"AuthorizedKeysFile {self.authorized}\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PermitRootLogin prohibit-password\nLogLevel VERBOSE\n"
            f"Subsystem sftp {SFTP} -R -e -l DEBUG1 2>>{self.log}\n"
        )
        with (self.room / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [SERVER, "-D", "-e", "-f", config], stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        raise AssertionError((self.room / "sshd.log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def opened(self) -> list[str]:
        """Names of the files that were opened, in order: the server's own log."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [Path(line.split('"')[1]).name for line in lines if line.startswith("open ")]

    def logins(self) -> str:
        """What the server says about connections."""
        return (self.room / "sshd.log").read_text()
