"""Several datasets land side by side, each by a worker process that lands one after the other.

A dataset has one writer, so datasets are what can be done at the same time. A worker dies with the
run that started it, however that ends: the next run finds no lock held.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any

from ingestion.divisions import needed_first
from ingestion.errors import IngestionError, SourceError
from ingestion.landing import Landed, land
from yinling.processes import end_with_parent
from yinling.settings import Settings

Tell = Callable[[str, int, int], None]
_reports: Any = None


def land_side_by_side(
    settings: Settings, datasets: Sequence[str], tell: Tell, period: str | None = None
) -> tuple[Landed, list[str]]:
    """Land the datasets with as many workers as `resources.threads` allows.

    A source that does not answer does not hold up the others. Look-ups come last: they ask about
    persons whom the others have brought.

    Args:
        tell: is told (dataset, batches, rows) as the work goes on.

    Returns:
        What was landed, and what was wrong with sources, both in the order of landing.

    Raises:
        IngestionError: as `land`, in plain words; or a worker was killed.
    """
    done, failed = Landed(), []
    asks = [name for name in datasets if settings.sources[name].mode == "lookup"]
    with _pool(min(settings.resources.threads, len(datasets)), tell) as submit:
        first = needed_first(settings, datasets)
        for names in (first, [name for name in datasets if name not in (*first, *asks)], asks):
            running = [submit(settings, name, period) for name in names]
            for name, landed in zip(names, running, strict=True):
                try:
                    one = landed()
                except SourceError as error:
                    failed.append(str(error))
                except BrokenProcessPool as error:
                    raise IngestionError(
                        f"A worker was killed while `{name}` or another dataset was landed (out of"
                        " memory?). Committed batches stay. Lower `resources.threads`, start again."
                    ) from error
                else:
                    done.receipts += one.receipts
                    done.unchanged += one.unchanged
    return done, failed


def _land_one(settings: Settings, name: str, period: str | None) -> Landed:
    """One dataset, in a worker."""

    def tell(batches: int, rows: int) -> None:
        _reports.put((name, batches, rows))

    return land(settings, [name], tell, period)


Submit = Callable[[Settings, str, str | None], Callable[[], Landed]]


@contextmanager
def _pool(workers: int, tell: Tell) -> Iterator[Submit]:
    """Where datasets are landed; reports of all workers reach `tell` in one thread."""
    if workers <= 1:
        yield lambda settings, name, period: partial(
            land, settings, [name], partial(tell, name), period
        )
        return
    context = multiprocessing.get_context("spawn")
    reports = context.SimpleQueue()

    def listen() -> None:
        while (report := reports.get()) is not None:
            tell(*report)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    pool = ProcessPoolExecutor(workers, context, _begin, (reports, os.getpid()))
    try:
        yield lambda *what: pool.submit(_land_one, *what).result
    finally:
        pool.shutdown(cancel_futures=True)
        reports.put(None)
        listener.join()


def _begin(reports: Any, parent: int) -> None:
    """A worker's first act: end with its parent, and without words when interrupted."""
    global _reports
    _reports = reports
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if os.getppid() != parent:
        os._exit(1)
