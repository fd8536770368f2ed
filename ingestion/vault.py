"""The vault: what stands behind the tokens, encrypted; only `reveal` reads it, and says so."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestion import access_log
from ingestion.durable import single_writer, sync
from ingestion.errors import VaultError
from ingestion.keys import Key, vault_keys
from ingestion.vault_file import FILE, Seal, VaultFile, VaultWriter, sealed_with
from yinling.settings import Settings

__all__ = [
    "FILE",
    "Original",
    "Seal",
    "VaultWriter",
    "current_seal",
    "fitting_seal",
    "reveal",
    "rotate",
    "sealed",
]

_TOKEN = re.compile(r"[0-9a-f]{32}")
_PART = f".{FILE}.part"
REASON_LETTERS = 4


@dataclass(frozen=True)
class Original:
    """What one token stands for: personal class, clear text in normal form, a batch that has it."""

    token: str
    kind: str
    clear: str
    batch_id: str


def current_seal(settings: Settings) -> Seal:
    """Cipher and key that new vault files are sealed with.

    Raises:
        SettingsError, VaultError: no key can be had.
    """
    return Seal(settings.crypto.vault, next(vault_keys(settings)))


def fitting_seal(settings: Settings, dataset: str | None = None) -> Seal:
    """The present seal, if whoever has its keys can also open what was sealed last.

    Another key by mistake would go unnoticed until an original is asked for, perhaps in years.

    Args:
        dataset: what is to be sealed; default: whatever the vault holds.

    Raises:
        SettingsError: no key is set.
        VaultError: a key is no key, or none opens the newest file of the dataset.
    """
    if newest := files(settings, dataset)[:1]:
        VaultFile(newest[0], vault_keys(settings))
    return current_seal(settings)


def files(settings: Settings, dataset: str | None = None) -> list[Path]:
    """The vault files of committed batches, of one dataset or all; newest batch name first."""
    found = settings.landing.glob(f"{dataset or '*'}/*/{FILE}")
    return sorted((path for path in found if _committed(settings, path)), reverse=True)


def _committed(settings: Settings, path: Path) -> bool:
    """What a killed run left in landing is no batch, and its vault may be cut off."""
    return (settings.lake / path.parent.parent.name / path.parent.name).is_dir()


def reveal(
    settings: Settings,
    tokens: Sequence[str],
    role: str,
    reason: str,
    dataset: str | None = None,
) -> list[Original]:
    """The originals behind tokens, for a role that may ask and gives a reason.

    Every question is written to the access log before it is answered, refused ones too. A token
    that no batch has is missing from the answer, and the log says so.

    Args:
        dataset: look into this dataset's batches only.

    Returns:
        One a token found, in the order of the tokens given.

    Raises:
        VaultError: the role or this account may not, no reason is given, a text is no token, too
            many at once, no key fits, or a file is damaged.
        SettingsError: no key is set.
    """
    wanted = list(dict.fromkeys(token.strip().lower() for token in tokens))

    def log(outcomes: dict[str, str]) -> None:
        access_log.write(
            settings,
            [
                {"role": role, "reason": reason, "token": token, "outcome": outcome}
                for token, outcome in outcomes.items()
            ],
        )

    if why := refusal(settings, wanted, role, reason):
        log(dict.fromkeys(wanted, "refused"))
        raise VaultError(why)
    try:
        found = _search(settings, wanted, dataset)
    except Exception:
        log(dict.fromkeys(wanted, "failed"))
        raise
    log({token: "revealed" if token in found else "not found" for token in wanted})
    return [found[token] for token in wanted if token in found]


def refusal(settings: Settings, tokens: list[str], role: str, reason: str) -> str:
    """Why who asks gets no answer; empty where he does."""
    rules = settings.reveal
    if role not in rules.roles:
        return f"Not revealed. Only {', '.join(rules.roles)} may ask ([reveal] in the settings)."
    allowed = rules.roles[role]
    if "*" not in allowed and access_log.account() not in allowed:
        return (
            f"Not revealed. The account `{access_log.account()}` may not take the role {role}; "
            "whoever keeps the settings adds it to [reveal.roles]."
        )
    if len(reason.strip()) < REASON_LETTERS:
        return f"Not revealed. Give a reason of at least {REASON_LETTERS} letters."
    if wrong := [token for token in tokens if not _TOKEN.fullmatch(token)]:
        return f"`{wrong[0][:40]}` is no token: copy it whole (32 hex digits)."
    if len(tokens) > rules.tokens_at_once:
        return (
            f"{len(tokens)} tokens at once; allowed are {rules.tokens_at_once} "
            "(reveal.tokens_at_once). Ask for those that the case needs."
        )
    return ""


def _search(settings: Settings, tokens: list[str], dataset: str | None) -> dict[str, Original]:
    keys = _remembered(vault_keys(settings))
    found: dict[str, Original] = {}
    for path in files(settings, dataset):
        left = [token for token in tokens if token not in found]
        if not left:
            break
        for kind, token, clear in VaultFile(path, keys()).find(left):
            found[token] = Original(token, kind, clear, path.parent.name)
    return found


def _remembered(keys: Iterator[Key]) -> Callable[[], Iterator[Key]]:
    """The same keys as often as wanted; an older one is fetched when a file first needs it."""
    seen: list[Key] = []

    def again() -> Iterator[Key]:
        yield from list(seen)
        for key in keys:
            seen.append(key)
            yield key

    return again


def sealed(settings: Settings) -> dict[tuple[str, str], int]:
    """(cipher, key id) → how many vault files are sealed so."""
    return dict(Counter(sealed_with(path) for path in files(settings)))


def rotate(settings: Settings) -> tuple[int, int]:
    """Seal every vault file with today's key and cipher that is not yet.

    Each file is written beside the old one and takes its place in one rename: killed at any
    instant, every file opens with one of the keys, and the next run goes on.

    Returns:
        Files sealed anew, and files that were so already.

    Raises:
        VaultError: an old key is missing, or a file is damaged; that file stays as it is.
        BusyError: a dataset is being landed.
    """
    seal, keys = current_seal(settings), _remembered(vault_keys(settings))
    done = kept = 0
    for room in sorted({path.parent.parent for path in files(settings)}):
        with single_writer(room, f"`{room.name}`"):
            for left in room.glob(f"*/{_PART}"):
                left.unlink()
            for path in files(settings, room.name):
                old = VaultFile(path, keys())
                if old.is_current(seal):
                    kept += 1
                    continue
                _reseal(old, seal)
                done += 1
    return done, kept


def _reseal(old: VaultFile, seal: Seal) -> None:
    draft = old.path.with_name(_PART)
    with draft.open("wb") as file:
        writer = VaultWriter(file, old.path.parent.name, seal)
        for chunk in old.chunks():
            writer.add(chunk)
        writer.close()
        file.flush()
        os.fsync(file.fileno())
    draft.replace(old.path)
    sync(old.path.parent)
