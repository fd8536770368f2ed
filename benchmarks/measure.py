"""One command measured: wall time, and the peak memory of it and all that it starts."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.1


class MeasuredError(Exception):
    """The measured command failed; the message is what it said."""


@dataclass(frozen=True)
class Measured:
    """Wall time in seconds, peak memory in MiB, and what the command printed."""

    seconds: float
    peak_mib: float
    output: str


def measure(command: Sequence[str], env: Mapping[str, str], log: Path) -> Measured:
    """Run a command to its end.

    Memory is the proportional set size summed over the process tree, sampled ten times a second:
    pages that processes share count once. Servers that the command leaves behind do not count.

    Raises:
        MeasuredError: the exit code is not 0.
    """
    begin = time.monotonic()
    with log.open("w", encoding="utf-8") as words:
        process = subprocess.Popen(command, env=dict(env), stdout=words, stderr=subprocess.STDOUT)
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], sum(map(_memory_kib, _tree(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        code = process.wait()
    finally:
        done.set()
        watcher.join()
    seconds = time.monotonic() - begin
    output = log.read_text("utf-8", errors="replace")
    if code:
        raise MeasuredError(f"{' '.join(command)} ended with {code}:\n{output[-2000:]}")
    return Measured(seconds, peak[0] / 1024, output)


def _tree(root: int) -> list[int]:
    """The process and its descendants."""
    found, rest = [], [root]
    while rest:
        pid = rest.pop()
        found.append(pid)
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                rest += [int(word) for word in file.read_text().split()]
            except OSError:
                continue
    return found


def _memory_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
