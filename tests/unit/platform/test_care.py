"""What keeps an installation well: init, doctor, maintain, alerts, messages."""

from __future__ import annotations

import errno
import http.server
import json
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from yinling.alerts import alert_once, raise_alert
from yinling.commands.common import BUSY, FAILED, INTERRUPTED, USAGE
from yinling.commands.errors import explain
from yinling.doctor import examine
from yinling.locks import BusyError, exclusive, held
from yinling.maintenance import maintain
from yinling.settings import Orchestration, Settings, SettingsError, load_settings
from yinling.setup import initialise


def test_init_writes_settings_that_load_and_keys_only_the_owner_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINLING_HOME", str(tmp_path))
    settings, keys = initialise()
    assert load_settings(settings).keep_releases == 5
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    before = keys.read_bytes()
    assert initialise() == []
    assert keys.read_bytes() == before


def test_doctor_names_what_is_wrong_and_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINLING_HOME", str(tmp_path))
    monkeypatch.delenv("YINLING_NOT_SET", raising=False)
    (tmp_path / "yinling.toml").write_text(
        '[sources.no_such]\nconnector = "folder"\n'
        '[sources.facility]\nconnector = "rest"\ntoken_env = "YINLING_NOT_SET"\n',
        "utf-8",
    )
    (tmp_path / "landing").mkdir(mode=0o755)
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "current").symlink_to("gone")
    bad = {(f.subject, f.status) for f in examine() if f.status != "OK"}
    assert ("source no_such", "FAIL") in bad
    assert ("source facility", "WARN") in bad
    assert ("landing", "FAIL") in bad
    assert ("release", "FAIL") in bad
    assert all(f.mend for f in examine() if f.status == "FAIL")


def test_doctor_tells_of_files_that_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YINLING_HOME", str(tmp_path))
    (tmp_path / "yinling.toml").write_text(
        '[sources.facility]\nconnector = "folder"\npath = "in"\n'
        '[sources.region]\nconnector = "sftp"\npassword_env = "YINLING_NOT_SET_EITHER"\n'
    )
    (tmp_path / "in").mkdir()
    for name in ("september.xlsx", "a.csv", "a.csv.control.json", "b.csv", "b.csv.done", "c.part"):
        (tmp_path / "in" / name).touch()
    found = {f"{f.subject}: {f.message}" for f in examine()}
    assert "source facility: 1 files wait, such as september.xlsx" in found
    assert "source region: YINLING_NOT_SET_EITHER is not set" in found


def test_doctor_survives_broken_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINLING_HOME", str(tmp_path))
    (tmp_path / "yinling.toml").write_text("sources = 3\n", "utf-8")
    assert [f.subject for f in examine() if f.status == "FAIL"] == ["settings"]


def test_locks_are_seen_and_go_with_the_block(tmp_path: Path) -> None:
    with exclusive(tmp_path, "warehouse"):
        assert held(tmp_path) == {"warehouse": str(os.getpid())}
    assert held(tmp_path) == {}


def test_maintain_takes_old_leftovers_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    settings = Settings(home=tmp_path)
    batch = settings.lake / "facility" / "facility.440203.2026-09.0001"
    leftover = settings.lake / "facility" / ".facility.440203.2026-10.0002.partial"
    fresh = settings.lake / "facility" / ".facility.440203.2026-11.0003.partial"
    (settings.landing / "facility").mkdir(parents=True)
    for folder in (batch, leftover, fresh):
        folder.mkdir(parents=True)
        (folder / "data.parquet").write_bytes(b"PAR1")
    alert = raise_alert(settings, "dag/task", "old")
    link = settings.releases / ".current-7"  # of a switch that was killed
    release = settings.releases / "20261001-abc"
    release.mkdir(parents=True)
    link.symlink_to(release.name)
    long_ago = time.time() - 400 * 86_400
    os.utime(link, (long_ago, long_ago), follow_symlinks=False)
    for path in (batch / "data.parquet", batch, leftover / "data.parquet", leftover, alert):
        os.utime(path, (long_ago, long_ago))
    gone = maintain(settings)
    assert (gone["unfinished"], gone["alerts"]) == (2, 1)
    assert batch.exists() and release.exists() and not link.is_symlink()
    assert fresh.exists()
    assert not leftover.exists()


def test_an_alert_is_a_file_and_a_post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[dict[str, str]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.handle_request, daemon=True).start()
    monkeypatch.setenv("YINLING_ALERT_URL", f"http://127.0.0.1:{server.server_port}/")
    settings = Settings(
        home=tmp_path, orchestration=Orchestration(alert_webhook_env="YINLING_ALERT_URL")
    )
    # The hook answers 500: the file stays and nothing is raised.
    file = raise_alert(settings, "warehouse/build", "disk full")
    server.server_close()
    assert json.loads(file.read_text("utf-8"))["message"] == "disk full"
    assert [item["subject"] for item in got] == ["warehouse/build"]


@pytest.mark.parametrize("left", ["", "{", "[]", "{}", '"x"'])
def test_a_file_that_is_no_alert_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: str
) -> None:
    settings = Settings(home=tmp_path)
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "20260901T0-x.json").write_text(left, "utf-8")
    file = alert_once(settings, "welfare_fund", "refused")
    assert file is not None
    assert json.loads(file.read_bytes())["message"] == "refused"
    assert "20260901T0-x.json is no alert" in caplog.text
    assert alert_once(settings, "welfare_fund", "refused") is None
    assert not list((tmp_path / "alerts").glob(".*"))


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (SettingsError("bad key"), USAGE, "bad key"),
        (BusyError("held by 7"), BUSY, "held by 7"),
        (KeyboardInterrupt(), INTERRUPTED, "goes on from what is complete"),
        (OSError(errno.ENOSPC, "x"), FAILED, "disk is full"),
        (OSError(errno.EDQUOT, "x"), FAILED, "disk is full"),
        (PermissionError(errno.EACCES, "x", "/data"), FAILED, "/data"),
        (RuntimeError("Could not set lock on file x"), BUSY, "open in another process"),
        (ValueError("odd"), FAILED, "--debug"),
    ],
)
def test_every_error_has_its_words_and_exit_code(
    error: BaseException, code: int, text: str
) -> None:
    found, message = explain(error)
    assert found == code
    assert text in message
