"""dbt as a process of its own: `python -P dbt_process.py RESULTS.json build …`.

Writes its results also with `--no-write-json`, which spares dbt two copies of a manifest that has
not changed: a second of a daily build. Imports nothing of the project: it starts the sooner.
"""

from __future__ import annotations

import sys

from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.exceptions import DbtUsageException
from dbt.cli.main import dbtRunner


def main(results: str, *arguments: str) -> int:
    """Run one dbt command; the exit code is dbt's: 1 failed nodes, 2 not even begun."""
    done = dbtRunner().invoke(list(arguments))
    if isinstance(done.result, RunExecutionResult):
        done.result.write(results)
    if isinstance(done.exception, DbtUsageException):
        print(done.exception, flush=True)  # of all else it has spoken itself
    if done.exception:
        return 2
    return 0 if done.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
