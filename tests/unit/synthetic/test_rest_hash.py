"""What the departments' service states as the hash of its answer."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from starlette.testclient import TestClient

from synthetic.rest import application


def stated(root: Path, **query: str) -> str:
    client = TestClient(application(root, "t"))
    answer = client.get("/v1/pension_payment", params=query, headers={"Authorization": "Bearer t"})
    assert answer.status_code == 200, answer.text
    return str(json.loads(answer.text)["control"]["sha256"])


def test_the_same_rows_have_the_same_hash_and_other_rows_another(tmp_path: Path) -> None:
    folder = tmp_path / "pension_payment"
    folder.mkdir()
    part = pl.DataFrame({"id_no": ["1", "2", "3"], "amount": ["100.00", "90.00", "80.00"]})
    part.write_parquet(folder / "0000.parquet")
    whole = stated(tmp_path)
    assert whole == stated(tmp_path) == stated(tmp_path, page_size="2")
    part.write_parquet(folder / "0001.parquet")
    assert stated(tmp_path) != whole
    assert stated(tmp_path, snapshot="1") == whole  # pages of an answer that has begun
