"""Settings: one TOML file and the environment, read once, checked once."""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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
    # databases (docs/how-to/connect-a-real-database.md); look_back_days below is theirs too
    uri_env: str | None = None
    table: str | None = None
    key_range: str | None = None
    writable_account: Literal["refuse", "warn"] = "refuse"
    # REST services (docs/how-to/connect-a-source.md)
    url: str | None = None
    method: Literal["GET", "POST"] = "GET"
    token_env: str | None = None
    sign: Literal["hmac-sha256", "hmac-sm3"] | None = None
    key_id_env: str | None = None
    key_secret_env: str | None = None
    paging: Literal["token", "page", "offset"] = "token"
    page_size: int = Field(default=5_000, ge=1)
    page_parameter: str | None = None
    size_parameter: str | None = None
    since_parameter: str = "since"
    rows_at: str = "rows"
    total_at: str = "control.row_count"
    requests_per_second: float | None = Field(default=None, gt=0)
    look_back_days: int = Field(default=0, ge=0)
    # answer-only services: one question a person (mode = "lookup")
    purpose: str | None = Field(default=None, min_length=4)
    ask_for: str | None = Field(default=None, pattern=r"^[a-z_0-9]+\.[a-z_0-9]+$")
    answers_valid_days: int = Field(default=30, ge=1)
    questions_per_run: int = Field(default=100_000, ge=1)
    # SFTP accounts
    host: str | None = None
    port: int = Field(default=22, ge=1, le=65_535)
    user: str | None = None
    key_file_env: str | None = None
    password_env: str | None = None
    # folders, also on an SFTP server, into which no control records are put
    name_pattern: str | None = None
    settle_seconds: float = Field(default=5, ge=0)


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


class Crypto(Strict):
    """Algorithms and where keys come from. `tokens` is fixed once a home has tokens.

    `service_url` is a key service in the shape of a KV version 2 store (OpenBao, HashiCorp Vault);
    the keys stand under `<service_url>/vault` and `<service_url>/token`.
    """

    vault: Literal["aes-256-gcm", "sm4-gcm"] = "aes-256-gcm"
    tokens: Literal["hmac-sha256", "hmac-sm3"] = "hmac-sha256"
    keys: Literal["environment", "service"] = "environment"
    service_url: str | None = None
    service_token_env: str | None = None
    service_ca: Path | None = None

    @model_validator(mode="after")
    def _service_is_whole(self) -> Crypto:
        if self.keys == "service" and not (self.service_url and self.service_token_env):
            raise ValueError('keys = "service" needs service_url and service_token_env')
        return self


class Reveal(Strict):
    """Who may see originals: role → accounts of this machine that may take it (`*`: any)."""

    roles: dict[str, list[str]] = Field(
        default_factory=lambda: {"auditor": ["*"], "identity_repair": ["*"]}
    )
    tokens_at_once: int = Field(default=100, ge=1)


class Quarantine(Strict):
    """How long the texts of refused rows are kept, and how much of them, oldest going first."""

    keep_days: int = Field(default=730, ge=1)
    max_mb: int = Field(default=20_000, ge=1)


class Purpose(Strict):
    """A copy of the auditors' tables for one recipient, under tokens of its own.

    `detail` also gives masks, evidence fields and the place of the delivered rows.
    """

    recipient: str
    legal_basis: str
    tables: list[str] = Field(min_length=1)
    detail: bool = False


class Settings(Strict):
    """Everything the rooms need to know about where they are."""

    home: Path
    synthetic: bool = False
    keep_releases: int = 5
    suppression: Suppression = Field(default_factory=Suppression)
    resources: Resources = Field(default_factory=Resources)
    orchestration: Orchestration = Field(default_factory=Orchestration)
    crypto: Crypto = Field(default_factory=Crypto)
    quarantine: Quarantine = Field(default_factory=Quarantine)
    reveal: Reveal = Field(default_factory=Reveal)
    purposes: dict[str, Purpose] = Field(default_factory=dict)
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
        SettingsError: the file named does not exist or cannot be read, is not TOML, or has unknown
            or wrong keys; all of them are named.
    """
    home = default_home()
    file = path or home / "yinling.toml"
    values: dict[str, Any] = {"home": str(home)}
    try:
        values |= tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        if path is not None:
            raise SettingsError(f"Settings file {path} does not exist. Check --config.") from error
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}. Correct that.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}. Correct that line.") from error
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        wrong = " ".join(_wrong(one["loc"], one["type"], one["msg"]) for one in error.errors())
        raise SettingsError(f"{file}: {wrong}") from error
    return settings.model_copy(update={"home": settings.home.resolve()})


def _wrong(at: tuple[int | str, ...], kind: str, message: str) -> str:
    """What is wrong with one key, and what to do."""
    where = ".".join(str(part) for part in at)
    if kind != "extra_forbidden":
        return f"setting `{where}`: {message}. Correct or remove it."
    known = {name for block in Strict.__subclasses__() for name in block.model_fields}
    near = get_close_matches(str(at[-1]), known, n=1)
    mend = f"Did you mean `{near[0]}`?" if near else "Remove it."
    return f"setting `{where}` is not known. {mend}"


def secret(name: str) -> str:
    """A secret from the environment.

    Raises:
        SettingsError: the variable is not set.
    """
    value = os.environ.get(name, "")
    if not value:
        raise SettingsError(f"Environment variable {name} is not set. Set it before this step.")
    return value
