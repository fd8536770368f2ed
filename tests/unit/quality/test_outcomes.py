"""Outcomes: status, words, masks; and their life over runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from quality import history
from quality.engine import Raw
from quality.express import mask, outcome
from quality.model import Check, GateFailed, GateResult, Outcome, worst

AT = datetime(2026, 11, 9, 2, 0)


def check(**changes: object) -> Check:
    base = Check(
        id="warehouse.fct_payment.grain",
        gate="warehouse",
        scope="fct_payment",
        title="粒度唯一",
        meaning="每个取值只出现一次。",
        remedy="重建数仓。",
        severity="stop",
        sql="select 1",
        count="select 1",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_nothing_looked_at_is_never_a_pass() -> None:
    assert outcome(check(), Raw(0, 0), AT).status == "na"
    assert outcome(check(), Raw(0, 10), AT).status == "pass"


def test_an_error_stops_and_says_why() -> None:
    result = outcome(check(), Raw(error="no such column x"), AT)
    assert result.status == "error" and result.stops
    assert "no such column x" in result.message and "重建数仓" in result.message


@pytest.mark.parametrize(("bad", "status"), [(5, "pass"), (6, "fail")])
def test_the_threshold_is_still_a_pass(bad: int, status: str) -> None:
    assert outcome(check(threshold=0.05), Raw(bad, 100), AT).status == status


def test_a_failure_names_the_check_the_place_the_counts_and_the_remedy() -> None:
    raw = Raw(2, 100, sample=[{"payment_no": "P1", "id_no_token": "ab" * 16}])
    message = outcome(check(), raw, AT).message
    for part in ("warehouse.fct_payment.grain", "粒度唯一", "100", "2", "P1", "重建数仓"):
        assert part in message
    assert "ab" * 16 not in message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("440203195001011234", "4402****1234"),
        ("44020319500101123X", "4402****123X"),
        ("号码440203195001011234误", "号码4402****1234误"),
        ("0123456789abcdef0123456789abcdef", "01234567…"),
        ("440203000000", "440203000000"),
        ("2026-10", "2026-10"),
        (12, 12),
        (None, None),
    ],
)
def test_masks(value: object, shown: object) -> None:
    assert mask(value) == shown


def test_the_worst_speaks_for_a_group() -> None:
    assert worst(["pass", "fail", "na", "error"]) == "error"
    assert worst(["pass", "fail", "na"]) == "na"
    assert worst(["pass", "fail"]) == "fail"
    assert worst([]) == "na"


def run(status: str, at: datetime, check_id: str = "g.t.c") -> Outcome:
    raw = {"pass": Raw(0, 9), "fail": Raw(1, 9), "na": Raw(0, 0)}[status]
    return outcome(check(id=check_id), raw, at)


def test_a_problem_is_new_then_persists_since_its_day_then_is_resolved() -> None:
    later = [AT + timedelta(days=n) for n in range(4)]
    first = history.compare([run("fail", later[0])], {})
    assert (first[0].state, first[0].since) == ("new", later[0])
    second = history.compare([run("fail", later[1])], {"g.t.c": first[0]})
    assert (second[0].state, second[0].since) == ("persisting", later[0])
    third = history.compare([run("pass", later[2])], {"g.t.c": second[0]})
    assert (third[0].state, third[0].since) == ("resolved", None)
    fourth = history.compare([run("pass", later[3])], {"g.t.c": third[0]})
    assert fourth[0].state == "ok"


def test_no_data_does_not_resolve_a_problem() -> None:
    before = history.compare([run("fail", AT)], {})[0]
    assert history.compare([run("na", AT)], {"g.t.c": before})[0].state == "ok"


def test_history_is_read_back_whole_and_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEEP_RUNS", 3)
    for day in range(5):
        at = AT + timedelta(days=day)
        history.append(tmp_path, "landing", at, [run("fail", at), run("pass", at, "g.t.d")])
    assert history.read(tmp_path, "landing").get_column("run_id").n_unique() == 3
    newest = history.latest(tmp_path, "landing")
    assert newest["g.t.c"] == run("fail", AT + timedelta(days=4))
    assert history.latest(tmp_path, "release") == {}


def test_of_two_runs_that_crossed_what_was_looked_at_last_counts(tmp_path: Path) -> None:
    early, late = AT, AT + timedelta(minutes=5)
    # The run that ended last looked at d only and carried an older word on c.
    history.append(tmp_path, "landing", late, [run("pass", late)])
    history.append(
        tmp_path, "landing", late + timedelta(seconds=1), [run("fail", early), run("pass", late)]
    )
    assert history.latest(tmp_path, "landing")["g.t.c"].status == "pass"


def test_a_closed_gate_lists_its_reasons() -> None:
    bad = run("fail", AT)
    result = GateResult("landing", "r", AT, (bad, replace(bad, severity="warn")), Path("p"), 2)
    assert not result.passed
    assert len(result.reasons()) == len(result.warnings()) == 1
    assert bad.message in str(GateFailed(result))
