"""Who owes which delivery by when, and what has come: the bureau's list for reminding.

What is owed follows from the contracts (cadence, days allowed, whether the department or each
county delivers), from which counties there are in that month, and from what each provider began
with: nobody owes what lies before its first delivery.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from ingestion import register
from ingestion.contracts import Contract, load_contracts
from ingestion.receipts import status_of
from yinling.settings import Settings

STATUS = {
    "missing": "未报",
    "rejected": "已报被退回",
    "partly": "部分接收",
    "late": "迟报",
    "delivered": "按时",
    "covered": "后期全量已覆盖",
    "pending": "未到期",
}
OPEN = ("missing", "rejected", "partly")  # what somebody still has to do something about
DAILY = "每日"


@dataclass(frozen=True)
class Owed:
    """One delivery that is owed.

    Attributes:
        provider: six digits for a county or prefecture, else a department's name.
        period: YYYY-MM, YYYY, or DAILY for what comes every day.
        delivered_on: day of the first delivery for it, None when nothing came.
        days_late: after the due day, until delivery or until the day of the report; 0 in time.
    """

    dataset: str
    title: str
    owner: str
    provider: str
    provider_name: str
    period: str
    due_on: date
    status: str
    delivered_on: date | None = None
    days_late: int = 0
    rows_read: int = 0
    rows_refused: int = 0

    @property
    def status_zh(self) -> str:
        return STATUS[self.status]

    @property
    def is_daily(self) -> bool:
        return self.period == DAILY

    @property
    def period_zh(self) -> str:
        """The period; of what comes every day, when it last came."""
        if not self.is_daily:
            return self.period
        last = f"最近 {self.delivered_on}" if self.delivered_on else "从未收到"
        return f"{DAILY}（{last}）"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


def data_clock(settings: Settings) -> date:
    """Today; where the data are made up and time stands still, the day of the newest delivery."""
    from yinling.clock import now

    newest = register.deliveries(settings)["delivered_at"].max() if settings.synthetic else None
    return (newest if isinstance(newest, datetime) else now()).date()


def owed(settings: Settings, as_of: date | None = None) -> list[Owed]:
    """Every delivery owed up to a day, by dataset, provider and period.

    Args:
        as_of: as the day ended; default: the data clock. Later deliveries do not count.
    """
    day = as_of or data_clock(settings)
    contracts = load_contracts(settings.contracts)
    came = [item for item in _came(settings) if item.day <= day]
    places = _places(settings)
    found: list[Owed] = []
    for name in sorted(set(settings.sources) & set(contracts)):
        source = settings.sources[name].provider
        mine = [item for item in came if item.dataset == name]
        report = _Dataset(contracts[name], mine, day)
        if contracts[name].granularity == "county" and places:
            found += report.of_counties(places)
        else:
            providers = {item.provider for item in mine} or {source or contracts[name].provider}
            for provider in sorted(providers):
                found += report.of(provider, contracts[name].owner, lambda first, last: True)
    return found


def provider_names(settings: Settings) -> dict[str, str]:
    """Six-digit codes of counties and prefectures with their names."""
    return {place.code: place.name for place in _places(settings)}


@dataclass(frozen=True)
class _Came:
    """One delivery that came; `taken` is false where it was refused whole."""

    dataset: str
    provider: str
    period: str
    day: date
    mode: str
    taken: bool
    batch_id: str = ""
    rows_read: int = 0
    rows_refused: int = 0


@dataclass(frozen=True)
class _Place:
    """A county or prefecture with the days on which its code is in force."""

    code: str
    level: str
    name: str
    valid_from: date
    valid_to: date | None

    def exists(self, first: date, last: date) -> bool:
        return self.valid_from <= last and (self.valid_to is None or self.valid_to > first)


def _came(settings: Settings) -> list[_Came]:
    """Every delivery, those refused whole included, by time."""
    names = ("dataset", "provider", "period", "mode", "delivered_at")
    taken = register.deliveries(settings).select(
        *names, "batch_id", "rows_read", "rows_quarantined"
    )
    found = [
        _Came(dataset, provider, period, at.date(), mode, True, batch, read, refused)
        for dataset, provider, period, mode, at, batch, read, refused in taken.iter_rows()
    ]
    for file in settings.receipts.glob("*/*.json"):
        receipt = json.loads(file.read_bytes())
        if receipt["status"] == "rejected":
            at = date.fromisoformat(receipt["delivered_at"][:10])
            who, what, period = (receipt[n] for n in ("provider", "dataset", "period"))
            found.append(_Came(what, who, period, at, receipt["mode"], False))
    return sorted(found, key=lambda c: (c.day, c.batch_id))


def _places(settings: Settings) -> list[_Place]:
    """Counties and prefectures of the newest list of places, which says itself from when to when
    each code is in force; empty before there is a list.
    """
    batches = register.deliveries(settings, "region").select("batch_id", "mode").rows()
    whole = max((n for n, (_, mode) in enumerate(batches) if mode == "full"), default=0)
    files = [register.batch_file(settings, "region", batch) for batch, _ in batches[whole:]]
    if not files:
        return []
    columns = ["region_code", "level", "name", "valid_from", "valid_to"]
    rows = pl.concat(pl.read_parquet(file, columns=columns) for file in files)
    rows = rows.unique(["region_code", "valid_from"], keep="last").sort(columns[0], "valid_from")
    wanted = rows.filter(pl.col("level").is_in(["county", "prefecture"]))
    return [_Place(code[:6], *rest) for code, *rest in wanted.iter_rows()]


class _Dataset:
    """What is owed of one dataset."""

    def __init__(self, contract: Contract, came: list[_Came], day: date) -> None:
        self.contract, self.came, self.day = contract, came, day
        self.unit = contract.frequency.unit
        taken = [item.period for item in came if item.taken]
        self.first = min(taken, default=None)

    def of_counties(self, places: list[_Place]) -> Iterator[Owed]:
        """Each county, or the prefecture above it where that is who delivers for its counties."""
        names = {place.code: place.name for place in places}
        deliver = {item.provider for item in self.came}
        units: dict[str, list[_Place]] = {}
        for place in places:
            if place.level == "county":
                above = place.code[:4] + "00"
                who = above if above in deliver and place.code not in deliver else place.code
                units.setdefault(who, []).append(place)
        for who, counties in sorted(units.items()):

            def exists(first: date, last: date, some: list[_Place] = counties) -> bool:
                return any(county.exists(first, last) for county in some)

            yield from self.of(who, names.get(who, who), exists)

    def of(self, provider: str, name: str, exists: Callable[[date, date], bool]) -> Iterator[Owed]:
        """What one provider owes; `exists` says whether it is there from day to day."""
        mine = [item for item in self.came if item.provider == provider]
        if self.unit == "d":
            yield self._daily(provider, name, mine)
            return
        began = min((item.period for item in mine if item.taken), default=self.first)
        for period, first, last in self._periods(began):
            if exists(first, last):
                yield self._one(provider, name, mine, period, last)

    def _periods(self, began: str | None) -> Iterator[tuple[str, date, date]]:
        """The running period and those before it, from the one with which deliveries began."""
        months = {"m": 1, "y": 12}[self.unit] * self.contract.frequency.value
        running = (self.day.year * 12 + self.day.month - 1) // months * months
        start = running - months
        if began is not None:
            start = int(began[:4]) * 12 + (int(began[5:7]) - 1 if len(began) > 4 else 0)
        for number in range(start // months * months, running + 1, months):
            first, last = _month(number)[0], _month(number + months - 1)[1]
            yield first.isoformat()[: 7 if self.unit == "m" else 4], first, last

    def _one(self, provider: str, name: str, mine: list[_Came], period: str, last: date) -> Owed:
        due = last + timedelta(days=self.contract.latency_days)
        for_it = [item for item in mine if item.period.startswith(period)]
        taken = [item for item in for_it if item.taken]
        head = (self.contract.name, self.contract.title, self.contract.owner, provider, name)
        if taken:
            first, newest = taken[0], taken[-1]
            late = max((first.day - due).days, 0)
            status = "late" if late else "delivered"
            if status_of(newest.rows_read, newest.rows_refused) == "partly_accepted":
                status = "partly"
            rows = (newest.rows_read, newest.rows_refused)
            return Owed(*head, period, due, status, first.day, late, *rows)
        later = (item for item in mine if item.taken and item.mode == "full")
        if any(item.period[: len(period)] > period for item in later):
            return Owed(*head, period, due, "covered")
        if due >= self.day:
            return Owed(*head, period, due, "pending")
        status = "rejected" if for_it else "missing"
        return Owed(*head, period, due, status, None, (self.day - due).days)

    def _daily(self, provider: str, name: str, mine: list[_Came]) -> Owed:
        """What comes every day: whether the newest is as new as agreed."""
        wanted = self.day - timedelta(
            days=self.contract.latency_days + self.contract.frequency.value
        )
        newest = max((item.day for item in mine if item.taken), default=None)
        head = (self.contract.name, self.contract.title, self.contract.owner, provider, name)
        if newest is not None and newest >= wanted:
            return Owed(*head, DAILY, wanted, "delivered", newest)
        late = (wanted - newest).days if newest else 0
        return Owed(*head, DAILY, wanted, "missing", newest, late)


def _month(number: int) -> tuple[date, date]:
    """First and last day of month `number` (months since year 0)."""
    after = number + 1
    end = date(after // 12, after % 12 + 1, 1) - timedelta(days=1)
    return date(number // 12, number % 12 + 1, 1), end


def spans(periods: Iterable[str]) -> str:
    """Periods in short: 2026-01至2026-03、2026-06."""
    runs: list[list[str]] = []
    for period in sorted(periods):
        if runs and _next(runs[-1][-1]) == period:
            runs[-1].append(period)
        else:
            runs.append([period])
    return "、".join(run[0] if len(run) == 1 else f"{run[0]}至{run[-1]}" for run in runs)


def _next(period: str) -> str:
    if len(period) == 4 and period.isdigit():
        return str(int(period) + 1)
    if len(period) != 7:
        return ""
    first = date.fromisoformat(f"{period}-01")
    return (first + timedelta(days=32)).isoformat()[:7]
