"""What an account may do beside reading: it should be nothing."""

from __future__ import annotations

import re

from ingestion.connectors.sql_database import Database, parts

_ORACLE = """
select privilege from session_privs
where regexp_like(privilege, '^(INSERT|UPDATE|DELETE|ALTER|DROP|CREATE|TRUNCATE|EXECUTE) ANY|^DBA$')
union select privilege from user_tab_privs
where upper(table_name) = upper('{name}') and privilege not in ('SELECT', 'READ')
union select 'OWNER' from user_tables where upper(table_name) = upper('{name}')
"""
# Of the account and of every role that it may take on.
_POSTGRESQL = """
select distinct w from unnest(array['INSERT','UPDATE','DELETE','TRUNCATE']) as w, pg_roles as r
where pg_has_role(r.oid, 'member') and (has_table_privilege(r.oid, '{table}', w)
    or w in ('INSERT', 'UPDATE') and has_any_column_privilege(r.oid, '{table}', w))
"""
# Dialect → query that gives a right a row.
_QUERIES = {"postgresql": _POSTGRESQL, "oracle": _ORACLE, "dm": _ORACLE}
# What `show grants` may name for an account that only reads.
_READING = {"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "PROCESS", "REPLICATION CLIENT"}
_ROLES = re.compile(r"GRANT (?!.* ON )(.+) TO \S+@")


def write_rights(database: Database, table: str) -> list[str] | None:
    """What the account may do beside reading; None when this database cannot be asked."""
    dialect = database.engine.dialect.name
    if dialect in ("mysql", "mariadb"):
        return sorted(granted(_grants(database)))
    if dialect not in _QUERIES:
        return None
    query = _QUERIES[dialect].format(
        table=database.place(table).replace("'", "''"),
        name=parts(table)[-1].replace("'", "''"),
    )
    return sorted({str(row[0]) for row in database.run(query)})


def _grants(database: Database) -> list[str]:
    """What MySQL and MariaDB say of the account, and of every role that it may take on."""

    def asked(question: str) -> list[str]:
        return [str(row[0]) for row in database.run(question)]

    found = asked("show grants")
    roles = [role.strip() for line in found for role in _roles(line)]
    if not roles:
        return found
    if not getattr(database.engine.dialect, "is_mariadb", False):
        return found + asked(f"show grants for current_user() using {', '.join(roles)}")
    # MariaDB tells an account what a role may do while the account has that role.
    (before,) = database.row("select current_role()")
    for role in roles:
        database.run(f"set role {database.name(role.strip('`'))}")
        found += asked("show grants")
    database.run(f"set role {'none' if before is None else database.name(str(before))}")
    return found


def _roles(grant: str) -> list[str]:
    words = _ROLES.match(grant)
    return words[1].split(",") if words is not None else []


def granted(grants: list[str]) -> set[str]:
    """What MySQL's grants allow beside reading."""
    found = set()
    for grant in grants:
        words = re.match(r"GRANT (.+?) ON ", re.sub(r"\s*\([^)]*\)", "", grant))
        if words is not None:
            found |= {word.strip() for word in words[1].split(",")}
    return found - _READING
