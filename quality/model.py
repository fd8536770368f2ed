"""The words of the gates: a check, its outcome, a gate's result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Severity = Literal["stop", "warn"]
Status = Literal["error", "na", "fail", "pass"]
State = Literal["new", "persisting", "resolved", "ok"]

# The worst of a group speaks for the group; an empty table must never look like a passed one
# (OHDSI DataQualityDashboard, check status definitions).
STATUS_ORDER: tuple[Status, ...] = ("error", "na", "fail", "pass")


@dataclass(frozen=True)
class Check:
    """One thing that must hold. The id is stable: history is kept by it.

    Attributes:
        id: `<gate>.<scope>.<what>[.<column>]`.
        scope: dataset or table that it speaks about, shown to people.
        sql: query that returns the failing rows; the first of them are shown.
        count: query that returns how many rows were looked at.
        threshold: share of failing rows that is still a pass.
    """

    id: str
    gate: str
    scope: str
    title: str
    meaning: str
    remedy: str
    severity: Severity
    sql: str
    count: str
    threshold: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What became of one check in one run: a row of the history.

    numerator: failing rows; denominator: rows looked at; since: when it began to fail;
    checked_at: when it was really looked at (earlier than the run if nothing had changed).
    """

    check_id: str
    gate: str
    scope: str
    title: str
    meaning: str
    remedy: str
    severity: Severity
    status: Status
    numerator: int
    denominator: int
    threshold: float
    message: str
    sample: str
    checked_at: datetime
    state: State = "ok"
    since: datetime | None = None

    @property
    def bad(self) -> bool:
        """Whether people should look at it."""
        return self.status in ("error", "fail")

    @property
    def stops(self) -> bool:
        """Whether it closes the gate."""
        return self.bad and self.severity == "stop"


def worst(statuses: Iterable[Status]) -> Status:
    """The status of a group: Error > N/A > Fail > Pass; nothing at all is N/A."""
    found = set(statuses)
    return next((status for status in STATUS_ORDER if status in found), "na")


@dataclass(frozen=True)
class GateResult:
    """One gate's run."""

    gate: str
    run_id: str
    run_at: datetime
    outcomes: tuple[Outcome, ...]
    page: Path
    rechecked: int

    @property
    def passed(self) -> bool:
        return not any(outcome.stops for outcome in self.outcomes)

    def reasons(self) -> list[str]:
        """Why the gate is closed, one plain sentence a check."""
        return [outcome.message for outcome in self.outcomes if outcome.stops]

    def warnings(self) -> list[str]:
        """What does not stop but wants a look."""
        return [o.message for o in self.outcomes if o.bad and o.severity == "warn"]

    def counts(self) -> dict[str, int]:
        """Number of checks by status, and of problems by state."""
        result: dict[str, int] = dict.fromkeys((*STATUS_ORDER, "new", "persisting", "resolved"), 0)
        for outcome in self.outcomes:
            result[outcome.status] += 1
            if outcome.state != "ok":
                result[outcome.state] += 1
        return result

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "gate": self.gate,
            "run_id": self.run_id,
            "passed": self.passed,
            "rechecked": self.rechecked,
            "counts": self.counts(),
            "reasons": self.reasons(),
            "warnings": self.warnings(),
            "page": str(self.page),
            "checks": [asdict(outcome) for outcome in self.outcomes if outcome.bad],
        }


class GateFailed(Exception):  # noqa: N818 (it is an answer, not a fault)
    """A stop check failed; nothing after the gate may run. `result` has everything."""

    def __init__(self, result: GateResult) -> None:
        reasons = result.reasons()
        listed = "\n".join(f"- {reason}" for reason in reasons)
        super().__init__(
            f"Gate `{result.gate}` is closed: {len(reasons)} check(s) failed.\n{listed}\n"
            f"All checks and what to do: {result.page}. Nothing was published."
        )
        self.result = result


class GateError(Exception):
    """A gate cannot run at all; the message says what is missing and what to do."""
