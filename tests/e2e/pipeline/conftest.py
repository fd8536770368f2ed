"""The small province (scale T) with its department systems, and a home that ran undisturbed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from synthetic import departments
from synthetic.environment import env_file
from synthetic.province import generate

# When something happened, and which release came before: no part of what a release says.
VOLATILE = {
    "received_at", "checked_at", "published_at", "since", "state", "previous_release_id",
    "first_seen_release", "last_seen_release", "status", "known_at", "last_delivered_at",
    "days_since_delivery", "delivered_at",
}  # fmt: skip
WALK_SECONDS = 600


@dataclass(frozen=True)
class Hub:
    """One home folder, and the `yinling` command in it."""

    home: Path

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "YINLING" not in name}
        return {**kept, "YINLING_HOME": str(self.home)}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "yinling", *words]

    def yinling(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*words), env=self.env, capture_output=True, text=True, timeout=WALK_SECONDS
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, to be killed."""
        return subprocess.Popen(
            self.command(*words), env=self.env, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def release(self) -> str:
        return (self.home / "releases" / "current").readlink().name

    def content(self) -> dict[str, tuple[int, str]]:
        """File and table → rows and a sum over them, of all that a release says."""
        found: dict[str, tuple[int, str]] = {}
        folder = (self.home / "releases" / "current").resolve()
        for file in ("officials.duckdb", "auditors.duckdb"):
            with duckdb.connect(str(folder / file), read_only=True) as connection:
                tables = connection.execute(
                    "select table_name, list(column_name order by column_index)"
                    " from duckdb_columns() where not internal group by all"
                ).fetchall()
                for table, columns in tables:
                    said = ", ".join(f'"{name}"' for name in columns if name not in VOLATILE)
                    row = connection.execute(
                        f'select count(*), sum(hash({said}))::varchar from "{table}"'
                    ).fetchone()
                    assert row is not None
                    found[f"{file}/{table}"] = row
        return found


@pytest.fixture(scope="session")
def province() -> Iterator[Path]:
    """A home with nothing but the departments: their servers run, nothing has landed.

    Not below pytest's own folder: another pytest that starts takes that folder's rights from the
    account that PostgreSQL runs as.
    """
    with (
        tempfile.TemporaryDirectory(prefix="yinling-province-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        home = Path(folder)
        # Ports of their own, so that a demo on this machine is left alone.
        patch.setenv("YINLING_DEMO_PG_PORT", "0")
        patch.setenv("YINLING_DEMO_REST_PORT", "0")
        generate(home, "T")
        departments.start(home)
        yield home
        departments.stop(home)


@pytest.fixture(scope="session")
def new_home(province: Path) -> Iterator[Callable[[str], Hub]]:
    """Makes homes that have landed nothing yet, all fed by the same departments."""
    with tempfile.TemporaryDirectory(prefix="yinling-homes-") as folder:

        def make(name: str) -> Hub:
            home = Path(folder) / name
            (home / "demo").mkdir(parents=True)
            shutil.copy(province / "yinling.toml", home)
            shutil.copy(env_file(province), env_file(home))
            (home / "demo" / "inbox").symlink_to(province / "demo" / "inbox")
            return Hub(home)

        yield make


@pytest.fixture(scope="session")
def undisturbed(new_home: Callable[[str], Hub]) -> Hub:
    """A home that walked the whole way once, in peace."""
    hub = new_home("undisturbed")
    done = hub.yinling("run")
    assert done.returncode == 0, done.stdout + done.stderr
    return hub
