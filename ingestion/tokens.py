"""Tokens: what stands in the lake instead of a person, an account, an address, a household.

A token is the first 32 hex digits of an HMAC over `<class>:<normal form>`: HMAC-SHA256, or HMAC-SM3
(GB/T 32905-2016, GB/T 15852.2) by setting. One key serves all datasets, so the same ID number has
the same token everywhere; the class keeps an account number and an ID number with the same digits
apart. A plain hash would be reversible by trying all ID numbers.

Algorithm and key are fixed for a home as soon as it holds a batch: tokens of two keys never meet.
"""

from __future__ import annotations

import hmac
import json

import polars as pl
import polars_hash  # noqa: F401 (registers the `chash` namespace)
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from ingestion import keys
from ingestion.durable import write_json
from yinling.settings import Settings, SettingsError

DIGITS = 32
PIN = "tokens.json"
SHA256, SM3 = "hmac-sha256", "hmac-sm3"


class TokenKey(str):
    """The key's text, and the algorithm that it is used with."""

    __slots__ = ("algorithm",)
    algorithm: str

    def __new__(cls, text: str, algorithm: str = SHA256) -> TokenKey:
        key = super().__new__(cls, text)
        key.algorithm = algorithm
        return key

    @property
    def check(self) -> str:
        """16 hex digits that tell keys apart and say nothing about them."""
        return hmac.digest(self.encode(), b"yinling token key check", "sha256").hex()[:16]


def token_key(settings: Settings, *, fix: bool = True) -> TokenKey:
    """The key of this home's tokens, and that it is the one that its tokens were made with.

    Args:
        fix: note the key and the algorithm for this home, where nothing is noted yet.

    Raises:
        SettingsError: no key is set, or algorithm or key are not those of the tokens in the lake.
        VaultError: the key service gives none.
    """
    algorithm, file = settings.crypto.tokens, settings.landing / PIN
    given = (TokenKey(key.text, algorithm) for key in keys.token_keys(settings))
    newest = next(given)
    if not _holds_tokens(settings):
        if fix:
            _pin(settings, newest)
        return newest
    # A home from before the pin has tokens of the one algorithm there was.
    pin = json.loads(file.read_bytes()) if file.exists() else {"algorithm": SHA256}
    if pin["algorithm"] != algorithm:
        raise SettingsError(
            f"crypto.tokens is {algorithm}, but the tokens in {settings.lake} were made with "
            f"{pin['algorithm']}: the two would never meet. Set it back, or land everything into a "
            "new home (docs/how-to/keys-and-originals.md)."
        )
    if "check" not in pin:
        if fix:
            _pin(settings, newest)
        return newest
    for key in (newest, *given):
        if key.check == pin["check"]:
            return key
    raise SettingsError(
        f"The token key is not the one that the tokens in {settings.lake} were made with: the same "
        "person would get a second token. Set the key of this home again, or land everything into "
        "a new home (docs/how-to/keys-and-originals.md)."
    )


def _holds_tokens(settings: Settings) -> bool:
    return next(settings.lake.glob("*/*/manifest.json"), None) is not None


def _pin(settings: Settings, key: TokenKey) -> None:
    pin = {"algorithm": key.algorithm, "check": key.check}
    file = settings.landing / PIN
    if file.exists() and json.loads(file.read_bytes()) == pin:
        return
    settings.landing.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(file, pin)


def tokens(kind: str, normal: pl.Series, key: str) -> pl.Series:
    """Tokens of a column of normal forms; null stays null.

    Args:
        kind: personal class (`citizen_id`, `name`, `account`, `address`, `household`).
        key: a TokenKey says which algorithm; any other text is a key for HMAC-SHA256.
    """
    if isinstance(key, TokenKey) and key.algorithm == SM3:
        return _sm3(kind, normal, key)
    keyed = (pl.lit(f"{kind}:") + pl.col("v")).chash.hmac_sha256(key=str(key))  # type: ignore[attr-defined]
    return pl.DataFrame({"v": normal}).select(keyed.str.slice(0, DIGITS)).to_series()


def _sm3(kind: str, normal: pl.Series, key: TokenKey) -> pl.Series:
    """No column engine knows SM3: the library is called once a different value, not once a row."""
    places = normal.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    begun = HMAC(key.encode(), hashes.SM3())
    begun.update(f"{kind}:".encode())

    def token(value: str) -> str:
        one = begun.copy()
        one.update(value.encode())
        return one.finalize().hex()[:DIGITS]

    values = [token(value) for value in places.dictionary.to_pylist()]
    made = pl.Series(normal.name, values, dtype=pl.String)
    return made.gather(pl.Series(places.indices))
