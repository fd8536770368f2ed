"""Superset's configuration: read by Superset, in Superset's own environment."""
