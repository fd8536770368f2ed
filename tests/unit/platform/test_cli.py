"""The command line: help, exit codes, messages without tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from yinling import cli
from yinling.commands import common

COMMANDS = [
    "init", "land", "render", "build", "check", "publish", "releases", "rollback",
    "status", "doctor", "reveal", "access-log", "export", "run", "docs", "maintain", "current",
    "deliver", "sftp-key", "keys list", "keys new", "keys rotate",
    "receipt", "owed", "quarantine", "replay", "news",
    "demo up", "demo stop", "demo clean", "demo logins",
]  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YINLING_HOME", str(tmp_path))
    monkeypatch.setattr(common, "options", common.Options())
    (tmp_path / "yinling.toml").touch()
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*command.split(), "--help"]) == 0
    assert f"Example: yinling {command}" in capsys.readouterr().out


def test_all_commands_are_listed_here() -> None:
    names = {info.name or info.callback.__name__ for info in cli.app.registered_commands}
    assert names == {command for command in COMMANDS if " " not in command}


def test_help_is_fast() -> None:
    """Under 0.3 s on a quiet machine; the room libraries are not even imported."""
    begin = time.monotonic()
    code = "import sys, yinling.cli as c; c.run(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert time.monotonic() - begin < 3
    loaded = done.stdout.splitlines()[-1]
    assert not [
        name for name in ("polars", "duckdb", "pydantic", "airflow") if f"'{name}'" in loaded
    ]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["nonsense"], 2, "No such command"),
        (["check"], 2, "Missing argument"),
        (["check", "nothing"], 2, "No gate `nothing`"),
        (["status", "--config", "/does/not/exist.toml"], 2, "does not exist"),
        (["land", "nothing_like_it"], 2, "No source in the settings"),
    ],
)
def test_wrong_usage(
    words: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(words) == code
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error


def test_shared_options_may_stand_anywhere() -> None:
    assert cli.hoist(["status", "--json", "--config", "a.toml"]) == [
        "--json", "--config", "a.toml", "status",
    ]  # fmt: skip
    assert cli.hoist(["land", "--", "--json"]) == ["land", "--", "--json"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("keep_relases = 3", ["`keep_relases` is not known", "Did you mean `keep_releases`?"]),
        ("xyzzy = 3", ["`xyzzy` is not known. Remove it."]),
        (
            '[sources.facility]\nconnector = "folder"\nencodng = "gbk"\nport = "many"',
            ["`sources.facility.encodng`", "`encoding`", "`sources.facility.port`", "integer"],
        ),
        ("keep_releases = = 3", ["is not valid TOML", "line 1"]),
        ("home = 7", ["`home`"]),
    ],
)
def test_wrong_settings_are_named(
    home: Path, capsys: pytest.CaptureFixture[str], text: str, says: list[str]
) -> None:
    (home / "yinling.toml").write_text(text, "utf-8")
    assert cli.run(["status"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert str(home / "yinling.toml") in said
    for words in says:
        assert words in said


def test_settings_that_cannot_be_read(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "yinling.toml").unlink()
    (home / "yinling.toml").mkdir()
    assert cli.run(["status"]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert cli.run(["status", "--config", str(home / "nowhere.toml")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_status_counts_rows(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = home / "lake" / "facility" / "facility.440203.2026-09.0001"
    batch.mkdir(parents=True)
    manifest = {
        "batch_id": batch.name,
        "dataset": "facility",
        "provider": "440203",
        "period": "2026-09",
        "mode": "full",
        "sequence": 1,
        "file": "facility.xlsx",
        "sha256": "0" * 64,
        "delivered_at": "2026-10-08T09:30:00",
        "received_at": "2026-10-08T10:00:00",
        "rows_read": 10,
        "rows_loaded": 8,
        "rows_quarantined": 2,
        "control": {"rows": 10, "sums": {}},
        "sums": {},
        "refused_sums": {},
        "cursor": None,
        "contract_version": "1.0.0",
        "schema_fingerprint": "0" * 16,
    }
    refused = home / "landing" / "facility" / batch.name / "quarantine.parquet"
    refused.parent.mkdir(parents=True)

    def status(loaded: int, kept: int, **told: int) -> int:
        pl.select(row_no=pl.int_range(loaded)).write_parquet(batch / "data.parquet")
        pl.select(row_no=pl.int_range(kept)).write_parquet(refused)
        (batch / "manifest.json").write_text(json.dumps(manifest | told), "utf-8")
        return cli.run(["status", "--json"])

    assert status(8, 2) == 0
    assert json.loads(capsys.readouterr().out)[0]["balanced"] is True
    # What the manifest says is not believed: the files are asked.
    for wrong in (
        lambda: status(7, 2), lambda: status(8, 1), lambda: status(8, 2, rows_read=11),
    ):  # fmt: skip
        assert wrong() == 1
        assert batch.name in capsys.readouterr().err


def test_a_second_run_is_told_to_wait(home: Path) -> None:
    code = (
        "import pathlib, sys, time\nfrom yinling.locks import exclusive\n"
        "with exclusive(pathlib.Path(sys.argv[1]), 'warehouse'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for command in ("build", "publish", "run"):
            done = subprocess.run(
                [sys.executable, "-m", "yinling", command],
                capture_output=True, text=True, env=os.environ | {"YINLING_HOME": str(home)},
            )  # fmt: skip
            assert done.returncode == 3
            assert str(holder.pid) in done.stderr
    finally:
        holder.kill()
        holder.wait()
    # A killed holder leaves no lock behind.
    assert cli.run(["status", "--json"]) == 0
