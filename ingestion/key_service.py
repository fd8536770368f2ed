"""Keys from a key service over HTTPS: a KV version 2 store such as OpenBao or HashiCorp Vault.

`GET <url>/<name>` with `Authorization: Bearer …` answers
`{"data": {"data": {"key": "<text>"}, "metadata": {"version": 3}}}`; `?version=2` gives an older
one, 404 says that it is gone. The version is the key's id (`v3`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from ingestion.errors import VaultError
from yinling.settings import SettingsError, secret

_LOCAL = ("127.0.0.1", "::1", "localhost")
_TRIES = 3
_WAIT = 0.5  # seconds before the second try, twice that before the third
_TIMEOUT = 10.0


class ServiceKeys:
    """Asks the service once a key and version, and remembers for the life of the process."""

    def __init__(self, url: str, token_variable: str, ca: Path | None = None) -> None:
        address = urlsplit(url)
        if address.scheme != "https" and address.hostname not in _LOCAL:
            raise SettingsError(
                f"crypto.service_url {url}: keys travel over https only (http for this machine's "
                "own address). Correct it."
            )
        self._url, self._variable, self._ca = url.rstrip("/"), token_variable, ca
        self._known: dict[tuple[str, int | None], tuple[str, str] | None] = {}

    def given(self, name: str) -> Iterator[tuple[str, str]]:
        """(id, key text) of every version that the service still gives out, newest first.

        Raises:
            SettingsError: the variable with the service's token is not set.
            VaultError: the service does not answer, refuses, or answers something else.
        """
        newest = self._ask(name, None)
        if newest is None:
            raise VaultError(f"{self._url}/{name}: the key service has no such key. Create it.")
        yield newest
        for version in range(int(newest[0][1:]) - 1, 0, -1):
            if (older := self._ask(name, version)) is not None:
                yield older

    def _ask(self, name: str, version: int | None) -> tuple[str, str] | None:
        if (name, version) not in self._known:
            place = f"{self._url}/{name}"
            answer = self._get(place, {} if version is None else {"version": str(version)})
            self._known[name, version] = _read(place, answer)
        return self._known[name, version]

    def _get(self, place: str, query: dict[str, str]) -> httpx.Response:
        head = {"Authorization": f"Bearer {secret(self._variable)}"}
        trust: Any = str(self._ca) if self._ca else True
        error = ""
        for number in range(_TRIES):
            time.sleep(_WAIT * number)
            try:
                with httpx.Client(verify=_context(trust), timeout=_TIMEOUT) as client:
                    answer = client.get(place, params=query, headers=head)
            except httpx.HTTPError as problem:
                error = f"does not answer ({problem})"
                continue
            if answer.status_code < 500:
                return answer
            error = f"answers {answer.status_code}"
        raise VaultError(
            f"{place}: the key service {error}, asked {_TRIES} times. Check that it runs, is "
            "unsealed and can be reached from here; nothing was read or written."
        )


def _context(trust: Any) -> Any:
    """What the server's certificate must be signed by: our own authority's file, or the system's.

    Raises:
        SettingsError: the file is missing or holds no certificate.
    """
    if trust is True:
        return True
    import ssl

    try:
        return ssl.create_default_context(cafile=trust)
    except OSError as error:
        raise SettingsError(f"crypto.service_ca {trust}: {error}. Give a PEM file.") from error


def _read(place: str, answer: httpx.Response) -> tuple[str, str] | None:
    """Id and key of an answer; None where that version is gone.

    Raises:
        VaultError: refused, or the answer is no key. The answer's text is not repeated.
    """
    if answer.status_code == 404:
        return None
    if answer.status_code in (401, 403):
        raise VaultError(
            f"{place}: the key service refuses the token ({answer.status_code}). Renew it, and see "
            "that its policy may read this path."
        )
    try:
        data = answer.json()["data"]
        key, version = str(data["data"]["key"]), int(data["metadata"]["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise VaultError(
            f"{place}: the key service's answer ({answer.status_code}) holds no data.data.key and "
            "data.metadata.version. Check the path: a KV version 2 store, with /data/ in it."
        ) from error
    return f"v{version}", key
