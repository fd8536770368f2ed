"""Any database that SQLAlchemy has a dialect for: Oracle, Dameng, and others, by their URI."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ingestion.connectors.sql_database import Database
from ingestion.connectors.sql_source import deliveries
from ingestion.contracts import Contract
from ingestion.delivery import Delivery
from yinling.settings import Settings, Source


def sql_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Iterator[Delivery]:
    """What is new in a table or view; see `sql_source.deliveries`."""
    yield from deliveries(Database, settings, source, contract, known)
