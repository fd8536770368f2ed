"""The gates between the rooms, and the record of their results."""
