"""The vault: what stands behind the tokens, encrypted; only `reveal` reads it, and says so.

A batch's file `landing/<dataset>/<batch_id>/vault.enc`: magic, key check, then chunks of
(length, nonce, AES-256-GCM ciphertext of an Arrow IPC table kind, token, clear). The batch and the
chunk's place are authenticated, an empty chunk ends the file: nothing can be swapped or cut off.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingestion.delivery import SHANGHAI
from ingestion.errors import VaultError
from yinling.settings import Settings, secret

FILE = "vault.enc"
LOG = "vault-access.jsonl"
KEY_VARIABLE = "YINLING_VAULT_KEY"
ROLES = ("auditor", "identity_repair")
_MAGIC = b"YLVAULT1"
_CHECK_BYTES = 8
_NONCE_BYTES = 12


def vault_key() -> bytes:
    """The 32-byte key, from the environment as 64 hex digits.

    Raises:
        SettingsError: it is not set.
        VaultError: it is not 64 hex digits.
    """
    try:
        key = bytes.fromhex(secret(KEY_VARIABLE))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise VaultError(f"{KEY_VARIABLE} must be 64 hex digits (32 bytes). Correct it.")
    return key


def _check(key: bytes) -> bytes:
    return hashlib.sha256(b"yinling vault key check" + key).digest()[:_CHECK_BYTES]


class VaultWriter:
    """Appends a batch's secrets, chunk by chunk."""

    def __init__(self, file: BinaryIO, batch_id: str, key: bytes) -> None:
        self._file, self._batch, self._place = file, batch_id, 0
        self._cipher = AESGCM(key)
        file.write(_MAGIC + _check(key))

    def add(self, secrets: pl.DataFrame) -> None:
        """Write a chunk's kind, token and clear text; tokens take half the room as bytes."""
        table = io.BytesIO()
        packed = secrets.select("kind", pl.col("token").str.decode("hex"), "clear")
        packed.write_ipc(table, compat_level=pl.CompatLevel.oldest())
        self._write(table.getvalue())

    def close(self) -> None:
        """Mark the end."""
        self._write(b"")

    def _write(self, plain: bytes) -> None:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plain, _place(self._batch, self._place))
        self._file.write(struct.pack("<I", len(sealed)) + nonce + sealed)
        self._place += 1


def _place(batch_id: str, number: int) -> bytes:
    return f"{batch_id}:{number}".encode()


def secrets_of(path: Path, key: bytes) -> Iterator[pl.DataFrame]:
    """The chunks (kind, token, clear) of one batch's vault file.

    Raises:
        VaultError: another key wrote it, or it is damaged.
    """
    batch_id, cipher = path.parent.name, AESGCM(key)
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise VaultError(f"{path} is no vault file. Restore it from a backup.")
        if file.read(_CHECK_BYTES) != _check(key):
            raise VaultError(
                f"{path} was written with another key. Set {KEY_VARIABLE} to the key of that time."
            )
        number = 0
        while True:
            head = file.read(4 + _NONCE_BYTES)
            try:
                (length,) = struct.unpack("<I", head[:4])
                plain = cipher.decrypt(head[4:], file.read(length), _place(batch_id, number))
            except (struct.error, InvalidTag, ValueError) as error:
                raise VaultError(
                    f"{path} is damaged at chunk {number}. Restore it from a backup."
                ) from error
            if not plain:
                return
            packed = pl.read_ipc(io.BytesIO(plain))
            yield packed.with_columns(pl.col("token").bin.encode("hex"))
            number += 1


def reveal(settings: Settings, token: str, role: str, reason: str) -> tuple[str, str]:
    """The clear text behind a token, for a role that may ask and gives a reason.

    Every question is written to the access log before it is answered, refused ones too.

    Returns:
        Personal class and clear text (normal form).

    Raises:
        VaultError: the role may not, no reason is given, the key is wrong, or no such token.
    """
    allowed = role in ROLES and len(reason.strip()) >= 4
    if not allowed:
        _log(settings, token, role, reason, "refused")
        raise VaultError(
            f"Not revealed. Only {', '.join(ROLES)} may ask, with a reason of at least 4 letters."
        )
    key = vault_key()
    for path in sorted(settings.landing.glob(f"*/*/{FILE}"), reverse=True):
        for chunk in secrets_of(path, key):
            found = chunk.filter(pl.col("token") == token)
            if found.height:
                _log(settings, token, role, reason, "revealed")
                return found["kind"][0], found["clear"][0]
    _log(settings, token, role, reason, "not found")
    raise VaultError("No batch has this token. Check that it was copied whole (32 hex digits).")


def _log(settings: Settings, token: str, role: str, reason: str, outcome: str) -> None:
    """Append to the access log; each line carries the hash of the one before."""
    settings.landing.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.landing / LOG).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = file.read().splitlines()
        entry = {
            "at": datetime.now(SHANGHAI).isoformat(timespec="seconds"),
            "role": role,
            "reason": reason,
            "token": token,
            "outcome": outcome,
            "previous": json.loads(lines[-1])["hash"] if lines else "",
        }
        line = json.dumps({**entry, "hash": _entry_hash(entry)}, ensure_ascii=False)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _entry_hash(entry: dict[str, str]) -> str:
    text = json.dumps(entry, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def verify_log(settings: Settings) -> int:
    """Number of entries of an unbroken access log.

    Raises:
        VaultError: a line was changed, removed or put in; names the line.
    """
    path = settings.landing / LOG
    previous, count = "", 0
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        entry = json.loads(line)
        found = entry.pop("hash")
        if entry["previous"] != previous or _entry_hash(entry) != found:
            raise VaultError(f"{path}: line {count + 1} was tampered with. Keep it as evidence.")
        previous, count = found, count + 1
    return count
