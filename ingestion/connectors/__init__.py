"""Connectors: how deliveries travel. Chosen by settings, never by the dataset."""

from __future__ import annotations

from ingestion.connectors.folder import folder_deliveries
from ingestion.connectors.postgresql import postgresql_deliveries
from ingestion.connectors.rest import rest_deliveries
from ingestion.delivery import Connector

CONNECTORS: dict[str, Connector] = {
    "folder": folder_deliveries,
    "postgresql": postgresql_deliveries,
    "rest": rest_deliveries,
}
