"""A real HTTP server: paging, snapshots, increments, and every way of not answering."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion import register
from ingestion.connectors import rest
from ingestion.errors import SourceError
from ingestion.landing import land
from tests.integration.ingestion.conftest import identifier, lake
from yinling.settings import Settings, Source

DATASET = "death_certificate"


class Service(ThreadingHTTPServer):
    """Serves `rows` in pages; `troubles` are answered first, one a request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rows: list[dict[str, Any]] = []
        self.troubles: list[tuple[int, str]] = []
        self.asked: list[dict[str, str]] = []
        self.control: dict[str, Any] = {}
        self.loop = False
        self.grow: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Service

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        service = self.server
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        service.asked.append(query)
        if self.headers.get("Authorization") != "Bearer secret":
            return self._answer(401, "{}")
        if service.troubles:
            return self._answer(*service.troubles.pop(0))
        since, size = query.get("since", ""), int(query["page_size"])
        until = int(query.get("snapshot", len(service.rows)))
        rows = [row for row in service.rows[:until] if str(row["issued_on"]) > since]
        start = int(query.get("page_token", 0))
        service.rows += service.grow
        service.grow = []
        more = start + size < len(rows)
        control = {
            "period": "2026-10",
            "sequence": 1,
            "row_count": len(rows),
            "control_sums": {},
            "generated_at": "2026-11-08T02:00:00+08:00",
        }
        page = {
            "rows": rows[start : start + size],
            "next_page_token": "0" if service.loop else str(start + size) if more else None,
            "snapshot": str(until),
            "control": control | service.control,
        }
        return self._answer(200, json.dumps(page, ensure_ascii=False, indent=1))

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("HEALTH_TOKEN", "secret")
    monkeypatch.setattr(rest, "FIRST_WAIT_SECONDS", 0.01)
    server = Service()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(service: Service, tmp_path: Path) -> Settings:
    source = Source(
        connector="rest",
        url=f"http://127.0.0.1:{service.server_port}/v1/{DATASET}",
        token_env="HEALTH_TOKEN",
        provider="weijian",
        mode="increment",
        cursor="issued_on",
        page_size=10,
    )
    return Settings(home=tmp_path, sources={DATASET: source})


def certificate(number: int, issued_on: str = "2026-09-05") -> dict[str, Any]:
    return {
        "certificate_no": f"D{number:05d}",
        "id_no": identifier(number),
        "name": "赵一\n" if number == 1 else "赵一",
        "death_date": "2026-09-01",
        "death_place": "home",
        "issued_on": issued_on,
    }


def test_all_pages_of_one_snapshot(home: Settings, service: Service) -> None:
    service.rows = [certificate(n) for n in range(35)]
    service.grow = [certificate(99)]  # arrives while the pages are being read
    receipt = land(home).receipts[0]
    assert receipt["rows_loaded"] == 35
    assert [query.get("snapshot") for query in service.asked] == [None, "35", "35", "35"]
    raw = next(home.landing.glob("*/*/pages.jsonl.zst"))
    from ingestion.readers import page_frames

    assert sum(frame.height for frame in page_frames(raw)) == 35


def test_increments_start_from_the_newest_committed_batch(home: Settings, service: Service) -> None:
    service.rows = [certificate(n) for n in range(12)]
    land(home)
    assert land(home).receipts == []
    service.rows += [certificate(20, "2026-10-01"), certificate(21, "2026-10-02")]
    land(home)
    assert service.asked[-1]["since"] == "2026-09-05"
    assert register.batches(home)["rows_loaded"].to_list() == [12, 2]
    assert register.batches(home)["cursor"].to_list() == ["2026-09-05", "2026-10-02"]


def test_a_damaged_date_does_not_move_the_cursor(home: Settings, service: Service) -> None:
    service.rows = [certificate(n) for n in range(3)]
    service.rows += [certificate(4, "2099-01-01"), certificate(5, "不详")]
    land(home)
    assert register.batches(home)["cursor"].to_list() == ["2026-09-05"]


def test_a_full_answer_that_has_not_changed_is_no_delivery(
    home: Settings, service: Service
) -> None:
    full = home.sources[DATASET].model_copy(update={"mode": "full", "cursor": None})
    home = home.model_copy(update={"sources": {DATASET: full}})
    service.rows = [certificate(n) for n in range(12)]
    assert land(home).receipts[0]["mode"] == "full"
    asked = len(service.asked)
    assert land(home).receipts == []
    assert len(service.asked) == asked + 1
    service.rows.append(certificate(50))
    assert land(home).receipts[0]["rows_loaded"] == 13


def test_a_busy_service_is_asked_again(home: Settings, service: Service) -> None:
    service.rows = [certificate(n) for n in range(12)]
    service.troubles = [(503, "busy"), (429, "slow down")]
    assert land(home).receipts[0]["rows_loaded"] == 12


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ([(401, "{}")], "refused the token"),
        ([(404, "{}")], "answered 404"),
        ([(500, "x")] * 5, "answered 500 5 times"),
        ([(200, "<html>login</html>")], "no page of rows"),
        ([(200, '{"rows": [{"certificate_no": "D1"')], "no page of rows"),
        ([(200, '{"rows": [], "next_page_token": null}')], "wrong control record"),
    ],
)
def test_what_is_no_delivery_loads_nothing(
    home: Settings, service: Service, trouble: list[tuple[int, str]], says: str
) -> None:
    service.troubles = trouble
    with pytest.raises(SourceError, match=says):
        land(home)
    assert register.committed(home, DATASET) == set()


def test_the_same_page_for_ever_is_noticed(home: Settings, service: Service) -> None:
    service.rows = [certificate(n) for n in range(12)]
    service.loop = True
    with pytest.raises(SourceError, match="again and again"):
        land(home)
    assert register.committed(home, DATASET) == set()


def test_a_wrong_row_count_refuses_the_delivery(home: Settings, service: Service) -> None:
    service.rows = [certificate(n) for n in range(12)]
    service.control = {"row_count": 13}
    assert land(home).rejected[0]["reason"] == "row_count"
    service.control = {}
    assert land(home).receipts[0]["status"] == "accepted"
    assert lake(home, DATASET).height == 12


def test_nobody_there(home: Settings, service: Service) -> None:
    source = home.sources[DATASET].model_copy(update={"url": "http://127.0.0.1:1/"})
    with pytest.raises(SourceError, match="did not answer"):
        land(home.model_copy(update={"sources": {DATASET: source}}))
