"""Gate "release": the two files about to be published, before anybody can read them.

What is public is searched for what must not be: every text column of both files for citizen ID
numbers (GB 11643-1999, with their check character), mobile numbers and card numbers; officials'
files also for tokens, masks and column names that point at a person.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from quality.engine import Session
from quality.model import Check
from quality.suites import suite
from yinling.settings import Settings

GATE = "release"
Columns = list[tuple[str, str, str]]  # table, column, type
# The published interface (docs: docs/reference and the architecture): other systems read these.
INTERFACE: dict[str, dict[str, str]] = {
    "officials": {
        "indicator_value": "indicator_id region_code region_level period_end period_kind numerator "
        "denominator value unit value_kind status_code data_through release_id",
        "indicator": "indicator_id theme name_zh name_en definition_zh numerator_zh denominator_zh "
        "unit direction feeds value_kind",
        "indicator_target": "indicator_id document region_code year target_value direction kind "
        "is_baseline clause",
        "indicator_progress": "",
        "region": "",
        "region_shape": "",
        "population": "",
        "facility": "",
        "home_service": "",
        "medical_care": "",
        "workforce": "",
        "subsidy": "",
        "fund": "",
        "supply_demand": "",
        "feed_health": "",
        "health_dimension": "dimension name_zh definition_zh standard_zh",
        "health_month": "dataset provider region_code month dimension numerator denominator value "
        "days status_code",
        "health_delivery": "delivery_id dataset provider region_code period delivered_at due_on "
        "days_late rows_read rows_refused status",
        "health_refusal": "dataset provider region_code month column_name reason refused_rows",
        "quality_result": "",
        "release": "",
    },
    "auditors": {
        "rule": "rule_id rule_version name_zh name_en family class severity logic_zh guards_zh "
        "legal_basis parameters suspended suspended_reason",
        "finding": "finding_id rule_id rule_version class severity subject_kind subject_key "
        "subject_mask region_code programme_code first_month last_month amount_low amount_point "
        "amount_high match_tier known_class status outcome first_seen_release last_seen_release",
        "finding_evidence": "finding_id role dataset batch_id row_no known_at fields",
        "batch": "batch_id dataset provider period sequence file sha256 received_at rows_read "
        "rows_loaded rows_quarantined",
        "exposure": "",
        "rule_performance": "",
        "case_queue": "",
        "quality_result": "",
        "release": "",
    },
}
_CLEAR = (
    "id_no|payee_name|account_name|person_name|bank_account|account_no|phone|mobile|telephone|"
    "address|household_no|birth_date|diagnosis_code|photo_hash"
)
FORBIDDEN = {
    "officials": rf"^({_CLEAR})$|_token$|_mask$|_no_token|^(person|subject|household|payee)_key$|"
    r"^finding_id$|^row_no$",
    "auditors": rf"^({_CLEAR})$",
}
# 17 digits and a check character, not inside a longer number; the month and day must exist.
_ID18 = r"(?:^|[^0-9])([1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx])(?:$|[^0-9])"  # noqa: E501
_ID15 = r"(?:^|[^0-9a-zA-Z])([1-8][0-7][0-9]{4}[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3})(?:$|[^0-9a-zA-Z])"  # noqa: E501
_PHONE = r"(?:^|[^0-9a-zA-Z.])(1[3-9][0-9]{9})(?:$|[^0-9a-zA-Z.])"
_CARD = r"(?:^|[^0-9a-zA-Z.])((?:62|60|95)[0-9]{14,17})(?:$|[^0-9a-zA-Z.])"
_TOKEN = r"^[0-9a-f]{32}$"  # noqa: S105 (the form of a token, no secret)
_MASK = r"^\p{Han}\*+$|[0-9]\*{4,}"


def load(session: Session, settings: Settings, folder: Path) -> None:
    """Schemas `officials`, `auditors` (the files), `before` (what is current now); helpers."""
    run = session.connection.execute
    for audience in INTERFACE:
        _views(session, folder / f"{audience}.duckdb", f"{audience}_file", audience)
    current = settings.releases / "current" / "officials.duckdb"
    same = (settings.releases / "current").resolve() == folder.resolve()
    if current.exists() and not same:
        _views(session, current.resolve(), "before_file", "before")
    else:
        run("create schema before")
        run("create view before.indicator_value as select * from officials.indicator_value limit 0")
    run(f"create macro threshold() as {int(settings.suppression.officials)}")
    run(_CHECKSUM)
    _person_counts(session, settings)


def _views(session: Session, file: Path, catalog: str, schema: str) -> None:
    run = session.connection.execute
    session.attach(file, catalog)
    run(f"create schema {schema}")
    tables = run(
        "select table_name from duckdb_tables() where database_name = ?", [catalog]
    ).fetchall()
    for (table,) in tables:
        run(f'create view {schema}."{table}" as select * from {catalog}.main."{table}"')


# GB 11643-1999: weights 2^(18-i) mod 11 of the first 17 digits give the check character.
_CHECKSUM = """create macro valid_id(text) as
    substr('10X98765432', 1 + list_sum(list_transform(range(1, 18), lambda i:
        substr(text, i::int, 1)::int * [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2][i]
    ))::int % 11, 1) = upper(substr(text, 18, 1))"""


def _person_counts(session: Session, settings: Settings) -> None:
    """Which indicators count persons: the warehouse's indicator rows say so themselves."""
    run = session.connection.execute
    run("create table person_counts (indicator_id varchar, persons_in_denominator boolean)")
    if not settings.warehouse.exists():
        return
    session.attach(settings.warehouse, "warehouse")
    known = run(
        """select count(*) from duckdb_columns() where database_name = 'warehouse'
        and schema_name = 'indicators' and table_name = 'int_indicator_cell'
        and column_name in ('person_counts', 'persons_in_denominator')"""
    ).fetchone()
    if known == (2,):
        run(
            """insert into person_counts
            select indicator_id, bool_or(persons_in_denominator)
            from warehouse.indicators.int_indicator_cell where person_counts group by 1"""
        )


def checks(session: Session, settings: Settings) -> list[Check]:
    """All checks of the two files."""
    rows = session.connection.execute(
        """select schema_name, table_name, column_name, data_type from duckdb_columns()
        where database_name = 'memory' and schema_name in ('officials', 'auditors')
        order by all"""
    ).fetchall()
    made: list[Check] = []
    for audience in INTERFACE:
        columns = [(table, name, kind) for a, table, name, kind in rows if a == audience]
        made += [
            _interface(audience, columns),
            _rows(audience, columns),
            _forbidden(audience, columns),
            _personal(audience, columns),
        ]
    made += [_token_form(), _small_cells(rows)]
    return made + [
        Check(
            id=f"{GATE}.{check.id}",
            gate=GATE,
            **check.model_dump(exclude={"id", "needs"}),
        )
        for check in suite(GATE).checks
    ]


def _make(kind: str, audience: str, **more: Any) -> Check:
    return Check(
        id=f"{GATE}.{audience}.{kind}",
        gate=GATE,
        scope=audience,
        **suite(GATE).words[kind].model_dump(),
        **more,
    )


def _listed(rows: list[tuple[str, str]]) -> str:
    """Pairs (table, column) as a table expression; none is no row."""
    if not rows:
        return "(select '' as table_name, '' as column_name where false)"
    values = ", ".join(f"('{table}', '{column}')" for table, column in rows)
    return f"(values {values}) t(table_name, column_name)"


def _interface(audience: str, columns: Columns) -> Check:
    have = {(table, name) for table, name, _ in columns} | {(table, "") for table, _, _ in columns}
    wanted = [
        (table, name)
        for table, names in INTERFACE[audience].items()
        for name in ["", *names.split()]
    ]
    missing = [pair for pair in wanted if pair not in have]
    return _make(
        "columns",
        audience,
        sql=f"select * from {_listed(missing)}",
        count=f"select {len(wanted)}",
    )


def _rows(audience: str, columns: Columns) -> Check:
    # The results of this very gate are written after it.
    tables = sorted({table for table, _, _ in columns} - {"quality_result"})
    counts = " union all ".join(
        f"select '{table}' as table_name where not exists (select 1 from {audience}.\"{table}\")"
        for table in tables
    )
    return _make("rows", audience, sql=counts, count=f"select {len(tables)}")


def _forbidden(audience: str, columns: Columns) -> Check:
    named = _listed([(table, name) for table, name, _ in columns])
    return _make(
        "forbidden_columns",
        audience,
        sql=f"select * from {named} where regexp_matches(column_name, '{FORBIDDEN[audience]}')",
        count=f"select {len(columns)}",
    )


def _personal(audience: str, columns: Columns) -> Check:
    texts = [(t, name) for t, name, kind in columns if "VARCHAR" in kind or "JSON" in kind]
    counts = " + ".join(
        f'(select count(*) from {audience}."{table}")' for table in sorted({t for t, _ in texts})
    )
    return _make(
        "personal_data",
        audience,
        sql=" union all ".join(_scan(audience, table, name) for table, name in texts),
        count=f"select {counts}",
    )


def _scan(audience: str, table: str, column: str) -> str:
    """Rows of one text column that hold personal data; the value itself is not shown."""
    text = f'"{column}"::varchar'
    tests = {
        "citizen_id": f"len(list_filter(regexp_extract_all({text}, '{_ID18}', 1), "
        "lambda x: valid_id(x))) > 0",
        "citizen_id_15": f"regexp_matches({text}, '{_ID15}')",
        "mobile": f"regexp_matches({text}, '{_PHONE}')",
        "card": f"regexp_matches({text}, '{_CARD}')",
    }
    if audience == "officials":
        tests |= {
            "token": f"regexp_matches({text}, '{_TOKEN}')",
            "mask": f"regexp_matches({text}, '{_MASK}')",
        }
    cases = " ".join(f"when {test} then '{kind}'" for kind, test in tests.items())
    return (
        f"select '{table}' as table_name, '{column}' as column_name, found from "
        f'(select case {cases} end as found from {audience}."{table}") where found is not null'
    )


def _small_cells(rows: list[tuple[str, str, str, str]]) -> Check:
    """Counts of persons in the theme tables, and what is left of a whole beside its part."""
    declared = suite(GATE)
    numbers = [(t, name) for a, t, name, kind in rows if a == "officials" and kind != "VARCHAR"]
    counts = [
        (t, name, f'"{name}"') for t, name in numbers if re.search(declared.person_columns, name)
    ]
    counts += [
        (d.table, f"{d.whole} - {d.part}", f'"{d.whole}" - "{d.part}"')
        for d in declared.differences
        if {(d.table, d.whole), (d.table, d.part)} <= set(numbers)
    ]
    small = [
        f"select '{table}' as table_name, '{what}' as what, region_code, {value} as persons "
        f'from officials."{table}" where {value} > 0 and {value} < threshold()'
        for table, what, value in counts
    ]
    looked_at = " + ".join(
        f'(select count({value}) from officials."{table}")' for table, _, value in counts
    )
    return _make(
        "small_cells",
        "officials",
        sql=" union all ".join(small) or "select 1 where false",
        count=f"select {looked_at or 0}",
    )


def _token_form() -> Check:
    return _make(
        "token_form",
        "auditors",
        sql=f"""select finding_id, subject_kind, left(subject_key, 4) as begins
        from auditors.finding where subject_kind = 'person'
          and (not regexp_matches(subject_key, '{_TOKEN}')
          or subject_mask is null or not contains(subject_mask, '*'))""",
        count="select count(*) from auditors.finding where subject_kind = 'person'",
    )
