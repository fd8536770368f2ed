"""A table that a service answers in pages: whole, or what is new after the durable cursor."""

from __future__ import annotations

import polars as pl

from ingestion.connectors.rest.client import Client
from ingestion.connectors.rest.increment import Increment
from ingestion.connectors.rest.walk import RAW_FILE, Walk
from ingestion.connectors.rest.whole import Whole
from ingestion.contracts import Contract
from ingestion.delivery import Deliveries
from yinling.settings import Settings, Source


def table_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame, client: Client
) -> Deliveries:
    """One delivery with the rows that the service has and the hub has not, or none.

    Raises:
        SourceError: the service does not answer, refuses, or answers no delivery.
    """
    walk = _walk(source, contract, known, client)
    spool = settings.landing / contract.name / ".incoming" / RAW_FILE
    spool.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if source.mode == "increment":
            delivery = Increment(settings, walk).delivery()
        else:
            delivery = Whole(walk).delivery(spool)
        if delivery is not None:
            yield delivery
    finally:
        spool.unlink(missing_ok=True)  # persons in clear, of no use to another run


def table_news(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame, client: Client
) -> bool:
    """Whether `table_deliveries` would give a delivery; nothing is written.

    Raises:
        SourceError: as there.
    """
    walk = _walk(source, contract, known, client)
    if source.mode == "increment":
        return Increment(settings, walk).delivery() is not None
    return Whole(walk).delivery(spool=None) is not None


def _walk(source: Source, contract: Contract, known: pl.DataFrame, client: Client) -> Walk:
    mine = known.filter(pl.col("provider") == source.provider).sort("sequence")
    return Walk(client, source, contract, mine)
