"""Roles, users and passwords from the files, and the messages when they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from superset_assets import access, runtime


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YINLING_HOME", str(tmp_path))
    monkeypatch.delenv(runtime.SECRET_VARIABLE, raising=False)
    return tmp_path


def with_user(**changes: Any) -> dict[str, Any]:
    user = {"username": "a", "role": "county_official", "region": "440203000000", "name": "甲"}
    return {**access.load(), "users": [{**user, **changes}]}


def test_each_role_has_a_demo_user_and_officials_have_a_region() -> None:
    loaded = access.load()
    found = access.users(loaded)
    assert {user.role for user in found} == set(loaded["roles"])
    assert all(user.region != "all" for user in found if "official" in user.role)


def test_another_county_is_one_entry(home: Path) -> None:
    file = runtime.room() / "users.yaml"
    file.write_text(
        'users:\n  - {username: qufu, role: county_official, region: "370881000000", name: 曲阜}\n',
        "utf-8",
    )
    (user,) = access.users(access.load())
    assert user.region == "370881000000"


@pytest.mark.parametrize("region", ["4402", "44020300000x", ""])
def test_a_region_that_is_no_code_is_refused(region: str) -> None:
    with pytest.raises(access.AccessError, match="12-digit"):
        access.users(with_user(region=region))


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(access.AccessError, match=r"mayor.*county_official"):
        access.users(with_user(role="mayor"))


def test_passwords_are_made_once_kept_private_and_can_be_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = access.users(access.load())
    first = access.passwords(found)
    assert access.passwords(found) == first
    assert len(set(first.values())) == len(first)
    file = runtime.room() / "demo-logins.json"
    assert file.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("YINLING_PASSWORD_AUDITOR", "given-by-the-bureau")
    assert access.passwords(found)["auditor"] == "given-by-the-bureau"
    assert json.loads(file.read_text("utf-8"))[0]["username"] == found[0].username


def test_officials_reach_the_officials_database_only() -> None:
    for name, role in access.load()["roles"].items():
        if "official" in name:
            assert role["databases"] == ["officials"]
            assert role["like"] == "viewer"


def test_a_viewer_may_write_nothing_and_has_no_sql_lab() -> None:
    for permission, view in access.load()["viewer"]:
        assert "SQL" not in view and view not in {"Database", "Security", "User"}
        # Filter states and links of one's own are no objects of others.
        assert permission != "can_write" or view.startswith("Dashboard")
        assert (permission, view) != ("can_write", "Dashboard")


def test_the_secret_is_made_once_for_a_home_or_given(monkeypatch: pytest.MonkeyPatch) -> None:
    first = runtime.secret_key()
    assert len(first) >= 48 and runtime.secret_key() == first
    assert (runtime.room() / "secret.key").stat().st_mode & 0o077 == 0
    monkeypatch.setenv(runtime.SECRET_VARIABLE, "from the environment")
    assert runtime.secret_key() == "from the environment"
