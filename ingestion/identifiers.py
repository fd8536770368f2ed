"""Citizen ID numbers, credit codes, names and accounts: normal form, checks, masks.

Sources: GB 11643-1999 (citizen ID: 17 digits and a check character after ISO 7064 MOD 11-2;
15-digit numbers before 1999), GB 32100-2015 (unified social credit code). All functions take and
give whole columns.
"""

from __future__ import annotations

from functools import cache, reduce
from operator import add, or_
from pathlib import Path

import numpy as np
import polars as pl

from ingestion.parsing import patch

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_ZERO = np.uint8(ord("0"))
_X = ord("X") - ord("0")
_FULL = r"^[0-9]{17}[0-9X]$"
_SCIENTIFIC = r"^[0-9](\.[0-9]+)?E\+?[0-9]{1,2}$"
_AREAS = Path(__file__).parent / "seeds" / "area_codes.txt"


@cache
def area_codes() -> pl.Series:
    """Every six-digit code that has ever stood at the head of an ID number, as integers."""
    lines = _AREAS.read_text("utf-8").splitlines()
    return pl.Series(
        [int(line) for line in lines if line and not line.startswith("#")], dtype=pl.UInt32
    )


def citizen_id(
    raw: pl.Series, text: pl.Series
) -> tuple[pl.Series, pl.Series, list[tuple[str, pl.Series]]]:
    """Citizen ID numbers in their 18-character form.

    Args:
        raw: the text as delivered.
        text: the same, tidy (half-width, trimmed, blanks are null).

    Returns:
        The 18-character numbers (text that is no number stays as it is), the form (`exact`,
        `converted_15`, `normalised`; null for null) and the refusals as (reason, rows).
    """
    usual = text.str.contains(_FULL).fill_null(True)
    number, form = text, pl.repeat("exact", len(text), eager=True)
    if not usual.all():
        clean = _clean(text.filter(~usual))
        short = clean.str.contains(r"^[0-9]{15}$")
        number = patch(text, ~usual, _widen(clean).zip_with(short, clean))
        forms = pl.repeat("converted_15", len(short), eager=True).zip_with(
            short, pl.repeat("normalised", len(short), eager=True)
        )
        form = patch(form, ~usual, forms)
    if text.null_count():
        form = form.set(text.is_null(), None)
    if (trimmed := usual & (raw != text)).any():
        form = form.set(trimmed, "normalised")
    return number, form, _id_refusals(number, usual if usual.all() else None)


def _clean(text: pl.Series) -> pl.Series:
    """Upper case, without blanks, quotes and dashes inside, without a spreadsheet's `.0`."""
    return (
        text.str.to_uppercase()
        .str.replace_all(r"[\s'`\"‘’“”·\-‐–—_\u200b\ufeff]", "")
        .str.replace(r"^([0-9]{15}|[0-9]{18})\.0+$", "$1")
        .str.replace("×", "X", literal=True)
    )


def _widen(text: pl.Series) -> pl.Series:
    """15 → 18 characters. Serials 996 to 999 were kept for people born before 1900."""
    old = pl.col("n")
    century = pl.when(old.str.slice(12, 3) >= "996").then(pl.lit("18")).otherwise(pl.lit("19"))
    body = pl.concat_str(old.str.slice(0, 6), century, old.str.slice(6, 9))
    wide = pl.DataFrame({"n": text}).select(body + "0").to_series()
    digits = wide.str.contains(_FULL).fill_null(False)
    value = _check_values(_characters(wide.filter(digits)))
    character = pl.Series(value).cast(pl.String).replace("10", "X")
    return patch(wide, digits, wide.filter(digits).str.slice(0, 17) + character)


def _characters(numbers: pl.Series) -> np.ndarray:
    """18-character numbers as a matrix, a row a number, each character as its byte.

    Arithmetic on whole columns of bytes is ten times faster than taking texts apart.
    """
    text = numbers.to_arrow(compat_level=pl.CompatLevel.oldest())
    data = np.frombuffer(text.buffers()[2] or b"", dtype=np.uint8)
    first = text.offset * 18
    return data[first : first + 18 * len(text)].reshape(-1, 18)


def _check_values(characters: np.ndarray) -> np.ndarray:
    """The check value 0 to 10 that each body asks for (ISO 7064 MOD 11-2)."""
    total: np.ndarray = np.zeros(len(characters), dtype=np.int16)
    for place, weight in enumerate(ID_WEIGHTS):
        total = total + (characters[:, place] - _ZERO) * np.int16(weight)
    return np.asarray((12 - total % 11) % 11)


def _number(characters: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The integer that stands at these places."""
    value: np.ndarray = np.zeros(len(characters), dtype=np.int32)
    for place in range(start, stop):
        value = value * 10 + (characters[:, place] - _ZERO)
    return value


def _id_refusals(number: pl.Series, well_formed: pl.Series | None) -> list[tuple[str, pl.Series]]:
    """Refusals of 18-character numbers; the first that fits a row is its reason."""
    if well_formed is None or number.null_count():
        well_formed = number.str.contains(_FULL)
    rows = well_formed.fill_null(False)
    facts = _facts(number if rows.all() else number.filter(rows))
    if len(facts) < len(number):
        missing = pl.Series([None], dtype=pl.Boolean).new_from_index(0, len(number))
        facts = facts.select(patch(missing.alias(f.name), rows, f) for f in facts.iter_columns())
    scientific = number.str.contains(_SCIENTIFIC)
    return [
        ("id_excel_damage", scientific | (well_formed & ~facts["sound"] & facts["rounded"])),
        ("id_length", ~well_formed & ~scientific),
        ("id_checksum", ~facts["sound"]),
        ("id_date", ~facts["dated"]),
        ("id_area", ~facts["placed"]),
    ]


def _facts(numbers: pl.Series) -> pl.DataFrame:
    """What well-formed numbers say: check character, ending in 000, day of birth, place."""
    characters = _characters(numbers)
    last = characters[:, 17].astype(np.int16) - _ZERO
    area = _number(characters, 0, 6)
    return pl.DataFrame(
        {
            "sound": _check_values(characters) == np.where(last == _X, 10, last),
            "rounded": (characters[:, 15:] == _ZERO).all(axis=1),
            "dated": _is_day(
                _number(characters, 6, 10), _number(characters, 10, 12), _number(characters, 12, 14)
            ),
            # Numbers that begin with 9 belong to foreign permanent residents: no list of places.
            "placed": _known_areas()[area] | (characters[:, 0] == _ZERO + 9),
        }
    )


def _is_day(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Whether the integers are a day of the calendar between 1800 and 2099."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = np.where(month == 2, 28 + leap, 30 + ((month + month // 8) % 2))
    real = (year >= 1800) & (year <= 2099) & (month >= 1) & (month <= 12)
    return np.asarray(real & (day >= 1) & (day <= longest))


@cache
def _known_areas() -> np.ndarray:
    """For each six-digit number whether it ever was an area code."""
    known = np.zeros(1_000_000, dtype=bool)
    known[area_codes().to_numpy()] = True
    return known


def id_mask(number: pl.Series) -> pl.Series:
    """`4402**********1234`: the place of issue's prefecture and the last four characters."""
    return number.str.slice(0, 4) + "**********" + number.str.slice(-4)


def name(text: pl.Series) -> pl.Series:
    """Names without blanks inside; the many middle dots of long names become one."""
    return text.str.replace_all(r"[\s\u200b]+", "").str.replace_all(r"[•‧∙⋅．・●.]", "·")


def name_mask(text: pl.Series) -> pl.Series:
    """`张**`: the first character, whatever the length."""
    return text.str.slice(0, 1) + "**"


def account(text: pl.Series) -> pl.Series:
    """Account numbers without blanks and dashes."""
    if text.str.contains("^[0-9A-Z]*$").all():
        return text
    return text.str.replace_all(r"[\s\-'`‘’]", "").str.to_uppercase()


def account_mask(text: pl.Series) -> pl.Series:
    """`****1234`: the last four characters; of a shorter number nothing but stars."""
    shown = text.str.slice(-4)
    return "****" + shown.set(text.str.len_chars() <= 4, "")


def account_damaged(text: pl.Series) -> pl.Series:
    """Rows whose account number a spreadsheet has turned into scientific notation."""
    return text.str.contains(_SCIENTIFIC)


def compact(text: pl.Series) -> pl.Series:
    """Addresses and household numbers without blanks, in upper case."""
    return text.str.replace_all(r"\s+", "").str.to_uppercase()


def credit_code_doubtful(text: pl.Series) -> pl.Series:
    """Rows whose unified social credit code has a wrong check character.

    Genuine early codes fail too (GB 32100-2015 was applied late), so this may only warn.
    """
    code = text.str.to_uppercase()
    values = [
        pl.col("c")
        .str.slice(place, 1)
        .replace_strict(
            list(CREDIT_ALPHABET), list(range(31)), default=None, return_dtype=pl.Int64()
        )
        for place in range(18)
    ]
    pairs = zip(values, CREDIT_WEIGHTS, strict=False)
    wanted = (31 - reduce(add, (value * weight for value, weight in pairs)) % 31) % 31
    unknown = reduce(or_, (value.is_null() for value in values))
    doubtful = pl.col("c").is_not_null() & (unknown | (wanted != values[17]))
    return pl.DataFrame({"c": code}).select(doubtful.fill_null(True)).to_series()
