"""Parsers under random input: never a crash, never a wrong value, never a silent null.

python-stdnum is the independent judge of ID numbers and credit codes.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from ingestion import identifiers, parsing
from ingestion.readers.content import Content
from ingestion.readers.delimited import delimited_frames
from tests.property.effort import effort

MANY = effort(60)
TEXTS = st.lists(st.text(max_size=24), min_size=1, max_size=30)
AREAS = st.sampled_from([f"{code:06d}" for code in identifiers.area_codes().to_list()])
DAYS = st.dates(date(1800, 1, 1), date(2099, 12, 31))


@st.composite
def id_numbers(draw: st.DrawFn) -> str:
    """A sound 18-character number of any place and time."""
    body = f"{draw(AREAS)}{draw(DAYS):%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return body + str(ric.calc_check_digit(body + "0"))


def judged(values: list[str]) -> list[tuple[str | None, str | None]]:
    """(number, first reason) of each value."""
    raw = pl.Series(values, dtype=pl.String)
    number, _, refusals = identifiers.citizen_id(raw, parsing.tidy(raw))
    first: list[str | None] = [None] * len(values)
    for reason, rows in reversed(refusals):
        for at in rows.arg_true():
            first[at] = reason
    return list(zip(number.to_list(), first, strict=True))


@MANY
@given(st.lists(id_numbers(), min_size=1, max_size=40))
def test_sound_numbers_pass_whatever_a_keyboard_does_to_them(numbers: list[str]) -> None:
    wide = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
    typed = [
        [n, n.lower(), f" {n}\t", n.translate(wide), f"'{n}", f"{n[:6]} {n[6:]}"] for n in numbers
    ]
    for number, forms in zip(numbers, typed, strict=True):
        assert judged(forms) == [(number, None)] * len(forms)


@MANY
@given(st.lists(id_numbers(), min_size=1, max_size=40), st.data())
def test_every_single_wrong_character_and_every_swap_is_caught(
    numbers: list[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, 16))
    other = [
        n[:place] + str((int(n[place]) + data.draw(st.integers(1, 9))) % 10) + n[place + 1 :]
        for n in numbers
    ]
    swapped = [n[:place] + n[place + 1] + n[place] + n[place + 2 :] for n in numbers if place < 16]
    swapped = [s for s, n in zip(swapped, numbers, strict=False) if s != n]
    for _, reason in judged(other + swapped):
        assert reason in ("id_checksum", "id_excel_damage")


@MANY
@given(st.lists(st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True), min_size=1, max_size=40))
def test_the_checksum_agrees_with_stdnum(numbers: list[str]) -> None:
    for number, (_, reason) in zip(numbers, judged(numbers), strict=True):
        sound = str(ric.calc_check_digit(number)) == number[-1]
        assert (reason in ("id_checksum", "id_excel_damage")) == (not sound)


@MANY
@given(st.lists(id_numbers(), min_size=1, max_size=40))
def test_a_number_that_stdnum_takes_is_taken(numbers: list[str]) -> None:
    def accepted(number: str) -> bool:
        with contextlib.suppress(KeyError):  # stdnum stumbles over places that it does not know
            return ric.is_valid(number)
        return False

    for number, (_, reason) in zip(numbers, judged(numbers), strict=True):
        assert reason is None or not accepted(number)


@MANY
@given(
    AREAS,
    st.dates(date(1900, 1, 1), date(1998, 12, 31)),
    st.integers(1, 995),
    st.integers(996, 999),
)
def test_old_numbers_become_the_new_ones(area: str, day: date, serial: int, old: int) -> None:
    body = f"{area}{day:%Y%m%d}{serial:03d}"
    short = f"{area}{day:%y%m%d}{serial:03d}"
    assert judged([short]) == [(body + str(ric.calc_check_digit(body + "0")), None)]
    with contextlib.suppress(ValueError):
        born = day.replace(year=day.year - 100)
        body = f"{area}{born:%Y%m%d}{old}"
        assert judged([f"{area}{born:%y%m%d}{old}"])[0][0] == body + str(
            ric.calc_check_digit(body + "0")
        )


@MANY
@given(TEXTS)
def test_any_text_gets_a_number_or_a_reason(values: list[str]) -> None:
    raw = pl.Series(values, dtype=pl.String)
    blank = parsing.tidy(raw).is_null()
    for empty, (number, reason) in zip(blank, judged(values), strict=True):
        if empty:
            assert (number, reason) == (None, None)
        elif reason is None:
            assert number is not None and re.fullmatch(r"[0-9]{17}[0-9X]", number)


@MANY
@given(
    st.lists(st.text("0123456789ABCDEFGHJKLMNPQRTUWXYIOSVZ", min_size=18, max_size=18), min_size=1)
)
def test_credit_codes_agree_with_stdnum(codes: list[str]) -> None:
    doubts = identifiers.credit_code_doubtful(pl.Series(codes))
    for code, doubtful in zip(codes, doubts, strict=True):
        try:
            right = uscc.calc_check_digit(code) == code[-1]
        except ValueError:
            right = False
        assert doubtful == (not right)


@MANY
@given(st.lists(st.decimals(Decimal("-9e15"), Decimal("9e15"), places=2), min_size=1))
def test_money_survives_exactly_in_every_notation(values: list[Decimal]) -> None:
    for form in ("{:.2f}", "{:,.2f}", " {:.2f} ", "{:.2f}00"):
        column = parsing.tidy(pl.Series([form.format(value) for value in values]))
        assert parsing.number(column).to_list() == values


@MANY
@given(TEXTS)
def test_money_reads_only_plain_numbers(values: list[str]) -> None:
    column = parsing.tidy(pl.Series(values, dtype=pl.String))
    shape = re.compile(r"¥?[+-]?([0-9]{1,16}|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]{1,2}0*)?")
    for text, value in zip(column, parsing.number(column), strict=True):
        if value is not None:
            assert shape.fullmatch(text), text
            assert value == Decimal(text.replace(",", "").replace("¥", ""))


@MANY
@given(st.lists(st.dates(date(1000, 1, 1), date(9999, 12, 31)), min_size=1))
def test_dates_survive_in_every_form(values: list[date]) -> None:
    for form in (
        "{0:%Y-%m-%d}",
        "{0:%Y%m%d}",
        "{0.year}/{0.month}/{0.day}",
        "{0:%Y}年{0.month}月{0.day}日",
    ):
        column = parsing.tidy(pl.Series([form.format(value) for value in values]))
        assert parsing.date(column).to_list() == values


@MANY
@given(st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), min_size=1))
def test_timestamps_survive(values: list[datetime]) -> None:
    for form in ("{:%Y-%m-%d %H:%M:%S.%f}", "{:%Y-%m-%dT%H:%M:%S.%f}+08:00"):
        column = pl.Series([form.format(value) for value in values])
        assert parsing.timestamp(column).to_list() == values


@MANY
@given(st.lists(st.integers(10**7, 10**8).map(lambda n: f"{n:08d}"), min_size=1))
def test_digits_are_a_date_only_if_the_calendar_has_it(values: list[str]) -> None:
    column = pl.Series(values)
    for text, value in zip(column, parsing.date(column), strict=True):
        try:
            real = date(int(text[:4]), int(text[4:6]), int(text[6:])) if len(text) == 8 else None
        except ValueError:
            real = None
        assert value == real


@MANY
@given(TEXTS)
def test_no_text_breaks_a_parser_or_becomes_a_date_by_guess(values: list[str]) -> None:
    column = parsing.tidy(pl.Series(values, dtype=pl.String))
    parsing.boolean(column)
    parsing.integer(column, pl.Int64())
    parsing.measure(column)
    for text, value in zip(column, parsing.timestamp(column), strict=True):
        if value is not None:
            assert re.match(r"\d{4}", text) and abs(value.year - int(text[:4])) <= 1
            assert timedelta(0) <= value - datetime.min


CELLS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00\ufffd\ufeff"), max_size=12
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(2, 5))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8))
    return [[f"c{number}" for number in range(width)], *rows]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@MANY
@given(table=tables())
def test_what_a_csv_writer_wrote_is_read_back(encoding: str, table: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)
    raw = text.getvalue().encode(encoding)
    content = Content("a.csv", len(raw), lambda: io.BytesIO(raw))
    assert list(lines(delimited_frames(content, encoding))) == [tuple(row) for row in table[1:]]


def lines(frames: Iterator[pl.DataFrame]) -> Iterator[tuple[str, ...]]:
    for frame in frames:
        yield from frame.rows()
