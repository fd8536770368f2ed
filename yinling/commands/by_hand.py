"""What comes from outside by hand: files to deliver, host keys to trust."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from yinling.commands import common

if TYPE_CHECKING:
    from ingestion.handover import Given, Handover
    from yinling.settings import Settings

Tell = Callable[[str, int, int], None]
MODES = {"full": "全量", "increment": "增量"}
PROBLEMS = 10


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: yinling deliver 养老机构_440203_202609.xlsx --land")(deliver)
    app.command("sftp-key", epilog="Example: yinling sftp-key facility --pin SHA256:…")(sftp_key)


def deliver(
    file: Annotated[Path, typer.Argument(help="The file: CSV, XLSX, JSON lines, Parquet, zip, …")],
    dataset: Annotated[
        str | None, typer.Option(help="Dataset; otherwise told by the headers.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Who delivers, for example 440203 or minzheng.")
    ] = None,
    period: Annotated[str | None, typer.Option(help="2026, 2026-09 or 2026-09-30.")] = None,
    mode: Annotated[
        Literal["full", "increment"] | None,
        typer.Option(help="full replaces, increment adds; otherwise as the last time."),
    ] = None,
    sequence: Annotated[
        int | None, typer.Option(min=1, help="Otherwise the next free number.")
    ] = None,
    land: Annotated[bool, typer.Option("--land", help="Land it now and show the receipt.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Hand in a file that came by mail or on a memory stick (报送文件).

    Works out what it is, says what it assumed and asks; writes the control record (rows, sums,
    hash) and puts both into the dataset's folder. With --land the receipt is shown at once.
    """
    from ingestion.handover import Given

    settings = common.settings()
    _ready(settings)
    given = Given(dataset, provider, period, mode, sequence)
    done = _prepared(settings, file, given, ask=not yes and sys.stdin.isatty())
    if done.before:
        text = f"这份文件已经报送过：{done.before}。内容相同，无需再报。"
        common.emit({"already_delivered": done.before}, [text])
        return
    _show(done)
    if not yes:
        if not sys.stdin.isatty():
            raise common.CommandError(
                "未报送：请核对以上内容，无误后加 --yes 再执行。", common.USAGE
            )
        if not typer.confirm("以上内容是否正确，确认报送？", default=False):
            raise common.CommandError("已取消，未报送任何内容。")
    _hand_in(settings, done, land)


def _ready(settings: Settings) -> None:
    """Make the home's folders; says so where there is no home yet."""
    from ingestion.landing import initialise

    initialise(settings)


def _prepared(settings: Settings, file: Path, given: Given, ask: bool) -> Handover:
    """The hand delivery, with what could not be guessed asked for."""
    from ingestion.handover import prepare

    with _bar() as tell:
        done = prepare(settings, file, given, tell)
    if not done.missing:
        return done
    titles = {"provider": "报送单位（区划代码或代号）", "period": "期次（例如 2026-09）"}
    if not ask:
        wanted = "；".join(f"{titles[name]}：--{name}" for name in done.missing)
        raise common.CommandError(f"从文件看不出以下内容，请在命令中写明——{wanted}。", common.USAGE)
    for name in done.missing:
        setattr(given, name, typer.prompt(titles[name]).strip())
    with _bar() as tell:
        return prepare(settings, file, given, tell)


def _show(done: Handover) -> None:
    """What will be handed in, and what of it is only assumed."""
    value = done.values
    lines = [
        f"文件      {done.file.name}（{done.size:,} 字节，{done.rows:,} 行）",
        f"数据集    {done.contract.name}（{done.contract.title}）",
        f"报送单位  {value['provider']}",
        f"期次      {value['period']}  {MODES[value['mode']]}  第 {value['sequence']} 批",
        *(f"合计      {done.contract.by_name[n].title} {s}" for n, s in done.sums.items()),
    ]
    if done.assumed:
        lines.append("以下是系统的推断，请核对：")
        lines += [f"  · {what} = {found}（依据：{why}）" for what, found, why in done.assumed]
    lines += [f"  · {note}" for note in done.notes]
    for line in lines:
        print(line, file=sys.stderr if common.options.as_json else sys.stdout)


def _hand_in(settings: Settings, done: Handover, land: bool) -> None:
    from ingestion.handover import clear_away, landing_settings, place

    with _bar() as tell:
        target = place(done, tell)
    if not land and done.via_source:
        common.emit(
            {"batch_id": done.batch_id, "file": str(target)},
            [f"已放入收件目录：{target}", f"下次接收（yinling land {done.contract.name}）时载入。"],
        )
        return
    if not land:
        common.say("该数据集的来源不是文件夹，手工报送的文件立即载入。")
    from ingestion.landing import land as land_datasets

    with _bar() as tell:
        landed = land_datasets(
            landing_settings(settings, done),
            [done.contract.name],
            lambda _, rows: tell("载入", rows, 0),
        )
    clear_away(done, target)
    receipts = [one for one in landed.receipts if one["batch_id"] == done.batch_id]
    others = [one for one in landed.receipts if one["batch_id"] != done.batch_id]
    for receipt in receipts or others:
        _show_receipt(settings, receipt)
    if receipts and others:
        common.say(f"收件目录中另有 {len(others)} 批（含以前退回的），见各自的回执。")
    if any(receipt["rows_read"] > receipt["rows_loaded"] == 0 for receipt in receipts) or any(
        receipt["status"] == "rejected" for receipt in receipts
    ):
        raise typer.Exit(common.FAILED)


def _show_receipt(settings: Settings, receipt: dict[str, Any]) -> None:
    """The receipt (质量回执) in short."""
    lines = ["", f"质量回执  {receipt['batch_id']}", receipt["message"]]
    problems = receipt["problems"]
    lines += [f"  · {p['message']}。{p['suggestion']}" for p in problems[:PROBLEMS]]
    if len(problems) > PROBLEMS:
        lines.append(f"  · 另有 {len(problems) - PROBLEMS} 类问题，见回执文件")
    warnings = receipt["warnings"]
    lines += [f"  注意：{warning}" for warning in warnings[:PROBLEMS]]
    if len(warnings) > PROBLEMS:
        lines.append(f"  注意：另有 {len(warnings) - PROBLEMS} 条提示，见回执文件")
    lines.append(f"回执文件  {settings.receipts / receipt['dataset']}")
    common.emit(receipt, lines)


@contextmanager
def _bar() -> Iterator[Tell]:
    """A bar while bytes are read; nothing where nobody watches."""
    if not common.watched():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<8}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        line = bars.add_task("")

        def tell(stage: str, done: int, total: int) -> None:
            bars.update(line, description=stage, completed=done, total=total or None)

        yield tell


def sftp_key(
    dataset: Annotated[str, typer.Argument(help="A dataset whose source is an SFTP account.")],
    pin: Annotated[
        str | None,
        typer.Option(help="Trust the key if its fingerprint is this one, told by the department."),
    ] = None,
) -> None:
    """Show the host key of a department's SFTP server, or trust it.

    Compare the fingerprint with what the department says by telephone; never with what came over
    the same line. Nothing but the handshake is sent.
    """
    from ingestion.connectors import host_keys

    settings = common.settings()
    source = settings.sources.get(dataset)
    if source is None or source.connector != "sftp":
        raise common.CommandError(
            f'`{dataset}` has no source with connector = "sftp" in the settings.', common.USAGE
        )
    if pin is not None:
        file = host_keys.pin(settings, source, dataset, pin)
        common.emit({"pinned": pin, "file": str(file)}, [f"pinned in {file}"])
        return
    key = host_keys.offered_key(source, dataset)
    shown = host_keys.fingerprint(key)
    known = host_keys.known_keys(settings).check(host_keys.host_name(source), key)
    lines = [
        f"{host_keys.host_name(source)} shows {key.get_name()} {shown}",
        "It is pinned already."
        if known
        else "Ask the department by telephone for the fingerprint of its server. If it is the"
        f" same:\n  yinling sftp-key {dataset} --pin {shown}",
    ]
    common.emit({"type": key.get_name(), "fingerprint": shown, "pinned": known}, lines)
