"""How Superset's own SQLite file is opened: readers never wait for a writer, commits are cheap."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

# Waiting, not failing, is right for the rare moment in which two workers write at once.
OPTIONS = {"connect_args": {"timeout": 30}}


@event.listens_for(Engine, "connect")
def write_ahead(connection: Any, _record: Any) -> None:
    """Write-ahead log: two workers may read while one writes; a crash loses no committed page."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
