"""What a release says, in two short tables: key figures by province, leads by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from yinling.settings import Settings

# One row an indicator and province: the newest period that has a value code at all.
INDICATORS = """
select i.indicator_id, i.name_zh, i.unit, r.name as region, v.value, v.status_code, v.period_end
from indicator_value v
join indicator i using (indicator_id)
join region r on r.region_code = v.region_code
where v.region_level = 'province'
qualify row_number() over (
    partition by v.indicator_id, v.region_code order by v.period_end desc, v.period_kind
) = 1
order by i.indicator_id, v.region_code
"""
FINDINGS = """
select r.rule_id, r.name_zh, r.severity, count(f.finding_id) as findings,
    coalesce(sum(f.amount_point), 0) as amount
from rule r
left join finding f using (rule_id)
group by all
order by r.rule_id
"""


# Why a value is null, in the words that officials read.
WORDS = {
    "suppressed": "数值过小不公开", "not_delivered": "未报", "pending": "待审",
    "not_applicable": "不适用", "not_comparable": "口径变更不可比",
}  # fmt: skip


def _rows(settings: Settings, file: str, query: str) -> list[dict[str, Any]]:
    path = (settings.releases / "current").resolve() / file
    with duckdb.connect(str(path), read_only=True) as connection:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def indicators(settings: Settings) -> list[dict[str, Any]]:
    """One row an indicator: name, unit, and a column for each province with its newest value.

    A value that is null is shown by the reason, never as 0.
    """
    table: dict[str, dict[str, Any]] = {}
    for row in _rows(settings, "officials.duckdb", INDICATORS):
        value, code = row["value"], row["status_code"]
        # Two decimals are for reading; the release holds the figure to its last digit.
        shown = WORDS.get(code, code) if value is None else f"{value:,.2f}".removesuffix(".00")
        entry = table.setdefault(
            row["indicator_id"], {"indicator": row["name_zh"], "unit": row["unit"]}
        )
        entry[row["region"]] = shown
    return list(table.values())


def findings(settings: Settings) -> list[dict[str, Any]]:
    """One row a rule: leads found and the amount at risk in yuan, 0 where none."""
    return _rows(settings, "auditors.duckdb", FINDINGS)
