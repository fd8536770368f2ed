"""Runs that are disturbed: by a second one, by Ctrl-C; and control records that cannot be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingestion import register
from ingestion.durable import single_writer
from ingestion.errors import DeliveryError, IngestionError, SourceError
from ingestion.landing import has_news, land
from ingestion.workers import _travelling
from tests.integration.ingestion.conftest import CONTRACTS, VAULT_KEY, Deliver, funds, lake, stays
from yinling import cli
from yinling.commands import common
from yinling.settings import PROJECT_DIR, Settings

STAY, FUND = "facility_stay", "welfare_fund"


@pytest.fixture
def written(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The home with a settings file, so that commands find it."""
    blocks = [
        f'[sources.{name}]\nconnector = "folder"\npath = "inbox/{name}"\n' for name in (STAY, FUND)
    ]
    (home.home / "yinling.toml").write_text("".join(blocks), "utf-8")
    monkeypatch.setenv("YINLING_HOME", str(home.home))
    monkeypatch.setattr(common, "options", common.Options())
    return home


def test_a_second_run_at_the_same_time_is_told_to_wait(
    written: Settings, deliver: Deliver, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(FUND, funds(5))
    with single_writer(written.landing / FUND, "x"):
        assert cli.run(["land", FUND]) == common.BUSY
    said = capsys.readouterr().err
    assert "being landed by another run. Wait until it ends" in said
    assert register.committed(written, FUND) == set()
    assert cli.run(["land", FUND]) == common.OK
    assert lake(written, FUND).height == 5


@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_wrong_with_one_dataset_keeps_no_other_from_landing(
    written: Settings, deliver: Deliver, capsys: pytest.CaptureFixture[str], threads: int
) -> None:
    file = written.home / "yinling.toml"
    no_address = '[sources.cremation]\nconnector = "postgresql"\nuri_env = "YINLING_NOT_SET"\n'
    few = f"[resources]\nthreads = {threads}\n"
    file.write_text(
        few + file.read_text("utf-8") + no_address + 'table = "t"\nprovider = "440203"\n', "utf-8"
    )
    deliver(FUND, funds(5))
    deliver(STAY, stays(5))
    with single_writer(written.landing / STAY, "`facility_stay`"):
        assert cli.run(["land", "--json"]) == common.FAILED
    out, said = capsys.readouterr()
    assert json.loads(out)["new_batches"] == ["welfare_fund.440203.2026-09.0001"]
    assert json.loads(out)["failed"] == ["cremation", STAY]
    assert "cremation: " in said and "YINLING_NOT_SET" in said
    assert f"{STAY}: `{STAY}` is being landed by another run" in said
    assert lake(written, FUND).height == 5
    with single_writer(written.landing / STAY, "`facility_stay`"):
        assert cli.run(["land", STAY, FUND]) == common.BUSY


def test_interrupted_by_the_keyboard_and_run_again(written: Settings, deliver: Deliver) -> None:
    deliver(STAY, stays(60_000))
    started = subprocess.Popen(
        [sys.executable, "-m", "yinling", "land", STAY],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT_DIR,
        env=dict(os.environ), start_new_session=True,
    )  # fmt: skip
    draft = written.home / ".staging" / "facility_stay.440203.2026-09.0001" / "data.parquet"
    limit = time.monotonic() + 60
    while not draft.exists() and started.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert started.returncode == common.INTERRUPTED, said
    assert "Interrupted. Run it again" in said
    assert "Traceback" not in said
    assert register.committed(written, STAY) == set()
    assert cli.run(["land", STAY, "--quiet"]) == common.OK
    assert lake(written, STAY).height == 60_000
    assert not any((written.home / ".staging").iterdir())


def test_a_home_without_sources_or_none_at_all(
    home: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nowhere = home.home / "mistyped"
    monkeypatch.setenv("YINLING_HOME", str(nowhere))
    for command in (["land"], ["status"], ["build"], ["publish"], ["owed"]):
        assert cli.run(command) == common.USAGE
        said = " ".join(capsys.readouterr().err.split())
        assert f"There is no hub in {nowhere}" in said and "yinling init" in said
    assert not nowhere.exists()
    assert cli.run(["init", "--home", str(nowhere)]) == common.OK
    for command in (["land"], ["run"]):
        assert cli.run(command) == common.USAGE
        assert "[sources.<dataset>]" in " ".join(capsys.readouterr().err.split())


def test_a_wrong_vault_key(
    written: Settings,
    deliver: Deliver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deliver(STAY, stays(5))
    assert cli.run(["land", STAY]) == common.OK
    deliver(STAY, stays(7), sequence=2)
    first = register.committed(written, STAY)
    rooms = sorted((written.landing / STAY).iterdir())
    other = "ab" * 32
    for wrong, says in (
        ("short", "must be 64 hex digits"),
        (other, "not among the vault's keys"),
        ("", "YINLING_VAULT_KEY is not set"),
    ):
        monkeypatch.setenv("YINLING_VAULT_KEY", wrong)
        assert cli.run(["land", STAY]) in (common.FAILED, common.USAGE)
        said = " ".join(capsys.readouterr().err.split())
        assert says in said and other not in said and VAULT_KEY not in said
        assert register.committed(written, STAY) == first
        assert sorted((written.landing / STAY).iterdir()) == rooms
        assert not any((written.home / ".staging").iterdir())
    monkeypatch.setenv("YINLING_VAULT_KEY", f"{other},{VAULT_KEY}")
    assert cli.run(["land", STAY]) == common.OK
    assert lake(written, STAY).height == 12


@pytest.mark.parametrize("period", ["2026-13", "2026-02-30", "26-09", "2026-9"])
def test_a_period_that_does_not_exist(home: Settings, deliver: Deliver, period: str) -> None:
    deliver(FUND, funds(5), control={"period": period})
    receipt = land(home, [FUND]).rejected[0]
    assert receipt["reason"] == "bad_control"
    assert "实有的年、月或日" in receipt["message"]


def test_asking_for_news_changes_nothing(home: Settings, deliver: Deliver, tmp_path: Path) -> None:
    fund = CONTRACTS[FUND]
    assert not has_news(home, fund)
    deliver(FUND, funds(5))
    before = sorted(tmp_path.rglob("*"))
    assert has_news(home, fund)
    assert sorted(tmp_path.rglob("*")) == before
    land(home, [FUND])
    assert not has_news(home, fund)
    deliver(FUND, funds(6))  # the same sequence with other bytes
    assert has_news(home, fund)
    assert land(home, [FUND]).rejected
    assert not has_news(home, fund)
    gone = home.model_copy(
        update={"sources": {FUND: home.sources[FUND].model_copy(update={"path": "nowhere"})}}
    )
    assert has_news(gone, fund)


def test_an_error_that_cannot_be_sent_to_another_process_keeps_its_words() -> None:
    told = _travelling(DeliveryError("hash", "摘要不符"))  # two arguments: it comes back broken
    assert type(told) is IngestionError
    assert str(told) == "DeliveryError: 摘要不符"
    assert type(_travelling(SourceError("no answer"))) is SourceError
