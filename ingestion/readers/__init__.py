"""Files into chunks of text: every value stays the text that was delivered.

A module a form: delimited (CSV, TSV), workbook (XLSX), documents (JSON lines, GeoJSON, pages of a
REST service), parquet, archive (zip). What a reader already knows to be wrong with a row stands in
the row's marks (`ingestion.marks`); what is wrong with the file as a whole is a DeliveryError.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ingestion.contracts import Contract
from ingestion.errors import DeliveryError
from ingestion.headers import Headers, column_names
from ingestion.marks import unmarked
from ingestion.readers.archive import archive_members, plain_zip_errors
from ingestion.readers.content import Content
from ingestion.readers.decoding import Decoder
from ingestion.readers.delimited import delimited_frames
from ingestion.readers.documents import (
    geojson_frames,
    jsonl_frames,
    page_frames,
    text_frame,
)
from ingestion.readers.frames import gathered
from ingestion.readers.parquet import CHUNK_ROWS, parquet_frames
from ingestion.readers.workbook import workbook_frames

__all__ = [
    "CHUNK_ROWS",
    "FORMATS",
    "Decoder",
    "file_frames",
    "gathered",
    "page_frames",
    "text_frame",
]
FORMATS = (".csv", ".tsv", ".txt", ".xlsx", ".jsonl", ".ndjson", ".geojson", ".parquet", ".zip")


def file_frames(
    path: Path,
    encoding: str,
    contract: Contract | None = None,
    notes: list[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """A delivered file by its ending, as chunks of text columns under the delivered headers.

    Args:
        encoding: of text files without a byte order mark (`utf-8` or `gb18030`).
        contract: whose headers find the header row, the sheet and the delimiter.
        notes: takes what the provider should know, in Chinese.

    Raises:
        DeliveryError: `unknown_format`, or what the form's module names.
    """
    content = Content.of(path)
    if content.suffix != ".zip":
        yield from _frames(content, encoding, contract, notes)
        return
    with plain_zip_errors(content.name):
        for member in archive_members(content):
            if member.suffix == ".zip":
                raise DeliveryError(
                    "bad_archive",
                    f"压缩包 {content.name} 里又有压缩包 {member.name}。请直接打包数据文件。",
                )
            yield from _frames(member, encoding, contract, notes)


def _frames(
    content: Content, encoding: str, contract: Contract | None, notes: list[str] | None
) -> Iterator[pl.DataFrame]:
    headers = None if contract is None else contract.headers
    columns = () if contract is None else contract.columns
    match content.suffix:
        case ".csv" | ".tsv" | ".txt":
            return delimited_frames(content, encoding, headers)
        case ".xlsx":
            return workbook_frames(
                content,
                headers,
                required=[column.name for column in columns if column.required],
                dated=[c.name for c in columns if c.logical_type in ("date", "timestamp")],
                monthly=[c.name for c in columns if c.is_month],
                numeric=[c.name for c in columns if c.logical_type == "number"],
                counted=[
                    c.name
                    for c in columns
                    if c.logical_type in ("integer", "number") and c.codes is None
                ],
                notes=notes,
            )
        case ".jsonl" | ".ndjson":
            return _named(jsonl_frames(content, encoding), headers)
        case ".geojson":
            return _named(geojson_frames(content), headers)
        case ".parquet":
            return parquet_frames(content, headers)
        case other:
            raise DeliveryError(
                "unknown_format",
                f"不认识的文件类型“{other}”（{content.name}）。请报送 {'、'.join(FORMATS)}。",
            )


def _named(frames: Iterator[pl.DataFrame], headers: Headers | None) -> Iterator[pl.DataFrame]:
    """Frames of JSON, whose names may have come from a table without a header all the same."""
    for frame in frames:
        delivered = unmarked(frame.columns)
        names = column_names(delivered, headers)
        yield frame.rename(dict(zip(delivered, names, strict=True)))
