"""A line between client and server that can be cut: after so many bytes, as a bad network does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BLOCK = 16_384


class Wire:
    """Listens on a port of its own and passes everything on.

    Attributes:
        cuts: for each coming connection the bytes after which the server's side is cut;
            connections beyond the list are whole.
        hangs: a cut line is not closed; nothing more comes, as from a server that is gone.
        passed: bytes that came from the server, for each connection so far.
    """

    def __init__(self, to: Callable[[], socket.socket]) -> None:
        self._to = to
        self.cuts: list[int] = []
        self.hangs = False
        self._over = threading.Event()
        self.passed: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                number = len(self.passed)
                self.passed.append(0)
                limit = self.cuts.pop(0) if self.cuts else None
                server = self._to()
                up = (client, server, None, None)
                down = (server, client, number, limit)
                for way in (up, down):
                    threading.Thread(target=self._pass, args=way, daemon=True).start()

    def _pass(
        self, here: socket.socket, there: socket.socket, number: int | None, limit: int | None
    ) -> None:
        with contextlib.suppress(OSError):
            while some := here.recv(BLOCK):
                if number is not None:
                    if limit is not None and self.passed[number] + len(some) > limit:
                        there.sendall(some[: limit - self.passed[number]])
                        self.passed[number] = limit
                        if self.hangs:
                            self._over.wait()
                        break
                    self.passed[number] += len(some)
                there.sendall(some)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._over.set()
        self._listener.close()


@contextmanager
def wire(to: Callable[[], socket.socket]) -> Iterator[Wire]:
    """A line to what `to` connects with."""
    line = Wire(to)
    try:
        yield line
    finally:
        line.close()
