"""The command line. `yinling --help` lists the commands; each has an example."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from yinling.commands import by_hand, common, deliveries, demo, look, originals, releases, rooms

app = typer.Typer(
    name="yinling",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="银龄 Yinling: from the departments' systems to a published release.",
    epilog="Example: yinling run --config bureau.toml\n\n" + common.EXIT_CODES,
)
rooms.register(app)
releases.register(app)
look.register(app)
originals.register(app)
by_hand.register(app)
deliveries.register(app)
app.add_typer(demo.app, name="demo")

# These work before and after the command's name: people put them at the end.
FLAGS = {"--json", "--debug", "--quiet"}


@app.callback()
def shared(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Settings file (default: yinling.toml in the home folder)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress lines.")] = False,
) -> None:
    common.options.config = config
    common.options.as_json = as_json
    common.options.debug = debug
    common.options.quiet = quiet


def hoist(arguments: list[str]) -> list[str]:
    """Move the shared options to the front, where typer looks for them."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in FLAGS or word.startswith("--config="):
            front.append(word)
        elif word == "--config":
            front += [word, *([value] if (value := next(words, None)) is not None else [])]
        else:
            rest.append(word)
    return front + rest


def main(arguments: list[str] | None = None) -> None:
    """Run a command and end the process with its exit code; errors are one plain message."""
    code = run(sys.argv[1:] if arguments is None else arguments)
    # Whatever was to be tidied up at the end; but not library by library, object by object, which
    # takes most of a second after a gate.
    atexit._run_exitfuncs()
    with suppress(BrokenPipeError):  # nobody reads on: `yinling … | head`
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run a command in this process; returns its exit code."""
    import warnings

    from yinling.commands.errors import explain

    if "--debug" not in arguments:
        # What libraries tell their developers means nothing to who runs the hub.
        warnings.simplefilter("ignore")
    try:
        result = app(hoist(arguments), standalone_mode=False)
        if result == common.INTERRUPTED:  # typer turns Ctrl-C into this code, without a word
            raise KeyboardInterrupt
    except BaseException as error:
        code, message = explain(error)
        if common.options.debug and code not in (common.OK, common.INTERRUPTED):
            raise
        if message:
            print(message, file=sys.stderr, flush=True)
        return code
    return result if isinstance(result, int) else common.OK
