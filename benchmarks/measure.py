"""A command measured, whole or step by step: wall time, and the peak memory of all that runs."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.1
_RSS = re.compile(r"^(Rss\w+):\s+(\d+) kB", re.MULTILINE)


class MeasuredError(Exception):
    """The measured command failed; the message is what it said."""


@dataclass(frozen=True)
class Measured:
    """Wall time in seconds, peak memory in MiB, and what the command printed."""

    seconds: float
    peak_mib: float
    output: str


def measure(command: Sequence[str], env: Mapping[str, str], log: Path) -> Measured:
    """Run a command to its end; see `measure_steps`.

    Raises:
        MeasuredError: the exit code is not 0.
    """
    ((_, done),) = measure_steps(command, env, log, re.compile("(?!)"))
    return done


def measure_steps(
    command: Sequence[str], env: Mapping[str, str], log: Path, ended: re.Pattern[str]
) -> list[tuple[str, Measured]]:
    """Run a command to its end, and measure the steps that it says it has ended.

    Memory is the resident set size summed over the process tree, sampled ten times a second. Pages
    of files, the libraries mostly, count once: those of the process that has most of them. (The
    kernel's proportional sizes would be exact, but a look at 3.5 GiB takes it 18 ms.)
    Servers that the command leaves behind do not count.

    Args:
        ended: what a printed line looks like that ends a step; its first group is the step's name.

    Returns: (name, measured) of each step in order; together they last as long as the command. What
        comes after the last of them counts with it; a command without any is one step without name.

    Raises:
        MeasuredError: the exit code is not 0.
    """
    begin = time.monotonic()
    process = subprocess.Popen(
        command,
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], _memory_kib(_tree(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    steps: list[tuple[str, float, int]] = []
    words = []
    try:
        with log.open("w", encoding="utf-8") as file:
            for line in process.stdout or ():
                file.write(line)
                words.append(line)
                if found := ended.match(line):
                    steps.append((found[1], time.monotonic(), peak[0]))
                    peak[0] = 0
        code = process.wait()
    finally:
        done.set()
        watcher.join()
    output = "".join(words)
    if code:
        raise MeasuredError(f"{' '.join(command)} ended with {code}:\n{output[-2000:]}")
    name, _, last_peak = steps.pop() if steps else ("", 0.0, 0)
    steps.append((name, time.monotonic(), max(last_peak, peak[0])))
    starts = [begin, *(at for _, at, _ in steps)]
    return [
        (name, Measured(at - start, kib / 1024, output))
        for (name, at, kib), start in zip(steps, starts, strict=False)
    ]


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


def _memory_kib(pids: Sequence[int]) -> int:
    own, of_files = 0, [0]
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        kib = {name: int(size) for name, size in _RSS.findall(status)}
        own += kib.get("RssAnon", 0) + kib.get("RssShmem", 0)
        of_files.append(kib.get("RssFile", 0))
    return own + max(of_files)
