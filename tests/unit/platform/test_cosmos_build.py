"""What the tasks of the build carry: Airflow stores and shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from yinling import cosmos_build
from yinling.settings import Settings


def test_no_secret_of_this_process_is_in_what_airflow_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(cosmos_build, "DbtTaskGroup", lambda **arguments: given.update(arguments))
    for name in ("YINLING_TOKEN_KEY", "YINLING_VAULT_KEY", "YINLING_POLICE_URI"):
        monkeypatch.setenv(name, "a secret")
    settings = Settings(home=tmp_path)
    manifest = settings.warehouse.parent / "dbt" / "target" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}", "utf-8")
    cosmos_build.build_group(settings, "pool")
    assert given["operator_args"]["env"]["YINLING_HOME"] == str(tmp_path)
    assert "a secret" not in str(given)
