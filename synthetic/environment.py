"""The demo's environment file: keys and addresses of made-up departments. Light to import."""

from __future__ import annotations

from pathlib import Path


def env_file(home: Path) -> Path:
    return home / "demo" / "env"


def read_env(home: Path) -> dict[str, str]:
    """The variables in `demo/env`; empty when there is no such file."""
    if not env_file(home).exists():
        return {}
    pairs = (line.split("=", 1) for line in env_file(home).read_text("utf-8").splitlines() if line)
    return dict(pairs)


def write_env(home: Path, values: dict[str, str]) -> None:
    """Add to or change the variables in `demo/env` (KEY=VALUE lines, readable by the owner)."""
    merged = {**read_env(home), **values}
    # Replaced in one step: a running task may be reading it.
    draft = env_file(home).with_suffix(".part")
    draft.touch(0o600)
    draft.write_text("".join(f"{k}={v}\n" for k, v in sorted(merged.items())), "utf-8")
    draft.replace(env_file(home))
