"""Bringing what is new into landing, attempt after attempt: no row twice, none left out.

Rows are taken as they come, as long as the line holds. Once it broke, they are first brought into
the spool, attempt after attempt, and taken from there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from ingestion.connectors import sql_text
from ingestion.connectors.sql_address import AddressError
from ingestion.connectors.sql_database import Database
from ingestion.connectors.sql_late import KnownRows, totals, unknown_rows
from ingestion.connectors.sql_plan import Mark, Plan, Planner, temporal
from ingestion.connectors.sql_rights import write_rights
from ingestion.connectors.sql_spool import Spool
from ingestion.contracts import Contract
from ingestion.drift import conform
from ingestion.errors import BrokenOffError, DeliveryError, SourceError
from yinling.clock import this_second
from yinling.settings import Source

log = logging.getLogger(__name__)
ATTEMPTS = 5  # without progress in between
WAIT_SECONDS = 0.5  # doubled each time
DONE, ORDERED = "done", "ordered"


class _PassingError(Exception):
    """Something that trying again may mend."""


@dataclass
class Reading:
    """What is new in one table, on its way into the spool.

    Attributes:
        open: makes a database, not connected yet.
        last: the durable cursor.
        clocked: whether the server's clock says what lies in the future.
        columns: name → type of the provider's last batch.
        warnings: what the receipt should say (Chinese).
        refused: where a delivery that is refused would stand.
    """

    open: Callable[[], Database] = field(repr=False)  # it holds the address
    source: Source
    contract: Contract
    last: str | None
    columns: dict[str, str]
    spool: Spool
    known: KnownRows
    clocked: bool = True
    warnings: list[str] = field(default_factory=list)
    refused: Plan | None = None
    _coming: Iterator[bytes] = field(default_factory=lambda: iter(()))
    _trouble: Exception | None = None

    def plans(self) -> Iterator[Plan]:
        """The plan of what is new, if anything is; whoever gets it takes its `rows`.

        At first they are read while they are taken. Should the line break meanwhile, what was made
        of them is void: the plan comes again once all its rows are safe in the spool.

        Raises:
            SourceError: with what the database said, or the account may write.
            DeliveryError: `cursor_type`.
        """
        failures, lost, connected = 0, 0, False
        while True:
            rows, database = self.spool.rows, self._database()
            try:
                with self._plain_errors(database), database.moment():
                    if not connected:
                        self._check_rights(database)
                        connected = True
                    plan = self._begun(Planner(database, self.source, self.contract, self.clocked))
                    if plan is not None and not lost and self._sure(plan):
                        yield plan
                        if self._trouble is not None:
                            raise self._trouble
                        return
                    plan = self._read_out(plan)
            except _PassingError as error:
                lost, failures = lost + 1, 0 if self.spool.rows > rows else failures + 1
                if not connected or failures >= ATTEMPTS:
                    kept = f" {self.spool.rows} rows are kept for then." if self.spool.rows else ""
                    raise self._broken(f"{error}{kept}") from error
                wait = WAIT_SECONDS * 2**failures
                log.warning("%s: %s; again in %.1f s", self.contract.name, error, wait)
                time.sleep(wait)
            else:
                if plan is not None:
                    if lost:
                        self.warnings.append(f"读取时连接中断 {lost} 次，已续读完整，无重复无遗漏")
                    yield plan
                return
            finally:
                database.engine.dispose()

    def rows(self, plan: Plan) -> Iterator[pl.DataFrame]:
        """The plan's rows, after a frame without any: those in the spool, then those that come.

        Raises:
            BrokenOffError: the line broke, or the rows are not those of the plan.
        """
        yield from self.spool.frames()
        try:
            for lines in self._coming:
                yield sql_text.parse(lines, list(plan.columns))
        except Exception as error:
            self._trouble = error
            raise BrokenOffError(f"{self.contract.name}: the reading broke off.") from error

    def sums(self, plan: Plan) -> dict[str, Decimal]:
        """What the amounts in the spool should add up to, by the server's reckoning."""
        late = (self.spool.mark or {}).get("sums", {})
        return {n: Decimal(t) + Decimal(late.get(n, "0")) for n, t in plan.sums.items()}

    def cursor(self, plan: Plan) -> str:
        """The durable cursor once the spool's rows are landed."""
        if plan.by is None:
            return f"{plan.mark or self.spool.fingerprint()}|{plan.new}"
        value = plan.newest if plan.newest is not None else plan.since
        return str(Mark(value, plan.same, plan.blank))

    def _database(self) -> Database:
        place = f"sources.{self.contract.name}: {self.source.uri_env}"
        try:
            return self.open()
        except AddressError as error:
            raise SourceError(f"{place} holds no usable address. {error}") from None
        except (ImportError, sa.exc.NoSuchModuleError):
            raise SourceError(
                f"{place} names a kind of database for which no driver is installed. Install it:"
                " docs/how-to/connect-a-real-database.md, or correct what stands before `://`."
            ) from None

    def _begun(self, planner: Planner) -> Plan | None:
        """The plan whose rows come next; None when nothing is new."""
        columns = planner.columns()
        self._check_cursor_type(planner, columns)
        begun = self.spool.about
        if begun is not None and (begun["last"], begun["table"]) != (self.last, self.source.table):
            self.spool.discard()  # of a batch that was committed, or of another table
            begun = None
        plan = planner.plan(columns, self.last, begun["newest"] if begun else None)
        about = plan.about() | {"last": self.last, "table": self.source.table}
        if begun is not None and begun != about:
            log.warning("%s: the table changed; reading starts again", self.contract.name)
            self.warnings.append("读取中断期间该表已有变化，已读部分作废，从头重新读取")
            self.spool.discard()
            return self._begun(planner)
        if plan.ahead:
            log.warning("%s: %d rows lie in the future", self.contract.name, plan.ahead)
        if plan.new + plan.late == 0 or (plan.mark and self.cursor(plan) == self.last):
            return None
        if begun is None:
            self.spool.begin(about, list(plan.columns))
        self._coming = self._counted(plan, self._walk(planner, plan, later=begun is not None))
        return plan

    def _sure(self, plan: Plan) -> bool:
        """Whether there will be a delivery, and one that fits the contract, before it is read."""
        try:
            conform(self.contract, pl.DataFrame(schema=dict.fromkeys(plan.columns, pl.String())))
        except DeliveryError:
            return False
        return plan.new > 0 and (plan.by is not None or bool(plan.mark))

    def _read_out(self, plan: Plan | None) -> Plan | None:
        """Bring all that is still to come into the spool; None when nothing in it is new."""
        if plan is None:
            return None
        for _ in self._coming:
            pass
        if self.spool.rows == 0 or (plan.by is None and self.cursor(plan) == self.last):
            self.spool.discard()
            return None
        return plan

    def _counted(
        self, plan: Plan, blocks: Iterator[tuple[bytes, dict[str, Any] | None]]
    ) -> Iterator[bytes]:
        """The blocks on their way through the spool, and that they are as many rows as planned."""
        yield from self.spool.take(blocks)
        late = self.spool.mark["late"] if self.spool.mark else 0
        if self.spool.rows - late != plan.new:
            self.spool.discard()
            raise _PassingError("the rows that came are not those that were counted")

    def _walk(
        self, planner: Planner, plan: Plan, later: bool
    ) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
        """What is still to be read, as blocks of lines; a mark with each that is whole.

        Args:
            later: in another moment than the plan was first made in.
        """
        mark = self.spool.mark or {}
        table, names = str(self.source.table), list(plan.columns)
        conditions = planner.new_rows(plan, bounded=later or plan.ahead > 0)
        order, pieces = self._way(planner.db, plan)
        if mark.get("at") == ORDERED and order is not None:
            reached = self.spool.cut(order, mark["late"])
            if reached is not None:
                conditions.append(f"{planner.db.name(order)} >= {planner.db.text(reached)}")
        return self._blocks(planner, plan, mark, names, table, conditions, order, pieces)

    def _blocks(
        self,
        planner: Planner,
        plan: Plan,
        mark: dict[str, Any],
        names: list[str],
        table: str,
        conditions: list[str],
        order: str | None,
        pieces: list[str],
    ) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
        if not mark:
            late = self._late(planner, plan, names) if plan.late else None
            rows = late.height if late is not None else 0
            sums = totals(late, list(plan.sums)) if late is not None else {}
            mark = {"late": rows, "sums": sums, "at": 0}
            yield sql_text.render(late) if late is not None else b"", mark
        if plan.new == 0 or mark["at"] == DONE:
            return
        first = mark["at"] if isinstance(mark["at"], int) else 0
        for number, piece in enumerate(pieces[first:], first):
            rest = " and ".join(part for part in (*conditions, piece) if part)
            rest = (f"where {rest}" if rest else "") + (
                f" order by {planner.db.name(order)}" if order is not None else ""
            )
            for block in planner.db.lines(names, table, rest):
                yield block, (mark | {"at": ORDERED} if order is not None else None)
            yield b"", mark | {"at": number + 1 if number + 1 < len(pieces) else DONE}

    def _way(self, database: Database, plan: Plan) -> tuple[str | None, list[str]]:
        """(column to order by, pieces) by which a broken reading is taken up again."""
        if plan.since is None:
            pieces = database.pages(str(self.source.table))
            if pieces is not None:
                return None, pieces
        in_order = None if plan.since else database.order(str(self.source.table))
        return self.source.key_range or in_order or plan.by, [""]

    def _late(self, planner: Planner, plan: Plan, names: list[str]) -> pl.DataFrame:
        def read() -> Iterator[bytes]:
            where = f"where {planner.late_rows(plan)}"
            return planner.db.lines(names, str(self.source.table), where)

        return unknown_rows(read, names, self.known.frames(plan))

    def _check_rights(self, database: Database) -> None:
        rights = write_rights(database, str(self.source.table))
        if rights is None:
            self.warnings.append("无法核实接入账号是否只读，请数据库管理员确认")
        if not rights:
            return
        if self.source.writable_account == "refuse":
            raise SourceError(
                f"sources.{self.contract.name}: the account of {self.source.uri_env} may do more"
                f" than read {self.source.table}: {', '.join(rights)}. Ask for an account with"
                ' SELECT only, or set `writable_account = "warn"`.'
            )
        self.warnings.append(f"接入账号除读取外还有权限：{'、'.join(rights)}。请改用只读账号")

    def _check_cursor_type(self, planner: Planner, columns: dict[str, str]) -> None:
        by = planner.by
        before, now = self.columns.get(str(by)), columns.get(str(by))
        if self.last is None or not before or not now or temporal(before) == temporal(now):
            return
        moment = this_second()
        self.refused = Plan(columns, by, None, at=moment.isoformat(sep=" "))
        raise DeliveryError(
            "cursor_type",
            f"增量列 {by} 的类型由 {before} 变为 {now}，无法判断哪些行是新的，本次未读取。"
            "请恢复原类型，或与数据中心商定新的增量列后再报送。",
        )

    @contextmanager
    def _plain_errors(self, database: Database) -> Iterator[None]:
        """Turn what the database says into a sentence, or into another attempt."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, database.errors) as error:
            # Not `from error`: what a driver says may hold the password.
            if database.trouble(error):
                raise _PassingError(database.said(error)) from None
            raise self._broken(database.said(error)) from None

    def _broken(self, said: str) -> SourceError:
        return SourceError(
            f"sources.{self.contract.name}: the database ({self.source.uri_env}) refused or broke"
            f" off: {said} Nothing was loaded. Check address, account and table, then start again."
        )
