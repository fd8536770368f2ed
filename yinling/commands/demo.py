"""The demo on this machine: synthetic province, department systems, Airflow, Superset."""

from __future__ import annotations

from typing import Annotated

import typer

from yinling.commands import common

app = typer.Typer(
    help="The synthetic province on this machine: up, stop, clean, logins.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog="Example: yinling demo up --scale S")
def up(
    scale: Annotated[str, typer.Option(help="S (100 thousand persons), M (5 million) or L.")] = "S",
) -> None:
    """Make the province, run the pipeline in Airflow, serve the dashboards. Repeatable."""
    from yinling.demo import up as start

    start(scale)


@app.command(epilog="Example: yinling demo stop")
def stop() -> None:
    """Stop the demo's servers. Data and releases stay."""
    from yinling.demo import stop as halt

    halt()


@app.command(epilog="Example: yinling demo clean --yes")
def clean(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the demo and delete its home folder."""
    from yinling.demo import clean as remove
    from yinling.settings import default_home

    if not yes and not typer.confirm(f"Delete {default_home()} with all its data?"):
        raise typer.Exit(common.OK)
    remove()


@app.command(epilog="Example: yinling demo logins")
def logins() -> None:
    """Addresses and logins of the running demo."""
    from yinling.demo import LOGIN_COLUMNS
    from yinling.demo import logins as known

    rows = known()
    common.table("Logins", rows, LOGIN_COLUMNS)
