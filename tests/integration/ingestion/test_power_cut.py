"""What must be on the disk before something else is said to be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestion.durable import write_json
from ingestion.landing import land
from tests.integration.ingestion.conftest import Deliver, funds
from yinling.settings import Settings

FUND = "welfare_fund"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was forced to the disk, in order."""
    done: list[Path] = []
    usual = os.fsync

    def recorded(handle: int) -> None:
        usual(handle)
        done.append(Path(f"/proc/self/fd/{handle}").readlink())

    monkeypatch.setattr(os, "fsync", recorded)
    return done


def test_a_file_is_there_with_its_name_and_the_folders_above(
    tmp_path: Path, synced: list[Path]
) -> None:
    write_json(tmp_path / "a" / "b" / "c.json", {})
    folders = [path for path in synced if path.is_dir()]
    assert folders == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    # The file's bytes before its name.
    assert [path.name.startswith(".c.json.") for path in synced][-2:] == [True, False]


@pytest.mark.parametrize("refused", [False, True])
def test_a_batch_is_in_landing_before_it_is_in_the_lake(
    home: Settings, deliver: Deliver, synced: list[Path], refused: bool
) -> None:
    deliver(FUND, funds(20), control={"row_count": 21} if refused else None)
    (receipt,) = land(home, [FUND]).receipts
    room = home.landing / FUND
    receipts = home.receipts / FUND
    assert synced.index(home.landing) < synced.index(room) < synced.index(receipts)
    if not refused:
        kept = room / receipt["batch_id"]
        assert {path.name for path in kept.iterdir()} <= {path.name for path in synced}
        assert synced.index(kept) < synced.index(room) < synced.index(home.lake / FUND)
