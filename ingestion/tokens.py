"""Tokens: what stands in the lake instead of a person, an account, an address, a household.

A token is the first 32 hex digits of HMAC-SHA256 over `<class>:<normal form>`. One key serves all
datasets, so the same ID number has the same token everywhere; the class keeps an account number and
an ID number with the same digits apart. A plain hash would be reversible by trying all ID numbers.
"""

from __future__ import annotations

import polars as pl
import polars_hash  # noqa: F401 (registers the `chash` namespace)

from yinling.settings import secret

KEY_VARIABLE = "YINLING_TOKEN_KEY"
DIGITS = 32


def token_key() -> str:
    """The key, from the environment.

    Raises:
        SettingsError: it is not set.
    """
    return secret(KEY_VARIABLE)


def tokens(kind: str, normal: pl.Series, key: str) -> pl.Series:
    """Tokens of a column of normal forms; null stays null.

    Args:
        kind: personal class (`citizen_id`, `name`, `account`, `address`, `household`).
    """
    keyed = (pl.lit(f"{kind}:") + pl.col("v")).chash.hmac_sha256(key=key)  # type: ignore[attr-defined]
    return pl.DataFrame({"v": normal}).select(keyed.str.slice(0, DIGITS)).to_series()
