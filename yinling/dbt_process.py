"""dbt as a process of its own: `python -P dbt_process.py RESULTS.json build …`.

Without a command it reads the project and waits for one on standard input, as a list in JSON: a run
begins it beside other work. Without one there either it ends.

Writes its results also with `--no-write-json`, which spares dbt two copies of a manifest that has
not changed: a second of a daily build. Imports nothing of the project: it starts the sooner.
"""

from __future__ import annotations

import gc
import json
import sys

from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.exceptions import DbtUsageException
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest


def main(results: str, *arguments: str) -> int:
    """Run one dbt command; the exit code is dbt's: 1 failed nodes, 2 not even begun."""
    gc.disable()  # it would walk dbt's manifest again and again, for a process that soon ends
    command, manifest = list(arguments), None
    if not command:
        read = dbtRunner().invoke(["parse", "--no-write-json"])
        command = json.loads(sys.stdin.readline() or "[]")
        if not command:
            return 0
        # Only then is the manifest on disk, which others read, the one that was read here.
        if "--no-write-json" in command and isinstance(read.result, Manifest):
            manifest = read.result
    done = dbtRunner(manifest=manifest).invoke(command)
    if isinstance(done.result, RunExecutionResult):
        done.result.write(results)
    if isinstance(done.exception, DbtUsageException):
        print(done.exception, flush=True)  # of all else it has spoken itself
    if done.exception:
        return 2
    return 0 if done.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
