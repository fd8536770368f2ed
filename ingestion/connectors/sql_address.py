"""Addresses of databases: understood before anything is connected, and never shown.

A mistyped address is cut where nobody meant it. The driver then complains of a host or a port that
is a piece of the password, so such an address does not get as far as a driver.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

_PASSWORD = re.compile("pass|pwd|secret", re.IGNORECASE)
_AS_WRITTEN = re.compile(r"://[^:/@]*:([^@]+)@")


class AddressError(ValueError):
    """No usable address; the message says what is expected, never what stands there."""

    def __init__(self, form: str) -> None:
        super().__init__(
            f"Expected is {form}; in user and password, write @ : / ? # % and a space as"
            " %40 %3A %2F %3F %23 %25 %20."
        )


def url(address: str, form: str) -> sa.URL:
    """An address as SQLAlchemy takes it.

    Raises:
        AddressError: it is none.
    """
    try:
        found = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        raise AddressError(form) from None
    if address.count("@") > 1 or (found.host and "@" in f"{found.host}{found.database}"):
        raise AddressError(form)
    return found


def libpq(address: str, form: str) -> dict[str, Any]:
    """The parameters in an address as PostgreSQL's own library takes it: a URI, or `host=… …`.

    Raises:
        AddressError: it is none.
    """
    try:
        given = conninfo_to_dict(address)
    except psycopg.Error:
        raise AddressError(form) from None
    place = "".join(str(given.get(part, "")) for part in ("host", "port", "dbname"))
    is_uri = "://" in address
    if is_uri and (address.count("@") > 1 or "@" in place):
        raise AddressError(form)
    if not re.fullmatch(r"[0-9,]*", str(given.get("port", ""))):
        raise AddressError(form)
    return given


def secrets(address: str, given: Mapping[str, Any]) -> list[str]:
    """What no message may hold, longest first: the address, and passwords in it as they may stand.

    Args:
        given: the address's parts by name.
    """
    passwords = [str(value) for name, value in given.items() if value and _PASSWORD.search(name)]
    passwords += _AS_WRITTEN.findall(address)
    found = {address, *passwords, *(quote(word, safe="") for word in passwords)}
    return sorted(found, key=len, reverse=True)
