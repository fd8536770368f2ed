"""What landing by a channel is held against: the time to read the bytes, by the same client."""

from __future__ import annotations

import codecs
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import paramiko
import psycopg
import pyarrow.parquet as pq
import pymysql
import sqlalchemy as sa
from pymysql.cursors import SSCursor

_BLOCK = 8 << 20


def postgresql(place: str) -> None:
    """`COPY … TO STDOUT`."""
    address, table = place.split("|")
    with (
        psycopg.connect(address) as link,
        link.cursor() as cursor,
        cursor.copy(f"copy (select * from {table}) to stdout") as copy,
    ):
        for _ in copy:
            pass


def mysql(place: str) -> None:
    """`select *`, as text, streamed."""
    address, table = place.split("|")
    url = sa.make_url(address)
    link = pymysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, charset="utf8mb4"
    )
    link.decoders = {}
    with link, link.cursor(SSCursor) as cursor:
        cursor.execute(f"select * from {table}")
        while cursor.fetchmany(10_000):
            pass


def sql(place: str) -> None:
    """`select *` by SQLAlchemy, streamed."""
    address, table = place.split("|")
    with sa.create_engine(address).connect() as link:
        streamed = link.execution_options(stream_results=True)
        for _ in streamed.exec_driver_sql(f"select * from {table}").partitions(10_000):
            pass


def csv(path: str) -> None:
    """Read, and decode GB18030 to UTF-8."""
    decoder = codecs.getincrementaldecoder("gb18030")()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            decoder.decode(block).encode()


def parquet(path: str) -> None:
    """Every row group, decoded."""
    with pq.ParquetFile(path) as file:
        for _ in file.iter_batches(100_000):
            pass


def xlsx(path: str) -> None:
    """The workbook's parts, unpacked."""
    with zipfile.ZipFile(path) as book:
        for name in book.namelist():
            with book.open(name) as part:
                while part.read(_BLOCK):
                    pass


def rest(address: str) -> None:
    """Every page of JSON, not parsed further than the token of the next."""
    query = {"page_size": "5000"}
    headers = {"Authorization": f"Bearer {os.environ['YINLING_CIVIL_TOKEN']}"}
    with httpx.Client(headers=headers, timeout=60) as client:
        while True:
            tail = client.get(address, params=query).content[-2_000:].decode(errors="replace")
            token = tail.rpartition('"next_page_token":')[2].split(",")[0].strip(' "}')
            if token in ("null", ""):
                return
            query["page_token"] = token


def sftp(address: str) -> None:
    """The file's bytes, fetched."""
    port, user, path = address.split(",")
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            "127.0.0.1", int(port), user, key_filename=os.environ["BENCH_KEY"], look_for_keys=False
        )
        with client.open_sftp() as session, session.open(path, "rb") as file:
            file.prefetch()
            while file.read(1 << 20):
                pass


LIMITS: dict[str, Callable[[str], None]] = {
    "postgresql": postgresql,
    "mysql": mysql,
    "sql": sql,
    "csv": csv,
    "parquet": parquet,
    "xlsx": xlsx,
    "rest": rest,
    "sftp": sftp,
}
