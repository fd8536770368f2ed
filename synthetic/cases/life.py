"""L01, L03, L07: paid or claimed after death, and what only looks like it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from synthetic.calendar import first_day
from synthetic.cases.plan import BAND, PLANTED, Plants

REPORT_DAYS = 18
"""Within the time for reporting a death (15 working days are 21 days)."""


def _day(plants: Plants, month: int, low: int, high: int) -> date:
    return first_day(month) + timedelta(days=int(plants.rng.integers(low - 1, high)))


def _dies(plants: Plants, person: dict[str, Any], on: date, **how: Any) -> None:
    """The person dies that day; `how` fixes the sources (certified, cremated, cancelled, lags)."""
    sources = {
        "certified": True,
        "cremated": False,
        "cancelled": True,
        "issue_lag": 4,
        "cancel_lag": 20,
        "cremation_lag": 2,
    }
    plants.changes[person["person"]] = {"death": on, **sources, **how}


def _room(plants: Plants, months: int) -> int:
    """A month of death that leaves so many months after it."""
    window = plants.window
    return int(plants.rng.integers(window.first_month + 1, window.last_month - months + 1))


def _overpaid(plants: Plants, spec: str, person: dict[str, Any], **how: Any) -> None:
    months = plants.geometric(6.5, plants.window.months - 4)
    death = _room(plants, months)
    _dies(plants, person, _day(plants, death, 2, 27), **how)
    for month in range(death + 1, death + months + 1):
        plants.pay(person, month)
    plants.tell(spec, person["id_no"], death + 1, death + months, BAND * months)


def overpaid(plants: Plants) -> None:
    """L01 planted: by certificate, by two other sources, with a 15-digit or a changed number."""
    for number, (person,) in enumerate(plants.of(f"L01.{PLANTED}")):
        two_sources = number % 5 == 4
        _overpaid(
            plants,
            f"L01.{PLANTED}",
            person,
            certified=not two_sources,
            cremated=two_sources or number % 3 == 0,
            cancel_lag=30,
        )
    for (person,) in plants.of("L01.converted_id"):
        _overpaid(plants, "L01.converted_id", person, short_id=True)
    for (person,) in plants.of("L01.changed_id"):
        _overpaid(plants, "L01.changed_id", person)
        plants.add(
            "new_number",
            person=person["person"],
            changed_on=first_day(plants.window.first_month) - timedelta(days=40),
            pays_old=True,
        )


def late_money(plants: Plants) -> None:
    """L01 look-alikes in which the person did die."""
    for (person,) in plants.of("L01.death_month"):
        month = _room(plants, 1)
        _dies(plants, person, _day(plants, month, 2, 9))
        plants.tell("L01.death_month", person["id_no"], month, month, BAND)
    for (person,) in plants.of("L01.paid_in_advance"):
        month = _room(plants, 2)
        _dies(plants, person, _day(plants, month, 18, 27))
        for ahead in (1, 2):
            plants.pay(person, month + ahead, paid_month=month)
        plants.tell("L01.paid_in_advance", person["id_no"], month + 1, month + 2, 2 * BAND)
    for (person,) in plants.of("L01.bank_return"):
        month = _room(plants, 3)
        _dies(plants, person, _day(plants, month, 2, 27))
        for after in (1, 2, 3):
            plants.pay(person, month + after, status="returned")
        plants.tell("L01.bank_return", person["id_no"], month + 1, month + 3, 3 * BAND)
    for (person,) in plants.of("L01.reversal"):
        month = _room(plants, 3)
        _dies(plants, person, _day(plants, month, 2, 27))
        for after in (1, 2):
            plants.pay(person, month + after)
            plants.pay(person, month + after, amount=-BAND, status="reversed", paid_month=month + 3)
        plants.tell("L01.reversal", person["id_no"], month + 1, month + 2, 2 * BAND)
    for (person,) in plants.of("L01.reporting_window"):
        month = _room(plants, 2)
        died = first_day(month + 1) - timedelta(days=2)
        # Paid on the 15th, which is 17 days after; the certificate is drawn up after that.
        _dies(plants, person, died, issue_lag=REPORT_DAYS, cancelled=False)
        plants.pay(person, month + 1)
        plants.tell("L01.reporting_window", person["id_no"], month + 1, month + 1, BAND)


def false_deaths(plants: Plants) -> None:
    """L01 look-alikes in which the person lives: contested, another's name, one weak source."""
    for (person,) in plants.of("L01.contested"):
        month = _room(plants, 5)
        died = _day(plants, month, 2, 27)
        plants.add("certificate", person=person["person"], death_date=died, name=None)
        plants.add(
            "doctor",
            person=person["person"],
            kind="outpatient",
            day=died + timedelta(days=40),
            days=0,
        )
        plants.tell("L01.contested", person["id_no"], month + 1, plants.window.last_month)
    for (person,) in plants.of("L01.other_name"):
        month = _room(plants, 5)
        plants.add(
            "certificate",
            person=person["person"],
            death_date=_day(plants, month, 2, 27),
            name="欧阳" + person["name"][-1],
        )
        plants.tell("L01.other_name", person["id_no"], month + 1, plants.window.last_month)
    for (person,) in plants.of("L01.unconfirmed"):
        month = _room(plants, 5)
        plants.add("reenrolment", person=person["person"], ended_on=_day(plants, month, 2, 27))
        plants.tell("L01.unconfirmed", person["id_no"], month + 1, plants.window.last_month)
    for dead, living in plants.of("L01.homonym"):
        month = _room(plants, 5)
        _dies(plants, dead, _day(plants, month, 2, 27))
        plants.changes[living["person"]] = {
            "name": dead["name"],
            "birth": dead["birth"],
            "male": dead["male"],
            "age": dead["age"],
        }
        plants.tell("L01.homonym", living["id_no"], month + 1, plants.window.last_month)


def later_dates(plants: Plants) -> None:
    """L07: the cremation record has a later date of death than the certificate."""
    for (person,) in plants.of(f"L07.{PLANTED}"):
        months = int(plants.rng.integers(2, 7))
        month = _room(plants, months)
        died, told = _day(plants, month, 2, 27), _day(plants, month + months, 5, 27)
        _dies(
            plants,
            person,
            died,
            cremated=True,
            payer_says=told,
            cremated_on=told + timedelta(days=2),
        )
        for after in range(month + 1, month + months + 1):
            plants.pay(person, after)
        for rule in ("L07", "L01"):
            plants.tell(
                f"{rule}.{PLANTED}", person["id_no"], month + 1, month + months, BAND * months
            )
    for (person,) in plants.of("L07.cancellation_date"):
        month = _room(plants, 5)
        _dies(plants, person, _day(plants, month, 2, 27), cancel_lag=120)
        plants.tell("L07.cancellation_date", person["id_no"], month, month)
    lunar = [(date(2025, 11, 21), date(2025, 10, 2)), (date(2026, 4, 12), date(2026, 2, 25))]
    for number, (person,) in enumerate(plants.of("L07.lunar_date")):
        # The certificate holds the lunar month and day of the day the funeral home wrote down.
        payer, certificate = lunar[number % len(lunar)]
        _dies(
            plants,
            person,
            certificate,
            cremated=True,
            payer_says=payer,
            cremated_on=payer + timedelta(days=2),
        )
        plants.tell("L07.lunar_date", person["id_no"])
    for (person,) in plants.of("L07.mistyped"):
        # Cremated before the date of death that the record gives: a slip of the pen. Long ago, so
        # that the date is past when the record is delivered.
        month = _room(plants, 5)
        died = _day(plants, month, 2, 20)
        _dies(
            plants,
            person,
            died,
            cremated=True,
            payer_says=died + timedelta(days=31),
            cremated_on=died + timedelta(days=2),
        )
        plants.tell("L07.mistyped", person["id_no"], month, month)


def dead_residents(plants: Plants) -> None:
    """L03: a facility claims on for a resident who died; and prompt, rounded or late records."""
    window = plants.window
    for (person,) in plants.of(f"L03.{PLANTED}"):
        months = plants.geometric(4, 9)
        month = _room(plants, months)
        died = _day(plants, month, 5, 20)
        _dies(plants, person, died)
        out = _day(plants, month + months, 12, 26)
        stay = plants.add_stay(person, first_day(window.first_month) - timedelta(days=90), out)
        plants.tell(f"L03.{PLANTED}", person["id_no"], month + 1, month + months, number=stay)
    for (person,) in plants.of("L03.month_of_death"):
        month = _room(plants, 1)
        died = _day(plants, month, 5, 12)
        _dies(plants, person, died)
        stay = plants.add_stay(
            person,
            first_day(window.first_month) - timedelta(days=60),
            died + timedelta(days=1),
            claim_days=(first_day(month + 1) - first_day(month)).days,
            claim_days_month=month,
        )
        plants.tell("L03.month_of_death", person["id_no"], month, month, number=stay)
    for (person,) in plants.of("L03.body_in_house"):
        month = _room(plants, 1)
        died = first_day(month + 1) - timedelta(days=1)
        _dies(plants, person, died)
        stay = plants.add_stay(
            person, first_day(window.first_month) - timedelta(days=200), died + timedelta(days=3)
        )
        plants.tell("L03.body_in_house", person["id_no"], month + 1, month + 1, number=stay)
    for (person,) in plants.of("L03.late_checkout"):
        # The first record of the end is 45 days late; the next delivery corrects it.
        died = _day(plants, window.last_month - 6, 5, 20)
        _dies(plants, person, died)
        stay = plants.add_stay(
            person,
            first_day(window.first_month) - timedelta(days=150),
            died + timedelta(days=1),
            first_told=died + timedelta(days=45),
        )
        plants.tell("L03.late_checkout", person["id_no"], number=stay)


def plant(plants: Plants) -> None:
    """All of L01, L03, L07."""
    overpaid(plants)
    late_money(plants)
    false_deaths(plants)
    later_dates(plants)
    dead_residents(plants)
