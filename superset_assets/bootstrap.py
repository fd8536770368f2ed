"""Superset from nothing to ready: metadata, assets, roles, users.

Run it with `python -m superset_assets.bootstrap`, in Superset's environment.

One process does all of it, because starting Superset's application is what takes the time. A
second run with the same files, users and Superset does nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from superset_assets import access, runtime

FOLDERS = ("databases", "datasets", "charts", "dashboards")


def asset_texts(folder: Path = runtime.ASSETS_DIR) -> dict[str, str]:
    """The bundle as Superset's importer wants it: path inside the bundle → YAML text."""
    texts = {"metadata.yaml": "version: 1.0.0\ntype: assets\n"}
    for name in FOLDERS:
        for file in sorted((folder / name).rglob("*.yaml")):
            texts[file.relative_to(folder).as_posix()] = file.read_text("utf-8")
    return texts


def fingerprint() -> str:
    """SHA-256 of everything the bootstrap's outcome depends on, passwords given included."""
    digest = hashlib.sha256(version("apache-superset").encode())
    for file in sorted(runtime.ASSETS_DIR.rglob("*")):
        if file.suffix in {".yaml", ".py", ".json"}:
            digest.update(file.relative_to(runtime.ASSETS_DIR).as_posix().encode())
            digest.update(file.read_bytes())
    wanted = access.users(access.load())
    digest.update(json.dumps([vars(user) for user in wanted], sort_keys=True).encode())
    digest.update(json.dumps(access.passwords(wanted), sort_keys=True).encode())
    return digest.hexdigest()


@contextmanager
def _step(name: str) -> Iterator[None]:
    begin = time.monotonic()
    yield
    print(f"  superset: {name:<34} {time.monotonic() - begin:6.1f} s", flush=True)


def _quiet(log: Path) -> None:
    """Send Superset's and alembic's chatter to a file; what matters is raised."""
    logging.captureWarnings(True)
    logging.basicConfig(filename=log, level=logging.INFO, force=True)
    os.environ["PYTHONWARNINGS"] = "ignore"


@contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Migrations print and set up their own logging; a reader of the progress needs none of it."""
    kept = {number: os.dup(number) for number in (1, 2)}
    with log.open("a") as handle:
        try:
            for number in kept:
                os.dup2(handle.fileno(), number)
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)


def run(force: bool = False) -> bool:
    """Bring Superset's metadata to what the files say; False if there was nothing to do.

    Raises:
        access.AccessError: roles or users cannot be used as written.
        superset.commands.exceptions.CommandInvalidError: an asset file is wrong.
    """
    runtime.enter()
    room = runtime.room()
    done, state = fingerprint(), room / "bootstrap.json"
    known = json.loads(state.read_text("utf-8")) if state.exists() else {}
    if not force and known.get("fingerprint") == done and (room / "metadata.db").exists():
        print("  superset: nothing changed", flush=True)
        return False
    state.unlink(missing_ok=True)
    log = room / "bootstrap.log"
    _quiet(log)
    with _step("start the application"), _output_to(log):
        from superset.app import create_app

        app = create_app()
        _quiet(log)
    with app.app_context():
        _metadata(log)
        with _step("import databases, charts, dashboards"), _output_to(log):
            _assets()
        with _step("roles, users, row rules"), _output_to(log):
            access.apply(access.load())
    (room / "metadata.db").chmod(0o600)
    state.write_text(json.dumps({"fingerprint": done, "at": time.time()}), "utf-8")
    return True


def _metadata(log: Path) -> None:
    import superset
    from flask_migrate import upgrade
    from superset import appbuilder, security_manager

    with _step("metadata database"), _output_to(log):
        upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
        _quiet(log)
    with _step("permissions"), _output_to(log):
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()


def _assets() -> None:
    from superset import db, security_manager
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice
    from superset.utils.core import override_user

    texts = asset_texts()
    with override_user(_importer(security_manager)):
        ImportAssetsCommand(texts).run()
    # What left the folder leaves Superset: an old chart would go on showing figures.
    ours = {_uuid(text) for text in texts.values()}
    stale: list[Any] = []
    for model in (Dashboard, Slice, SqlaTable):
        stale += [row for row in db.session.query(model).all() if str(row.uuid) not in ours]
    for row in stale:
        if getattr(row, "created_by", None) is None or row.created_by.username == IMPORTER:
            db.session.delete(row)
    db.session.commit()


IMPORTER = "yinling-import"


def _importer(security_manager: Any) -> Any:
    """The owner of what is imported: an account that nobody can log in to."""
    user = security_manager.find_user(IMPORTER)
    if user is None:
        user = security_manager.add_user(
            username=IMPORTER,
            first_name="银龄",
            last_name="",
            email=f"{IMPORTER}@localhost.invalid",
            role=[security_manager.find_role("Admin")],
            hashed_password="!",  # noqa: S106 - matches no password
        )
    user.active = False
    return user


def _uuid(text: str) -> str:
    return next(
        (line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("uuid:")),
        "",
    )


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Prepare Superset: metadata, dashboards, roles.")
    parser.add_argument("--force", action="store_true", help="even if nothing changed")
    try:
        run(parser.parse_args().force)
    except access.AccessError as error:
        print(f"superset: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        detail = getattr(error, "normalized_messages", None)
        text = detail() if callable(detail) else error
        log = runtime.room() / "bootstrap.log"
        logging.exception("bootstrap failed")
        print(f"superset: not prepared: {text}\nThe whole log: {log}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
