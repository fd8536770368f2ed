"""Two warehouse files compared, table by table."""

from __future__ import annotations

from pathlib import Path

import duckdb

# dbt's selection of the foundation: what every other model stands on.
CORE = ["path:models/staging", "path:models/core"]


def core_tables(file: Path) -> list[str]:
    """The tables that hold the state; the register of batches says how it came about."""
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(
            "select table_name from information_schema.tables"
            " where table_schema = 'core' and table_name != 'int_batch' order by table_name"
        ).fetchall()
    return [name for (name,) in found]


def differences(one: Path, other: Path) -> dict[str, int]:
    """Table of core → number of rows that only one of two warehouses has (counted both ways)."""
    found = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as a (read_only)")
        connection.execute(f"attach '{other}' as b (read_only)")
        for table in core_tables(one):
            a, b = f"a.core.{table}", f"b.core.{table}"
            columns = connection.execute(f"select * from {a} limit 0").description
            names = ", ".join(column[0] for column in columns)
            result = connection.execute(
                "select count(*) from ("
                f"(select {names} from {a} except all select {names} from {b}) union all "
                f"(select {names} from {b} except all select {names} from {a}))"
            ).fetchone()
            if result and result[0]:
                found[table] = result[0]
    return found
