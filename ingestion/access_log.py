"""The access log: every question to the vault and every copy handed out, in a chain of hashes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ingestion.errors import VaultError
from yinling.clock import SHANGHAI
from yinling.settings import Settings

LOG = "vault-access.jsonl"
TAIL_BYTES = 1 << 20  # read to find the last line, which is never so long


def account() -> str:
    """The account of this machine that runs the process (not what the environment claims)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def write(settings: Settings, entries: Sequence[dict[str, Any]]) -> None:
    """Append entries; each carries when, who, and the hash of the one before. On disk on return."""
    settings.landing.mkdir(parents=True, exist_ok=True, mode=0o700)
    at = datetime.now(SHANGHAI).isoformat(timespec="seconds")
    with (settings.landing / LOG).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - TAIL_BYTES))
        tail = file.read()
        previous = _last_hash(tail)
        if tail and not tail.endswith(b"\n"):
            file.write(b"\n")
        for entry in entries:
            whole = {"at": at, "account": account(), **_via_sudo(), **entry, "previous": previous}
            previous = _hash(whole)
            line = json.dumps({**whole, "hash": previous}, ensure_ascii=False)
            file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _via_sudo() -> dict[str, str]:
    """Who became this account by sudo; as good as the environment, so beside the account."""
    name = os.environ.get("SUDO_USER")
    return {"sudo_account": name} if name else {}


def _last_hash(text: bytes) -> str:
    lines = text.splitlines()
    if not lines:
        return ""
    try:
        return str(json.loads(lines[-1])["hash"])
    except (ValueError, KeyError):
        # A line cut short by a power cut breaks the chain, visibly; the log goes on after it.
        return hashlib.sha256(lines[-1]).hexdigest()


def _hash(entry: dict[str, Any]) -> str:
    text = json.dumps(entry, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def entries(settings: Settings) -> list[dict[str, Any]]:
    """The whole log, oldest first, proven to be unbroken.

    Raises:
        VaultError: a line was changed, removed or put in; names the line.
    """
    path = settings.landing / LOG
    previous, found = "", list[dict[str, Any]]()
    # By newline alone: a reason may hold what Unicode also calls the end of a line.
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
            claimed = entry.pop("hash")
            whole = entry["previous"] == previous and _hash(entry) == claimed
        except (ValueError, KeyError, AttributeError):
            whole = False
        if not whole:
            raise VaultError(
                f"{path}: line {len(found) + 1} was changed, or a line before it was removed. "
                "Keep the file as evidence and compare it with the backups."
            )
        previous = claimed
        found.append(entry)
    return found
