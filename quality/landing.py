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
BATCH = ("meta", "batch")


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
    ]
    sums = maker.sums()
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
    return batches + rows + ([sums] if sums else [])


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


class _Maker:
    """Writes one dataset's checks."""

    def __init__(self, contract: Contract, wording: dict[str, Wording]) -> None:
        self.contract = contract
        self.wording = wording
        self.rows = ("lake", contract.name)
        # Enough to find the row in the delivered file, and nothing about a person.
        self.place = ["batch_id", "row_no"]

    def make(
        self,
        what: str,
        table: tuple[str, str],
        sql: str,
        suffix: str = "",
        **more: object,
    ) -> Check:
        word = self.wording[what]
        return Check(
            id=f"{GATE}.{self.contract.name}.{what}{suffix}",
            gate=GATE,
            scope=self.contract.name,
            table=table,
            title=word.title,
            meaning=word.meaning,
            remedy=word.remedy,
            severity=word.severity,
            sql=sql,
            **({"threshold": word.threshold} | more),  # type: ignore[arg-type]
        )

    def batch(
        self, what: str, bad: str, fresh: bool = True, count: str | None = None, show: str = "*"
    ) -> Check:
        mine = f"dataset = '{self.contract.name}'" + (" and fresh" if fresh else "")
        return self.make(
            what,
            BATCH,
            f"select {show} from {{batch}} where {mine} and ({bad})",
            count_sql=count or f"select count(*) from {{batch}} where {mine}",
        )

    def schema(self) -> Check:
        name = self.contract.name
        return self.make(
            "schema",
            ("meta", "file_column"),
            f"""select * from (
                select f.batch_id, e.name as expected, e.type as expected_type, f.name, f.type
                from (select * from {{batch}} where dataset = '{name}') f
                left join (select * from meta.contract_column where dataset = '{name}') e
                  on e.name = f.name and e.type = f.type and e.position = f.position
                union all
                select b.batch_id, e.name, e.type, null, null
                from meta.batch b join meta.contract_column e on e.dataset = b.dataset
                anti join {{batch}} f on f.batch_id = b.batch_id and f.name = e.name
                where b.dataset = '{name}' and b.fresh
            ) where expected is null or name is null""",
            count_sql=f"select count(*) from {{batch}} where dataset = '{name}'",
        )

    def key(self) -> Check:
        columns = ["batch_id", *self.contract.key_lake_columns()]
        return self.make(
            "key",
            self.rows,
            f"select {quoted(self.place)} from {{batch}} "
            f"qualify count(*) over (partition by {quoted(columns)}) > 1",
            kind="expect_compound_columns_to_be_unique",
            kwargs={"column_list": columns},
        )

    def required(self) -> Check:
        names = [c.lake[0][0] for c in self.contract.columns if c.required]
        empty = " or ".join(f'"{name}" is null' for name in [*names, "batch_id", "known_at"])
        return self.make(
            "required",
            self.rows,
            f"select {quoted([*self.place, *names])} from {{batch}} where {empty}",
        )

    def codes(self) -> list[Check]:
        return [self.code(column) for column in self.contract.columns if column.codes]

    def code(self, column: Column) -> Check:
        assert column.codes is not None  # noqa: S101 (the caller's filter)
        values = list(column.codes.values)
        listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
        split = column.codes.separator
        text = f"string_split({column.name}, '{split}')" if split else f"[{column.name}::varchar]"
        unknown = f"list_filter({text}, lambda x: x not in ({listed}))"
        sql = (
            f"select {quoted([*self.place, column.name])} from {{batch}} "
            f"where {column.name} is not null and len({unknown}) > 0"
        )
        native = {
            "kind": "expect_column_values_to_be_in_set",
            "kwargs": {
                "column": column.name,
                "value_set": [int(v) for v in values]
                if column.logical_type == "integer"
                else values,
            },
        }
        more = {} if split else native
        return self.make("codes", self.rows, sql, f".{column.name}", **more)

    def range(self) -> Check:
        bounded = [c for c in self.contract.columns if c.personal is None and _outside(c)]
        outside = [test for column in bounded for test in _outside(column)]
        names = [column.name for column in bounded]
        return self.make(
            "range",
            self.rows,
            f"select {quoted([*self.place, *names])} from {{batch}} "
            f"where {' or '.join(outside) or 'false'}",
        )

    def lineage(self) -> Check:
        return self.make(
            "lineage",
            self.rows,
            f"""select r.batch_id, r.row_no, b.rows_read from {{batch}} r
            left join meta.batch b on b.batch_id = r.batch_id and b.dataset = '{self.contract.name}'
            where b.batch_id is null or r.row_no < 1 or r.row_no > b.rows_read
            union all
            select batch_id, row_no, null from {{batch}}
            group by batch_id, row_no having count(*) > 1""",
        )

    def accounting(self) -> Check:
        return self.batch(
            "accounting",
            "rows_read <> rows_loaded + rows_quarantined or rows_loaded <> file_rows "
            "or rows_quarantined <> quarantine_rows",
            show="batch_id, rows_read, rows_loaded, rows_quarantined, file_rows, quarantine_rows",
        )

    def control(self) -> Check:
        mine = f"b.dataset = '{self.contract.name}' and b.fresh"
        # A refused row whose amount nobody can read makes an exact proof impossible; the landing
        # has then named the difference in the receipt.
        return self.make(
            "control",
            BATCH,
            f"""select batch_id, '(rows)' as name, control_rows as delivered, rows_read as read
            from {{batch}} b where {mine} and control_rows <> rows_read
            union all
            select b.batch_id, c.name, c.total, s.total + r.total
            from {{batch}} b join meta.control_sum c using (batch_id)
            left join meta.batch_sum s on s.batch_id = c.batch_id and s.name = c.name
            left join meta.refused_sum r on r.batch_id = c.batch_id and r.name = c.name
            where {mine} and b.rows_quarantined = 0
              and c.total is distinct from s.total + r.total""",
            count_sql=f"select count(*) from {{batch}} b where {mine}",
        )

    def sums(self) -> Check | None:
        money = [c.name for c in self.contract.columns if c.physical_type.startswith("decimal")]
        if not money:
            return None
        found = " union all ".join(
            f"select batch_id, '{name}' as name, sum({name}) as found from {{batch}} group by all"
            for name in money
        )
        return self.make(
            "sums",
            self.rows,
            f"""select f.batch_id, f.name, f.found, s.total as manifest from ({found}) f
            left join meta.batch_sum s using (batch_id, name)
            where coalesce(f.found, 0) is distinct from s.total""",
        )

    def quarantine(self, what: str) -> Check:
        mine = f"dataset = '{self.contract.name}' and fresh"
        return self.make(
            what,
            BATCH,
            # One row a refused row, so that the share of rows is what is judged.
            f"""select batch_id, rows_read, rows_quarantined from {{batch}},
            unnest(range(rows_quarantined)) t(n) where {mine}""",
            count_sql=f"select sum(rows_read) from {{batch}} where {mine}",
        )

    def freshness(self) -> Check:
        sla = self.contract.frequency
        days = sla.value * DAYS[sla.unit] + self.contract.latency_days
        return self.make(
            "freshness",
            ("meta", "delivery"),
            f"""select provider, newest, age_days from {{batch}}
            where dataset = '{self.contract.name}' and (age_days is null or age_days > {days})""",
            count_sql=f"select count(*) from {{batch}} where dataset = '{self.contract.name}'",
        )

    def volume(self) -> Check:
        change = self.contract.volume.max_change
        return self.batch(
            "volume",
            f"abs(rows_read - rows_before) >= 50 "
            f"and abs(rows_read - rows_before) > {change} * rows_before",
            show="batch_id, rows_read, rows_before",
        )

    def min_rows(self) -> Check:
        return self.batch(
            "min_rows",
            f"mode = 'full' and rows_read < {self.contract.volume.min_rows}",
            show="batch_id, rows_read",
        )
