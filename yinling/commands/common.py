"""What every command shares: where output goes, which exit code an error gets, progress."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yinling.settings import Settings

OK, FAILED, USAGE, BUSY = 0, 1, 2, 3
INTERRUPTED = 130

EXIT_CODES = """Exit codes: 0 done · 1 a check, gate or step failed · 2 wrong usage or settings ·
3 busy: another run holds the lock · 130 interrupted."""


class CommandError(Exception):
    """An error to show to the user as it stands; `code` is the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Options:
    """The options that any command takes, wherever they stand on the line."""

    config: Path | None = None
    as_json: bool = False
    debug: bool = False
    quiet: bool = False


options = Options()


def settings() -> Settings:
    """The settings named by --config, else those of the home folder.

    A synthetic home brings its own keys and addresses (`demo/env`): they guard made-up people.
    """
    from yinling.settings import load_settings

    loaded = load_settings(options.config)
    own = loaded.home / "yinling.toml"
    if options.config is None and not own.exists() and not loaded.lake.exists():
        raise CommandError(
            f"There is no hub in {loaded.home}. Check YINLING_HOME, or make one:"
            f" yinling init --home {loaded.home}",
            USAGE,
        )
    if loaded.synthetic:
        from synthetic.environment import read_env

        for name, value in read_env(loaded.home).items():
            os.environ.setdefault(name, value)
    return loaded


def say(text: str) -> None:
    """A line for people; silent with --json and --quiet, so that output stays parseable."""
    if not options.as_json and not options.quiet:
        print(text, flush=True)


def day(text: str) -> date:
    """A day that stands on the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text}: write a day as 2026-10-31.", USAGE) from None


def emit(value: Any, lines: Sequence[str] | None = None) -> None:
    """The result of a command: JSON with --json, else the lines given."""
    if options.as_json:
        print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
    else:
        for line in lines if lines is not None else [str(value)]:
            print(line)


def table(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    styles: Mapping[str, Callable[[Mapping[str, Any]], str]] | None = None,
) -> None:
    """Rows as a table; `columns` maps keys to headings. Numbers stand to the right.

    styles: for a key, the style of its cell in a row (`red`); shown where there is a terminal.
    """
    if options.as_json:
        emit([dict(row) for row in rows])
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    view = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    numeric = {
        key
        for key in columns
        if rows and all(isinstance(row.get(key), int | float | Decimal) for row in rows)
    }
    for key, heading in columns.items():
        view.add_column(heading, justify="right" if key in numeric else "left", no_wrap=True)
    for row in rows:
        cells = []
        for key in columns:
            text = escape(_cell(row.get(key)))
            style = styles[key](row) if styles and key in styles else ""
            cells.append(f"[{style}]{text}[/{style}]" if style else text)
        view.add_row(*cells)
    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(view)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return str(value)


def watched() -> bool:
    """Whether somebody watches a terminal, so that bars make sense."""
    return sys.stderr.isatty() and not options.as_json and not options.quiet


@contextmanager
def step(name: str) -> Iterator[None]:
    """Announce a step, show that it is alive, and say how long it took."""
    begin = time.monotonic()
    if watched():
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            bar.add_task(name)
            yield
    else:
        yield
    say(f"  {name:<44} {time.monotonic() - begin:7.1f} s")
