"""Connectors: how deliveries travel. Chosen by settings, never by the dataset."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import polars as pl

from ingestion.contracts import Contract
from ingestion.delivery import Connector
from yinling.settings import Settings, Source

CONNECTORS = ("folder", "mysql", "postgresql", "rest", "sftp", "sql")


def connector(name: str) -> Connector:
    """The function that yields a source's deliveries; its libraries are loaded only now."""
    found: Connector = getattr(import_module(f"ingestion.connectors.{name}"), f"{name}_deliveries")
    return found


def news(name: str) -> Callable[[Settings, Source, Contract, pl.DataFrame], bool] | None:
    """The function that tells whether a source would deliver, and writes nothing; None: none."""
    module = import_module(f"ingestion.connectors.{name}")
    found: Callable[[Settings, Source, Contract, pl.DataFrame], bool] | None
    found = getattr(module, f"{name}_news", None)
    return found
