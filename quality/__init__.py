"""The gates: what must hold before the next room opens, its history and its page."""
