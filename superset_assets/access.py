"""Roles, users and row-level security from `access.yaml`. Called inside Superset's application.

A role says which screens; a region says which rows. Every user has one of each, so that a user
for another county is one more entry in the list.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from superset_assets import runtime

ALL_REGIONS = "all"
NOTHING = "1 = 0"
ADMIN = "Admin"


class AccessError(Exception):
    """`access.yaml` or `users.yaml` cannot be used; the message says which entry and why."""


@dataclass(frozen=True)
class User:
    """One login: who, which screens (role), which rows (region code or `all`)."""

    username: str
    role: str
    region: str
    name: str


def load() -> dict[str, Any]:
    """`access.yaml`, with the users of `$YINLING_HOME/superset/users.yaml` where that exists."""
    access: dict[str, Any] = yaml.safe_load((runtime.ASSETS_DIR / "access.yaml").read_text("utf-8"))
    own = runtime.room() / "users.yaml"
    if own.exists():
        access["users"] = yaml.safe_load(own.read_text("utf-8"))["users"]
    return access


def users(access: dict[str, Any]) -> list[User]:
    """The users, checked.

    Raises:
        AccessError: a role that does not exist, or a region that is no 12-digit code.
    """
    found = [User(**entry) for entry in access["users"]]
    for user in found:
        if user.role not in access["roles"]:
            raise AccessError(
                f"User {user.username}: role {user.role!r} is not in access.yaml. "
                f"Choose one of {', '.join(access['roles'])}."
            )
        if user.region != ALL_REGIONS and not (len(user.region) == 12 and user.region.isdigit()):
            raise AccessError(
                f"User {user.username}: region {user.region!r} is no 12-digit code. "
                f'Write it in quotes, for example "440203000000", or {ALL_REGIONS}.'
            )
    return found


def passwords(wanted: Iterable[User]) -> dict[str, str]:
    """Password by user name: `YINLING_PASSWORD_<NAME>`, else one made once and kept in the home."""
    file = runtime.room() / "demo-logins.json"
    known = {}
    if file.exists():
        known = {row["username"]: row for row in json.loads(file.read_text("utf-8"))}
    rows = []
    for user in wanted:
        given = os.environ.get(f"YINLING_PASSWORD_{user.username.upper()}")
        kept = known.get(user.username, {}).get("password")
        rows.append(
            {
                "role": user.role,
                "username": user.username,
                "password": given or kept or secrets.token_urlsafe(9),
                "name": user.name,
                "region": user.region,
            }
        )
    text = json.dumps(rows, ensure_ascii=False, indent=2)
    if not file.exists() or file.read_text("utf-8") != text:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as handle:
            handle.write(text)
    return {row["username"]: row["password"] for row in rows}


def apply(access: dict[str, Any]) -> None:
    """Make roles, row rules and users what the files say. Repeatable.

    Raises:
        AccessError: an entry cannot be used, or a permission's name does not exist in Superset.
    """
    wanted = users(access)
    _roles(access)
    _rows(access, sorted({user.region for user in wanted}))
    _users(wanted, access["roles"])


def _roles(access: dict[str, Any]) -> None:
    from superset import db, security_manager
    from superset.connectors.sqla.models import SqlaTable

    tables = db.session.query(SqlaTable).all()
    for name, role in access["roles"].items():
        model = security_manager.add_role(name)
        if role["like"] == ADMIN:
            continue  # Superset asks for its own role by name; see _users
        permissions = []
        for permission, view in access[role["like"]]:
            found = security_manager.find_permission_view_menu(permission, view)
            if found is None:
                raise AccessError(f"access.yaml: Superset knows no permission {permission} {view}.")
            permissions.append(found)
        permissions += [
            security_manager.add_permission_view_menu("datasource_access", table.perm)
            for table in tables
            if table.database.database_name in role["databases"]
        ]
        model.permissions = permissions
    db.session.commit()


def _rows(access: dict[str, Any], regions: list[str]) -> None:
    from superset import db, security_manager
    from superset.connectors.sqla.models import RowLevelSecurityFilter, SqlaTable

    for rule in db.session.query(RowLevelSecurityFilter).all():
        rule.roles, rule.tables = [], []
        db.session.delete(rule)
    db.session.flush()
    tables = db.session.query(SqlaTable).all()
    placed = [table for table in tables if table.table_name not in access["without_region"]]
    roles = {region: security_manager.add_role(f"region_{region}") for region in regions}
    db.session.add(
        RowLevelSecurityFilter(
            name="base",
            description="没有地区的用户看不到任何一行",
            filter_type="Base",
            clause=NOTHING,
            tables=tables,
            roles=list(roles.values()),
        )
    )
    for region, role in roles.items():
        if region == ALL_REGIONS:
            continue
        db.session.add(
            RowLevelSecurityFilter(
                name=f"region_{region}",
                description="本地区及下级地区",
                filter_type="Regular",
                # Same group: a user with two regions sees both, not what they share.
                group_key="region",
                clause=access["region_clause"].format(region=region),
                tables=placed,
                roles=[role],
            )
        )
    db.session.commit()


def _users(wanted: list[User], kinds: dict[str, Any]) -> None:
    from flask_appbuilder.security.sqla.models import User as Login
    from superset import db, security_manager
    from superset.models.dashboard import Dashboard
    from superset.models.user_attributes import UserAttribute
    from werkzeug.security import check_password_hash, generate_password_hash

    secret = passwords(wanted)
    for user in wanted:
        roles = [
            security_manager.find_role(user.role),
            security_manager.find_role(f"region_{user.region}"),
            *([security_manager.find_role(ADMIN)] if kinds[user.role]["like"] == ADMIN else []),
        ]
        login = security_manager.find_user(user.username)
        if login is None:
            login = security_manager.add_user(
                username=user.username,
                first_name=user.name,
                last_name="",
                email=f"{user.username}@yinling.invalid",
                role=roles,
                password=secret[user.username],
            )
        if login is None:
            raise AccessError(f"Superset did not accept the user {user.username}.")
        login.roles, login.first_name, login.active = roles, user.name, True
        if not check_password_hash(login.password, secret[user.username]):
            login.password = generate_password_hash(secret[user.username])
        home = db.session.query(Dashboard).filter_by(slug=kinds[user.role]["home"]).one()
        own = db.session.query(UserAttribute).filter_by(user_id=login.id).first()
        if own is None:
            own = UserAttribute(user_id=login.id)
            db.session.add(own)
        own.welcome_dashboard_id = home.id
    names = {user.username for user in wanted}
    for login in db.session.query(Login).all():
        if login.email.endswith("@yinling.invalid") and login.username not in names:
            login.active, login.roles = False, []
    db.session.commit()
