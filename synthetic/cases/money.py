"""D01, E01, N01, U01: paid twice, too early, to a strange account, or not at all."""

from __future__ import annotations

from datetime import timedelta

from synthetic.calendar import first_day
from synthetic.calendar import month as month_number
from synthetic.cases.plan import BAND, PLANTED, Plants
from synthetic.regions import County, neighbours

TOP_UP = 20


def _other(county: County) -> str:
    return neighbours(county.code)[0]


def _stretch(plants: Plants, months: int) -> range:
    window = plants.window
    first = int(plants.rng.integers(window.first_month, window.last_month - months + 2))
    return range(first, first + months)


def twice(plants: Plants) -> None:
    """D01: two counties pay the same month."""
    elsewhere = _other(plants.county)
    for (person,) in plants.of(f"D01.{PLANTED}"):
        months = _stretch(plants, plants.geometric(6.5, plants.window.months - 2))
        for month in months:
            plants.pay(person, month, region_code=elsewhere)
        plants.tell(f"D01.{PLANTED}", person["id_no"], months[0], months[-1], BAND * len(months))
    for (person,) in plants.of("D01.renamed_division"):
        months = _stretch(plants, 3)
        for month in months:
            # The same county under its number of before 2013 pays the rest of the month's due.
            plants.pay(person, month, region_code="370882000000", amount=TOP_UP)
        plants.tell("D01.renamed_division", person["id_no"], months[0], months[-1])
    for (person,) in plants.of("D01.top_up"):
        months = _stretch(plants, 6)
        for month in months:
            plants.pay(person, month, region_code=plants.county.prefecture, amount=TOP_UP)
        plants.tell("D01.top_up", person["id_no"], months[0], months[-1])
    for (person,) in plants.of("D01.reversal"):
        months = _stretch(plants, 3)
        for month in months:
            late = min(month + 2, plants.window.last_month)
            plants.pay(person, month, region_code=elsewhere, paid_month=late)
            plants.pay(
                person,
                month,
                region_code=elsewhere,
                paid_month=late,
                amount=-BAND,
                status="reversed",
                days_late=3,
            )
        plants.tell("D01.reversal", person["id_no"], months[0], months[-1])
    for (person,) in plants.of("D01.back_pay"):
        months = _stretch(plants, 4)
        for month in list(months)[:2]:
            plants.add("unpaid", person=person["person"], month=month)
            plants.pay(person, month, region_code=elsewhere, paid_month=months[-1])
        plants.tell("D01.back_pay", person["id_no"], months[0], months[1])
    moves(plants, elsewhere)


def moves(plants: Plants, elsewhere: str) -> None:
    """D01 look-alike: the month of a move between counties, in which both pay.

    The register shows the move as two rows: the old number at the old place, the new number, given
    on transfer, at the new one.
    """
    window = plants.window
    for (person,) in plants.of("D01.transfer_month"):
        month = int(plants.rng.integers(window.first_month + 3, window.last_month - 3))
        moved = first_day(month) + timedelta(days=int(plants.rng.integers(8, 20)))
        plants.add(
            "new_number",
            person=person["person"],
            changed_on=moved,
            moved_from=elsewhere,
            pays_old=False,
        )
        for earlier in range(window.first_month, month + 1):
            if earlier < month:
                plants.add("unpaid", person=person["person"], month=earlier)
            plants.pay(person, earlier, region_code=elsewhere, by_old_number=True)
        plants.tell("D01.transfer_month", person["id_no"], month, month)


def too_young(plants: Plants) -> None:
    """E01: paid before the month of the 80th birthday."""
    window = plants.window
    for spec in (f"E01.{PLANTED}",):
        for (person,) in plants.of(spec):
            birthday = month_number(person["birth"]) + 80 * 12
            last = min(birthday - 1, window.last_month)
            months = min(plants.geometric(6.5, 14), last - window.first_month + 1)
            for month in range(last - months + 1, last + 1):
                plants.pay(person, month)
            plants.tell(spec, person["id_no"], last - months + 1, last, BAND * months)
    for (person,) in plants.of("E01.birthday_month"):
        birthday = month_number(person["birth"]) + 80 * 12
        plants.pay(person, birthday)
        plants.tell("E01.birthday_month", person["id_no"], birthday, birthday, BAND)
    for (person,) in plants.of("E01.register_birth_date"):
        # The register was corrected by five years; the number keeps the old birth date.
        born = person["birth"].replace(
            year=person["birth"].year - 5, day=min(person["birth"].day, 28)
        )
        plants.changes[person["person"]] = {"birth": born, "age": person["age"] + 5}
        plants.tell(
            "E01.register_birth_date", person["id_no"], window.first_month, window.last_month
        )


def strange_accounts(plants: Plants) -> None:
    """N01: one account takes the money of several who are not one household."""
    window = plants.window
    for group in plants.of(f"N01.{PLANTED}"):
        owner = group[0]["person"]
        size = int(plants.rng.integers(3, len(group) + 1))
        for person in group[:size]:
            plants.add("account", person=person["person"], owner=owner)
        plants.tell(
            f"N01.{PLANTED}",
            str(owner),
            window.first_month,
            window.last_month,
            BAND * window.months * (size - 1),
            kind="account",
            number=";".join(p["id_no"] for p in group[:size]),
        )
    for spec in ("N01.spouse", "N01.household"):
        for group in plants.of(spec):
            for person in group:
                plants.add("account", person=person["person"], owner=group[0]["person"])
                plants.add(
                    "entitlement",
                    person=person["person"],
                    programme_code="disabled_two_subsidies_care",
                    amount=120,
                )
            plants.tell(
                spec,
                str(group[0]["person"]),
                window.first_month,
                window.last_month,
                kind="account",
                number=";".join(p["id_no"] for p in group),
            )
    for group in plants.of("N01.custody_account"):
        house = plants.next_home()
        since = first_day(window.first_month) - timedelta(days=400)
        for person in group:
            plants.add("account", person=person["person"], facility=house)
            plants.add(
                "entitlement",
                person=person["person"],
                programme_code="disabled_two_subsidies_care",
                amount=120,
                facility_code=house,
            )
            plants.add_stay(person, since, None, house=house)
        plants.tell(
            "N01.custody_account",
            house,
            window.first_month,
            window.last_month,
            kind="account",
            number=";".join(p["id_no"] for p in group),
        )


def not_paid(plants: Plants) -> None:
    """U01: eligible and not paid; and those who are waiting, paid late or paid otherwise."""
    window = plants.window
    for number, (person,) in enumerate(plants.of(f"U01.{PLANTED}")):
        months = (
            range(window.first_month, window.last_month + 1)
            if number % 3 == 0
            else _stretch(plants, int(plants.rng.integers(3, 9)))
        )
        for month in months:
            plants.add("unpaid", person=person["person"], month=month)
        plants.tell(f"U01.{PLANTED}", person["id_no"], months[0], months[-1], BAND * len(months))
    for (person,) in plants.of("U01.back_pay"):
        months = _stretch(plants, 4)
        for month in months:
            plants.add("unpaid", person=person["person"], month=month)
            plants.pay(person, month, paid_month=months[-1])
        plants.tell("U01.back_pay", person["id_no"], months[0], months[-1])
    for (person,) in plants.of("U01.one_month"):
        month = _stretch(plants, 1)[0]
        plants.add("unpaid", person=person["person"], month=month)
        plants.tell("U01.one_month", person["id_no"], month, month)
    for (person,) in plants.of("U01.application_pending"):
        plants.add("unpaid", person=person["person"], month=window.last_month)
        plants.tell(
            "U01.application_pending", person["id_no"], window.last_month, window.last_month
        )
    for (person,) in plants.of("U01.exclusive_benefit"):
        plants.changes[person["person"]] = {"veteran": True}
        plants.tell("U01.exclusive_benefit", person["id_no"], window.first_month, window.last_month)
    for (person,) in plants.of("U01.moved_out"):
        month = int(plants.rng.integers(window.first_month + 2, window.last_month - 3))
        left = first_day(month) + timedelta(days=int(plants.rng.integers(3, 25)))
        plants.add("left", person=person["person"], on=left)
        for after in range(month + 1, window.last_month + 1):
            plants.add("unpaid", person=person["person"], month=after)
        plants.tell("U01.moved_out", person["id_no"], month + 1, window.last_month)


def plant(plants: Plants) -> None:
    """All of D01, E01, N01, U01."""
    twice(plants)
    too_young(plants)
    strange_accounts(plants)
    not_paid(plants)
