"""What comes from outside by hand: files to deliver, host keys to trust."""

from __future__ import annotations

from typing import Annotated

import typer

from yinling.commands import common


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("sftp-key", epilog="Example: yinling sftp-key facility --pin SHA256:…")(sftp_key)


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
