"""Ciphers of the vault by name, from the kept library `cryptography`: AES-256-GCM and SM4-GCM.

Both authenticate what they encrypt (NIST SP 800-38D; SM4: GB/T 32907-2016). Nothing of them is
written here: certified modules take the library's place behind the same two calls.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
_TAG_BYTES = 16
# The number stands in every vault file: never reused.
NUMBERS = {"aes-256-gcm": 1, "sm4-gcm": 2}


class Aead(Protocol):
    """Encryption that also proves the place (`associated_data`) it was made for."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Cipher text and tag."""
        ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """The plain text.

        Raises:
            InvalidTag: changed, cut, of another place, or of another key.
        """
        ...


class Sm4Gcm:
    """SM4 in Galois counter mode, with the calls of the library's AESGCM."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Cipher text and tag."""
        work = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        work.authenticate_additional_data(associated_data)
        return work.update(data) + work.finalize() + work.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """The plain text; raises InvalidTag."""
        if len(data) < _TAG_BYTES:
            raise InvalidTag
        mode = modes.GCM(nonce, data[-_TAG_BYTES:])
        work = Cipher(self._algorithm, mode).decryptor()
        work.authenticate_additional_data(associated_data)
        return work.update(data[:-_TAG_BYTES]) + work.finalize()


def cipher(name: str, secret: bytes) -> Aead:
    """The cipher `name` under a 32-byte secret; SM4's 16-byte key is derived from it by HKDF-SM3.

    Raises:
        KeyError: no such cipher.
    """
    if NUMBERS[name] == NUMBERS["aes-256-gcm"]:
        return AESGCM(secret)
    return Sm4Gcm(HKDF(hashes.SM3(), 16, None, b"yinling vault sm4-gcm").derive(secret))
