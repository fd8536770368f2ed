"""Whether a file is the one that its control record was written for is proven beside reading it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion import landing, quarantine, register
from ingestion.connectors import inbox
from ingestion.landing import has_news, land
from ingestion.register import DELIVERED, delivered_file
from tests.integration.ingestion.conftest import CONTRACTS, Deliver, funds, lake
from yinling.settings import Settings

FUND = "welfare_fund"
CONTROL = ".control.json"


def damage(path: Path) -> str:
    """Turn the file's last "1" into a "7", as a bad line would; the hash of what is there now."""
    before, _, after = path.read_bytes().rpartition(b"1")
    path.write_bytes(before + b"7" + after)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("together", [50_000, 10], ids=["among others", "chunk by chunk"])
def test_a_damaged_file_is_refused_after_it_was_read(
    home: Settings, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr(landing, "GROUP_ROWS", together)
    rows = 300
    told: dict[str, Any] = {"control_sums": {}}  # nothing else would show it
    path = deliver(FUND, funds(rows), control=told)
    found = damage(path)
    receipt = land(home, [FUND]).rejected[0]
    assert (receipt["reason"], receipt["sha256"]) == ("hash", found)
    assert "摘要不符" in receipt["message"]
    room = home.landing / FUND / f"{receipt['batch_id']}.refused-{found[:8]}"
    kept = room / DELIVERED / path.name
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == found
    assert lake(home, FUND).height == quarantine.scan(home).collect().height == 0
    assert register.committed(home, FUND) == set()
    # The sound bytes under the same control record are taken, and nothing of the others stays.
    assert not has_news(home, CONTRACTS[FUND])
    sound = deliver(FUND, funds(rows), control=told)
    assert has_news(home, CONTRACTS[FUND])
    receipt = land(home, [FUND]).receipts[0]
    assert (receipt["status"], receipt["rows_loaded"]) == ("accepted", rows)
    assert receipt["sha256"] == hashlib.sha256(sound.read_bytes()).hexdigest()
    assert lake(home, FUND)["row_no"].to_list() == list(range(1, rows + 1))


def zipped(text: bytes) -> bytes:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("fund.csv", text)
    return book.getvalue()


Change = Callable[[bytes], bytes]
WRECKS: dict[str, tuple[str, Change, Change]] = {
    "archive": (".csv.zip", zipped, lambda whole: whole[:-40]),
    "header": (".csv", bytes, lambda whole: b"x" + whole),
    "cut": (".csv", bytes, lambda whole: whole[: len(whole) // 2]),
}


@pytest.mark.parametrize("wreck", WRECKS)
def test_the_hash_explains_what_else_is_wrong(home: Settings, deliver: Deliver, wreck: str) -> None:
    """To the clerk a file that arrived damaged is that, and not a file with a wrong header."""
    suffix, whole, broken = WRECKS[wreck]
    rows = funds(30)
    path = home.home / str(home.sources[FUND].path) / f"fund{suffix}"
    bytes_ = whole(rows.write_csv().encode())
    deliver(FUND, rows, name=path.name, control={"sha256": hashlib.sha256(bytes_).hexdigest()})
    path.write_bytes(broken(bytes_))
    assert land(home, [FUND]).rejected[0]["reason"] == "hash"
    # Without a hash to hold it against, the same bytes are told by what is wrong with them.
    record = path.with_name(path.name + CONTROL)
    record.write_text(json.dumps(json.loads(record.read_bytes()) | {"sha256": None}), "utf-8")
    assert land(home, [FUND]).rejected[0]["reason"] != "hash"


def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose hash is really reckoned from now on."""
    files: list[Path] = []
    usual = hashlib.file_digest

    def counted(stream: io.BufferedReader, name: str) -> object:
        files.append(Path(stream.name))
        return usual(stream, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return files


def test_a_new_file_is_hashed_once_and_from_the_copy_that_was_read(
    home: Settings, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deliver(FUND, funds(20))
    files = hashed(monkeypatch)
    assert has_news(home, CONTRACTS[FUND])
    assert files == []
    receipt = land(home, [FUND]).receipts[0]
    assert files == [delivered_file(home, FUND, receipt["batch_id"], first.name)]
    # Known by size and time: not even looked into.
    assert not has_news(home, CONTRACTS[FUND])
    assert land(home, [FUND]).receipts == []
    assert len(files) == 1


def test_a_refused_file_is_hashed_again_but_not_read(
    home: Settings, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(deliver(FUND, funds(20), control={"control_sums": {}}))
    refused = land(home, [FUND]).rejected[0]
    files = hashed(monkeypatch)
    monkeypatch.setattr(inbox, "file_frames", lambda *_: pytest.fail("it was read again"))
    assert land(home, [FUND]).rejected == [refused]
    assert [path.parent.name for path in files] == [FUND]


def test_the_same_delivery_under_two_names_is_taken_once(home: Settings, deliver: Deliver) -> None:
    """Both are new when they are found; the second is known by its bytes when its turn comes."""
    deliver(FUND, funds(20))
    deliver(FUND, funds(20), name="again.csv")
    assert [r["status"] for r in land(home, [FUND]).receipts] == ["accepted"]
    assert lake(home, FUND).height == 20
    deliver(FUND, funds(21), name="other.csv")
    assert [r["reason"] for r in land(home, [FUND]).rejected] == ["sequence_reused"]
    assert lake(home, FUND).height == 20


def test_a_file_that_vanishes_before_its_turn_is_missing(home: Settings, deliver: Deliver) -> None:
    deliver(FUND, funds(20)).unlink()
    receipt = land(home, [FUND]).rejected[0]
    assert (receipt["reason"], receipt["sha256"]) == ("missing_file", "")
