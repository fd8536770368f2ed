"""From a database table to a delivery: plan, read, and go on where a lost connection left off.

The rows are brought into landing (`sql_spool`) and checked as they come. A batch of which only half
was read is never committed: it is thrown away, and made again of what landing has and of the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl

from ingestion.connectors.sql_database import Database
from ingestion.connectors.sql_late import KnownRows
from ingestion.connectors.sql_plan import Plan, known_at, read_at
from ingestion.connectors.sql_reading import Reading
from ingestion.connectors.sql_spool import RAW_FILE, Spool, spooled_frames
from ingestion.contracts import Contract
from ingestion.delivery import Deliveries, Delivery
from ingestion.drift import History
from ingestion.errors import DeliveryError, SourceError
from yinling.clock import now
from yinling.settings import Settings, Source, secret

SPOOL = ".reading"


def deliveries(
    database: Callable[[str], Database],
    settings: Settings,
    source: Source,
    contract: Contract,
    known: pl.DataFrame,
) -> Deliveries:
    """One delivery with everything new since the newest committed batch, or none.

    Raises:
        SourceError: the database cannot be reached or read, or the account may write.
    """
    if source.uri_env is None or source.table is None or source.provider is None:
        raise SourceError(f"sources.{contract.name}: set `uri_env`, `table` and `provider`.")
    mine = known.filter(pl.col("provider") == source.provider).sort("sequence")
    # Synthetic departments live by a calendar of their own, which may be ahead of the clock.
    clocked = not settings.synthetic
    cursors = mine["cursor"].drop_nulls()  # a batch that was handed in has none
    if clocked and source.mode != "full" and source.cursor is not None:
        cursors = _past(cursors)
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
        clocked=clocked,
    )
    mode = "full" if last is None or source.mode == "full" else "increment"
    sequence = 1 + (mine["sequence"][-1] if mine.height else 0)

    def delivery(plan: Plan) -> Delivery:
        moment = known_at(plan)
        made = Delivery(
            dataset=contract.name,
            provider=str(source.provider),
            period=moment.strftime("%Y-%m"),
            mode=mode,
            sequence=sequence,
            file=RAW_FILE,
            delivered_at=moment,
            frames=lambda room: _frames(reading, plan, made, room),
            reread=spooled_frames,
            rows_hint=plan.new,
            read_at=max(moment, read_at(plan)) if clocked else None,
            warnings=[*reading.warnings, *plan.words()],
        )
        made.schema.types = dict(plan.columns)
        return made

    try:
        for plan in reading.plans():
            yield delivery(plan)
    except DeliveryError as error:
        if reading.refused is None:
            raise
        refused = delivery(reading.refused)
        refused.frames = partial(_no, error)
        yield refused
    reading.spool.discard()


def _past(cursors: pl.Series) -> pl.Series:
    """Durable cursors, but for those in the future.

    There a slip of the pen took older versions, which read nothing from then on.
    """
    days = cursors.str.extract(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})")
    return cursors.filter((days <= now().date().isoformat()) | days.is_null())


def _frames(reading: Reading, plan: Plan, delivery: Delivery, room: Path) -> Iterator[pl.DataFrame]:
    """The rows; what was read becomes the batch's raw file without being written again."""
    yield from reading.rows(plan)
    os.link(reading.spool.file, room / RAW_FILE)
    delivery.sha256, delivery.row_count = reading.spool.digest(), reading.spool.rows
    delivery.control_sums, delivery.cursor = reading.sums(plan), reading.cursor(plan)


def _no(refusal: DeliveryError, _: Path) -> Iterator[pl.DataFrame]:
    raise refusal
