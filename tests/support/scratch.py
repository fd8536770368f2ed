"""A scratch copy of the project, for walking a how-to page as its reader would."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from yinling.settings import PROJECT_DIR

BLOCK = re.compile(
    r"^`(?P<path>(?:dbt_project|ingestion)/\S+)`:\n\n```\w+\n(?P<text>.*?)^```", re.S | re.M
)


def run(command: list[str], folder: Path, **environment: str) -> str:
    """What a command prints; a test failure with its last words if it fails."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def copy_project(folder: Path) -> Path:
    """The project's tracked files in `folder`, as they stand now, under a git of their own."""
    for name in filter(None, run(["git", "ls-files", "-z"], PROJECT_DIR).split("\0")):
        source, target = PROJECT_DIR / name, folder / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    run(["git", "init", "-q"], folder)
    run(["git", "add", "-A"], folder)
    return folder


def files_of(page: Path) -> dict[str, str]:
    """Path → text of the files that a how-to page shows: `path`: and a code block."""
    return {match["path"]: match["text"] for match in BLOCK.finditer(page.read_text("utf-8"))}


def changed_files(folder: Path) -> list[str]:
    """Files added or changed in a scratch copy; what the project itself ignores is left out."""
    added = run(["git", "ls-files", "--others", "--exclude-standard"], folder)
    changed = run(["git", "diff", "--name-only"], folder)
    return sorted((added + changed).split())
