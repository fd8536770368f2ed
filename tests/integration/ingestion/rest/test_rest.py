"""A real HTTP server: paging, snapshots, signatures, and every way of not answering."""

from __future__ import annotations

import email.utils
import time
from typing import Any

import pytest

from ingestion import register
from ingestion.connectors.rest import client
from ingestion.errors import SourceError
from ingestion.landing import land
from ingestion.readers import page_frames
from tests.integration.ingestion.conftest import lake
from tests.integration.ingestion.rest.certificates import (
    DATASET,
    Change,
    certificate,
    certificates,
)
from tests.support.rest_service import Service
from yinling.settings import Settings

CONTROL = '"control": {"period": "2026-10", "row_count": 1, "generated_at": "2026-11-08T02:00:00"}}'


def test_all_pages_of_one_snapshot(home: Settings, service: Service) -> None:
    service.rows = certificates(35)
    service.grow = [certificate(99)]  # arrives while the pages are being read
    receipt = land(home).receipts[0]
    assert receipt["rows_loaded"] == 35
    assert [query.get("snapshot") for query in service.asked] == [None, "35", "35", "35"]
    raw = next(home.landing.rglob("pages.jsonl.zst"))
    assert sum(frame.height for frame in page_frames(raw)) == 35


@pytest.mark.parametrize(
    ("style", "names"),
    [
        ("page", [("page", "1"), ("page", "2"), ("page", "3")]),
        ("offset", [("offset", "0"), ("offset", "10"), ("offset", "20")]),
    ],
)
def test_pages_by_number_and_by_offset(
    change: Change, service: Service, style: str, names: list[tuple[str, str]]
) -> None:
    home = change(paging=style, rows_at="data.list", total_at="data.total")
    service.style, service.rows = style, certificates(25)
    receipt = land(home).receipts[0]
    assert (receipt["rows_loaded"], receipt["control"]["rows"]) == (25, 25)
    (name, first), *_ = names
    # After the last page the first is asked for again, to see that nothing has moved.
    assert [query[name] for query in service.asked] == [value for _, value in names] + [first]
    assert land(home).receipts == []
    raw = next(home.landing.rglob("pages.jsonl.zst"))
    assert sum(frame.height for frame in page_frames(raw)) == 25


@pytest.mark.parametrize("style", ["page", "offset", "token"])
def test_rows_that_move_between_pages_are_noticed(
    change: Change, service: Service, style: str
) -> None:
    """One row goes, one comes: the total stays, but page 2 would miss a row."""
    places = {} if style == "token" else {"rows_at": "data.list", "total_at": "data.total"}
    home = change(paging=style, **places)
    service.style, service.pinned, service.rows = style, False, certificates(25)
    service.move = [certificate(50), *certificates(25)[1:]]
    with pytest.raises(SourceError, match="changed while it was being read"):
        land(home)
    assert register.committed(home, DATASET) == set()
    assert land(home).receipts[0]["rows_loaded"] == 25


def test_a_total_that_changes_under_way_is_noticed(change: Change, service: Service) -> None:
    home = change(paging="page", rows_at="data.list", total_at="data.total")
    service.style, service.rows = "page", certificates(25)
    service.grow = [certificate(99)]
    with pytest.raises(SourceError, match="25 rows on page 1, 26 on page 2"):
        land(home)


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sm3"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signed_requests(change: Change, service: Service, algorithm: str, method: str) -> None:
    home = change(
        token_env=None,
        sign=algorithm,
        method=method,
        key_id_env="HEALTH_KEY_ID",
        key_secret_env="HEALTH_KEY",
    )
    service.signed, service.rows = algorithm, certificates(25)
    service.troubles = [(503, "busy")]  # asked again with a fresh nonce
    assert land(home).receipts[0]["rows_loaded"] == 25
    assert len(service.nonces) == len(service.asked) == 4
    assert not any("Authorization" in heads for heads in service.seen)


def test_a_wrong_signing_key(
    change: Change, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEALTH_KEY", "another")
    home = change(sign="hmac-sm3", key_id_env="HEALTH_KEY_ID", key_secret_env="HEALTH_KEY")
    service.signed = "hmac-sm3"
    with pytest.raises(SourceError, match=r"refused the credentials \(401\).*HEALTH_KEY_ID"):
        land(home)
    assert len(service.asked) == 1


def test_signing_needs_both_names(change: Change) -> None:
    with pytest.raises(SourceError, match="`sign` needs `key_id_env` and `key_secret_env`"):
        land(change(sign="hmac-sha256"))


def test_a_busy_service_is_asked_again(home: Settings, service: Service) -> None:
    service.rows = certificates(12)
    service.troubles = [(503, "busy"), (0, '{"rows": ['), (200, '{"rows": [{"certificate_no"')]
    assert land(home).receipts[0]["rows_loaded"] == 12


@pytest.mark.parametrize("dated", [False, True])
def test_retry_after_is_kept(home: Settings, service: Service, dated: bool) -> None:
    service.rows = certificates(2)
    after = email.utils.formatdate(time.time() + 3, usegmt=True) if dated else "1"
    service.troubles = [(429, "slow down", {"Retry-After": after})]
    land(home)
    waited = service.times[1] - service.times[0]
    assert 0.9 <= waited < 5


def test_a_long_rest_is_not_waited_for(home: Settings, service: Service) -> None:
    service.troubles = [(429, "", {"Retry-After": "3600"})]
    with pytest.raises(SourceError, match="asks to wait 3600 seconds"):
        land(home)


def test_the_rate_limit_is_kept(change: Change, service: Service) -> None:
    service.rows = certificates(60)
    land(change(requests_per_second=20))
    gaps = [b - a for a, b in zip(service.times, service.times[1:], strict=False)]
    assert len(service.times) == 6
    assert service.times[-1] - service.times[0] >= 5 / 20 * 0.9
    assert min(gaps) > 0.02


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ([(401, "{}")], "refused the credentials"),
        ([(403, "{}")], "does not let it read this"),
        ([(404, "{}")], "answered 404"),
        ([(302, "", {"Location": "http://login/?id_no=1"})], "on to http://login/ .302"),
        ([(429, "x")] * 5, "answered 429 5 times"),
        ([(500, "x")] * 5, "answered 500 5 times"),
        ([(200, "<html><title>统一登录</title>")], "a web page “统一登录”"),
        ([(200, "ok")], "no JSON"),
        ([(200, "[]")], "JSON that is no object"),
        ([(200, '{"rows": [{"name": "赵", "name": "钱"}]}')], "the name `name` twice"),
        ([(200, '{"rows": [1], "next_page_token": null, ' + CONTROL)], "no objects of columns"),
        ([(200, '{"code": 40301, "msg": "接口未授权"}')], "no page of rows .*40301 · 接口未授权"),
        ([(200, '{"rows": [{"certificate_no": "D1"')] * 5, "half a page"),
        ([(0, '{"rows": [{"certificate_no": "D1"')] * 5, "broke off in the middle"),
        ([(200, "zip?", {"Content-Encoding": "gzip"})] * 5, "cannot be unpacked"),
        ([(200, '{"rows": [], "next_page_token": null}')], "wrong control record"),
    ],
)
def test_what_is_no_delivery_loads_nothing(
    home: Settings, service: Service, trouble: list[tuple[Any, ...]], says: str
) -> None:
    service.rows = certificates(3)
    service.troubles = list(trouble)
    with pytest.raises(SourceError, match=says):
        land(home)
    assert len(service.asked) == len(trouble)
    assert register.committed(home, DATASET) == set()


def test_trouble_on_a_later_page_leaves_no_partial_batch(home: Settings, service: Service) -> None:
    service.rows, service.refuse_after = certificates(25), 2
    with pytest.raises(SourceError, match="403"):
        land(home)
    service.refuse_after = None
    assert register.committed(home, DATASET) == set()
    assert not list((home.home / ".staging").glob("*"))
    assert land(home).receipts[0]["rows_loaded"] == 25


@pytest.mark.parametrize("fresh_tokens", [False, True])
def test_the_same_page_for_ever_is_noticed(
    home: Settings, service: Service, fresh_tokens: bool
) -> None:
    service.rows = certificates(12)
    service.loop, service.fresh_tokens = True, fresh_tokens
    with pytest.raises(SourceError, match="again and again"):
        land(home)
    assert len(service.asked) < 4
    assert register.committed(home, DATASET) == set()


def test_a_service_that_ignores_the_page_number_is_noticed(
    change: Change, service: Service
) -> None:
    home = change(paging="page", rows_at="data.list", total_at="data.total")
    service.style, service.loop, service.rows = "page", True, certificates(25)
    with pytest.raises(SourceError, match="again and again"):
        land(home)


def test_a_wrong_row_count_refuses_the_delivery(home: Settings, service: Service) -> None:
    service.rows = certificates(12)
    service.control = {"row_count": 13}
    assert land(home).rejected[0]["reason"] == "row_count"
    service.control = {}
    assert land(home).receipts[0]["status"] == "accepted"
    assert lake(home, DATASET).height == 12


@pytest.mark.parametrize(
    "control",
    [
        {"period": "../../2026"},
        {"period": "2026-13"},
        {"generated_at": "gestern"},
        {"generated_at": "2062-10-08T02:00:00"},
        {"row_count": "n"},
    ],
)
def test_a_control_record_that_is_wrong(
    home: Settings, service: Service, control: dict[str, Any]
) -> None:
    """Its words become names of folders: only what is a period is one."""
    service.rows, service.control = certificates(3), control
    with pytest.raises(SourceError, match=r"control record|number of rows"):
        land(home)
    assert register.committed(home, DATASET) == set()


@pytest.mark.parametrize("token", ["two\nlines", "口令"])
def test_a_secret_that_no_header_can_carry_is_not_shown(
    home: Settings, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HEALTH_TOKEN", token)
    with pytest.raises(SourceError, match="HEALTH_TOKEN has characters") as error:
        land(home)
    assert token not in str(error.value)


@pytest.mark.parametrize("url", ["share.gov.cn/v1", "http://x:port/", "ftp://share.gov.cn/v1"])
def test_an_address_that_is_none(change: Change, url: str) -> None:
    with pytest.raises(SourceError, match="is no address"):
        land(change(url=url))


def test_an_answer_without_end_is_cut(
    home: Settings, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1 << 20)
    service.troubles = [(200, '{"rows": ["' + "x" * (2 << 20))]
    with pytest.raises(SourceError, match="more than 1 MiB; lower `page_size`"):
        land(home)


def test_nobody_there(change: Change) -> None:
    with pytest.raises(SourceError, match="did not answer"):
        land(change(url="http://127.0.0.1:1/"))
