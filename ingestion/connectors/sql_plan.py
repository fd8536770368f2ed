"""What is new in a table, asked of the server in one moment.

The durable cursor of a batch says where the reading was: with `cursor` or `key_range` a `Mark`, of
a table that is read whole `<the server's fingerprint of all rows>|<how many there are>`.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa

from ingestion.connectors import sql_text
from ingestion.connectors.sql_database import Database, decimal
from ingestion.contracts import Contract
from ingestion.delivery import wall_clock
from ingestion.errors import SourceError
from yinling.settings import Source

_NUMERIC = re.compile(r"numeric|decimal|number|money|float|double|real|int")
_TEMPORAL = re.compile(r"date|time")
_DAY = re.compile(r"[0-9]{4}([-/.]?)[0-9]{2}\1[0-9]{2}(T|[0-9]?)")  # a time as text


@dataclass(frozen=True)
class Mark:
    """Where a table was: `<value>|<same>`, or `<value>|<same>+<blank>`.

    Attributes:
        value: the highest value that was read; None (written as a null) when no row had one.
        same: how many rows had that value.
        blank: how many had none.
    """

    value: str | None
    same: int = 0
    blank: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        value, _, counts = text.rpartition("|")
        same, _, blank = counts.partition("+")
        # "None" stands in the registers of homes that read only blank values in older versions.
        return cls(None if value in (sql_text.NULL, "None") else value, int(same), int(blank or 0))

    def __str__(self) -> str:
        value = sql_text.NULL if self.value is None else self.value
        return f"{value}|{self.same}" + (f"+{self.blank}" if self.blank else "")


@dataclass
class Plan:
    """What is to be read.

    Attributes:
        columns: name → the server's word for its type.
        by: the column that tells new rows, None when the table is read whole.
        first: nothing was read before.
        since: its highest value read before, None where there is none.
        newest: its highest value now; rows beyond come next time.
        window: the lowest value from which rows that came late are looked for.
        blank: how many rows have no value of it.
        blank_changed: whether these are looked at again, because their number changed.
        late: how many rows are looked at again, in the window and blank.
        ahead: how many lie in the future, by the server's clock; they are read in their time.
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
    first: bool = True
    newest: str | None = None
    window: str | None = None
    blank: int = 0
    blank_changed: bool = False
    late: int = 0
    ahead: int = 0
    new: int = 0
    same: int = 0
    sums: dict[str, str] = field(default_factory=dict)
    mark: str = ""
    layout: str = ""
    at: str = ""

    def about(self) -> dict[str, Any]:
        """All by which two plans are the same, as JSON; the clock may differ."""
        return {name: value for name, value in asdict(self).items() if name not in ("at", "ahead")}

    def words(self) -> list[str]:
        """What the provider is told of rows that no cursor can follow (Chinese)."""
        told = []
        if self.blank:
            told.append(
                f"增量列 {self.by} 为空的有 {self.blank} 行：已读取，但其后的改动只有在这类行数"
                "变化时才能发现。请补填"
            )
        if self.ahead:
            told.append(
                f"增量列 {self.by} 晚于数据库当前时间的有 {self.ahead} 行：本次未读取，到时再读取。"
                "如系笔误请更正"
            )
        return told


def known_at(plan: Plan) -> datetime:
    """When the department knew: the newest row's time, else the moment of the reading."""
    try:
        return _moment(plan.newest if plan.new else None)
    except ValueError:
        return read_at(plan)


def read_at(plan: Plan) -> datetime:
    """The moment of the reading, by the server's clock."""
    try:
        return _moment(plan.at)
    except ValueError:
        raise SourceError(
            f"The database's clock says `{plan.at}`, which is no time. Ask its owner."
        ) from None


def _moment(text: str | None) -> datetime:
    return wall_clock(datetime.fromisoformat(str(text))).replace(microsecond=0)


class Planner:
    """Asks one database about one table."""

    def __init__(
        self, database: Database, source: Source, contract: Contract, clocked: bool = True
    ) -> None:
        """clocked: the server's clock says what lies in the future (no made-up calendar)."""
        self.db, self.source, self.contract, self.clocked = database, source, contract, clocked
        self.table = database.place(str(source.table))
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
        seen = None if last is None or by is None else Mark.parse(last)
        plan = Plan(columns, by, seen.value if seen is not None else None, first=seen is None)
        plan.layout = self.db.layout(str(self.source.table))
        if by is None:
            self._whole(plan)
        else:
            self._beyond(plan, newest)
            if seen is not None:
                self._again(plan, seen)
        return plan

    def new_rows(self, plan: Plan, bounded: bool = True) -> list[str]:
        """Conditions of the new rows; unbounded ones hold in the plan's own moment only."""
        if plan.by is None:
            return []
        if bounded and plan.newest is None:
            return [f"{self.db.name(plan.by)} is null"]  # of a first reading: no other row has news
        return self._new(plan, self.db.text(str(plan.newest)) if bounded else None)

    def _new(self, plan: Plan, limit: str | None) -> list[str]:
        """Conditions of the new rows, up to the value of an expression."""
        column = self.db.name(str(plan.by))
        if plan.first:
            # Rows without a value are read at first: nothing says later that they are new.
            return [] if limit is None else [f"({column} <= {limit} or {column} is null)"]
        parts = [
            f"{column} is not null"
            if plan.since is None
            else f"{column} > {self.db.text(plan.since)}"
        ]
        return parts if limit is None else [*parts, f"{column} <= {limit}"]

    def late_rows(self, plan: Plan) -> str:
        """A condition of the rows among which those that came late are looked for."""
        column = self.db.name(str(plan.by))
        ways = [f"{column} is null"] if plan.blank_changed else []
        if plan.window is not None:
            first, last = self.db.text(plan.window), self.db.text(str(plan.since))
            ways.append(f"({column} >= {first} and {column} <= {last})")
        return f"({' or '.join(ways)})" if ways else ""

    def _whole(self, plan: Plan) -> None:
        mark = self.db.fingerprint(str(self.source.table), list(plan.columns)) or "''"
        found = self._facts(plan, [self.db.as_text(mark)], [])
        plan.mark = str(found[0])

    def _beyond(self, plan: Plan, newest: str | None) -> None:
        column, now = self.db.name(str(plan.by)), self._now(plan)
        limit = self.db.text(newest) if newest is not None else now
        highest = self.db.as_text(f"max({column})")
        (plan.newest,) = self._facts(plan, [highest], self._new(plan, limit))
        plan.blank = self._count(f"{column} is null")
        if now is not None:
            plan.ahead = self._count(f"{column} > {now}")
        at = plan.newest if plan.newest is not None else plan.since
        if at is not None:
            plan.same = self._count(f"{column} = {self.db.text(at)}")

    def _now(self, plan: Plan) -> str | None:
        """An expression: now, as the cursor column says a time; None where it says none."""
        by = str(plan.by)
        kind, known = plan.columns[by], self.contract.headers.mapping(list(plan.columns)).get(by)
        if by != self.source.cursor or not self.clocked:
            return None
        if temporal(kind):
            return self.db.clock
        if known is None or _NUMERIC.search(kind):
            return None
        if not temporal(self.contract.by_name[known].logical_type):
            return None
        column = self.db.name(by)
        plan.at, sample = self.db.row(
            f"select {self.db.as_text(self.db.clock)}, max({column}) from {self.table} t"
            f" where {column} < 'A'"  # not what is no time at all
        )
        day = _DAY.match(str(sample or "0000-00-00"))
        if day is None:
            return None
        style = f"%Y{day[1]}%m{day[1]}%d" + (
            "%H%M%S" if day[2].isdigit() else f"{day[2] or ' '}%H:%M:%S"
        )
        return self.db.text(read_at(plan).strftime(style))

    def _again(self, plan: Plan, seen: Mark) -> None:
        """Rows that came after the last reading, and stand where it has been already."""
        plan.blank_changed = plan.blank != seen.blank
        plan.window = plan.since
        if plan.since is not None and self.source.look_back_days:
            plan.window = earlier(plan.since, self.source.look_back_days)
        where = self.late_rows(plan)
        plan.late = self._count(where) if where else 0

    def _count(self, where: str) -> int:
        return int(self.db.row(f"select count(*) from {self.table} t where {where}")[0])

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
