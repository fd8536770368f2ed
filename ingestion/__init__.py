"""Ingestion: contracts, connectors, identifiers, vault and landing."""
