"""The answer-only service: a token, a purpose, one person."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from starlette.testclient import TestClient

from synthetic import rest

TOKEN = "right"
URL = "/v1/custody_period"
ASK = {"Authorization": f"Bearer {TOKEN}", "X-Purpose": quote("核查服刑期间领取补贴")}
ROW = {
    "id_no": "440524188001010014",
    "started_on": "2026-01-05",
    "ended_on": None,
    "kind": "prison",
}
SAID = "2026-11-01T03:00:00"


@pytest.fixture
def service(tmp_path: Path) -> TestClient:
    folder = tmp_path / "lookup" / "custody_period"
    folder.mkdir(parents=True)
    other = {**ROW, "id_no": "440524188001010022"}
    schema = dict.fromkeys(ROW, pl.String)
    pl.DataFrame([ROW, other], schema=schema).write_parquet(folder / "0000-000.parquet")
    return TestClient(rest.application(tmp_path / "rest", TOKEN))


def test_one_person_in_that_person_s_rows_out(
    service: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = service.get(URL, params={"id_no": ROW["id_no"]}, headers=ASK)
    assert (answer.status_code, answer.json()) == (200, {"rows": [ROW], "generated_at": SAID})
    said = capsys.readouterr().out
    assert "核查服刑期间领取补贴" in said
    assert str(ROW["id_no"]) not in said


def test_nothing_known_is_an_empty_answer(service: TestClient) -> None:
    answer = service.get(URL, params={"id_no": "440524188001010030"}, headers=ASK)
    assert answer.json() == {"rows": [], "generated_at": SAID}


@pytest.mark.parametrize(
    ("without", "params", "code"),
    [
        ("Authorization", {"id_no": "440524188001010014"}, 401),
        ("X-Purpose", {"id_no": "440524188001010014"}, 400),
        (None, {}, 400),
        (None, {"page_size": "10"}, 400),
    ],
)
def test_no_token_no_purpose_or_no_person_no_answer(
    service: TestClient, without: str | None, params: dict[str, str], code: int
) -> None:
    headers = {name: value for name, value in ASK.items() if name != without}
    assert service.get(URL, params=params, headers=headers).status_code == code
