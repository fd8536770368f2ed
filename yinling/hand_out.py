"""Copies of the auditors' tables for another recipient, under tokens of that purpose.

Which tables, for whom and on which legal basis stands in the settings (`[purposes.<name>]`). The
copy is a folder of its own: one file a table and a manifest; what was handed out is written to the
access log.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingestion import access_log, purposes
from yinling.settings import Settings

FORMATS = ("parquet", "csv")
# Parts of numbers, and pointers to single delivered rows: by these, too, copies could be joined.
DETAIL = (
    "subject_mask", "batch_id", "row_no", "known_at", "fields", "file", "sha256", "received_at",
)  # fmt: skip
_IN_TEXT = r'"([0-9a-f]{32})"'


class HandOutError(Exception):
    """No copy was made; the message says why and what to do."""


def hand_out(settings: Settings, name: str, folder: Path, form: str = "parquet") -> dict[str, Any]:
    """Write the copy of the current release for a purpose.

    Returns:
        The manifest: purpose, recipient, legal basis, release, tables with rows, columns, sha256.

    Raises:
        SettingsError: no such purpose, or not this home's token key.
        HandOutError: no release, a table that it has not, an unknown format, or the folder exists.
    """
    purpose = purposes.purpose(settings, name)
    file = (settings.releases / "current").resolve() / "auditors.duckdb"
    if not file.exists():
        raise HandOutError("Nothing is published yet. Run `yinling publish` first.")
    if form not in FORMATS:
        raise HandOutError(f"Format `{form}` is unknown. Use one of {', '.join(FORMATS)}.")
    if folder.exists():
        raise HandOutError(f"{folder} exists already. Name a folder that does not.")
    with duckdb.connect(str(file), read_only=True) as connection:
        _check_tables(connection, name, purpose.tables)
        tables = {table: connection.table(f'"{table}"').pl() for table in purpose.tables}
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    manifest = {
        "purpose": name,
        "recipient": purpose.recipient,
        "legal_basis": purpose.legal_basis,
        "release_id": file.parent.name,
        "detail": purpose.detail,
        "tables": {
            table: _write(draft, table, _for_recipient(settings, name, frame), form)
            for table, frame in tables.items()
        },
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    (draft / "manifest.json").write_text(text, "utf-8")
    access_log.write(
        settings,
        [
            {
                "role": "export",
                "reason": purpose.legal_basis,
                "purpose": name,
                "release_id": file.parent.name,
                "outcome": "handed out",
            }
        ],
    )
    draft.rename(folder)
    return manifest


def _check_tables(connection: duckdb.DuckDBPyConnection, name: str, wanted: list[str]) -> None:
    there = {table for (table,) in connection.execute("show tables").fetchall()}
    if unknown := sorted(set(wanted) - there):
        raise HandOutError(
            f"purposes.{name}.tables: {', '.join(unknown)} is no table of the auditors' release. "
            f"There are: {', '.join(sorted(there))}."
        )


def _for_recipient(settings: Settings, name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Every token in every text column in the recipient's form; details only where allowed."""
    if not settings.purposes[name].detail:
        frame = frame.drop([column for column in DETAIL if column in frame.columns])
    changed = []
    for column in frame.columns:
        values = frame[column]
        if values.dtype != pl.String:
            continue
        made = purposes.to_recipient(settings, name, values)
        if made:
            values = values.replace(made)
        inside = values.str.extract_all(_IN_TEXT).explode().drop_nulls().str.strip_chars('"')
        if len(inside):
            made = purposes.to_recipient(settings, name, inside)
            values = values.str.replace_many(
                [f'"{token}"' for token in made], [f'"{token}"' for token in made.values()]
            )
        changed.append(values)
    return frame.with_columns(changed)


def _write(folder: Path, table: str, frame: pl.DataFrame, form: str) -> dict[str, Any]:
    # In their own order the rows would still stand in the order of the warehouse's tokens.
    frame = frame.sort(frame.columns, nulls_last=True)
    file = folder / f"{table}.{form}"
    if form == "csv":
        frame.write_csv(file, include_bom=True)
    else:
        frame.write_parquet(file)
    return {
        "rows": frame.height,
        "columns": frame.columns,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
