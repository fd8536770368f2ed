"""Gate "landing": what each dataset's contract promises, held against the batches new in the lake.

Only batches that the gate has not passed yet are read; a batch that fails is read again until it is
mended. All checks are derived from the contracts; their wording stands in suites/landing.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.contracts import Column, Contract
from quality.lake import DAYS, Scope
from quality.model import Check
from quality.suites import Wording, landing_wording

GATE = "landing"


def checks(contract: Contract, scope: Scope) -> list[Check]:
    """The checks of one dataset: freshness always, the others where it has new batches."""
    maker = _Maker(contract, landing_wording())
    if not scope.fresh:
        return [maker.freshness()] if scope.expected else []
    rows = [
        maker.key(),
        maker.required(),
        *maker.codes(),
        maker.range(),
        maker.lineage(),
        *maker.sums(),
    ]
    batches = [
        maker.schema(),
        maker.accounting(),
        maker.control(),
        maker.quarantine("quarantine_share"),
        maker.quarantine("quarantine_flood"),
        maker.freshness(),
        maker.volume(),
        maker.min_rows(),
    ]
    return batches + rows


def quoted(names: Sequence[str]) -> str:
    """Column names for a select list."""
    return ", ".join(f'"{name}"' for name in names)


def _outside(column: Column) -> list[str]:
    """SQL conditions under which a value is beyond the contract's bounds."""
    kind = "date" if column.logical_type == "timestamp" else column.physical_type
    return [
        f"\"{column.name}\"::{kind} {sign} '{bound}'::{kind}"
        for sign, bound in (("<", column.minimum), (">", column.maximum))
        if bound is not None
    ]


def _unlisted(column: Column) -> str:
    """SQL condition under which a value is not in the contract's code list."""
    assert column.codes is not None  # noqa: S101 (the caller's filter)
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in column.codes.values)
    if column.codes.separator:
        parts = f"string_split(\"{column.name}\", '{column.codes.separator}')"
        return f"len(list_filter({parts}, lambda x: x not in ({listed}))) > 0"
    return f'"{column.name}"::varchar not in ({listed})'


class _Maker:
    """Writes one dataset's checks."""

    def __init__(self, contract: Contract, wording: dict[str, Wording]) -> None:
        self.contract = contract
        self.wording = wording
        self.rows = f'lake."{contract.name}"'
        self.mine = f"dataset = '{contract.name}' and fresh"
        # Enough to find the row in the delivered file, and nothing about a person.
        self.place = ["batch_id", "row_no"]

    def make(self, what: str, sql: str, count: str, suffix: str = "") -> Check:
        return Check(
            id=f"{GATE}.{self.contract.name}.{what}{suffix}",
            gate=GATE,
            scope=self.contract.name,
            sql=sql,
            count=count,
            **self.wording[what].model_dump(),
        )

    def row_check(self, what: str, columns: list[str], bad: str, suffix: str = "") -> Check:
        """Rows of new batches for which `bad` holds."""
        return self.make(
            what,
            f"select {quoted([*self.place, *columns])} from {self.rows} where {bad}",
            f"select count(*) from {self.rows}",
            suffix,
        )

    def batch_check(self, what: str, columns: str, bad: str) -> Check:
        """New batches for which `bad` holds."""
        return self.make(
            what,
            f"select batch_id, {columns} from meta.batch where {self.mine} and ({bad})",
            f"select count(*) from meta.batch where {self.mine}",
        )

    def schema(self) -> Check:
        name = self.contract.name
        return self.make(
            "schema",
            f"""select * from (
                select f.batch_id, e.name as expected, e.type as expected_type, f.name, f.type
                from (select * from meta.file_column where dataset = '{name}') f
                left join (select * from meta.contract_column where dataset = '{name}') e
                  on e.name = f.name and e.type = f.type and e.position = f.position
                union all
                select b.batch_id, e.name, e.type, null, null
                from meta.batch b join meta.contract_column e on e.dataset = b.dataset
                anti join meta.file_column f on f.batch_id = b.batch_id and f.name = e.name
                where b.dataset = '{name}' and b.fresh
            ) where expected is null or name is null""",
            f"select count(*) from meta.file_column where dataset = '{name}'",
        )

    def key(self) -> Check:
        columns = quoted(["batch_id", *self.contract.key_lake_columns()])
        return self.make(
            "key",
            f"select {columns}, count(*) as n, max(row_no) as row_no from {self.rows} "
            f"group by {columns} having count(*) > 1",
            f"select count(*) from {self.rows}",
        )

    def required(self) -> Check:
        names = [c.lake[0][0] for c in self.contract.columns if c.required]
        empty = " or ".join(f'"{name}" is null' for name in [*names, "batch_id", "known_at"])
        return self.row_check("required", names, empty)

    def codes(self) -> list[Check]:
        return [
            self.row_check("codes", [column.name], _unlisted(column), f".{column.name}")
            for column in self.contract.columns
            if column.codes and column.unfit != "evolve"
        ]

    def range(self) -> Check:
        bounded = [c for c in self.contract.columns if c.personal is None and _outside(c)]
        outside = [test for column in bounded for test in _outside(column)]
        names = [column.name for column in bounded]
        return self.row_check("range", names, " or ".join(outside) or "false")

    def lineage(self) -> Check:
        return self.make(
            "lineage",
            f"""select r.batch_id, r.row_no, b.rows_read from {self.rows} r
            left join meta.batch b on b.batch_id = r.batch_id and b.dataset = '{self.contract.name}'
            where b.batch_id is null or r.row_no < 1 or r.row_no > b.rows_read
            union all
            select batch_id, row_no, null from {self.rows}
            group by batch_id, row_no having count(*) > 1""",
            f"select count(*) from {self.rows}",
        )

    def accounting(self) -> Check:
        return self.batch_check(
            "accounting",
            "rows_read, rows_loaded, rows_quarantined, file_rows, quarantine_rows",
            "rows_read <> rows_loaded + rows_quarantined or rows_loaded <> file_rows "
            "or rows_quarantined <> quarantine_rows",
        )

    def control(self) -> Check:
        # A refused row whose amount nobody can read makes an exact proof impossible; the landing
        # has then named the difference in the receipt.
        return self.make(
            "control",
            f"""select batch_id, '(rows)' as name, control_rows as delivered, rows_read as read
            from meta.batch where {self.mine} and control_rows <> rows_read
            union all
            select b.batch_id, c.name, c.total, s.total + r.total
            from (select * from meta.batch where {self.mine} and rows_quarantined = 0) b
            join meta.control_sum c using (batch_id)
            left join meta.batch_sum s on s.batch_id = c.batch_id and s.name = c.name
            left join meta.refused_sum r on r.batch_id = c.batch_id and r.name = c.name
            where c.total is distinct from s.total + r.total""",
            f"select count(*) from meta.batch where {self.mine}",
        )

    def sums(self) -> list[Check]:
        money = [c.name for c in self.contract.columns if c.physical_type.startswith("decimal")]
        found = " union all ".join(
            f"select batch_id, '{name}' as name, sum({name}) as found from {self.rows} group by all"
            for name in money
        )
        check = self.make(
            "sums",
            f"""select f.batch_id, f.name, f.found, s.total as manifest from ({found}) f
            left join meta.batch_sum s using (batch_id, name)
            where coalesce(f.found, 0) is distinct from s.total""",
            f"select count(*) from {self.rows}",
        )
        return [check] if money else []

    def quarantine(self, what: str) -> Check:
        return self.make(
            what,
            # One row a refused row, so that the share of rows is what is judged.
            f"""select batch_id, rows_read, rows_quarantined from meta.batch,
            unnest(range(rows_quarantined)) t(n) where {self.mine}""",
            f"select sum(rows_read) from meta.batch where {self.mine}",
        )

    def freshness(self) -> Check:
        sla = self.contract.frequency
        days = sla.value * DAYS[sla.unit] + self.contract.latency_days
        mine = f"dataset = '{self.contract.name}'"
        return self.make(
            "freshness",
            f"""select provider, newest, age_days from meta.delivery
            where {mine} and (age_days is null or age_days > {days})""",
            f"select count(*) from meta.delivery where {mine}",
        )

    def volume(self) -> Check:
        change = self.contract.volume.max_change
        return self.batch_check(
            "volume",
            "rows_read, rows_before",
            f"abs(rows_read - rows_before) >= 50 "
            f"and abs(rows_read - rows_before) > {change} * rows_before",
        )

    def min_rows(self) -> Check:
        least = self.contract.volume.min_rows
        return self.batch_check("min_rows", "rows_read", f"mode = 'full' and rows_read < {least}")
