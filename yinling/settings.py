"""Settings: one TOML file and the environment, read once, checked once."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PROJECT_DIR = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """The settings cannot be used; the message says which key, where and what to do."""


class Strict(BaseModel):
    """A settings block in which an unknown key is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Strict):
    """How one dataset's deliveries travel. The contract never says this; settings do."""

    connector: str
    provider: str | None = None
    mode: str = "full"
    cursor: str | None = None
    path: str | None = None
    encoding: str | None = None
    uri_env: str | None = None
    table: str | None = None
    url: str | None = None
    token_env: str | None = None
    page_size: int = 5_000


class Suppression(Strict):
    """Counts of persons below the threshold are withheld; 0 turns it off."""

    officials: int = 5
    open_data: int = 10


class Resources(Strict):
    """What one process may use."""

    threads: int = 2
    memory_limit: str = "6GB"


class Orchestration(Strict):
    """How Airflow runs the steps. `dbt_tasks`: a task for each model, or one for the build."""

    dbt_tasks: Literal["each", "one"] = "each"
    retries: int = Field(default=3, ge=1)
    retry_seconds: int = Field(default=120, ge=1)
    timeout_hours: float = Field(default=6, gt=0)
    alert_webhook_env: str | None = None


class Settings(Strict):
    """Everything the rooms need to know about where they are."""

    home: Path
    synthetic: bool = False
    keep_releases: int = 5
    suppression: Suppression = Field(default_factory=Suppression)
    resources: Resources = Field(default_factory=Resources)
    orchestration: Orchestration = Field(default_factory=Orchestration)
    sources: dict[str, Source] = Field(default_factory=dict)

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def receipts(self) -> Path:
        return self.home / "receipts"

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse" / "warehouse.duckdb"

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def quality(self) -> Path:
        return self.home / "quality"

    @property
    def demo(self) -> Path:
        return self.home / "demo"

    @property
    def contracts(self) -> Path:
        return PROJECT_DIR / "ingestion" / "contracts"

    @property
    def dbt_project(self) -> Path:
        return PROJECT_DIR / "dbt_project"


def default_home() -> Path:
    """`$YINLING_HOME`, else `.yinling` beside the project's files."""
    return Path(os.environ.get("YINLING_HOME", PROJECT_DIR / ".yinling")).resolve()


def load_settings(path: Path | None = None) -> Settings:
    """Read `yinling.toml` (default: in the home folder; missing means all defaults).

    Raises:
        SettingsError: the file named does not exist, is not TOML, or has an unknown or wrong key.
    """
    home = default_home()
    file = path or home / "yinling.toml"
    if path is not None and not path.exists():
        raise SettingsError(f"Settings file {path} does not exist. Check --config.")
    values: dict[str, Any] = {}
    if file.exists():
        try:
            values = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file} is not valid TOML: {error}. Correct that line.") from error
    values["home"] = Path(values.get("home", home)).resolve()
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"{file}: setting `{where}`: {first['msg']}. Correct or remove it."
        ) from error


def secret(name: str) -> str:
    """A secret from the environment.

    Raises:
        SettingsError: the variable is not set.
    """
    value = os.environ.get(name, "")
    if not value:
        raise SettingsError(f"Environment variable {name} is not set. Set it before this step.")
    return value
