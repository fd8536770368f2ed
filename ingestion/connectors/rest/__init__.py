"""A department's REST service: tables in pages, or one answer a person (`mode = "lookup"`)."""

from __future__ import annotations

import polars as pl

from ingestion.connectors.rest.client import Client
from ingestion.connectors.rest.table import table_deliveries, table_news
from ingestion.contracts import Contract
from ingestion.delivery import Deliveries
from ingestion.errors import SourceError
from yinling.settings import Settings, Source


def rest_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Deliveries:
    """What the service has that the hub has not.

    Raises:
        SourceError: the service does not answer, refuses, or answers no delivery; a setting lacks.
        SettingsError: a token or key is not in the environment.
    """
    _check(source, contract)
    with Client(source, contract.name) as client:
        if source.mode == "lookup":
            # The vault's libraries are loaded only where they are needed.
            from ingestion.connectors.rest.lookup import lookup_deliveries

            yield from lookup_deliveries(settings, source, contract, known, client)
        else:
            yield from table_deliveries(settings, source, contract, known, client)


def rest_news(settings: Settings, source: Source, contract: Contract, known: pl.DataFrame) -> bool:
    """Whether there would be a delivery. Nothing is kept, and nobody is asked for.

    Raises:
        SourceError, SettingsError: as `rest_deliveries`.
    """
    _check(source, contract)
    if source.mode == "lookup":
        from ingestion.connectors.rest.lookup import lookup_news

        return lookup_news(settings, source, contract, known)
    with Client(source, contract.name) as client:
        return table_news(settings, source, contract, known, client)


def _check(source: Source, contract: Contract) -> None:
    if source.url is None or source.provider is None:
        raise SourceError(f"sources.{contract.name}: set `url` and `provider`.")
