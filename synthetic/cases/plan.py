"""Which cases there are, how many, and whom they befall.

A *planted* case breaks a rule; a *look-alike* resembles one but has the innocent explanation that
the rule's guard names. Each befalls persons who are set aside first (`reserved`), so that ordinary
life cannot add to or take from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from synthetic.calendar import Window, label, month_of_day
from synthetic.draws import Rng, generator
from synthetic.regions import County, counties

PLANTED = "planted"
OLD_AGE, BAND = "old_age_allowance", 50


@dataclass(frozen=True)
class Spec:
    """One kind of case: rule, guard (None: planted), number at scale S, pool, persons a case."""

    rule: str
    guard: str | None
    count: int
    pool: str
    size: int = 1

    @property
    def name(self) -> str:
        return f"{self.rule}.{self.guard or PLANTED}"


SPECS = (
    # Pools with few people choose first.
    Spec("U01", "application_pending", 3, "just_eighty"),
    Spec("E01", None, 8, "near_eighty"),
    Spec("E01", "birthday_month", 3, "turned_eighty"),
    Spec("E01", "register_birth_date", 3, "near_eighty"),
    Spec("F01", "couple_room", 2, "couple", 2),
    Spec("H03", "couple_home", 3, "couple", 2),
    Spec("N01", "spouse", 2, "old_couple", 2),
    Spec("N01", "household", 2, "three_adults", 3),
    Spec("L01", None, 14, "old"),
    Spec("L01", "converted_id", 3, "old"),
    Spec("L01", "changed_id", 3, "old"),
    Spec("L01", "death_month", 3, "old"),
    Spec("L01", "paid_in_advance", 3, "old"),
    Spec("L01", "bank_return", 3, "old"),
    Spec("L01", "reversal", 3, "old"),
    Spec("L01", "reporting_window", 3, "old"),
    Spec("L01", "contested", 3, "old"),
    Spec("L01", "other_name", 3, "old"),
    Spec("L01", "unconfirmed", 3, "old"),
    Spec("L01", "homonym", 2, "old", 2),
    Spec("L07", None, 6, "old"),
    Spec("L07", "cancellation_date", 3, "old"),
    Spec("L07", "lunar_date", 2, "old"),
    Spec("L07", "mistyped", 3, "old"),
    Spec("D01", None, 6, "old"),
    Spec("D01", "renamed_division", 2, "old"),
    Spec("D01", "transfer_month", 2, "old"),
    Spec("D01", "top_up", 3, "old"),
    Spec("D01", "reversal", 3, "old"),
    Spec("D01", "back_pay", 3, "old"),
    Spec("U01", None, 8, "old"),
    Spec("U01", "back_pay", 3, "old"),
    Spec("U01", "one_month", 3, "old"),
    Spec("U01", "exclusive_benefit", 3, "old"),
    Spec("U01", "moved_out", 3, "old"),
    Spec("N01", None, 4, "old", 5),
    Spec("N01", "custody_account", 2, "elder", 4),
    Spec("L03", None, 6, "elder"),
    Spec("L03", "month_of_death", 3, "elder"),
    Spec("L03", "body_in_house", 3, "elder"),
    Spec("L03", "late_checkout", 3, "elder"),
    Spec("D07", None, 6, "elder"),
    Spec("D07", "respite", 3, "elder"),
    Spec("D07", "day_care", 3, "elder"),
    Spec("D07", "trial_at_home", 3, "elder"),
    Spec("D07", "bed_ended", 3, "elder"),
    Spec("D08", None, 5, "elder"),
    Spec("D08", "transfer_day", 3, "elder"),
    Spec("D08", "bed_kept", 3, "elder"),
    Spec("D08", "respite", 3, "elder"),
    Spec("F01", None, 5, "elder", 0),
    Spec("F01", "beds_registered_late", 2, "elder", 12),
    Spec("F01", "extra_site", 2, "elder", 0),
    Spec("H01", None, 6, "elder"),
    Spec("H01", "admission_day", 3, "elder"),
    Spec("H01", "ward_item", 3, "elder"),
    Spec("H01", "home_bed", 3, "elder"),
    Spec("H03", None, 6, "elder", 2),
    Spec("H03", "clock_skew", 3, "elder", 2),
    Spec("H03", "teaching", 3, "elder", 2),
    Spec("H03", "mistyped_worker", 3, "elder", 2),
)
PLANTED_VARIANTS = ("converted_id", "changed_id")
"""Guards of identity that must not stop a finding: these cases are planted all the same."""


def _pools(window: Window, people: pl.DataFrame) -> dict[str, pl.Expr]:
    alive = pl.col("death").is_null()
    eighty = month_of_day(pl.col("birth").dt.offset_by("80y"))
    years = window.months / 12
    old = alive & (pl.col("age") > 80.2 + years) & (pl.col("age") < 89.5) & ~pl.col("veteran")
    two = pl.len().over("household") == 2
    elders = ((pl.col("age") >= 68) & alive).sum().over("household")
    return {
        "old": old,
        "elder": alive & (pl.col("age") > 70) & (pl.col("age") < 79),
        "near_eighty": alive & (pl.col("age") > 77.8) & (pl.col("age") < 79.9),
        "just_eighty": alive & (eighty == window.last_month - 1),
        "turned_eighty": alive
        & ~pl.col("veteran")
        & (eighty > window.first_month + 1)
        & (eighty < window.last_month - 2),
        "couple": alive & two & (elders == 2) & (pl.col("age") < 79.5),
        "old_couple": alive & two & (elders == 2),
        "three_adults": alive & (pl.col("age") > 22),
    }


def quotas(persons: int) -> list[dict[str, int]]:
    """For each county, cases by spec name; counts grow with the population, at least one each."""
    places = counties()
    result: list[dict[str, int]] = [{} for _ in places]
    for number, spec in enumerate(SPECS):
        total = max(round(spec.count * persons / 100_000), 1)
        even, rest = divmod(total, len(places))
        for place in range(len(places)):
            turn = (place * 7 + number * 5) % len(places)
            count = even + (turn < rest)
            # Only some counties have had another number.
            if spec.guard == "renamed_division":
                count = total if places[place].short == "370812" else 0
            if count:
                result[place][spec.name] = count
    return result


def reserve(
    seed: int, county: County, people: pl.DataFrame, quota: dict[str, int], window: Window
) -> pl.DataFrame:
    """[person] spec, case (number within the county and spec), member (0, 1, … within the case).

    People of one household go to one case only. A pool that is too small gives fewer cases.
    """
    rng = generator(seed, "cases", county.code)
    pools = _pools(window, people)
    pool_frames = {
        name: people.select("person", "household", pl.col("age"), free=rule).filter("free")
        for name, rule in pools.items()
    }
    taken: set[int] = set()
    rows: list[tuple[int, str, int, int]] = []
    for spec in SPECS:
        wanted = quota.get(spec.name, 0)
        if not wanted or not spec.size:
            continue
        candidates = pool_frames[spec.pool].filter(~pl.col("household").is_in(list(taken)))
        together = spec.pool in ("couple", "old_couple", "three_adults")
        groups = candidates.group_by("household", maintain_order=True).agg(
            pl.col("person").head(spec.size if together else 1)
        )
        if together:
            groups = groups.filter(pl.col("person").list.len() == spec.size)
        need = wanted if together else wanted * spec.size
        chosen = groups[rng.permutation(len(groups))[:need]]
        whole = len(chosen) if together else len(chosen) // spec.size * spec.size
        for place, (household, persons) in enumerate(chosen.head(whole).iter_rows()):
            taken.add(household)
            case = place if together else place // spec.size
            rows += [
                (person, spec.name, case, member if together else place % spec.size)
                for member, person in enumerate(persons)
            ]
    return pl.DataFrame(
        rows,
        schema={"person": pl.Int64, "spec": pl.String, "case": pl.Int64, "member": pl.Int64},
        orient="row",
    )


@dataclass
class Plants:
    """What the cases add to a county's feeds, and the truth about them."""

    county: County
    window: Window
    rng: Rng
    people: pl.DataFrame
    """Reserved persons: people's columns with spec, case, member."""
    homes: dict[str, int]
    """Institutions that were open all the time, with the beds kept free for cases."""
    day_care: list[str]
    provider: str
    other_provider: str
    workers: list[str]
    """ID numbers of care workers who appear in cases only."""
    changes: dict[int, dict[str, object]] = field(default_factory=dict)
    """Persons whose life a case sets: death, birth."""
    rows: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    cases: list[dict[str, object]] = field(default_factory=list)

    def of(self, spec: str) -> list[list[dict[str, Any]]]:
        """The cases of a spec, each the list of its persons."""
        groups: dict[int, list[dict[str, Any]]] = {}
        chosen = self.people.filter(pl.col("spec") == spec).sort("case", "member")
        for row in chosen.iter_rows(named=True):
            groups.setdefault(row["case"], []).append(row)
        return list(groups.values())

    def add(self, feed: str, **values: object) -> None:
        """One more row for a feed's builder."""
        self.rows.setdefault(feed, []).append(values)

    def pay(self, person: dict[str, Any], month: int, **how: Any) -> None:
        """A month's old-age allowance in its lowest band; `how` says what is different."""
        self.add(
            "payment",
            person=person["person"],
            programme_code=OLD_AGE,
            month=month,
            amount=how.pop("amount", BAND),
            **how,
        )

    def tell(
        self,
        spec: str,
        subject: str | None,
        first: int | None = None,
        last: int | None = None,
        amount: float | None = None,
        kind: str = "person",
        number: str | None = None,
    ) -> None:
        """Write the case into the ground truth."""
        rule, guard = spec.split(".")
        planted = guard == PLANTED or guard in PLANTED_VARIANTS
        self.cases.append(
            {
                "case_id": f"{spec}.{self.county.short}.{len(self.cases):04d}",
                "rule_id": rule,
                "kind": PLANTED if planted else "lookalike",
                "guard": None if guard == PLANTED else guard,
                "subject_kind": kind,
                "subject_id_no": subject if kind in ("person", "worker") else None,
                "facility_code": subject if kind == "facility" else None,
                "subject_no": number or (subject if kind == "account" else None),
                "region_code": self.county.code,
                "first_month": None if first is None else label(first),
                "last_month": None if last is None else label(last),
                "amount": None if amount is None else f"{amount:.2f}",
            }
        )

    def next_home(self, other_than: str = "", beds: int = 1) -> str:
        """The institution with most free beds; takes them."""
        code = max((c for c in self.homes if c != other_than), key=lambda c: self.homes[c])
        self.homes[code] -= beds
        return code

    def add_stay(
        self,
        person: dict[str, Any],
        start: date,
        end: date | None,
        house: str | None = None,
        **how: object,
    ) -> str:
        """A stay in `house` (default: the next home with a free bed); gives the stay's number.

        `how` may bring payer, bed_no, first_told (the end that the first delivery states),
        claim_days and claim_days_month.
        """
        number = f"T{self.county.short}{len(self.rows.get('stay', [])):06d}"
        self.add(
            "stay",
            person=person["person"],
            stay_no=number,
            checked_in_on=start,
            checked_out_on=end,
            facility_code=house or self.next_home(),
            **{"bed_no": f"加{number[-3:]}", "payer": "subsidy", **how},
        )
        return number

    def next_worker(self) -> str:
        """A care worker who is in no other case."""
        return self.workers.pop()

    def geometric(self, mean: float, most: int) -> int:
        """A number of months, 1 or more, geometric with this mean."""
        return int(min(self.rng.geometric(1 / mean), most))


CASE_SCHEMA = {
    "case_id": pl.String,
    "rule_id": pl.String,
    "kind": pl.String,
    "guard": pl.String,
    "subject_kind": pl.String,
    "subject_id_no": pl.String,
    "facility_code": pl.String,
    "subject_no": pl.String,
    "region_code": pl.String,
    "first_month": pl.String,
    "last_month": pl.String,
    "amount": pl.String,
}
