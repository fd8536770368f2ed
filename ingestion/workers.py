"""Several datasets land side by side, each by a worker process that lands one after the other.

A dataset has one writer, so datasets are what can be done at the same time. A worker dies with the
run that started it, however that ends: the next run finds no lock held.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any

from ingestion.divisions import needed_first
from ingestion.errors import IngestionError
from ingestion.landing import Landed, land
from yinling.processes import end_with_parent
from yinling.settings import Settings

Tell = Callable[[str, int, int], None]
_reports: Any = None


def land_side_by_side(
    settings: Settings, datasets: Sequence[str], tell: Tell, period: str | None = None
) -> tuple[Landed, dict[str, Exception]]:
    """Land the datasets with as many workers as `resources.threads` allows.

    What is wrong with one dataset (its source, its lock, its keys) does not hold up the others.
    Look-ups come after the dataset that brings the persons they ask about.

    Args:
        tell: is told (dataset, batches, rows) as the work goes on.

    Returns:
        What was landed, and the errors of datasets that could not be (`land` says which), both in
        the order in which they began.

    Raises:
        IngestionError: a worker was killed.
    """
    done, failed = Landed(), dict[str, Exception]()
    try:
        with _pool(min(settings.resources.threads, len(datasets)), tell) as submit:
            begun = _begun(settings, datasets, partial(submit, settings, period))
            for name, landed in begun.items():
                try:
                    one = landed.result()
                except BrokenProcessPool:
                    raise
                except Exception as error:
                    failed[name] = error
                else:
                    done.receipts += one.receipts
                    done.unchanged += one.unchanged
    except BrokenProcessPool as error:
        raise IngestionError(
            "A worker was killed while datasets were landed (out of memory?). Committed batches"
            " stay. Lower `resources.threads`, start again."
        ) from error
    return done, failed


def _begun(
    settings: Settings, datasets: Sequence[str], submit: Callable[[str], Future[Landed]]
) -> dict[str, Future[Landed]]:
    """Every dataset's landing, in the order in which they begin; each waits for what it needs."""
    first = needed_first(settings, datasets)
    asks = [name for name in datasets if settings.sources[name].mode == "lookup"]
    begun = {name: submit(name) for name in first}
    wait(begun.values())
    rest = [name for name in datasets if name not in (*first, *asks)]
    begun |= {name: submit(name) for name in _largest_first(settings, rest)}
    for name in asks:
        asked = str(settings.sources[name].ask_for).partition(".")[0]
        wait([begun[asked]] if asked in begun else [])
        begun[name] = submit(name)
    return begun


def _largest_first(settings: Settings, datasets: Sequence[str]) -> list[str]:
    """By what is in the lake: a large table that began last would keep one worker alone at work."""
    sizes = {
        name: sum(file.stat().st_size for file in settings.lake.glob(f"{name}/*/data.parquet"))
        for name in datasets
    }
    return sorted(datasets, key=lambda name: (-sizes[name], name))


def _land_one(settings: Settings, period: str | None, name: str) -> Landed:
    """One dataset, in a worker."""

    def tell(batches: int, rows: int) -> None:
        _reports.put((name, batches, rows))

    try:
        return land(settings, [name], tell, period)
    except Exception as error:
        raise _travelling(error) from error


def _travelling(error: Exception) -> Exception:
    """The error, or its words: one that cannot be sent whole would break the pool for all."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (made here)
    except Exception:
        return IngestionError(f"{type(error).__name__}: {error}")
    return error


Submit = Callable[[Settings, str | None, str], Future[Landed]]


@contextmanager
def _pool(workers: int, tell: Tell) -> Iterator[Submit]:
    """Where datasets are landed; reports of all workers reach `tell` in one thread."""
    if workers <= 1:
        yield partial(_land_here, tell)
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
        yield lambda *what: pool.submit(_land_one, *what)
    finally:
        pool.shutdown(cancel_futures=True)
        reports.put(None)
        listener.join()


def _land_here(tell: Tell, settings: Settings, period: str | None, name: str) -> Future[Landed]:
    """One dataset, without a worker: done when this returns."""
    future = Future[Landed]()
    try:
        future.set_result(land(settings, [name], partial(tell, name), period))
    except Exception as error:
        future.set_exception(error)
    return future


def _begin(reports: Any, parent: int) -> None:
    """A worker's first act: end with its parent, and without words when interrupted."""
    global _reports
    _reports = reports
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if os.getppid() != parent:
        os._exit(1)
