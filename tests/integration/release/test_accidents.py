"""kill -9 at any instant, a full disk: readers keep a whole release, a rerun ends well."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.support.published import OFFICIALS, build_warehouse
from yinling.release import current_id, publish
from yinling.settings import PROJECT_DIR, Settings

pytestmark = pytest.mark.slow

PUBLISH = """
import signal, sys
from pathlib import Path
from yinling.release import publish
from yinling.settings import Settings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    print(publish(Settings(home=Path(sys.argv[1]), synthetic=True)))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def start(home: Path, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(home)],
        cwd=PROJECT_DIR,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,  # type: ignore[call-overload]
    )


def content(settings: Settings) -> dict[str, list[tuple]]:
    """Everything that readers see, but for the moments at which checks and publishing ran."""
    found = {}
    for name in ("officials", "auditors"):
        file = (settings.releases / "current").resolve() / f"{name}.duckdb"
        with duckdb.connect(str(file), read_only=True) as connection:
            tables = connection.execute("select table_name from duckdb_tables()").fetchall()
            for (table,) in tables:
                if table not in ("release", "quality_result"):
                    rows = connection.execute(f"select * from {table} order by all").fetchall()
                    found[f"{name}.{table}"] = rows
    return found


def changed(home: Path) -> Settings:
    """A home with one release, and a warehouse that has something new to publish."""
    settings = Settings(home=home, synthetic=True)
    build_warehouse(settings)
    publish(settings)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(f"update {OFFICIALS}.indicator set feeds = feeds || ', more'")
    return settings


def test_killed_at_any_instant_the_rerun_ends_as_if_undisturbed(tmp_path: Path) -> None:
    calm = changed(tmp_path / "calm")
    wanted_id = publish(calm).release_id
    settings = changed(tmp_path / "rough")
    releases, before, shown = settings.releases, current_id(settings), content(settings)
    instants: dict[str, Callable[[], bool]] = {
        "building": lambda: any(releases.glob(".tmp-*/officials.duckdb")),
        "second file": lambda: any(releases.glob(".tmp-*/auditors.duckdb")),
        "checking": lambda: (
            any(releases.glob(".tmp-*/auditors.duckdb")) and not any(releases.glob(".tmp-*/*.wal"))
        ),
        "manifest": lambda: any(releases.glob(".tmp-*/manifest.json")),
        "renamed": lambda: (releases / wanted_id).exists(),
    }
    for name, reached in instants.items():
        process = start(settings.home)
        while process.poll() is None and not reached():
            time.sleep(0.0005)
        os.kill(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.communicate()
        # Readers see the old release or, in the last instants, perhaps the new one: always a whole.
        if current_id(settings) == before:
            assert content(settings) == shown, name
        else:
            assert name in ("manifest", "renamed") and current_id(settings) == wanted_id
    process = start(settings.home)
    out, error = process.communicate(timeout=120)
    assert out.strip() == wanted_id, error
    assert content(settings) == content(calm)
    assert not list(releases.glob(".tmp-*")) and not list(releases.glob(".current-*"))


def test_a_full_disk_is_said_plainly_and_nothing_changes(tmp_path: Path) -> None:
    settings = changed(tmp_path)
    before, shown = current_id(settings), content(settings)

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    process = start(settings.home, preexec_fn=small)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "ReleaseError: The disk under" in error and "Free space" in error
    assert (current_id(settings), content(settings)) == (before, shown)
    assert not list(settings.releases.glob(".tmp-*"))
    assert publish(settings).changed
