"""What is new in a table, asked of the server in one moment.

The durable cursor of a batch is `<value>|<count>`. With `cursor` or `key_range`: the highest value
that was read and how many rows had it. For a table that is read whole: the server's fingerprint of
all rows, and how many there are.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ingestion.connectors.sql_database import Database, decimal
from ingestion.contracts import Contract
from ingestion.delivery import wall_clock
from ingestion.errors import SourceError
from yinling.settings import Source

_NUMERIC = re.compile(r"numeric|decimal|number|money|float|double|real|int")
_TEMPORAL = re.compile(r"date|time")


@dataclass
class Plan:
    """What is to be read.

    Attributes:
        columns: name → the server's word for its type.
        by: the column that tells new rows, None when the table is read whole.
        since: its highest value read before, None at first.
        newest: its highest value now; rows beyond come next time.
        window: the lowest value from which rows that came late are looked for, None for no look.
        late: how many rows stand in that window.
        new: how many rows are new: beyond `since`, up to `newest`; or all.
        same: how many of them have the value `newest`.
        sums: totals of the new rows' amounts, as text.
        mark: fingerprint of all rows, of a table that is read whole.
        layout: changes when the rows' places in the table change.
        at: the server's clock (Asia/Shanghai).
    """

    columns: dict[str, str]
    by: str | None
    since: str | None
    newest: str | None = None
    window: str | None = None
    late: int = 0
    new: int = 0
    same: int = 0
    sums: dict[str, str] = field(default_factory=dict)
    mark: str = ""
    layout: str = ""
    at: str = ""

    def about(self) -> dict[str, Any]:
        """All by which two plans are the same, as JSON; the clock may differ."""
        return {key: value for key, value in asdict(self).items() if key != "at"}


def known_at(plan: Plan) -> datetime:
    """When the department knew: the newest row's time, else the moment of the reading."""
    for text in (plan.newest if plan.new else None, plan.at):
        try:
            return wall_clock(datetime.fromisoformat(str(text))).replace(microsecond=0)
        except ValueError:
            continue
    raise SourceError(f"The database's clock says `{plan.at}`, which is no time. Ask its owner.")


class Planner:
    """Asks one database about one table."""

    def __init__(self, database: Database, source: Source, contract: Contract) -> None:
        self.db, self.source, self.contract = database, source, contract
        self.table = database.name(str(source.table))
        self.by = None if source.mode == "full" else source.cursor or source.key_range
        if self.by is None and source.mode != "full":
            raise SourceError(
                f'sources.{contract.name}: mode = "increment" needs `cursor` or `key_range`.'
            )

    def columns(self) -> dict[str, str]:
        """Name → type of the table's columns.

        Raises:
            SourceError: the column that tells new rows is not among them.
        """
        columns = self.db.columns(str(self.source.table))
        if self.by is not None and self.by not in columns:
            raise SourceError(
                f"sources.{self.contract.name}: cursor column `{self.by}` is not in"
                f" {self.source.table}. Correct `cursor` or `key_range`."
            )
        return columns

    def plan(self, columns: dict[str, str], last: str | None, newest: str | None = None) -> Plan:
        """What there is to read after the durable cursor `last`.

        Args:
            newest: leave out what lies beyond (of a reading that is taken up again).
        """
        by = self.by
        since = last.rsplit("|", 1)[0] if last is not None and by is not None else None
        plan = Plan(columns, by, since, layout=self.db.layout(str(self.source.table)))
        if by is None:
            self._whole(plan)
        else:
            self._beyond(plan, newest)
            if last is not None:
                self._window(plan, int(last.rsplit("|", 1)[1]))
        return plan

    def new_rows(self, plan: Plan, bounded: bool = True) -> list[str]:
        """Conditions of the new rows; unbounded ones hold in the plan's own moment only."""
        if plan.by is None:
            return []
        column = self.db.name(plan.by)
        parts = [] if plan.since is None else [f"{column} > {self.db.text(plan.since)}"]
        if bounded and plan.newest is not None:
            upper = f"{column} <= {self.db.text(plan.newest)}"
            # Rows without a value are read once, at first: nothing says later that they are new.
            parts.append(upper if parts else f"({upper} or {column} is null)")
        return parts

    def late_rows(self, plan: Plan) -> list[str]:
        """Conditions of the rows among which those that came late are looked for."""
        column = self.db.name(str(plan.by))
        return [
            f"{column} >= {self.db.text(str(plan.window))}",
            f"{column} <= {self.db.text(str(plan.since))}",
        ]

    def _whole(self, plan: Plan) -> None:
        mark = self.db.fingerprint(str(self.source.table), list(plan.columns)) or "''"
        found = self._facts(plan, [self.db.as_text(mark)], [])
        plan.mark = str(found[0])

    def _beyond(self, plan: Plan, newest: str | None) -> None:
        column = self.db.name(str(plan.by))
        plan.newest = newest
        conditions = self.new_rows(plan)
        (plan.newest,) = self._facts(plan, [self.db.as_text(f"max({column})")], conditions)
        if plan.newest is not None:
            at = f"{column} = {self.db.text(plan.newest)}"
            plan.same = int(self.db.row(f"select count(*) from {self.table} where {at}")[0])

    def _window(self, plan: Plan, seen: int) -> None:
        """Rows that came after the last reading, with a value that was already behind it."""
        since = str(plan.since)
        plan.window = since
        if self.source.look_back_days:
            plan.window = earlier(since, self.source.look_back_days)
        where = " and ".join(self.late_rows(plan))
        plan.late = int(self.db.row(f"select count(*) from {self.table} where {where}")[0])
        if not self.source.look_back_days and plan.late == seen:
            plan.window, plan.late = None, 0
        if not plan.new:
            at = f"{self.db.name(str(plan.by))} = {self.db.text(since)}"
            plan.same = int(self.db.row(f"select count(*) from {self.table} where {at}")[0])

    def _facts(self, plan: Plan, asked: list[str], conditions: list[str]) -> list[Any]:
        """Fills in count, totals and clock; the answers to what else was asked."""
        amounts = [
            column.name
            for column in self.contract.columns
            if column.physical_type.startswith("decimal") and column.name in plan.columns
        ]
        numeric = [name for name in amounts if _NUMERIC.search(plan.columns[name])]
        wanted = ["count(*)", self.db.as_text(self.db.clock), *asked]
        wanted += [f"sum({self.db.name(name)})" for name in numeric]
        where = f" where {' and '.join(conditions)}" if conditions else ""
        answer = self.db.row(f"select {', '.join(wanted)} from {self.table} t{where}")
        plan.new, plan.at = int(answer[0]), str(answer[1])
        totals = answer[2 + len(asked) :]
        plan.sums = {n: str(decimal(t)) for n, t in zip(numeric, totals, strict=True)}
        texts = [name for name in amounts if name not in numeric]
        if texts and plan.new:
            plan.sums |= self._sums_of_texts(texts, where)
        return list(answer[2 : 2 + len(asked)])

    def _sums_of_texts(self, names: list[str], where: str) -> dict[str, str]:
        """Totals of amounts typed as text; none where one of them is no number."""
        sums = [self.db.sum_of_text(self.db.name(name)) for name in names]
        if None in sums:
            return {}
        query = f"select {', '.join(str(part) for part in sums)} from {self.table} t{where}"
        try:
            with self.db.connection.begin_nested():
                totals = self.db.row(query)
        except sa.exc.DBAPIError as error:
            if self.db.trouble(error):
                raise
            return {}
        return {name: str(decimal(t)) for name, t in zip(names, totals, strict=True)}


def earlier(value: str, days: int) -> str:
    """A time as text, some days earlier.

    Raises:
        SourceError: it is no time.
    """
    try:
        moment = datetime.fromisoformat(value) - timedelta(days=days)
    except ValueError as error:
        raise SourceError(
            f"`look_back_days` needs a date or time as cursor; the last value was `{value}`."
        ) from error
    return moment.date().isoformat() if len(value) == 10 else moment.isoformat(sep=" ")


def temporal(kind: str) -> bool:
    """Whether the server's word for a type means a date or a time."""
    return _TEMPORAL.search(kind) is not None
