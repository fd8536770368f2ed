"""Keys: from the environment or from a key service, by setting; the newest seals, all open.

A key ring has the newest key first. Rotation is one more key in front: files sealed with an older
one stay readable, and `yinling keys rotate` seals them anew. Key ids name a key to people; which
key opens a file is told by the key's check value (`Key.check`), so that a wrong id does no harm.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from ingestion.errors import VaultError
from ingestion.key_service import ServiceKeys
from yinling.settings import Crypto, Settings, secret

VAULT, TOKEN = "vault", "token"
VARIABLES = {VAULT: "YINLING_VAULT_KEY", TOKEN: "YINLING_TOKEN_KEY"}
CHECK_BYTES = 8
_ENTRY = re.compile(r"(?:(?P<id>[A-Za-z0-9._-]{1,40}):)?(?P<key>[0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Key:
    """One key: `id` for people, `text` as its keeper gives it (never shown in messages)."""

    id: str
    text: str = field(repr=False)

    @property
    def secret(self) -> bytes:
        """A vault key's 32 bytes."""
        return bytes.fromhex(self.text)

    @property
    def check(self) -> bytes:
        """8 bytes that tell keys apart and say nothing about them."""
        return hashlib.sha256(b"yinling vault key check" + self.secret).digest()[:CHECK_BYTES]


class Keeper(Protocol):
    """Who keeps the keys."""

    def given(self, name: str) -> Iterator[tuple[str, str]]:
        """(id, key text) of the keys `vault` or `token`, newest first, each only when asked for.

        Raises:
            SettingsError, VaultError: it cannot give any, in plain words.
        """
        ...


class EnvironmentKeys:
    """Keys in environment variables; `YINLING_VAULT_KEY` may list several, newest first.

    The list: `ID:64 hex digits`, separated by commas; the id may be left out.
    """

    def given(self, name: str) -> Iterator[tuple[str, str]]:
        """See Keeper."""
        text = secret(VARIABLES[name])
        if name == TOKEN:
            yield "environment", text
            return
        entries = [_ENTRY.fullmatch(entry.strip()) for entry in text.split(",")]
        if None in entries:
            raise VaultError(
                f"{VARIABLES[name]}: entry {entries.index(None) + 1} must be 64 hex digits (32"
                " bytes), with or without an id before it (2026a:…). Correct it."
            )
        yield from ((entry["id"] or "", entry["key"]) for entry in entries if entry)


def keeper(settings: Settings) -> Keeper:
    """The keeper that the settings name."""
    if settings.crypto.keys == "environment":
        return EnvironmentKeys()
    variable = settings.crypto.service_token_env or ""
    return _service(settings.crypto, os.environ.get(variable, ""))


@lru_cache(maxsize=4)
def _service(crypto: Crypto, _token: str) -> ServiceKeys:
    """One a process: what the service has answered is not asked again for every batch."""
    return ServiceKeys(crypto.service_url or "", crypto.service_token_env or "", crypto.service_ca)


def vault_keys(settings: Settings) -> Iterator[Key]:
    """The vault's keys, newest first.

    Raises:
        SettingsError: none is set.
        VaultError: one is no key, or the key service gives none.
    """
    for name, text in keeper(settings).given(VAULT):
        if not _ENTRY.fullmatch(text):
            raise VaultError(
                f"The key service's vault key `{name}` is not 64 hex digits (32 bytes). Correct it."
            )
        key = Key(name, text)
        yield key if name else Key(f"k-{key.check.hex()[:8]}", text)


def token_keys(settings: Settings) -> Iterator[Key]:
    """The token key's versions, newest first; the home's pin says which one is in use.

    Raises:
        SettingsError, VaultError: none can be had.
    """
    for name, text in keeper(settings).given(TOKEN):
        yield Key(name, text)
