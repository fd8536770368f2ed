"""`yinling doctor`: what could stop a run on this machine, and how to mend it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from yinling.locks import held
from yinling.processes import Servers, free_port
from yinling.settings import PROJECT_DIR, Settings, SettingsError, Source, load_settings
from yinling.setup import KEYS

PYTHON = (3, 11)
# Files that one DuckDB writes must be readable by the other environment's.
SHARED_VERSION = "duckdb"
DISK_WARN, DISK_FAIL = 20, 2  # GiB free in the home folder
MEMORY_WARN = 6  # GiB available
PORTS = {"airflow": 8080, "superset": 8088}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: status is OK, WARN or FAIL; `mend` says what to do, in one line."""

    status: str
    subject: str
    message: str
    mend: str = ""


def examine(config: Path | None = None) -> list[Finding]:
    """Look at everything; settings that cannot be read are a finding too, not an error."""
    findings = [*_python(), *_versions(), *_memory()]
    try:
        settings = load_settings(config)
    except SettingsError as error:
        return [*findings, Finding("FAIL", "settings", str(error), "correct the file named")]
    source = config or settings.home / "yinling.toml"
    found = "read" if source.exists() else "none: all defaults"
    findings.append(Finding("OK", "settings", f"{source} ({found})"))
    for part in (_home, _disk, _contracts, _sources, _locks, _leftovers, _release, _rows, _ports):
        findings += part(settings)
    return findings


def _python() -> Iterator[Finding]:
    here = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info[:2] == PYTHON
    mend = "" if good else "make the environment again with Python 3.11 (rm -r .venv; make demo)"
    yield Finding("OK" if good else "FAIL", "python", here, mend)


def _versions() -> Iterator[Finding]:
    for file in ("pipeline.txt", "superset.txt"):
        if not (PROJECT_DIR / "requirements" / file).exists():
            yield Finding("FAIL", file, "the locked list is missing", "check out the file again")
    wanted = _locked("pipeline.txt")
    wrong = []
    for name, locked in wanted.items():
        try:
            have = version(name)
        except PackageNotFoundError:
            have = "missing"
        if have != locked:
            wrong.append(f"{name} {have}, locked {locked}")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        mend = "touch requirements/pipeline.txt && make demo"
        yield Finding("WARN", "packages", "; ".join(wrong[:3]) + more, mend)
    else:
        yield Finding("OK", "packages", f"{len(wanted)} as locked")
    other = _locked("superset.txt").get(SHARED_VERSION)
    if other != wanted.get(SHARED_VERSION):
        message = f"pipeline {wanted.get(SHARED_VERSION)}, superset {other}"
        yield Finding("FAIL", SHARED_VERSION, message, "pin the same version in both lists")


def _locked(file: str) -> dict[str, str]:
    """Name → version of a locked list; entries for other platforms are left out."""
    path = PROJECT_DIR / "requirements" / file
    found: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        words = line.removesuffix("\\").split(";")
        if "==" in words[0] and not line.startswith(" ") and len(words) == 1:
            name, _, exact = words[0].strip().partition("==")
            found[name.partition("[")[0]] = exact
    return found


def _memory() -> Iterator[Finding]:
    lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
    available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    amount = available / 2**20
    low = amount < MEMORY_WARN
    mend = "close other programs, or lower resources.memory_limit in the settings" if low else ""
    yield Finding("WARN" if low else "OK", "memory", f"{amount:.1f} GiB available", mend)


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    if not home.exists():
        yield Finding("WARN", "home", f"{home} does not exist yet", "yinling init")
        return
    if not os.access(home, os.W_OK):
        yield Finding("FAIL", "home", f"{home} cannot be written", f"chown -R $(id -un) {home}")
    else:
        yield Finding("OK", "home", str(home))
    landing = settings.landing
    if landing.exists() and landing.stat().st_mode & 0o077:
        mend = f"chmod -R go= {landing}"
        yield Finding("FAIL", "landing", "others on this machine can read personal data", mend)


def _disk(settings: Settings) -> Iterator[Finding]:
    place = settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 2**30
    status = "FAIL" if free < DISK_FAIL else "WARN" if free < DISK_WARN else "OK"
    mend = "" if status == "OK" else "free space, or lower keep_releases and run `yinling maintain`"
    yield Finding(status, "disk", f"{free:.0f} GiB free", mend)


def _contracts(settings: Settings) -> Iterator[Finding]:
    from ingestion.contracts import load_contracts
    from ingestion.errors import ContractError

    try:
        found = load_contracts(settings.contracts)
    except ContractError as error:
        yield Finding("FAIL", "contracts", str(error), "correct that place in the file")
    else:
        yield Finding("OK", "contracts", f"{len(found)}, all enforceable")


def _sources(settings: Settings) -> Iterator[Finding]:
    if not settings.sources:
        yield Finding("WARN", "sources", "none in the settings", "add [sources.<dataset>] blocks")
        return
    before = 0
    for finding in () if settings.synthetic else _keys(settings):
        before += finding.status != "OK"
        yield finding
    for name, source in sorted(settings.sources.items()):
        if not (settings.contracts / f"{name}.yaml").exists():
            before += 1
            mend = f"write ingestion/contracts/{name}.yaml or correct the name"
            yield Finding("FAIL", f"source {name}", "there is no such contract", mend)
        variables = (value for key, value in source if key.endswith("_env"))
        for variable in variables:
            known = settings.synthetic or not variable or os.environ.get(variable)
            if not known:
                before += 1
                yield Finding(
                    "WARN", f"source {name}", f"{variable} is not set", f"export {variable}=…"
                )
        if waiting := _waiting(settings, source):
            before += 1
            message = f"{len(waiting)} files wait, such as {waiting[0]}"
            mend = (
                "they lack a control record: `yinling deliver FILE`, a done-file or `name_pattern`"
            )
            yield Finding("WARN", f"source {name}", message, mend)
    if not before:
        yield Finding("OK", "sources", f"{len(settings.sources)} configured")


def _waiting(settings: Settings, source: Source) -> list[str]:
    """Files in a source's folder that nothing says are complete."""
    from ingestion.connectors.folder import listing
    from ingestion.connectors.listing import waiting

    folder = settings.home / source.path if source.path is not None else None
    if source.connector != "folder" or folder is None or not folder.is_dir():
        return []
    return waiting(listing(folder), source)


def _keys(settings: Settings) -> Iterator[Finding]:
    """The keys that landing and `reveal` need, asked for where the settings keep them."""
    from ingestion.errors import VaultError
    from ingestion.tokens import token_key
    from ingestion.vault import fitting_seal

    if settings.crypto.keys == "environment":
        missing = [key for key in KEYS if not os.environ.get(key)]
        mend = "load keys.env, which `yinling init` wrote, into the environment"
        yield from (Finding("FAIL", "keys", f"{key} is not set", mend) for key in missing)
        if missing:
            return
    mend = "docs/how-to/keys-and-originals.md"
    try:
        algorithm, seal = token_key(settings, fix=False).algorithm, fitting_seal(settings)
    except (SettingsError, VaultError) as error:
        yield Finding("FAIL", "keys", str(error), mend)
    else:
        facts = f"tokens {algorithm}, vault {seal.cipher} with key {seal.key.id}"
        yield Finding("OK", "keys", f"from the {settings.crypto.keys}: {facts}")


def _locks(settings: Settings) -> Iterator[Finding]:
    busy = held(settings.home)
    for name, holder in busy.items():
        mend = f"wait, or look at it: ps -fp {holder}"
        yield Finding("WARN", "lock", f"{name} is held by process {holder}", mend)
    if not busy:
        yield Finding("OK", "locks", "none held")


def _leftovers(settings: Settings) -> Iterator[Finding]:
    from yinling.maintenance import unfinished

    left = unfinished(settings, time.time())
    if left:
        message = f"{len(left)} left by killed runs, such as {left[0]}"
        yield Finding("WARN", "leftovers", message, "yinling maintain")
    else:
        yield Finding("OK", "leftovers", "none older than a day")


def _release(settings: Settings) -> Iterator[Finding]:
    pointer = settings.releases / "current"
    if pointer.is_symlink() and not pointer.exists():
        message = f"current points to {pointer.readlink()}, which is gone"
        yield Finding(
            "FAIL", "release", message, "yinling rollback <one that `yinling releases` lists>"
        )
    elif pointer.exists():
        yield Finding("OK", "release", f"current: {pointer.resolve().name}")
    else:
        yield Finding("WARN", "release", "nothing published yet", "yinling run")


def _rows(settings: Settings) -> Iterator[Finding]:
    from yinling.accounting import accounting

    rows = accounting(settings)
    wrong = [row["batch_id"] for row in rows if not row["balanced"]]
    if wrong:
        mend = "land these batches again; publish nothing before"
        yield Finding("FAIL", "rows", f"unaccounted for in {', '.join(wrong[:3])}", mend)
    else:
        yield Finding("OK", "rows", f"{len(rows)} batches balance")


def _ports(settings: Settings) -> Iterator[Finding]:
    running = {
        "airflow": Servers(settings.home / "demo" / "servers").port("airflow"),
        "superset": _superset_port(settings.home / "superset" / "server.json"),
    }
    for name, wanted in PORTS.items():
        ours = running[name]
        if ours is not None:
            yield Finding("OK", f"port {name}", f"{ours}: our server")
        elif (free := free_port(wanted)) != wanted:
            yield Finding("WARN", f"port {name}", f"{wanted} is taken; {free} would be used")
        else:
            yield Finding("OK", f"port {name}", f"{wanted} is free")


def _superset_port(state: Path) -> int | None:
    """Port of this home's Superset (another environment runs it), if it answers."""
    try:
        server = json.loads(state.read_text("utf-8"))
        with urllib.request.urlopen(f"{server['address']}/health", timeout=3):  # noqa: S310
            return int(server["port"])
    except (OSError, ValueError):
        return None
