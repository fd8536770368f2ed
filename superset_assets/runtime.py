"""Where Superset's own files are and the environment its processes start with. Standard library."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

ASSETS_DIR = Path(__file__).resolve().parent
PROJECT_DIR = ASSETS_DIR.parent
SECRET_VARIABLE = "YINLING_SUPERSET_SECRET_KEY"  # noqa: S105 - the variable's name


def home() -> Path:
    """`$YINLING_HOME`, else `.yinling` beside the project's files."""
    return Path(os.environ.get("YINLING_HOME", PROJECT_DIR / ".yinling")).resolve()


def room() -> Path:
    """`$YINLING_HOME/superset`: metadata, cache, logs, demo logins; readable by the owner only."""
    folder = home() / "superset"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def secret_key() -> str:
    """The key that signs sessions: from the environment, else one made once for this home.

    A key of its own for every home, so that no installation ever runs on a published one.
    """
    given = os.environ.get(SECRET_VARIABLE, "")
    if given:
        return given
    file = room() / "secret.key"
    if not file.exists():
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as handle:
            handle.write(secrets.token_urlsafe(48))
    return file.read_text("utf-8")


def environment() -> dict[str, str]:
    """The environment of every Superset process: config, home, secret, nothing that phones out."""
    return {
        **os.environ,
        "YINLING_HOME": str(home()),
        SECRET_VARIABLE: secret_key(),
        "SUPERSET_HOME": str(room()),
        "SUPERSET_CONFIG_PATH": str(ASSETS_DIR / "config" / "superset_config.py"),
        "PYTHONPATH": os.pathsep.join(
            [str(PROJECT_DIR), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
        "FLASK_APP": "superset.app:create_app()",
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        "TZ": "Asia/Shanghai",
    }


def enter() -> None:
    """Give this very process that environment, before anything of Superset is imported."""
    os.environ.update(environment())
    if str(PROJECT_DIR) not in sys.path:
        sys.path.insert(0, str(PROJECT_DIR))
