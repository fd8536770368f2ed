"""Connectors: how deliveries travel. Chosen by settings, never by the dataset."""

from __future__ import annotations

from importlib import import_module

from ingestion.delivery import Connector

CONNECTORS = ("folder", "mysql", "postgresql", "rest", "sftp", "sql")


def connector(name: str) -> Connector:
    """The function that yields a source's deliveries; its libraries are loaded only now."""
    found: Connector = getattr(import_module(f"ingestion.connectors.{name}"), f"{name}_deliveries")
    return found
