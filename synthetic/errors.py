"""Ways to damage a column, each with the reason that a refusal must give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from synthetic.draws import Rng
from synthetic.identity import finish

Change = Callable[[pl.Series, Rng], pl.Series]


@dataclass(frozen=True)
class Error:
    """One way to damage a column, and the reason that a refusal must give."""

    column: str
    reason: str
    change: Change


def constant(*values: str) -> Change:
    return lambda old, rng: pl.Series(values).gather(
        pl.Series(rng.integers(0, len(values), len(old)))
    )


def expression(build: Callable[[pl.Expr], pl.Expr]) -> Change:
    return lambda old, rng: pl.select(build(pl.lit(old)).alias("v"))["v"]


def _with_body(build: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Change the 17 digits and give them the check character that belongs to them."""
    return lambda old, rng: finish(build(old.str.slice(0, 17).cast(pl.Int64).to_numpy()))


def _wrong_check(old: pl.Series, rng: Rng) -> pl.Series:
    """Another last character: X becomes 5, 9 becomes 1, any other digit one more."""
    last = old.str.slice(17, 1)
    other = last.replace_strict(list("0123456789X"), list("12345678915"), return_dtype=pl.String)
    return old.str.slice(0, 17) + other


ID_ERRORS: tuple[tuple[str, Change], ...] = (
    ("id_checksum", _wrong_check),
    ("id_length", expression(lambda v: v.str.slice(0, 17))),
    ("id_date", _with_body(lambda body: body // 10**7 * 10**7 + 13 * 10**5 + body % 10**5)),
    ("id_area", _with_body(lambda body: 100_101 * 10**11 + body % 10**11)),
    (
        "id_excel_damage",
        expression(lambda v: v.str.slice(0, 1) + "." + v.str.slice(1, 5) + "E+17"),
    ),
    ("id_excel_damage", lambda old, rng: _rounded(old)),
)


def _rounded(old: pl.Series) -> pl.Series:
    """The last three digits lost in a float. Where 000 would by chance be right, the digit before
    them goes up by one, which makes it wrong for certain."""
    body = old.str.slice(0, 15)
    right = finish((body + "00").cast(pl.Int64).to_numpy()).str.ends_with("000")
    up = body.str.slice(14, 1).replace_strict(
        list("0123456789"), list("1234567890"), return_dtype=pl.String
    )
    return pl.select(
        pl.when(right)
        .then(pl.lit(body.str.slice(0, 14) + up) + "000")
        .otherwise(pl.lit(body) + "000")
        .alias("v")
    )["v"]


def ids(column: str) -> list[Error]:
    return [Error(column, reason, change) for reason, change in ID_ERRORS]


def dates(*columns: str) -> list[Error]:
    return [
        Error(c, "bad_date", constant("2025-02-30", "2025-13-01", "不详", "20250931"))
        for c in columns
    ]


MISSING_ID = constant("")
BAD_NUMBER = constant("十二", "1O", "12张", "1.5")
BAD_CODE = constant("99", "其它类", "unknown_code")
