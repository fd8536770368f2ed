"""The doors to originals and what they leave behind: reveal, access log, keys."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from yinling.commands import common

LOG_COLUMNS = {
    "at": "at",
    "account": "account",
    "role": "role",
    "outcome": "outcome",
    "token": "token",
    "reason": "reason",
}


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(
        epilog="Example: yinling reveal <token> <token> --role auditor --reason 'case 2026-17'"
    )(reveal)
    app.command("access-log", epilog="Example: yinling access-log --last 50 --json")(access_log)
    app.command(epilog="Example: yinling export yibao --to /srv/handover/yibao-2026-11")(export)
    keys = typer.Typer(no_args_is_help=True, help="Keys of the vault: which are in use, rotation.")
    keys.command("list", epilog="Example: yinling keys list")(keys_list)
    keys.command("new", epilog="Example: yinling keys new 2027a")(keys_new)
    keys.command("rotate", epilog="Example: yinling keys rotate")(keys_rotate)
    app.add_typer(keys, name="keys")


def reveal(
    tokens: Annotated[
        list[str] | None, typer.Argument(help="Tokens, as a finding shows them; none: from stdin.")
    ] = None,
    *,
    role: Annotated[str, typer.Option(help="Role of who asks.")],
    reason: Annotated[str, typer.Option(help="Why; goes into the access log.")],
    dataset: Annotated[
        str | None, typer.Option(help="Look into this dataset's batches only.")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="The tokens come from the copy for this purpose.")
    ] = None,
) -> None:
    """Show the originals of tokens. Needs a role and a reason; every token asked for is logged."""
    from ingestion.purposes import to_warehouse
    from ingestion.vault import reveal as open_vault

    settings = common.settings()
    if not tokens and sys.stdin.isatty():
        raise common.CommandError("Give a token, or several on the standard input.", common.USAGE)
    asked = tokens or [line.strip() for line in sys.stdin if line.strip()]
    inside = to_warehouse(settings, purpose, asked) if purpose else asked
    shown = dict(zip(inside, asked, strict=True))
    found = open_vault(settings, inside, role=role, reason=reason, dataset=dataset)
    rows = [
        {
            "token": shown.get(one.token, one.token),
            "kind": one.kind,
            "original": one.clear,
            "batch": one.batch_id,
        }
        for one in found
    ]
    common.emit(rows, [f"{row['kind']}: {row['original']}" for row in rows])
    if missing := sorted(set(asked) - {row["token"] for row in rows}):
        raise common.CommandError(
            f"No batch has: {', '.join(missing)}. Check that each was copied whole (32 hex digits)"
            + (", and --dataset." if dataset else ".")
        )


def access_log(
    last: Annotated[int, typer.Option(min=1, help="How many entries to show, the newest.")] = 20,
) -> None:
    """Show who asked for originals, and prove that no entry was changed or removed."""
    from ingestion.access_log import entries

    found = entries(common.settings())
    common.table(f"{len(found)} entries, chain unbroken", found[-last:], LOG_COLUMNS)


def export(
    purpose: Annotated[str, typer.Argument(help="A purpose that the settings describe.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to make.")],
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
) -> None:
    """Copy the current release's tables for another recipient, under tokens of that purpose."""
    from yinling.hand_out import hand_out

    manifest = hand_out(common.settings(), purpose, to, form)
    lines = [f"{table}: {facts['rows']:,} rows" for table, facts in manifest["tables"].items()]
    common.emit(manifest, [*lines, f"for {manifest['recipient']}: {to}"])


def keys_list() -> None:
    """Which keys the vault's files are sealed with; an old one that seals none can go."""
    from ingestion.vault import current_seal, sealed

    settings = common.settings()
    now = current_seal(settings)
    in_use = {(now.cipher, now.key.id): 0, **sealed(settings)}
    rows = [
        {
            "key": key,
            "cipher": cipher,
            "files": files,
            "state": "seals" if (cipher, key) == (now.cipher, now.key.id) else "opens",
        }
        for (cipher, key), files in sorted(in_use.items())
    ]
    columns = {"key": "key", "cipher": "cipher", "files": "vault files", "state": "state"}
    common.table("Vault keys", rows, columns)


def keys_new(
    key_id: Annotated[str, typer.Argument(help="A name for the key, for example 2027a.")],
) -> None:
    """Print a new vault key. Put it in front of the present ones, then: yinling keys rotate."""
    text = f"{key_id}:{secrets.token_hex(32)}"
    common.emit({"id": key_id, "key": text}, [text])


def keys_rotate() -> None:
    """Seal every original with the newest key. Killed half-way, nothing is lost: run it again."""
    from ingestion.vault import current_seal, rotate

    settings = common.settings()
    with common.step("rotate"):
        done, kept = rotate(settings)
    key = current_seal(settings).key.id
    common.emit(
        {"key": key, "sealed_anew": done, "unchanged": kept},
        [f"{done} vault files sealed anew with key {key}, {kept} had it already"],
    )
