"""The demo's settings: `yinling.toml` and the environment with addresses, tokens and keys.

The keys are made from the seed and guard made-up people only.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from synthetic.channel import Channel
from synthetic.environment import write_env
from synthetic.transport import CHANNELS

REST_PORT = 18_741
PG_PORT_VARIABLE = "YINLING_DEMO_PG_PORT"
URI_ENV = {"police": "YINLING_POLICE_URI", "medical": "YINLING_MEDICAL_URI"}
TOKEN_ENV = "YINLING_CIVIL_TOKEN"  # noqa: S105 - the variable's name

ASKED = {
    "custody_period": [
        'purpose = "核查服刑、强制戒毒期间是否仍领取社会救助"',
        'ask_for = "assistance_member.id_no"',
    ],
}
"""Why and about whom the hub asks."""
QUESTIONS = {"T": 5_000, "S": 5_000}
FEW_QUESTIONS = 500
"""A night; the larger provinces are asked about over many nights."""


def secret_of(seed: int, purpose: str) -> str:
    """A demo key: 64 hex digits that follow from the seed."""
    return hashlib.sha256(f"yinling-demo:{seed}:{purpose}".encode()).hexdigest()


def rest_port() -> int:
    """The port of the demo's REST server (YINLING_DEMO_REST_PORT)."""
    return int(os.environ.get("YINLING_DEMO_REST_PORT", REST_PORT))


def _source(channel: Channel, port: int, questions: int) -> list[str]:
    lines = [f"[sources.{channel.dataset}]"]
    mode = "increment" if channel.cursor else "full"
    if channel.kind == "postgresql":
        lines += [
            'connector = "postgresql"',
            f'uri_env = "{URI_ENV[channel.schema]}"',
            f'table = "{channel.schema}.{channel.dataset}"',
            f'provider = "{channel.provider}"',
            f'mode = "{mode}"',
        ]
    elif channel.kind in ("rest", "lookup"):
        lines += [
            'connector = "rest"',
            f'url = "http://127.0.0.1:{port}/v1/{channel.dataset}"',
            f'token_env = "{TOKEN_ENV}"',
            f'provider = "{channel.provider}"',
            f'mode = "{mode if channel.kind == "rest" else "lookup"}"',
        ]
        if channel.kind == "lookup":
            lines += [*ASKED[channel.dataset], f"questions_per_run = {questions}"]
    else:
        lines += ['connector = "folder"', f'path = "demo/inbox/{channel.dataset}"']
        if channel.encoding != "utf-8":
            lines.append(f'encoding = "{channel.encoding}"')
    if channel.kind in ("postgresql", "rest") and channel.cursor:
        lines.append(f'cursor = "{channel.cursor}"')
    return lines


def write(home: Path, seed: int, scale: str, port: int | None = None) -> None:
    """Write `yinling.toml` and `demo/secrets.env` (keys only; addresses come with the servers)."""
    chosen = port or rest_port()
    lines = [
        "# Written by the synthetic province: every person in it is made up.",
        "synthetic = true",
        "",
        "# One task for the build: a task a model is for watching long builds.",
        "[orchestration]",
        'dbt_tasks = "one"',
        "retries = 1",
        "retry_seconds = 5",
        "",
    ]
    for channel in CHANNELS.values():
        lines += [*_source(channel, chosen, QUESTIONS.get(scale, FEW_QUESTIONS)), ""]
    (home / "yinling.toml").write_text("\n".join(lines), "utf-8")
    env = {
        "YINLING_TOKEN_KEY": secret_of(seed, "token"),
        "YINLING_VAULT_KEY": secret_of(seed, "vault"),
        TOKEN_ENV: secret_of(seed, "rest")[:40],
    }
    write_env(home, env)
