"""D07, D08: cared for at home and in a house at once, or in two houses."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from synthetic.calendar import first_day
from synthetic.calendar import month as month_number
from synthetic.cases.plan import PLANTED, Plants
from synthetic.programmes import FAMILY_BED


def _bed(plants: Plants, person: dict[str, Any], start: date, end: date | None = None) -> None:
    plants.add("family_bed", person=person["person"], set_up_on=start, ended_on=end)
    plants.changes[person["person"]] = {"grade": 3}


def _shared(start: date, end: date) -> float:
    """The subsidy by days in the house, yuan; the day of admission is free, each month's share
    rounded to the cent."""
    total, day = Decimal(0), start + timedelta(days=1)
    while day < end:
        month = first_day(month_number(day))
        after = min(first_day(month_number(day) + 1), end)
        length = (first_day(month_number(day) + 1) - month).days
        share = Decimal(FAMILY_BED) * (after - day).days / length
        total += share.quantize(Decimal("0.01"), ROUND_HALF_UP)
        day = after
    return float(total)


def _start(plants: Plants, days: int) -> date:
    """A day that leaves so many days until the clock."""
    window = plants.window
    first = first_day(window.first_month) + timedelta(days=40)
    last = first_day(window.last_month) - timedelta(days=days)
    return first + timedelta(days=int(plants.rng.integers(0, max((last - first).days, 1))))


def home_and_house(plants: Plants) -> None:
    """D07: a family bed is paid for during a stay."""
    long_ago = first_day(plants.window.first_month) - timedelta(days=200)
    for (person,) in plants.of(f"D07.{PLANTED}"):
        days = int(plants.rng.integers(60, 180))
        start = _start(plants, days)
        end = start + timedelta(days=days)
        _bed(plants, person, long_ago)
        stay = plants.add_stay(person, start, end)
        first = month_number(start + timedelta(days=1))
        last = month_number(end - timedelta(days=1))
        plants.tell(
            f"D07.{PLANTED}", person["id_no"], first, last, _shared(start, end), number=stay
        )
    for (person,) in plants.of("D07.respite"):
        start = _start(plants, 40)
        _bed(plants, person, long_ago)
        stay = plants.add_stay(
            person, start, start + timedelta(days=int(plants.rng.integers(10, 29)))
        )
        plants.tell(
            "D07.respite", person["id_no"], month_number(start), month_number(start), number=stay
        )
    if plants.day_care:
        for (person,) in plants.of("D07.day_care"):
            start = _start(plants, 240)
            _bed(plants, person, long_ago)
            stay = plants.add_stay(
                person, start, start + timedelta(days=200), house=plants.day_care[0], payer="self"
            )
            plants.tell(
                "D07.day_care",
                person["id_no"],
                month_number(start),
                month_number(start) + 6,
                number=stay,
            )
    for (person,) in plants.of("D07.trial_at_home"):
        start = _start(plants, 150)
        end = start + timedelta(days=110)
        _bed(plants, person, end - timedelta(days=10))
        stay = plants.add_stay(person, start, end)
        plants.tell(
            "D07.trial_at_home", person["id_no"], month_number(end), month_number(end), number=stay
        )
    for (person,) in plants.of("D07.bed_ended"):
        start = _start(plants, 150)
        _bed(plants, person, long_ago, start + timedelta(days=1))
        stay = plants.add_stay(person, start, start + timedelta(days=120))
        plants.tell(
            "D07.bed_ended", person["id_no"], month_number(start), month_number(start), number=stay
        )


def two_houses(plants: Plants) -> None:
    """D08: one elder in two houses that both claim."""
    for (person,) in plants.of(f"D08.{PLANTED}"):
        shared = int(plants.rng.integers(40, 150))
        start = _start(plants, shared + 60)
        first = plants.next_home()
        plants.add_stay(
            person, start - timedelta(days=200), start + timedelta(days=shared), house=first
        )
        stay = plants.add_stay(
            person,
            start,
            start + timedelta(days=shared + 50),
            house=plants.next_home(other_than=first),
        )
        plants.tell(
            f"D08.{PLANTED}",
            person["id_no"],
            month_number(start + timedelta(days=1)),
            month_number(start + timedelta(days=shared - 1)),
            number=stay,
        )
    for number, (person,) in enumerate(plants.of("D08.transfer_day")):
        start = _start(plants, 160)
        first = plants.next_home()
        plants.add_stay(
            person, start - timedelta(days=150), start + timedelta(days=number % 2), house=first
        )
        stay = plants.add_stay(
            person, start, start + timedelta(days=120), house=plants.next_home(other_than=first)
        )
        plants.tell(
            "D08.transfer_day",
            person["id_no"],
            month_number(start),
            month_number(start),
            number=stay,
        )
    for (person,) in plants.of("D08.bed_kept"):
        start = _start(plants, 160)
        first = plants.next_home()
        plants.add_stay(
            person,
            start - timedelta(days=200),
            start + timedelta(days=90),
            house=first,
            payer="self",
        )
        stay = plants.add_stay(
            person, start, start + timedelta(days=120), house=plants.next_home(other_than=first)
        )
        plants.tell(
            "D08.bed_kept",
            person["id_no"],
            month_number(start),
            month_number(start) + 2,
            number=stay,
        )
    for (person,) in plants.of("D08.respite"):
        start = _start(plants, 60)
        first = plants.next_home()
        plants.add_stay(
            person, start - timedelta(days=200), start + timedelta(days=50), house=first
        )
        stay = plants.add_stay(
            person, start, start + timedelta(days=21), house=plants.next_home(other_than=first)
        )
        plants.tell(
            "D08.respite", person["id_no"], month_number(start), month_number(start), number=stay
        )


def plant(plants: Plants) -> None:
    """All of D07, D08, and the residents whom F01's cases need."""
    home_and_house(plants)
    two_houses(plants)
