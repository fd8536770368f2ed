"""Command line: `python -m synthetic [--scale S] [--home DIR] [--seed N]`, `day`, `serve`, `stop`,
`status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from synthetic import days, departments, province
from yinling.settings import default_home

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
console = Console()
Home = Annotated[Path, typer.Option("--home", help="The home folder (default: $YINLING_HOME).")]
STEPS = {"lives": "People's lives, by county", "deliveries": "Departments' deliveries"}


def _fail(error: Exception) -> typer.Exit:
    console.print(f"[red]{error}[/red]")
    return typer.Exit(2)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    home: Home = default_home(),  # noqa: B008 - read once at start
    scale: Annotated[str, typer.Option(help="T (tests), S, M or L.")] = "S",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = province.DEFAULT_SEED,
) -> None:
    """Make the synthetic province: made-up people on real places.

    Example: [bold]python -m synthetic --scale S --home .yinling[/bold]
    """
    if context.invoked_subcommand:
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    tasks = {}

    def tell(step: str, done: int, total: int) -> None:
        if step not in tasks:
            tasks[step] = bar.add_task(STEPS[step], total=total)
        bar.update(tasks[step], completed=done)

    try:
        with bar:
            counts = province.generate(home, scale, seed, tell)
    except province.ScaleError as error:
        raise _fail(error) from error
    table = Table("dataset", "rows", title="合成数据 synthetic data")
    for dataset, rows in counts.items():
        table.add_row(dataset, f"{rows:,}")
    table.add_row("[bold]all", f"[bold]{sum(counts.values()):,}")
    console.print(table)


@app.command()
def day(
    number: Annotated[
        int | None, typer.Argument(help="1 is the ninth of November 2026 (default: the next day).")
    ] = None,
    home: Home = default_home(),  # noqa: B008
) -> None:
    """Deliver one more day: about 0.5 % new and changed rows.

    Example: [bold]python -m synthetic day 1 --home .yinling[/bold]
    """
    try:
        counts = days.day(home, number or days.next_day(home))
    except days.DayError as error:
        raise _fail(error) from error
    console.print(counts)


@app.command()
def serve(home: Home = default_home()) -> None:  # noqa: B008
    """Start the departments' servers (PostgreSQL, REST) and load what is new."""
    try:
        console.print(departments.start(home))
    except departments.DepartmentError as error:
        raise _fail(error) from error


@app.command()
def stop(home: Home = default_home()) -> None:  # noqa: B008
    """Stop the departments' servers."""
    departments.stop(home)


@app.command()
def status(home: Home = default_home()) -> None:  # noqa: B008
    """Say which of the departments' servers run."""
    console.print(departments.status(home))


if __name__ == "__main__":
    app()
