"""Counting characters in bytes."""

from __future__ import annotations

import numpy as np

_PIECE_BYTES = 256 << 10


def times(character: str, text: bytes) -> int:
    """How often an ASCII character stands in the text; `bytes.count` is slow where it is often.

    Piece by piece, so that what is compared stays in the processor's cache.
    """
    characters = np.frombuffer(text, dtype=np.uint8)
    pieces = range(0, len(characters), _PIECE_BYTES)
    return sum(
        int(np.count_nonzero(characters[at : at + _PIECE_BYTES] == ord(character))) for at in pieces
    )
