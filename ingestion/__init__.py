"""Ingestion: contracts, identifiers, vault, connectors, landing.

The only room that sees an ID number, a name, an account number or an address in the clear.
"""
