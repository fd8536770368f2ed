"""A batch's vault file: sealed chunks, and beside each a filter that says which tokens it holds.

`landing/<dataset>/<batch_id>/vault.enc`:

    magic · cipher number · length of key id · key id · key check
    chunk …  length, nonce, sealed Arrow IPC table (kind, token, clear); then its filter
    empty chunk, sealed
    directory: per chunk its place, its filter's place and length; count; magic

Each chunk is authenticated together with the file's head, the batch, its number and the hash of
its filter: nothing can be swapped, changed or cut off. A filter holds no more than the lake itself
shows (which batch has which token); with it a search reads a few bytes a chunk instead of all.
"""

from __future__ import annotations

import binascii
import hashlib
import io
import os
import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
from cryptography.exceptions import InvalidTag

from ingestion.ciphers import NONCE_BYTES, NUMBERS, cipher
from ingestion.errors import VaultError
from ingestion.keys import CHECK_BYTES, Key

FILE = "vault.enc"
_MAGIC, _END = b"YLVAULT2", b"YLVAULTX"
_FIRST = b"YLVAULT1"  # before filters and key ids: AES-256-GCM, key check only
_SPOT = struct.Struct("<QQI")
_TAIL = struct.Struct("<I8s")
_TOKEN_BYTES = 16
_BITS_A_TOKEN = 12  # four probes: about 7 of 1000 chunks are opened in vain
NAMES = {number: name for name, number in NUMBERS.items()}


@dataclass(frozen=True)
class Seal:
    """What a vault file is sealed with."""

    cipher: str
    key: Key


class VaultWriter:
    """Appends a batch's secrets, chunk by chunk."""

    def __init__(self, file: BinaryIO, batch_id: str, seal: Seal) -> None:
        self._file, self._batch, self._spots = file, batch_id, list[tuple[int, int, int]]()
        self._cipher = cipher(seal.cipher, seal.key.secret)
        name = seal.key.id.encode()
        self._head = _MAGIC + bytes((NUMBERS[seal.cipher], len(name))) + name + seal.key.check
        file.write(self._head)
        self._at = len(self._head)

    def add(self, secrets: pl.DataFrame) -> None:
        """Write a chunk's kind, token and clear text; tokens take half the room as bytes."""
        table = io.BytesIO()
        tokens = _bytes(secrets["token"])
        places = pa.py_buffer(np.arange(0, len(tokens) + 1, _TOKEN_BYTES, dtype=np.int64))
        column = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), secrets.height, [None, places, pa.py_buffer(tokens)]
        )
        packed = secrets.select("kind", token=pl.Series(column), clear="clear")
        packed.write_ipc(table, compat_level=pl.CompatLevel.oldest())
        bits = _filter(tokens)
        begin = self._at
        self._write(table.getvalue(), bits)
        self._spots.append((begin, self._at, len(bits)))
        self._put(bits)

    def close(self) -> None:
        """Mark the end and write the directory."""
        self._write(b"", b"")
        self._put(_directory(self._spots))

    def _write(self, plain: bytes, bits: bytes) -> None:
        nonce = os.urandom(NONCE_BYTES)
        place = _place(self._head, self._batch, len(self._spots), bits)
        sealed = self._cipher.encrypt(nonce, plain, place)
        self._put(struct.pack("<I", len(sealed)) + nonce)
        self._put(sealed)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)


def _place(head: bytes, batch_id: str, number: int, bits: bytes) -> bytes:
    place = f"{batch_id}:{number}".encode()
    if head.startswith(_FIRST):
        return place
    return head + place + hashlib.sha256(bits).digest()


def _directory(spots: list[tuple[int, int, int]]) -> bytes:
    return b"".join(_SPOT.pack(*spot) for spot in spots) + _TAIL.pack(len(spots), _END)


def _bytes(tokens: pl.Series) -> bytes:
    """The tokens one after the other; all at once is ten times faster than text by text."""
    text = tokens.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    digits = memoryview(text.buffers()[2] or b"")
    first = text.offset * 2 * _TOKEN_BYTES
    return binascii.unhexlify(digits[first : first + len(text) * 2 * _TOKEN_BYTES])


def _filter(tokens: bytes) -> bytes:
    """A Bloom filter. Tokens are random already: their four words are the four probes."""
    flat = np.frombuffer(tokens, dtype=">u4")
    bits = max(64, -(-_BITS_A_TOKEN * len(tokens) // _TOKEN_BYTES // 8) * 8)
    row = np.zeros(bits, dtype=np.bool_)
    row[flat % np.uint32(bits)] = True
    return np.packbits(row).tobytes()


def _maybe(file: BinaryIO, spot: tuple[int, int, int], token: bytes) -> bool:
    """Whether the chunk may hold the token: reads a byte a probe."""
    _, start, length = spot
    for word in struct.unpack(">4I", token):
        bit = word % (8 * length)
        file.seek(start + bit // 8)
        if not file.read(1)[0] & (0x80 >> (bit % 8)):
            return False
    return True


class VaultFile:
    """One vault file, opened for reading with whichever of the keys sealed it.

    Raises:
        VaultError: no vault file, none of the keys sealed it, or it is damaged.
    """

    def __init__(self, path: Path, keys: Iterable[Key]) -> None:
        self.path, self._batch = path, path.parent.name
        with path.open("rb") as file:
            self._head, self.cipher, self.key_id, check = _read_head(path, file)
        for key in keys:
            if key.check == check:
                break
        else:
            named = f"key `{self.key_id}`" if self.key_id else "another key"
            raise VaultError(
                f"{path} was written with {named}, which is not among the vault's keys. Give the "
                "key of that time beside the new one (docs/how-to/keys-and-originals.md)."
            )
        self._check = check
        self._aead = cipher(self.cipher, key.secret)

    def is_current(self, seal: Seal) -> bool:
        """Whether the file has today's form, cipher and key."""
        now = (seal.cipher, seal.key.check, _MAGIC)
        return (self.cipher, self._check, self._head[: len(_MAGIC)]) == now

    def chunks(self) -> Iterator[pl.DataFrame]:
        """Every chunk (kind, token, clear), in order; the whole file is proven to be intact."""
        spots: list[tuple[int, int, int]] = []
        plain_filters = self._head.startswith(_FIRST)
        with self.path.open("rb") as file:
            file.seek(len(self._head))
            stored = [] if plain_filters else self._spots(file)
            file.seek(len(self._head))
            while True:
                begin = file.tell()
                sealed = self._sealed(file, len(spots))
                start = file.tell()
                length = stored[len(spots)][2] if len(spots) < len(stored) else 0
                frame = self._open(sealed, len(spots), file.read(length))
                if frame is None:
                    break
                spots.append((begin, start, length))
                yield frame
            if not plain_filters and file.read() != _directory(spots):
                raise self._damaged(len(spots))

    def find(self, tokens: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """Kind, token, clear of those of the tokens (32 hex digits) that the file holds."""
        if self._head.startswith(_FIRST):
            for frame in self.chunks():
                yield from frame.filter(pl.col("token").is_in(tokens)).iter_rows()
            return
        wanted = [bytes.fromhex(token) for token in tokens]
        with self.path.open("rb") as file:
            for number, spot in enumerate(self._spots(file)):
                if not any(_maybe(file, spot, token) for token in wanted):
                    continue
                begin, start, length = spot
                file.seek(begin)
                sealed = self._sealed(file, number)
                file.seek(start)
                opened = self._open(sealed, number, file.read(length))
                if opened is not None:
                    yield from opened.filter(pl.col("token").is_in(tokens)).iter_rows()

    def _spots(self, file: BinaryIO) -> list[tuple[int, int, int]]:
        """The directory at the file's end."""
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL.size))
        try:
            count, magic = _TAIL.unpack(file.read(_TAIL.size))
            if magic != _END or count * _SPOT.size > size:
                raise self._damaged(0)
            file.seek(size - _TAIL.size - count * _SPOT.size)
            spots = list(_SPOT.iter_unpack(file.read(count * _SPOT.size)))
        except (struct.error, OSError) as error:
            raise self._damaged(0) from error
        if any(start + length > size or not length for _, start, length in spots):
            raise self._damaged(0)
        return spots

    def _sealed(self, file: BinaryIO, number: int) -> bytes:
        """A chunk's nonce and cipher text."""
        try:
            (length,) = struct.unpack("<I", file.read(4))
        except struct.error as error:
            raise self._damaged(number) from error
        return file.read(NONCE_BYTES + length)

    def _open(self, sealed: bytes, number: int, bits: bytes) -> pl.DataFrame | None:
        """The chunk's table; None for the empty one at the end."""
        place = _place(self._head, self._batch, number, bits)
        try:
            plain = self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
        except (InvalidTag, ValueError) as error:
            raise self._damaged(number) from error
        if not plain:
            return None
        packed = pl.read_ipc(io.BytesIO(plain))
        return packed.with_columns(pl.col("token").bin.encode("hex"))

    def _damaged(self, number: int) -> VaultError:
        return VaultError(f"{self.path} is damaged at chunk {number}. Restore it from a backup.")


def _read_head(path: Path, file: BinaryIO) -> tuple[bytes, str, str, bytes]:
    """The head as it stands, the cipher's name, the key's id (empty: not said) and check."""
    magic = file.read(len(_MAGIC))
    if magic == _FIRST:
        check = file.read(CHECK_BYTES)
        return magic + check, "aes-256-gcm", "", check
    try:
        if magic != _MAGIC:
            raise ValueError
        number, length = file.read(2)
        name, check = file.read(length), file.read(CHECK_BYTES)
        head = magic + bytes((number, length)) + name + check
        return head, NAMES[number], name.decode(), check
    except (ValueError, KeyError) as error:
        raise VaultError(f"{path} is no vault file. Restore it from a backup.") from error


def sealed_with(path: Path) -> tuple[str, str]:
    """Cipher and key id (or the key's check, in files of the first form) of a vault file.

    Raises:
        VaultError: no vault file.
    """
    with path.open("rb") as file:
        _, name, key_id, check = _read_head(path, file)
    return name, key_id or f"k-{check.hex()[:8]}"
