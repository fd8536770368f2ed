"""Every property test of tests/property for as long as you like: `make fuzz MINUTES=10`.

    python -m tests.fuzz --minutes 10 [--jobs 2] [--only parquet]

Each property runs `--minutes` minutes of processor time in a process of its own, `--jobs` at once,
every round with other random input: what else the machine does makes it last longer, not do less.
Prints examples a second and what was found; the exit code is 1 if anything was.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.property.effort import ROUND

FOLDER = Path(__file__).parent / "property"
EXAMPLES = 300  # a round; between two rounds the clock is read
SHOWN = 2_500  # characters of a finding


@dataclass
class Result:
    """What came of one property."""

    name: str
    examples: int
    seconds: float
    finding: str = ""

    def line(self) -> str:
        """One line for the terminal."""
        rate = self.examples / max(self.seconds, 0.001)
        state = "FOUND" if self.finding else "ok   "
        return f"{state} {self.name:<78} {self.examples:>9,} examples {rate:>8,.0f}/s"


def properties() -> list[str]:
    """`module::test` of every property, in file order."""
    found = []
    for file in sorted(FOLDER.glob("test_*.py")):
        module = importlib.import_module(f"tests.property.{file.stem}")
        found += [
            f"{file.stem}::{name}"
            for name, value in vars(module).items()
            if name.startswith("test_") and hasattr(value, "hypothesis")
        ]
    return found


def arguments(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """What pytest would pass to the test: every choice of its parameters."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    choices = []
    for mark in marks:
        names, values = mark.args
        keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
        choices.append([dict(zip(keys, v if len(keys) > 1 else [v], strict=True)) for v in values])
    for choice in itertools.product(*choices):
        yield {name: value for part in choice for name, value in part.items()}


def fuzz(name: str, minutes: float) -> Result:
    """One property until the time is over or something is found."""
    stem, _, test_name = name.partition("::")
    test = getattr(importlib.import_module(f"tests.property.{stem}"), test_name)
    inner, count = test.hypothesis.inner_test, itertools.count()
    done = 0

    def counted(*given: Any, **named: Any) -> None:
        nonlocal done
        done = next(count) + 1
        inner(*given, **named)

    test.hypothesis.inner_test = counted
    begin = time.process_time()
    while time.process_time() - begin < 60 * minutes:
        for chosen in arguments(test):
            try:
                test(**chosen)
            except KeyboardInterrupt:
                raise
            except BaseException:  # whatever it is, a library's panic too, it is a finding
                found = "".join(traceback.format_exc())[-SHOWN:]
                return Result(name, done, time.process_time() - begin, found)
    return Result(name, done, time.process_time() - begin)


def main(given: list[str] | None = None) -> int:
    """Run; the exit code says whether anything was found."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="for each property")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="properties whose name holds this")
    options = parser.parse_args(given)
    os.environ[ROUND] = str(EXAMPLES)  # before the tests are imported
    chosen = [name for name in properties() if options.only in name]
    if not chosen:
        print(f"No property holds `{options.only}` in its name.")
        return 2
    print(f"{len(chosen)} properties, {options.minutes:g} minutes each, {options.jobs} at a time")
    results = []
    # A process a property: what one leaves in memory cannot help or hurt another.
    with ProcessPoolExecutor(options.jobs, max_tasks_per_child=1) as pool:
        waiting = [pool.submit(fuzz, name, options.minutes) for name in chosen]
        for future in as_completed(waiting):
            result = future.result()
            results.append(result)
            print(result.line(), flush=True)
            if result.finding:
                print(result.finding, flush=True)
    found = sum(bool(result.finding) for result in results)
    print(f"{sum(result.examples for result in results):,} examples, {found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
