"""Rows of a database as lines of text: PostgreSQL's COPY form, whatever the database.

A tab between columns, a line feed after each row, `\\N` for null; backslash, tab and line ends
inside a value are escaped with a backslash. A value's text never holds a bare separator, so lines
are found without looking for quotes.
"""

from __future__ import annotations

import polars as pl

from ingestion.characters import times
from ingestion.errors import SourceError

NULL = "\\N"
# In this order; a doubled backslash waits under a mark that no escape begins with.
_WAITING = "\\\x01"
_ESCAPES = (
    ("\t", "\\t"),
    ("\n", "\\n"),
    ("\r", "\\r"),
    ("\b", "\\b"),
    ("\f", "\\f"),
    ("\v", "\\v"),
)


def parse(lines: bytes, names: list[str]) -> pl.DataFrame:
    """Whole lines as columns of text.

    Raises:
        SourceError: a line has another number of columns.
    """
    try:
        frame = pl.read_csv(
            lines,
            separator="\t",
            quote_char=None,
            has_header=False,
            schema=dict.fromkeys(names, pl.String()),
            null_values=NULL,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"What the database sent cannot be read as rows: {error}.") from error
    if times("\\", lines) == sum(column.null_count() for column in frame.iter_columns()):
        return frame
    return frame.with_columns(_plain(pl.col(name)) for name in _escaped(frame))


def render(frame: pl.DataFrame) -> bytes:
    """Columns of text as lines."""
    text = frame.with_columns(_shielded(pl.col(name)) for name in frame.columns)
    return text.write_csv(
        separator="\t", quote_style="never", include_header=False, null_value=NULL
    ).encode()


def _escaped(frame: pl.DataFrame) -> list[str]:
    """Columns in which a backslash stands."""
    return [
        column.name
        for column in frame.iter_columns()
        if column.str.contains("\\", literal=True).any()
    ]


def _plain(text: pl.Expr) -> pl.Expr:
    text = text.str.replace_all("\\\\", _WAITING, literal=True)
    for character, escape in _ESCAPES:
        text = text.str.replace_all(escape, character, literal=True)
    return text.str.replace_all(_WAITING, "\\", literal=True)


def _shielded(text: pl.Expr) -> pl.Expr:
    text = text.str.replace_all("\\", "\\\\", literal=True)
    for character, escape in _ESCAPES:
        text = text.str.replace_all(character, escape, literal=True)
    return text
