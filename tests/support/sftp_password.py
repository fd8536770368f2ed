"""An SFTP server that asks for a password, as departments run them beside OpenSSH's.

OpenSSH checks passwords against the machine's own accounts, which a test has none of; here
paramiko's server side speaks, over a real socket.
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import paramiko


class PasswordServer(paramiko.ServerInterface):  # type: ignore[misc]
    """Serves one folder, read-only, to one account.

    Attributes:
        asked: (method, secret) of every attempt to log in, in order.
    """

    def __init__(self, folder: Path, user: str, password: str, methods: str = "password") -> None:
        self.folder, self.user, self.password, self.methods = folder, user, password, methods
        self.host_key = paramiko.RSAKey.generate(2048)
        self.asked: list[tuple[str, str]] = []
        self.trusted: paramiko.PKey | None = None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(link)
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Folder, self.folder)
            self._transports.append(transport)
            transport.start_server(event=threading.Event(), server=self)

    def stop(self) -> None:
        """Take no more connections and end those that are left."""
        self._socket.close()
        for transport in self._transports:
            transport.close()

    def _answer(self, method: str, user: str, secret: str, right: bool) -> int:
        self.asked.append((method, secret))
        fits = right and user == self.user
        return int(paramiko.AUTH_SUCCESSFUL if fits else paramiko.AUTH_FAILED)

    def get_allowed_auths(self, username: str) -> str:
        return self.methods

    def check_auth_password(self, username: str, password: str) -> int:
        right = "password" in self.methods and password == self.password
        return self._answer("password", username, password, right)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        right = "publickey" in self.methods and key == self.trusted
        return self._answer("publickey", username, key.get_base64(), right)

    def check_auth_interactive(self, username: str, submethods: str) -> object:
        if "keyboard-interactive" not in self.methods or username != self.user:
            return paramiko.AUTH_FAILED
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        (said,) = responses
        return self._answer("keyboard-interactive", self.user, said, said == self.password)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)


class _Folder(paramiko.SFTPServerInterface):  # type: ignore[misc]
    def __init__(self, server: PasswordServer, folder: Path) -> None:
        super().__init__(server)
        self._folder = folder

    def _path(self, path: str) -> Path:
        return self._folder / path.lstrip("/")

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:
        return [
            paramiko.SFTPAttributes.from_stat(entry.stat(), entry.name)
            for entry in self._path(path).iterdir()
        ]

    def stat(self, path: str) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(self._path(path).stat())

    def open(
        self, path: str, flags: int, attr: paramiko.SFTPAttributes
    ) -> paramiko.SFTPHandle | int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return paramiko.SFTP_PERMISSION_DENIED
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = self._path(path).open("rb")
        return handle
