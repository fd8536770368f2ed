"""The dbt build as a group of Airflow tasks, one a model (Cosmos in watcher mode).

One dbt process does the whole build; the tasks watch it. DuckDB has one writer, so a process a
model would wait for the lock, and be four times slower besides.
"""

from __future__ import annotations

from typing import Any

from cosmos import (
    DbtTaskGroup,
    ExecutionConfig,
    ExecutionMode,
    InvocationMode,
    LoadMode,
    ProfileConfig,
    ProjectConfig,
    RenderConfig,
)

from yinling.settings import Settings
from yinling.warehouse import NOT_UNIT_TESTS, public_environment


class ManifestError(Exception):
    """There is no dbt manifest to draw the tasks from."""


def build_group(settings: Settings, pool: str) -> DbtTaskGroup:
    """The task group `build`, drawn from the manifest that `yinling render` left.

    Only the process that writes takes the pool's slot; the watching tasks take none and never run
    dbt themselves, so a failed build is cleared and run again as a whole.

    What the tasks carry is stored and shown by Airflow, so no variable of this process is among it;
    each task has those from its own worker (`append_env`).

    Raises:
        ManifestError: `yinling render` has not been run.
    """
    manifest = settings.warehouse.parent / "dbt" / "target" / "manifest.json"
    if not manifest.exists():
        raise ManifestError(f"{manifest} is missing. Run `yinling render`, then reload this DAG.")
    arguments: dict[str, Any] = {
        "env": public_environment(settings, settings.warehouse),
        "append_env": True,
        "install_deps": False,
        # All tests: a task that watches a test which the build leaves out would fail at its end.
        "dbt_cmd_flags": NOT_UNIT_TESTS,
        "retries": 0,
    }
    return DbtTaskGroup(
        group_id="build",
        project_config=ProjectConfig(
            dbt_project_path=settings.dbt_project, manifest_path=manifest, install_dbt_deps=False
        ),
        profile_config=ProfileConfig(
            profile_name="yinling",
            target_name="duckdb",
            profiles_yml_filepath=settings.dbt_project / "profiles.yml",
        ),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,
            invocation_mode=InvocationMode.SUBPROCESS,
            setup_operator_args={"pool": pool},
        ),
        render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, emit_datasets=False),
        operator_args=arguments,
    )
