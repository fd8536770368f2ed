"""A seeded stream of batches about a few hundred persons, with everything that makes history:

moves, deaths, replaced numbers, corrections, redeliveries, reversals of earlier payments.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from tests.support.lake import Lake

PERSONS = 200
REGIONS = ["440203001001", "440204002001", "370812001001"]
Rows = list[dict[str, Any]]


class Stream:
    """Batches in the order of their delivery, one step a day; the same seed, the same bytes."""

    def __init__(self, lake: Lake, seed: int = 7) -> None:
        self.lake = lake
        self.random = random.Random(seed)  # noqa: S311 (test data)
        self.claims = random.Random(seed + 1)  # noqa: S311 (draws of its own)
        self.day = date(2026, 9, 1)
        self.numbers = [f"P{i}" for i in range(PERSONS)]
        self.payments: Rows = []
        self.step_no = 0

    def steps(self, count: int) -> Iterator[int]:
        """Deliver one day's batches, then yield; `count` times."""
        for _ in range(count):
            self.step_no += 1
            self.day += timedelta(days=1)
            self._persons()
            self._payments()
            self._services()
            self._claims()
            if self.step_no % 2 == 0:
                self._renumber()
            yield self.step_no

    def _add(self, dataset: str, rows: Rows, at: datetime | None = None) -> None:
        known = at or datetime(self.day.year, self.day.month, self.day.day, 9)
        if rows:
            self.lake.add(dataset, rows, period=self.day.isoformat(), known_at=known)

    def _person(self, number: str) -> dict[str, Any]:
        status = self.random.choices(["normal", "cancelled_death", "moved_out"], [8, 1, 1])[0]
        home = self.random.choice(REGIONS)
        return {
            "id_no": number,
            "name": f"name of {number}",
            "sex": self.random.choice("12"),
            "birth_date": date(1930, 1, 1) + timedelta(days=int(number[1:].split("x")[0]) * 50),
            "household_no": f"H{self.random.randrange(PERSONS // 2)}",
            "relation_to_head": self.random.choice(["01", "02", "10", "30"]),
            "hukou_region_code": home,
            "residence_region_code": self.random.choice([home, REGIONS[0]]),
            "status": status,
            "status_date": None if status == "normal" else self._past(),
        }

    def _past(self) -> date:
        return self.day - timedelta(days=self.random.randrange(400))

    def _persons(self) -> None:
        if self.step_no == 1:
            self._add("household_person", [self._person(n) for n in self.numbers])
            self._add("medical_enrolment", [self._enrolment(n) for n in self.numbers])
            return
        some = self.random.sample(self.numbers, 15)
        self._add("household_person", [self._person(n) for n in some])
        self._add("medical_enrolment", [self._enrolment(n) for n in some[:5]])
        dead = self.random.sample(self.numbers, 4)
        self._add(
            "death_certificate",
            [
                {
                    "certificate_no": f"C{self.step_no}-{n}",
                    "id_no": n,
                    "name": f"name of {n}" if self.random.random() < 0.8 else "another",
                    "death_date": self._past(),
                    "issued_on": self.day,
                }
                for n in dead
            ],
        )

    def _enrolment(self, number: str) -> dict[str, Any]:
        ended = self.random.random() < 0.1
        return {
            "id_no": number,
            "insurance_kind": "resident",
            "valid_from": date(2020, 1, 1),
            "region_code": REGIONS[0],
            "ltci_insured": True,
            "valid_to": self._past() if ended else None,
            "end_reason": "death" if ended else None,
        }

    def _payments(self) -> None:
        fresh: Rows = []
        for index in range(120 if self.step_no == 1 else 12):
            payee = self.random.choice(self.numbers)
            fresh.append(
                {
                    "payment_no": f"N{self.step_no}-{index}",
                    "programme_code": "old_age_allowance",
                    "id_no": payee,
                    "payee_name": f"name of {payee}",
                    "benefit_month": self.random.choice(["2026-07", "2026-08"]),
                    "amount": "50.00",
                    "paid_at": datetime(2026, 9, 1, 8) + timedelta(hours=self.step_no),
                    "bank_account": f"A{payee}",
                    "region_code": REGIONS[0],
                    "status": "success",
                }
            )
        earlier = self.random.sample(self.payments, min(6, len(self.payments)))
        reversing = [
            row | {"payment_no": f"R{self.step_no}-{i}", "amount": "-50.00", "status": "reversed"}
            for i, row in enumerate(earlier[:3])
        ]
        corrected = [row | {"benefit_month": "2026-08"} for row in earlier[3:]]
        self._add("subsidy_payment", fresh + reversing + corrected)
        # An old version that comes late must not undo the newer one.
        late = [row | {"status": "returned"} for row in earlier[3:5]]
        if late:
            self.lake.add(
                "subsidy_payment",
                late,
                period=self.day.isoformat(),
                sequence=2,
                known_at=datetime(2026, 8, 1),
            )
        self.payments += fresh

    def _services(self) -> None:
        for dataset, key in (("home_visit", "visit_no"), ("medical_settlement", "settlement_no")):
            rows: Rows = []
            for index in range(60 if self.step_no == 1 else 8):
                # Numbers come back after a while: a correction of what was delivered before.
                serial = self.random.randrange(40) if index < 3 else self.step_no * 100 + index
                at = datetime(2026, 9, 1) + timedelta(days=self.random.randrange(40))
                row: dict[str, Any] = {key: f"V{serial}", "id_no": self.random.choice(self.numbers)}
                if dataset == "home_visit":
                    row |= {
                        "visitor_id_no": self.numbers[serial % 9],
                        "visited_at": at,
                        "mode": "home",
                    }
                else:
                    row |= {
                        "institution_code": "I1",
                        "visit_kind": "outpatient",
                        "admitted_at": at,
                        "total_amount": "10.00",
                        "fund_amount": "5.00",
                        "settled_at": at,
                    }
                rows.append(row)
            unique = {row[key]: row for row in rows}
            self._add(dataset, list(unique.values()))

    def _claims(self) -> None:
        rows: dict[str, dict[str, Any]] = {}
        for index in range(30 if self.step_no == 1 else 6):
            # Some claims come again, corrected: another amount, worker or time.
            serial = self.claims.randrange(20) if index < 2 else self.step_no * 100 + index
            at = datetime(2026, 9, 1, 9) + timedelta(days=self.claims.randrange(40))
            rows[f"L{serial}"] = {
                "claim_no": f"L{serial}",
                "id_no": self.claims.choice(self.numbers),
                "worker_id_no": self.claims.choice(self.numbers[:20]),
                "provider_code": "F1",
                "service_code": "LH0101",
                "started_at": at,
                "ended_at": at + timedelta(hours=1),
                "fund_amount": f"{self.claims.randrange(30, 90)}.00",
                "self_amount": "20.00",
            }
        self._add("ltci_claim", list(rows.values()))

    def _renumber(self) -> None:
        old = self.random.choice(self.numbers[:20])
        new = f"{old}x{self.step_no}"
        self._add(
            "household_id_change", [{"old_id_no": old, "new_id_no": new, "changed_on": self.day}]
        )
        self.numbers[self.numbers.index(old)] = new
        if self.random.random() < 0.7:
            self.lake.add(
                "household_person",
                [self._person(new)],
                period=self.day.isoformat(),
                sequence=3,
                known_at=datetime(self.day.year, self.day.month, self.day.day, 10),
            )
