"""Any database that SQLAlchemy has a dialect for: Oracle, Dameng, and others, by their URI."""

from __future__ import annotations

import polars as pl

from ingestion.connectors.sql_database import Database
from ingestion.connectors.sql_source import deliveries
from ingestion.contracts import Contract
from ingestion.delivery import Deliveries
from yinling.settings import Settings, Source


def sql_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Deliveries:
    """What is new in a table or view; see `sql_source.deliveries`."""
    yield from deliveries(Database, settings, source, contract, known)
