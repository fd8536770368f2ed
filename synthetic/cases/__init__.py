"""Planted cases and innocent look-alikes, one module a family of rules."""
