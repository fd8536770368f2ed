"""Bars for landing: what each dataset has done so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from ingestion.contracts import load_contracts
from yinling.settings import Settings


@contextmanager
def landing_bars(
    settings: Settings, datasets: Sequence[str], shown: bool
) -> Iterator[Callable[[str, int, int], None]]:
    """Yields what is told (dataset, batches, rows); a line a dataset that has anything new."""
    contracts = load_contracts(settings.contracts)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        TextColumn("{task.completed:>5,.0f} 批"),
        TextColumn("{task.fields[rows]:>12,} 行"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bars:
        lines: dict[str, Any] = {}

        def tell(name: str, batches: int, rows: int) -> None:
            if name not in lines:
                title = contracts[name].title if name in contracts else name
                lines[name] = bars.add_task(title, total=None, rows=0)
            line = lines[name]
            bars.advance(line, batches)
            bars.update(line, rows=bars.tasks[line].fields["rows"] + rows)

        yield tell
