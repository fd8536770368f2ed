"""From a database table to a delivery: plan, read, and go on where a lost connection left off.

The rows are first brought into landing (`sql_spool`), then landed from there: the department's
server is asked for as short a time as can be, and nothing half-read ever reaches a batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl

from ingestion.connectors.sql_database import Database
from ingestion.connectors.sql_late import KnownRows
from ingestion.connectors.sql_plan import known_at
from ingestion.connectors.sql_reading import Reading
from ingestion.connectors.sql_spool import RAW_FILE, Spool, spooled_frames
from ingestion.contracts import Contract
from ingestion.delivery import Delivery
from ingestion.drift import History
from ingestion.errors import DeliveryError, SourceError
from yinling.settings import Settings, Source, secret

SPOOL = ".reading"


def deliveries(
    database: Callable[[str], Database],
    settings: Settings,
    source: Source,
    contract: Contract,
    known: pl.DataFrame,
) -> Iterator[Delivery]:
    """One delivery with everything new since the newest committed batch, or none.

    Raises:
        SourceError: the database cannot be reached or read, or the account may write.
    """
    if source.uri_env is None or source.table is None or source.provider is None:
        raise SourceError(f"sources.{contract.name}: set `uri_env`, `table` and `provider`.")
    mine = known.filter(pl.col("provider") == source.provider).sort("sequence")
    cursors = mine["cursor"].drop_nulls()  # a batch that was handed in has none
    last = cursors[-1] if len(cursors) else None
    before = History(settings, mine).last(contract.name, source.provider)
    reading = Reading(
        open=partial(database, secret(source.uri_env)),
        source=source,
        contract=contract,
        last=last,
        columns=before.columns if before is not None else {},
        spool=Spool(settings.landing / contract.name / SPOOL),
        known=KnownRows(settings, mine),
    )
    refusal: DeliveryError | None = None
    try:
        plan = reading.read()
    except DeliveryError as error:
        plan, refusal = reading.refused, error
    if plan is None:
        return
    moment = known_at(plan)
    delivery = Delivery(
        dataset=contract.name,
        provider=source.provider,
        period=moment.strftime("%Y-%m"),
        mode="full" if last is None or source.mode == "full" else "increment",
        sequence=1 + (mine["sequence"][-1] if mine.height else 0),
        file=RAW_FILE,
        delivered_at=moment,
        frames=partial(_frames, reading.spool.file) if refusal is None else partial(_no, refusal),
        reread=spooled_frames,
        rows_hint=reading.spool.rows,
        sha256=reading.spool.digest(),
        row_count=reading.spool.rows,
        control_sums=reading.sums(plan),
        cursor=reading.cursor(plan),
        warnings=reading.warnings,
    )
    delivery.schema.types = dict(plan.columns)
    yield delivery
    reading.spool.discard()


def _frames(spooled: Path, room: Path) -> Iterator[pl.DataFrame]:
    """The rows; what was read becomes the batch's raw file without being written again."""
    os.link(spooled, room / RAW_FILE)
    yield from spooled_frames(room / RAW_FILE)


def _no(refusal: DeliveryError, _: Path) -> Iterator[pl.DataFrame]:
    raise refusal
