"""Which exit code and which words an error gets."""

from __future__ import annotations

import typer

from ingestion.durable import DISK_FULL
from yinling.commands.common import BUSY, FAILED, INTERRUPTED, OK, USAGE, CommandError
from yinling.locks import BusyError

# Errors that our own rooms raise carry a message written for the user.
OURS = ("ingestion", "quality", "synthetic", "superset_assets", "yinling")


def explain(error: BaseException) -> tuple[int, str]:
    """Exit code and message of an error; the message is empty where nothing needs saying."""
    if isinstance(error, SystemExit):
        return (error.code if isinstance(error.code, int) else FAILED if error.code else OK), ""
    if isinstance(error, typer.Exit):
        return error.exit_code, ""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED, "Interrupted. Run it again: it goes on from what is complete."
    # The command line's own usage errors: unknown option, missing argument, no command.
    if hasattr(error, "format_message"):
        text = error.format_message()
        context = getattr(error, "ctx", None)
        if context is not None and not text.startswith("Usage:"):
            text += f"\nTry: {context.command_path} --help"
        return USAGE, text
    if isinstance(error, CommandError):
        return error.code, str(error)
    if isinstance(error, BusyError):
        return BUSY, str(error)
    if type(error).__name__ == "SettingsError":
        return USAGE, str(error)
    if type(error).__module__.partition(".")[0] in OURS:
        return FAILED, str(error)
    return _foreign(error)


def _foreign(error: BaseException) -> tuple[int, str]:
    """An error of the system or a library: say what it means where that is known."""
    text = str(error)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return (
            FAILED,
            "The disk is full. Free some space (see `yinling doctor`), then run this again.",
        )
    if isinstance(error, PermissionError):
        return (
            FAILED,
            f"No permission for {error.filename}. Run as the user that owns the home folder.",
        )
    if "Could not set lock on file" in text:
        return (
            BUSY,
            "The warehouse is open in another process. Wait until it ends (`yinling doctor`).",
        )
    kind = type(error).__name__
    return (
        FAILED,
        f"Unexpected error, {kind}: {text}\nRun again with --debug to see where it happened.",
    )
