"""Published releases: list them, go back to one."""

from __future__ import annotations

from typing import Annotated

import typer

from yinling.commands import common
from yinling.commands.rooms import WRITER
from yinling.locks import exclusive


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: yinling releases --json")(releases)
    app.command(epilog="Example: yinling rollback 20261031-4f0c2a91d7")(rollback)


def releases() -> None:
    """List the releases kept, newest first, and which one is current."""
    from yinling.release import list_releases

    columns = {
        "release_id": "release", "data_date": "data date", "published_at": "published",
        "synthetic": "synthetic", "current": "current",
    }  # fmt: skip
    common.table("Releases", list_releases(common.settings()), columns)


def rollback(
    release_id: Annotated[
        str | None, typer.Argument(help="Release; none: the one before the current.")
    ] = None,
) -> None:
    """Make an older release the current one. Nothing is deleted."""
    from yinling.release import rollback as make_current

    settings = common.settings()
    with exclusive(settings.home, WRITER):
        current = make_current(settings, release_id)
    common.emit({"release_id": str(current)}, [f"current release: {current}"])
