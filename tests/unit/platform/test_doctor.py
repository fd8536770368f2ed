"""`yinling doctor`: the ports, and whose servers hold them."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from yinling import doctor
from yinling.settings import Settings


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def superset(home: Path) -> str:
    (found,) = (f for f in doctor._ports(Settings(home=home)) if f.subject == "port superset")
    return found.message


def test_our_own_superset_does_not_look_like_a_taken_port(tmp_path: Path) -> None:
    state = tmp_path / "superset" / "server.json"
    state.parent.mkdir()
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.server_port
        state.write_text(json.dumps({"port": port, "address": f"http://127.0.0.1:{port}"}), "utf-8")
        assert superset(tmp_path) == f"{port}: our server"
        server.shutdown()
        thread.join()
    # What a server that was killed leaves behind says nothing.
    assert "our server" not in superset(tmp_path)
    state.write_text("{", "utf-8")
    assert "our server" not in superset(tmp_path)
