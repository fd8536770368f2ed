"""Superset as code."""
