"""The rooms in the order in which data walks through them, one command each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yinling.commands import common
from yinling.locks import exclusive

if TYPE_CHECKING:
    from yinling.settings import Settings

GATES = ("landing", "warehouse", "release")
# Building, publishing and rolling back change what a reader may be given: one at a time.
WRITER = "warehouse"


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: yinling init --home /srv/yinling")(init)
    app.command(epilog="Example: yinling land subsidy_payment facility")(land)
    app.command(epilog="Example: yinling render")(render)
    app.command(epilog="Example: yinling build --select stg_facility+")(build)
    app.command(epilog="Example: yinling check warehouse")(check)
    app.command(epilog="Example: yinling publish")(publish)
    app.command(epilog="Example: yinling run")(run)
    app.command(epilog="Example: yinling docs")(docs)
    app.command(epilog="Example: yinling maintain")(maintain)


@contextmanager
def landing_locks(settings: Settings, datasets: list[str]) -> Iterator[None]:
    """One lock a dataset, in one order, so that different datasets may land side by side."""
    with ExitStack() as stack:
        for dataset in sorted(datasets):
            stack.enter_context(exclusive(settings.home, f"land-{dataset}"))
        yield


def init(
    home: Annotated[
        Path | None, typer.Option(help="Home folder (default: $YINLING_HOME or .yinling).")
    ] = None,
) -> None:
    """Make a home folder with an example settings file and a key for the tokens."""
    from yinling.setup import initialise

    written = initialise(home)
    lines = [f"wrote {path}" for path in written] or ["everything is there already"]
    if any(path.name == "keys.env" for path in written):
        lines.append("Keep a copy of keys.env in a safe place, and load it before each run.")
    common.emit([str(path) for path in written], lines)


def land(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Datasets; none: all that settings name.")
    ] = None,
) -> None:
    """Fetch what the departments have delivered since the last time into the lake."""
    land_all(common.settings(), datasets)


def land_all(settings: Settings, datasets: list[str] | None = None) -> list[Any]:
    """Land the datasets (all when none is named) under their locks; returns the new batches."""
    wanted = datasets or sorted(settings.sources)
    if unknown := sorted(set(wanted) - set(settings.sources)):
        raise common.CommandError(
            f"No source in the settings for: {', '.join(unknown)}. "
            f"Add [sources.{unknown[0]}] or check the name.",
            common.USAGE,
        )
    from ingestion.landing import land as land_datasets

    with landing_locks(settings, wanted):
        return list(land_datasets(settings, wanted) or [])


def render() -> None:
    """Write what dbt and Airflow read: sources, model lists, and dbt's manifest."""
    from yinling.render import render as render_files
    from yinling.warehouse import run_dbt

    settings = common.settings()
    with exclusive(settings.home, WRITER):
        render_files(settings)
        run_dbt(settings, ["parse"], settings.warehouse)


def build(
    select: Annotated[str | None, typer.Option(help="dbt selection; none: every model.")] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Rebuild incremental models.")
    ] = False,
) -> None:
    """Build the warehouse from the lake."""
    settings = common.settings()
    with exclusive(settings.home, WRITER), common.step("build"):
        _build(settings, select, full_refresh)


def _build(settings: Settings, select: str | None = None, full_refresh: bool = False) -> None:
    from yinling.warehouse import build as build_warehouse

    build_warehouse(settings, select=select, full_refresh=full_refresh)


def check(gate: Annotated[str, typer.Argument(help=f"One of: {', '.join(GATES)}.")]) -> None:
    """Run a gate: exit code 1 and the reasons when it does not pass."""
    if gate not in GATES:
        raise common.CommandError(f"No gate `{gate}`. Gates: {', '.join(GATES)}.", common.USAGE)
    _check(common.settings(), gate)


def _check(settings: Settings, gate: str) -> None:
    from quality.gates import run_gate

    with common.step(f"gate {gate}"):
        run_gate(settings, gate)


def publish() -> None:
    """Build a release beside the current one, check it, make it current."""
    settings = common.settings()
    with exclusive(settings.home, WRITER):
        release = _publish(settings)
    common.emit({"release_id": release}, [f"current release: {release}"])


def _publish(settings: Settings) -> str:
    from yinling.release import publish as publish_release

    with common.step("publish"):
        return str(publish_release(settings))


def run() -> None:
    """The whole way without Airflow: land, check, build, check, publish."""
    settings = common.settings()
    with exclusive(settings.home, WRITER):
        with common.step("land"):
            land_all(settings)
        _check(settings, "landing")
        with common.step("build"):
            _build(settings)
        _check(settings, "warehouse")
        release = _publish(settings)
    common.emit({"release_id": release}, [f"current release: {release}"])


def docs() -> None:
    """Data dictionary and lineage (dbt docs), as a page that opens from disk."""
    from yinling.warehouse import docs as dbt_docs

    page = dbt_docs(common.settings())
    common.emit({"page": str(page)}, [str(page)])


def maintain() -> None:
    """Delete what is past its time: logs, alerts, folders of killed runs."""
    from yinling.maintenance import maintain as tidy

    settings = common.settings()
    with exclusive(settings.home, WRITER):
        gone = tidy(settings)
    common.emit(gone, [f"{kind}: {count} deleted" for kind, count in gone.items()])
