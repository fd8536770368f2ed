"""The rooms in the order in which data walks through them, one command each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yinling.commands import common
from yinling.commands.errors import explain
from yinling.locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.landing import Landed
    from quality.model import GateResult
    from yinling.release import ReleaseInfo
    from yinling.settings import Settings

GATES = ("landing", "warehouse", "release")
# Building, publishing and rolling back change what a reader may be given: one at a time.
WRITER = "warehouse"


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: yinling init --home /srv/yinling")(init)
    app.command(epilog="Example: yinling land subsidy_payment --period 2026-09")(land)
    app.command(epilog="Example: yinling render --staging facility_staff")(render)
    app.command(epilog="Example: yinling build --known-as-of 2026-03-31")(build)
    app.command(epilog="Example: yinling check warehouse")(check)
    app.command(epilog="Example: yinling publish")(publish)
    app.command(epilog="Example: yinling current --json")(current)
    app.command(epilog="Example: yinling run")(run)
    app.command(epilog="Example: yinling docs")(docs)
    app.command(epilog="Example: yinling maintain")(maintain)


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
    refused_ok: Annotated[
        bool,
        typer.Option("--refused-ok", help="Exit code 0 even if deliveries were refused whole."),
    ] = False,
    period: Annotated[
        str | None, typer.Option(help="Backfill from this month on, for example 2026-09.")
    ] = None,
) -> None:
    """Fetch what the departments have delivered since the last time into the lake.

    A delivery that cannot be taken is refused with a receipt; the others are landed. So are the
    others where a whole dataset cannot be: what is wrong with it is said at the end.
    """
    if period is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        raise common.CommandError(
            f"--period {period}: write year and month, 2026-09.", common.USAGE
        )
    settings = common.settings()
    landed, failed = _land(settings, datasets, period)
    refused = [f"{item['batch_id']}: {item['message']}" for item in landed.rejected]
    new = [item["batch_id"] for item in landed.receipts if item["status"] != "rejected"]
    value = {
        "new_batches": new,
        "unchanged": landed.unchanged,
        "refused": refused,
        "failed": list(failed),
        "rows_loaded": landed.rows_loaded,
        "rows_quarantined": landed.rows_quarantined,
    }
    line = (
        f"{len(new)} new batches, {landed.unchanged} known; {landed.rows_loaded:,} rows loaded, "
        f"{landed.rows_quarantined:,} quarantined"
    )
    common.emit(value, [line, *(f"refused: {text}" for text in refused)])
    _raise_failed(failed)
    if refused and not refused_ok:
        raise typer.Exit(common.FAILED)


def _land(
    settings: Settings,
    datasets: list[str] | None = None,
    period: str | None = None,
    at_news: Callable[[], None] | None = None,
) -> tuple[Landed, dict[str, Exception]]:
    """Land the datasets, all when none is named; `at_news` is called when a batch has come in.

    Returns what was landed, and the errors of datasets that could not be.
    """
    wanted = datasets or sorted(settings.sources)
    if not wanted:
        raise common.CommandError(
            "The settings name no source. Add a block [sources.<dataset>] for each dataset:"
            " docs/how-to/connect-a-source.md.",
            common.USAGE,
        )
    if unknown := sorted(set(wanted) - set(settings.sources)):
        raise common.CommandError(
            f"No source in the settings for: {', '.join(unknown)}. "
            f"Add [sources.{unknown[0]}] or check the name.",
            common.USAGE,
        )
    from ingestion.workers import land_side_by_side
    from yinling.commands.progress import landing_bars

    with landing_bars(settings, wanted, common.watched()) as show:

        def tell(name: str, batches: int, rows: int) -> None:
            show(name, batches, rows)
            if batches and at_news:
                at_news()

        return land_side_by_side(settings, wanted, tell, period)


def _raise_failed(failed: dict[str, Exception]) -> None:
    """Tell of each dataset that could not be landed; with the exit code that all of them have.

    Raises:
        CommandError: there is any.
    """
    told: dict[str, list[str]] = {}
    codes = set()
    for name, error in failed.items():
        code, text = explain(error)
        codes.add(code)
        told.setdefault(text, []).append(name)
    if told:
        text = "\n".join(f"{', '.join(names)}: {text}" for text, names in told.items())
        code = codes.pop() if len(codes) == 1 else common.FAILED
        raise common.CommandError(text, code) from next(iter(failed.values()))


def render(
    staging: Annotated[
        list[str] | None,
        typer.Option(help="Also write this dataset's staging model, from its contract."),
    ] = None,
) -> None:
    """Write what dbt and Airflow read: sources, model lists, and dbt's manifest."""
    from yinling.render import render as render_files
    from yinling.render import write_staging
    from yinling.warehouse import run_dbt

    settings = common.settings()
    with exclusive(settings.home, WRITER):
        models = write_staging(settings, staging or [])
        render_files(settings)
        run_dbt(settings, ["parse"], settings.warehouse)
    lines = [str(path) for path in models]
    common.emit(lines, lines)


def build(
    select: Annotated[str | None, typer.Option(help="dbt selection; none: every model.")] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Rebuild incremental models.")
    ] = False,
    known_as_of: Annotated[
        str | None,
        typer.Option("--known-as-of", help="A past day: what had been delivered by its end."),
    ] = None,
) -> None:
    """Build the warehouse from the lake; of a past day into a file of its own beside it."""
    if known_as_of is not None:
        known_as_of = common.day(known_as_of).isoformat()
    from yinling.warehouse import build as build_warehouse

    settings = common.settings()
    with exclusive(settings.home, WRITER), common.step("build"):
        made = build_warehouse(settings, select, full_refresh, known_as_of=known_as_of)
    file = str(made.warehouse)
    common.emit({"warehouse": file}, [file] if known_as_of else [])


def check(gate: Annotated[str, typer.Argument(help=f"One of: {', '.join(GATES)}.")]) -> None:
    """Run a gate: exit code 1 and the reasons when it does not pass."""
    if gate not in GATES:
        raise common.CommandError(f"No gate `{gate}`. Gates: {', '.join(GATES)}.", common.USAGE)
    result = _check(common.settings(), gate)
    counts = result.counts()
    line = f"{len(result.outcomes)} checks, {counts['pass']} passed; page: {result.page}"
    common.emit(result.as_json(), [line])


def _check(settings: Settings, gate: str) -> GateResult:
    from quality.gates import run_gate

    with common.step(f"gate {gate}"):
        result = run_gate(settings, gate)
    for warning in result.warnings():
        common.say(f"  warning: {warning}")
    return result


def publish() -> None:
    """Build a release beside the current one, check it, make it current."""
    settings = common.settings()
    with exclusive(settings.home, WRITER):
        release = _publish(settings)
    _tell(release.release_id, release.changed)


def _publish(settings: Settings) -> ReleaseInfo:
    from yinling.release import publish as publish_release

    with common.step("publish"):
        return publish_release(settings)


def _tell(release_id: str, changed: bool) -> None:
    word = "published" if changed else "unchanged"
    common.emit(
        {"release_id": release_id, "changed": changed}, [f"current release: {release_id} ({word})"]
    )


def current() -> None:
    """Say whether the current release is made of exactly what is there now."""
    from yinling.freshness import up_to_date

    same = up_to_date(common.settings())
    common.emit({"up_to_date": same}, ["up to date" if same else "something is new: yinling run"])


def run() -> None:
    """The whole way without Airflow: land, check, build, check, publish what is new."""
    from quality.engine import prepare
    from yinling.freshness import up_to_date
    from yinling.release import list_releases
    from yinling.warehouse import Dbt
    from yinling.warehouse import build as build_warehouse

    settings = common.settings()
    with exclusive(settings.home, WRITER):
        with common.step("land"):
            _, failed = _land(settings, at_news=prepare)
            _raise_failed(failed)
        if up_to_date(settings):
            same = next(row["release_id"] for row in list_releases(settings) if row["current"])
            _tell(same, changed=False)
            return
        with Dbt.begin(settings) as dbt:  # the gate and dbt's start need one core each
            _check(settings, "landing")
            with common.step("build"):
                build_warehouse(settings, dbt=dbt)
        _check(settings, "warehouse")
        release = _publish(settings)
    _tell(release.release_id, release.changed)


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
