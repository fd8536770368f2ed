"""One question a person: only who is needed, with the purpose written down, never twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import polars as pl
import pytest

from ingestion import access_log, register
from ingestion.batch import Batch
from ingestion.connectors.rest import client
from ingestion.errors import SourceError
from ingestion.landing import has_news, land
from ingestion.workers import land_side_by_side
from tests.integration.ingestion.conftest import CONTRACTS, Deliver, identifier, lake, stays
from tests.support.rest_service import TOKEN, Service, serving
from yinling.settings import Settings, Source

DATASET, PURPOSE = "custody_period", "核查在押期间领取补贴"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("JUSTICE_TOKEN", TOKEN)
    monkeypatch.setattr(client, "FIRST_WAIT_SECONDS", 0.01)
    with serving() as server:
        yield server


Asking = Callable[..., Settings]


@pytest.fixture
def asking(home: Settings, service: Service) -> Asking:
    """Settings in which custody is asked for everybody who stays in a facility."""

    def make(**values: object) -> Settings:
        source = Source(
            connector="rest",
            mode="lookup",
            url=f"http://127.0.0.1:{service.server_port}/v1/custody_period",
            token_env="JUSTICE_TOKEN",
            provider="sifa",
            purpose=PURPOSE,
            ask_for="facility_stay.id_no",
        ).model_copy(update=values)
        return home.model_copy(update={"sources": {**home.sources, DATASET: source}})

    return make


def period(number: int, started_on: str = "2026-01-05") -> dict[str, Any]:
    return {
        "id_no": identifier(number),
        "started_on": started_on,
        "ended_on": None,
        "kind": "prison",
    }


def questions(service: Service) -> list[str]:
    return [query["id_no"] for query in service.asked]


def test_only_the_needed_are_asked_for_and_once(
    asking: Asking, service: Service, deliver: Deliver
) -> None:
    home = asking()
    deliver("facility_stay", stays(12))
    land(home, ["facility_stay"])
    service.persons = {identifier(n): [period(n)] for n in (3, 7, 500)}
    receipt = land(home, [DATASET]).receipts[0]
    assert (receipt["status"], receipt["rows_loaded"]) == ("accepted", 2)
    assert "逐人查询 12 人" in receipt["warnings"][0] and "2 人有记录" in receipt["warnings"][0]
    assert sorted(questions(service)) == sorted(identifier(n) for n in range(12))
    assert {unquote(heads["X-Purpose"]) for heads in service.seen} == {PURPOSE}
    # The same persons are not asked for again; new ones are.
    assert land(home, [DATASET]).receipts == []
    deliver("facility_stay", stays(3, first=12), sequence=2, control={"mode": "increment"})
    land(home, ["facility_stay"])
    assert land(home, [DATASET]).receipts[0]["rows_loaded"] == 0
    assert questions(service)[12:] and set(questions(service)[12:]) == {
        identifier(n) for n in range(12, 15)
    }


def test_one_run_asks_about_those_whom_it_has_just_brought(
    asking: Asking, service: Service, deliver: Deliver
) -> None:
    deliver("facility_stay", stays(3))
    land_side_by_side(asking(), [DATASET, "facility_stay"], lambda *_: None)
    assert sorted(questions(service)) == sorted(identifier(n) for n in range(3))


def test_each_question_stands_in_the_access_log_and_no_number_leaves_landing(
    asking: Asking, service: Service, deliver: Deliver
) -> None:
    home = asking()
    deliver("facility_stay", stays(5))
    land(home, ["facility_stay"])
    service.persons = {identifier(2): [period(2)]}
    land(home, [DATASET])
    asked = [entry for entry in access_log.entries(home) if entry["role"] == "lookup"]
    tokens = set(lake(home, "facility_stay")["id_no_token"])
    assert {entry["token"] for entry in asked} == tokens
    assert {(entry["reason"], entry["asked_of"], entry["dataset"]) for entry in asked} == {
        (PURPOSE, "sifa", DATASET)
    }
    assert lake(home, DATASET)["id_no_token"].is_in(list(tokens)).all()
    number = identifier(2).encode()
    outside = [home.lake, home.receipts, home.home / ".staging"]
    files = [path for room in outside for path in room.rglob("*") if path.is_file()]
    assert files and not [path for path in files if number in path.read_bytes()]
    left = home.landing / DATASET / ".incoming" / "answers.jsonl"
    assert not left.exists()


def test_asking_for_news_asks_about_nobody(
    asking: Asking, service: Service, deliver: Deliver
) -> None:
    home, custody = asking(), CONTRACTS[DATASET]
    deliver("facility_stay", stays(5))
    assert not has_news(home, custody)
    land(home, ["facility_stay"])
    before = sorted(home.home.rglob("*"))
    assert has_news(home, custody)
    assert service.asked == [] and access_log.entries(home) == []
    assert sorted(home.home.rglob("*")) == before
    land(home, [DATASET])
    assert not has_news(home, custody)
    age_batches(home, days=31)
    assert has_news(home, custody)
    assert len(service.asked) == 5


def test_answers_without_a_batch_are_news(
    asking: Asking, service: Service, deliver: Deliver
) -> None:
    home = asking(questions_per_run=3)
    deliver("facility_stay", stays(3))
    land(home, ["facility_stay"])
    service.persons = {identifier(n): [period(n)] for n in range(3)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batch, "finish", _killed)
        with pytest.raises(KeyboardInterrupt):
            land(home, [DATASET])
    assert len(service.asked) == 3
    assert has_news(home, CONTRACTS[DATASET])
    land(home, [DATASET])
    assert not has_news(home, CONTRACTS[DATASET])
    assert len(service.asked) == 3


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_each_answer_is_safe_before_the_next_question(
    asking: Asking, service: Service, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = asking()
    deliver("facility_stay", stays(4))
    land(home, ["facility_stay"])
    safe, sync = list[tuple[int, int]](), os.fsync
    left = home.landing / DATASET / ".incoming" / "answers.jsonl"

    def watched(handle: int) -> None:
        sync(handle)
        if left.exists() and os.path.samestat(os.fstat(handle), left.stat()):
            safe.append((len(service.asked), len(left.read_bytes().splitlines())))

    monkeypatch.setattr(os, "fsync", watched)
    land(home, [DATASET])
    assert safe == [(n, n) for n in range(1, 5)]


def test_old_answers_are_asked_for_again(
    asking: Asking, service: Service, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver("facility_stay", stays(4))
    home = asking()
    land(home, ["facility_stay"])
    land(home, [DATASET])
    age_batches(home, days=31)
    service.persons = {identifier(1): [period(1)]}
    assert land(home, [DATASET]).receipts[0]["rows_loaded"] == 1
    assert len(service.asked) == 8


def test_the_departments_own_time_dates_its_answers(
    asking: Asking, service: Service, deliver: Deliver
) -> None:
    deliver("facility_stay", stays(2))
    home = asking()
    land(home, ["facility_stay"])
    service.said_at = "2026-11-01T03:00:00+08:00"
    service.persons = {identifier(1): [period(1)]}
    first = land(home, [DATASET]).receipts[0]
    assert first["delivered_at"] == "2026-11-01T03:00:00"
    assert first["batch_id"] == "custody_period.sifa.2026-11.0001"
    # Asked again on another day, the same words are the same bytes.
    age_batches(home, days=31)
    second = land(home, [DATASET]).receipts[0]
    assert second["sha256"] == first["sha256"]
    service.said_at = "yesterday"
    age_batches(home, days=31)
    with pytest.raises(SourceError, match="no date and time in `generated_at`: yesterday"):
        land(home, [DATASET])


def age_batches(home: Settings, days: int) -> None:
    """Makes what was landed look as if it had been landed earlier."""
    import json
    from datetime import datetime, timedelta

    for file in (home.lake / DATASET).glob("*/manifest.json"):
        value = json.loads(file.read_text("utf-8"))
        moment = datetime.fromisoformat(value["received_at"]) - timedelta(days=days)
        value["received_at"] = moment.isoformat()
        file.write_text(json.dumps(value), "utf-8")


def test_a_run_that_breaks_off_goes_on_where_it_was(
    asking: Asking, service: Service, deliver: Deliver
) -> None:
    home = asking()
    deliver("facility_stay", stays(20))
    land(home, ["facility_stay"])
    service.persons = {identifier(n): [period(n)] for n in range(20)}
    service.refuse_after = 8
    with pytest.raises(SourceError, match="8 of 20 persons were answered and are kept"):
        land(home, [DATASET])
    assert register.committed(home, DATASET) == set()
    # Killed in the middle of writing an answer: half a line is asked for again.
    left = home.landing / DATASET / ".incoming" / "answers.jsonl"
    left.write_bytes(left.read_bytes()[:-9])
    service.refuse_after = None
    assert land(home, [DATASET]).receipts[0]["rows_loaded"] == 20
    assert len(service.asked) == 8 + 1 + 13
    assert lake(home, DATASET)["id_no_token"].n_unique() == 20


def test_committed_but_killed_before_tidying_up(
    asking: Asking, service: Service, deliver: Deliver
) -> None:
    home = asking()
    deliver("facility_stay", stays(3))
    land(home, ["facility_stay"])
    service.persons = {identifier(0): [period(0)]}
    kept = []
    left = home.landing / DATASET / ".incoming" / "answers.jsonl"
    original = register.committed

    def look(settings: Settings, dataset: str) -> set[str]:
        if left.exists():
            kept.append(left.read_bytes())
        return original(settings, dataset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(register, "committed", look)
        land(home, [DATASET])
    left.write_bytes(kept[-1])
    assert land(home, [DATASET]).receipts == []
    assert not left.exists()


def test_so_many_questions_a_run(asking: Asking, service: Service, deliver: Deliver) -> None:
    home = asking(questions_per_run=5, requests_per_second=50)
    deliver("facility_stay", stays(8))
    land(home, ["facility_stay"])
    land(home, [DATASET])
    assert len(service.asked) == 5
    assert service.times[-1] - service.times[0] >= 4 / 50 * 0.9
    land(home, [DATASET])
    assert len(set(questions(service))) == len(service.asked) == 8


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"purpose": None}, "needs `purpose`"),
        ({"ask_for": "facility_stay.no_such"}, "which no contract has"),
        ({"ask_for": "facility_stay.name"}, "is no ID number"),
    ],
)
def test_settings_that_lack(asking: Asking, values: dict[str, object], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        land(asking(**values), [DATASET])


def short(number: str) -> str:
    """The number as it was written before 1999: 15 digits."""
    return number[:6] + number[8:17]


@pytest.mark.parametrize(
    "named",
    [
        identifier(1),
        short(identifier(1)),
        identifier(1)[:17],
        f"\u3000{short(identifier(1))} ",
        "\ud800",
        7,
    ],
)
def test_an_answer_about_somebody_else(
    asking: Asking, service: Service, deliver: Deliver, named: str | int
) -> None:
    home = asking()
    deliver("facility_stay", stays(1))
    land(home, ["facility_stay"])
    service.persons = {identifier(0): [period(0), period(0, "2026-02-05") | {"id_no": named}]}
    with pytest.raises(SourceError, match="another person"):
        land(home, [DATASET])
    assert register.committed(home, DATASET) == set()


@pytest.mark.parametrize(
    "named", [short(identifier(0)), f" {identifier(0)}", identifier(0).lower(), "", None]
)
def test_the_person_in_another_form(
    asking: Asking, service: Service, deliver: Deliver, named: str | None
) -> None:
    home = asking()
    deliver("facility_stay", stays(1))
    land(home, ["facility_stay"])
    service.persons = {identifier(0): [period(0) | {"id_no": named}]}
    assert land(home, [DATASET]).receipts[0]["rows_loaded"] == 1
    tokens = [lake(home, name)["id_no_token"].to_list() for name in (DATASET, "facility_stay")]
    assert tokens[0] == tokens[1]


def test_a_wrong_address_is_not_taken_for_nobody_in_custody(
    asking: Asking, service: Service, deliver: Deliver
) -> None:
    home = asking()
    deliver("facility_stay", stays(2))
    land(home, ["facility_stay"])
    service.troubles = [(404, "not here")]
    with pytest.raises(SourceError, match="answered 404"):
        land(home, [DATASET])
    assert pl.DataFrame(register.batches(home, DATASET)).is_empty()
