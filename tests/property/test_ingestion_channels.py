"""Channels against whatever comes: names of files, cursors, queries, answers of services."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlencode

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.connectors.listing import Entry, candidates, waiting
from ingestion.connectors.naming import FIELDS, Naming, month, month_in
from ingestion.connectors.rest import client, rest_deliveries
from ingestion.connectors.rest.frontier import Frontier, Mark, Scale
from ingestion.connectors.rest.row_keys import Fingerprint, row_keys
from ingestion.connectors.rest.signing import canonical_query
from ingestion.contracts import load_contracts
from ingestion.control import real_period
from ingestion.errors import DeliveryError, SourceError
from ingestion.readers import text_frame
from ingestion.register import SCHEMA
from tests.property.effort import effort
from tests.support.rest_service import TOKEN, Service
from yinling.settings import PROJECT_DIR, Settings, Source

MANY = effort(60)
CONTRACT = load_contracts(PROJECT_DIR / "ingestion" / "contracts")["death_certificate"]
PATTERNS = st.sampled_from(
    ["{dataset}_{provider}_{period}_{sequence}", "{any}{period}", "{provider}-{mode}", "{any}"]
)


@MANY
@given(PATTERNS, st.text(max_size=60))
def test_any_name_is_read_or_refused(pattern: str, name: str) -> None:
    try:
        named = Naming(pattern, "sources.x").read(name)
    except DeliveryError as error:
        assert error.code == "bad_name"
    else:
        assert named.period is None or month(named.period) == named.period
        assert named.mode in (None, "full", "increment")


@MANY
@given(
    st.from_regex(FIELDS["provider"], fullmatch=True),
    st.dates().map(lambda day: f"{day:%Y-%m}".rjust(7, "0")),
    st.integers(0, 999_999),
)
def test_a_name_that_is_written_is_read(provider: str, period: str, sequence: int) -> None:
    for separator in ("", "-"):
        name = f"facility_{provider}_{period.replace('-', separator)}_{sequence:02d}.xlsx"
        named = Naming("{dataset}_{provider}_{period}_{sequence}", "x").read(name)
        assert (named.provider, named.period, named.sequence) == (provider, period, sequence)


@MANY
@given(st.text(max_size=40))
def test_months_in_names_are_months(name: str) -> None:
    found = month_in(name)
    assert found is None or real_period(found)


@MANY
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b.csv", ".c", "~$d", "e.x"]),
            st.sampled_from(["", ".part", ".done", ".OK", ".control.json", ".tmp"]),
            st.integers(0, 3),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_every_file_is_taken_once_or_waits(
    parts: list[tuple[str, str, int]], by_name: bool
) -> None:
    listing = list({stem + end: Entry(stem + end, 1, when) for stem, end, when in parts}.values())
    source = Source(connector="folder", name_pattern="{any}" if by_name else None)
    taken = [candidate.file.name for candidate in candidates(listing, source)]
    left = waiting(listing, source)
    assert len(set(taken)) == len(taken) and not set(taken) & set(left)
    assert not [name for name in [*taken, *left] if name.startswith((".", "~$"))]
    assert not [name for name in [*taken, *left] if name.endswith((".part", ".tmp"))]
    if by_name:
        assert left == []


@MANY
@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=6))
def test_a_canonical_query_says_the_same_in_any_order(pairs: list[tuple[str, str]]) -> None:
    pairs = [(name, value) for name, value in pairs if max(name + value, default="") < "\ud800"]
    one, other = canonical_query(urlencode(pairs)), canonical_query(urlencode(pairs[::-1]))
    assert one == other == canonical_query(one)
    assert sorted(parse_qsl(one, keep_blank_values=True)) == sorted(pairs)


@MANY
@given(
    st.just("") | st.datetimes().map(str) | st.dates().map(str), st.none() | st.integers(0, 10**9)
)
def test_marks_keep_what_they_say(value: str, rows: int | None) -> None:
    assert Mark.parse(str(Mark(value, rows))) == Mark(value, rows)
    assert Mark.parse(value) == Mark(value)


@MANY
@given(st.text("0123456789abcdef|", max_size=40))
def test_what_is_no_mark_says_no_moment(text: str) -> None:
    mark = Mark.parse(text)
    assert mark is None or not mark.value or datetime.fromisoformat(mark.value)


_UNTIL = datetime(2026, 10, 8)
_DAYS = st.integers(-40, 5).map(lambda n: (_UNTIL + timedelta(days=n)).strftime("%Y-%m-%d"))


@MANY
@given(
    st.lists(st.lists(_DAYS | st.sampled_from(["不详", "2026-02-31"]) | st.none(), min_size=1)),
    st.sampled_from([0, 7]),
)
def test_the_frontier_keeps_the_rows_that_come_once_more(
    pages: list[list[str | None]], window: int
) -> None:
    scale = Scale(dated=True, window=timedelta(days=window))
    frontier = Frontier(scale, "c", _UNTIL, None)
    frames = [pl.DataFrame({"c": pl.Series(page, dtype=pl.String)}) for page in pages]
    for frame in frames:
        frontier.add(frame)
    texts = [text for page in pages for text in page]
    sound = [t for t in texts if t and t[0] == "2" and t != "2026-02-31" and t <= "2026-10-08"]
    newest = max(sound, default="")
    since = scale.since(Mark(newest, 0)) or ""
    again = [text for text in texts if text not in sound or str(text) > since]
    assert frontier.mark == Mark(newest, len(again))
    keys = row_keys(pl.DataFrame({"c": pl.Series(again, dtype=pl.String)}))
    assert sorted(frontier.keys["key"]) == sorted(keys)


_CELLS = st.none() | st.text("a\t\n1:", max_size=3)
_ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "a\t1"]), _CELLS, min_size=1))


@MANY
@given(_ROWS, st.randoms())
def test_rows_are_known_by_what_they_say(rows: list[dict[str, str | None]], order: Any) -> None:
    said = [frozenset((k, v) for k, v in row.items() if v is not None) for row in rows]
    keys = row_keys(text_frame(rows)).to_list() if rows else []
    assert len(set(keys)) == len(set(said)) == len(set(zip(keys, said, strict=True)))
    one, other = Fingerprint(), Fingerprint()
    for row in rows:
        one.add(text_frame([row]))
    shuffled = order.sample(rows, len(rows))
    if rows:
        other.add(text_frame(shuffled))
    assert (str(one), one.rows) == (str(other), len(rows))
    if rows:
        other.add(text_frame(rows[:1]))
        assert str(one) != str(other)


@cache
def service() -> Service:
    """One for all examples; it ends with the process."""
    server = Service()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["rows", "issued_on", "period", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_CONTROL = st.fixed_dictionaries(
    {"period": st.just("2026-10") | _JSON, "row_count": st.just(2) | _JSON},
    optional={"generated_at": st.just("2026-11-08T02:00:00") | _JSON, "control_sums": _JSON},
)
_ANSWER = st.fixed_dictionaries(
    {"rows": st.lists(_JSON, max_size=3) | _JSON, "next_page_token": st.none() | _JSON},
    optional={"control": _CONTROL | _JSON, "snapshot": _JSON},
)


@effort(25)
@given(answers=st.lists(_ANSWER.map(json.dumps) | st.text(max_size=20), min_size=1, max_size=3))
def test_any_answer_is_a_delivery_or_a_sentence(answers: list[str]) -> None:
    source = Source(
        connector="rest",
        url=f"http://127.0.0.1:{service().server_port}/",
        token_env="HEALTH_TOKEN",
        provider="weijian",
        mode="increment",
        cursor="issued_on",
        page_size=10,
    )
    service().troubles = [(200, text) for text in answers * 5]
    known: Any = SCHEMA.to_frame()
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEALTH_TOKEN", TOKEN)
        patch.setattr(client, "FIRST_WAIT_SECONDS", 0.0)
        home = Path(folder)
        try:
            for delivery in rest_deliveries(Settings(home=home), source, CONTRACT, known):
                assert "/" not in delivery.batch_id
                assert sum(frame.height for frame in delivery.frames(home)) >= 0
        except (SourceError, DeliveryError) as error:
            assert "Traceback" not in str(error)
