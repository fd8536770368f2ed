"""Tokens per purpose: what a copy for one recipient carries in place of the warehouse's tokens.

A recipient's token is the warehouse's token enciphered as one block (AES-256, or SM4 where tokens
are HMAC-SM3) under a key derived from the token key and the purpose's name. It is as stable as the
token itself; two recipients cannot join their copies by it; only the hub can turn it back.
"""

from __future__ import annotations

import polars as pl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ingestion.tokens import DIGITS, SM3, token_key
from yinling.settings import Purpose, Settings, SettingsError

# A token, or an id of two blocks that was made from tokens (finding_id); nothing else is touched.
FORM = r"^(?:[0-9a-f]{32}|[0-9a-f]{64})$"


def purpose(settings: Settings, name: str) -> Purpose:
    """The purpose of that name.

    Raises:
        SettingsError: the settings name none.
    """
    if name not in settings.purposes:
        known = ", ".join(settings.purposes) or "none"
        raise SettingsError(f"No [purposes.{name}] in the settings. There are: {known}.")
    return settings.purposes[name]


def _cipher(settings: Settings, name: str) -> Cipher[modes.ECB]:
    purpose(settings, name)
    key = token_key(settings)
    note = f"yinling purpose {name}".encode()
    # One block a token, every token once: ECB is the block cipher itself here.
    mode = modes.ECB()  # noqa: S305
    if key.algorithm == SM3:
        derived = HKDF(hashes.SM3(), 16, None, note).derive(key.encode())
        return Cipher(algorithms.SM4(derived), mode)
    return Cipher(algorithms.AES(HKDF(hashes.SHA256(), 32, None, note).derive(key.encode())), mode)


def to_recipient(settings: Settings, name: str, tokens: pl.Series) -> dict[str, str]:
    """Warehouse token (or two-block id) → the recipient's, for each different value of FORM."""
    return _through(_cipher(settings, name), tokens, forward=True)


def to_warehouse(settings: Settings, name: str, tokens: list[str]) -> list[str]:
    """A recipient's tokens as the warehouse's, in order; what is no token stays as it is.

    Raises:
        SettingsError: no such purpose, or the token key is not this home's.
    """
    back = _through(_cipher(settings, name), pl.Series(tokens, dtype=pl.String), forward=False)
    return [back.get(token, token) for token in tokens]


def _through(cipher: Cipher[modes.ECB], tokens: pl.Series, *, forward: bool) -> dict[str, str]:
    values = tokens.drop_nulls().unique().sort()
    old: list[str] = values.filter(values.str.contains(FORM)).to_list()
    work = cipher.encryptor() if forward else cipher.decryptor()
    text = (work.update(bytes.fromhex("".join(old))) + work.finalize()).hex()
    new, at = [], 0
    for value in old:
        new.append(text[at : at + len(value)])
        at += len(value)
    assert at == len(text) and at % DIGITS == 0  # noqa: S101 (whole blocks only)
    return dict(zip(old, new, strict=True))
