"""H01, H03: visits at home to somebody in hospital, or by somebody who is elsewhere."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from synthetic.calendar import first_day
from synthetic.calendar import month as month_number
from synthetic.cases.plan import PLANTED, Plants
from synthetic.services import PRICES

MEAL, CLEANING, ESCORT = 0, 1, 7
REGULAR_VISITS = 6


def _order(
    plants: Plants,
    person: dict[str, Any],
    worker: str,
    day: date,
    at: time,
    minutes: int,
    item: int = CLEANING,
    provider: str = "",
) -> None:
    plants.add(
        "order",
        person=person["person"],
        worker_id_no=worker,
        start=datetime.combine(day, at),
        minutes=minutes,
        item=item,
        provider_code=provider or plants.provider,
    )


def _day(plants: Plants, spare: int) -> date:
    """A day in the window with so many days before the clock."""
    window = plants.window
    first = first_day(window.first_month) + timedelta(days=3)
    last = first_day(window.last_month) - timedelta(days=spare)
    return first + timedelta(days=int(plants.rng.integers(0, (last - first).days)))


def in_hospital(plants: Plants) -> None:
    """H01: orders strictly between admission and discharge."""
    for (person,) in plants.of(f"H01.{PLANTED}"):
        start, days = _day(plants, 40), int(plants.rng.integers(7, 16))
        plants.add("doctor", person=person["person"], kind="inpatient", day=start, days=days)
        worker, visits = plants.next_worker(), int(plants.rng.integers(1, 4))
        for visit in range(visits):
            _order(plants, person, worker, start + timedelta(days=2 + visit), time(10), 50)
        plants.tell(
            f"H01.{PLANTED}",
            person["id_no"],
            month_number(start + timedelta(days=2)),
            month_number(start + timedelta(days=1 + visits)),
            PRICES[CLEANING] * visits,
        )
    for (person,) in plants.of("H01.admission_day"):
        start, days = _day(plants, 40), int(plants.rng.integers(5, 16))
        plants.add("doctor", person=person["person"], kind="inpatient", day=start, days=days)
        worker = plants.next_worker()
        for end in (start, start + timedelta(days=days)):
            _order(plants, person, worker, end, time(8, 30), 40)
        plants.tell(
            "H01.admission_day",
            person["id_no"],
            month_number(start),
            month_number(start + timedelta(days=days)),
        )
    for (person,) in plants.of("H01.ward_item"):
        start, days = _day(plants, 40), int(plants.rng.integers(6, 16))
        plants.add("doctor", person=person["person"], kind="inpatient", day=start, days=days)
        _order(
            plants, person, plants.next_worker(), start + timedelta(days=3), time(14), 90, ESCORT
        )
        plants.tell("H01.ward_item", person["id_no"], month_number(start), month_number(start))
    for (person,) in plants.of("H01.home_bed"):
        start, days = _day(plants, 60), int(plants.rng.integers(20, 40))
        plants.add("doctor", person=person["person"], kind="home_bed", day=start, days=days)
        _order(plants, person, plants.next_worker(), start + timedelta(days=5), time(9), 60)
        plants.tell("H01.home_bed", person["id_no"], month_number(start), month_number(start))


def _regular(plants: Plants, group: list[dict[str, Any]], worker: str, start: date) -> None:
    """Ordinary visits of the worker to both elders, on days of their own."""
    for visit in range(REGULAR_VISITS):
        _order(plants, group[visit % 2], worker, start - timedelta(days=2 + 2 * visit), time(9), 45)


def two_places(plants: Plants) -> None:
    """H03: one worker, two elders in two homes, one time."""
    for group in plants.of(f"H03.{PLANTED}"):
        day, worker = _day(plants, 20) + timedelta(days=16), plants.next_worker()
        _regular(plants, group, worker, day)
        for again in range(int(plants.rng.integers(1, 4))):
            _order(plants, group[0], worker, day + timedelta(days=again), time(10), 90)
            _order(plants, group[1], worker, day + timedelta(days=again), time(10, 30), 50)
            months = (month_number(day), month_number(day + timedelta(days=again)))
        plants.tell(
            f"H03.{PLANTED}", worker, *months, PRICES[CLEANING] * (again + 1), kind="worker"
        )
    for group in plants.of("H03.couple_home"):
        day, worker = _day(plants, 20) + timedelta(days=16), plants.next_worker()
        _regular(plants, group, worker, day)
        for person in group:
            _order(plants, person, worker, day, time(11), 60, MEAL)
        plants.tell("H03.couple_home", worker, month_number(day), month_number(day), kind="worker")
    for group in plants.of("H03.clock_skew"):
        day, worker = _day(plants, 20) + timedelta(days=16), plants.next_worker()
        _regular(plants, group, worker, day)
        _order(plants, group[0], worker, day, time(10), 64)
        _order(plants, group[1], worker, day, time(11), 60)
        plants.tell("H03.clock_skew", worker, month_number(day), month_number(day), kind="worker")
    for group in plants.of("H03.teaching"):
        day, worker = _day(plants, 20) + timedelta(days=16), plants.next_worker()
        trainee = plants.next_worker()
        _regular(plants, group, worker, day)
        _order(plants, group[0], worker, day, time(10), 90)
        _order(plants, group[1], worker, day, time(10, 30), 60)
        _order(plants, group[1], trainee, day, time(10, 30), 60)
        plants.tell("H03.teaching", worker, month_number(day), month_number(day), kind="worker")
    for group in plants.of("H03.mistyped_worker"):
        day, worker = _day(plants, 20) + timedelta(days=16), plants.next_worker()
        _regular(plants, [group[0], group[0]], worker, day)
        _order(plants, group[0], worker, day, time(10), 90)
        _order(plants, group[1], worker, day, time(10, 30), 60, provider=plants.other_provider)
        plants.tell(
            "H03.mistyped_worker", worker, month_number(day), month_number(day), kind="worker"
        )


def plant(plants: Plants) -> None:
    """All of H01, H03."""
    in_hospital(plants)
    two_places(plants)
