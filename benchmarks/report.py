"""The history of measurements (`history.csv`) and the page drawn from it (`README.md`)."""

from __future__ import annotations

import csv
import os
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from benchmarks.measure import Measured
from yinling.clock import SHANGHAI

FOLDER = Path(__file__).resolve().parent
HISTORY = FOLDER / "history.csv"
COLUMNS = (
    "at", "commit", "scale", "mode", "room", "seconds", "rows", "rows_per_second", "peak_mib",
    "cores", "memory_gib", "cpu",
)  # fmt: skip
# What M is held to: a full walk in seconds, its peak in MiB, the increment's share of the full one.
TARGETS = {"M": (480, 8192, 0.2)}
HEAD = """# Benchmarks

`make bench SCALE=S|M` makes a synthetic province in a scratch folder, walks it through every room,
adds a day with 0.5 % new rows and walks again. A walk is one `yinling run`, its start and end in
the first and last room; memory is the peak of that process and its children (resident set size,
pages of files once). The departments' servers run beside and are not counted. Every run is
appended to [history.csv](history.csv); until 2026-11-23 05:38 each room was a process of its own,
and until 2026-11-23 15:06 the measuring itself took up to a sixth of a core (proportional sizes).

`generate` makes the deliveries; it is no room of the hub and not in the total. Rows are delivered
rows: all feeds in the full walk, the day's in the increment.
"""


@dataclass
class Run:
    """One run of the benchmark: the rows of the history that it adds."""

    scale: str
    rows: list[dict[str, str]] = field(default_factory=list)

    def add(self, mode: str, room: str, done: Measured, rows: int) -> None:
        """One room measured; also printed, so that a long run shows where it is."""
        facts = machine()
        self.rows.append(
            {
                "at": datetime.now(SHANGHAI).isoformat(timespec="seconds"),
                "commit": commit(),
                "scale": self.scale,
                "mode": mode,
                "room": room,
                "seconds": f"{done.seconds:.1f}",
                "rows": str(rows),
                "rows_per_second": f"{rows / done.seconds:.0f}",
                "peak_mib": f"{done.peak_mib:.0f}",
                **facts,
            }
        )
        print(f"{mode:<10} {room:<16} {done.seconds:8.1f} s {done.peak_mib:8.0f} MiB", flush=True)


def machine() -> dict[str, str]:
    """Cores, memory and processor of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cores": str(os.cpu_count()),
        "memory_gib": f"{memory:.0f}",
        "cpu": names[0] if names else "unknown",
    }


def commit() -> str:
    """Short id of the commit, with `+` when files differ from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=FOLDER, capture_output=True, text=True)
        return done.stdout.strip()

    return git("rev-parse", "--short", "HEAD") + (
        "+" if git("status", "--porcelain", "-uno") else ""
    )


def append(run: Run) -> None:
    """Add a run to the history and draw the page anew."""
    fresh = not HISTORY.exists()
    with HISTORY.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if fresh:
            writer.writeheader()
        writer.writerows(run.rows)
    (FOLDER / "README.md").write_text(render(), "utf-8")


def render() -> str:
    """The page: the newest run of each scale, then one line a run before it."""
    with HISTORY.open(encoding="utf-8", newline="") as file:
        history = list(csv.DictReader(file))
    parts = [HEAD]
    for scale in sorted({row["scale"] for row in history}, key="SML".index):
        runs = _runs([row for row in history if row["scale"] == scale])
        parts += [_newest(scale, runs[-1]), _earlier(runs)]
    from benchmarks import channel_report  # it draws on this module

    return "\n".join([*parts, *filter(None, [channel_report.section()])])


def _runs(rows: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    """Rows grouped by run: each begins with `generate`."""
    runs: list[list[dict[str, str]]] = []
    for row in rows:
        if row["room"] == "generate":
            runs.append([])
        runs[-1].append(row)
    return runs


def _totals(run: list[dict[str, str]], mode: str) -> tuple[float, float]:
    """Seconds of all rooms and the highest peak in MiB."""
    rows = [row for row in run if row["mode"] == mode and row["room"] != "generate"]
    return sum(float(r["seconds"]) for r in rows), max(float(r["peak_mib"]) for r in rows)


def _newest(scale: str, run: list[dict[str, str]]) -> str:
    head = run[0]
    lines = [
        f"## Scale {scale}",
        "",
        f"{head['at'][:16].replace('T', ' ')}, commit {head['commit']}; {head['cores']} cores, "
        f"{head['memory_gib']} GiB, {head['cpu']}.",
        "",
        "| room | full, s | rows/s | peak, MiB | increment, s | rows/s | peak, MiB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for room in dict.fromkeys(row["room"] for row in run):
        cells = []
        for mode in ("full", "increment"):
            found = [row for row in run if (row["room"], row["mode"]) == (room, mode)]
            row = found[0] if found else dict.fromkeys(COLUMNS, "–")
            speed = row["rows_per_second"]
            cells += [row["seconds"], f"{int(speed):,}" if speed != "–" else speed, row["peak_mib"]]
        lines.append(f"| {room} | {' | '.join(cells)} |")
    (full, peak), (day, day_peak) = _totals(run, "full"), _totals(run, "increment")
    lines.append(
        f"| **all rooms** | **{full:.0f}** | | {peak:.0f} | **{day:.0f}** | | {day_peak:.0f} |"
    )
    if scale in TARGETS:
        seconds, memory, share = TARGETS[scale]
        lines += [
            "",
            f"Held to: full under {seconds} s ({_word(full < seconds)}), peak under {memory} MiB "
            f"({_word(max(peak, day_peak) < memory)}), increment under {share:.0%} of full: "
            f"{day / full:.1%} ({_word(day < share * full)}).",
        ]
    return "\n".join(lines) + "\n"


def _word(met: bool) -> str:
    return "met" if met else "missed"


def _earlier(runs: list[list[dict[str, str]]]) -> str:
    lines = ["| run | commit | full, s | increment, s | peak, MiB |", "|---|---|--:|--:|--:|"]
    for run in reversed(runs[-10:]):
        (full, peak), (day, day_peak) = _totals(run, "full"), _totals(run, "increment")
        at = run[0]["at"][:16].replace("T", " ")
        lines.append(
            f"| {at} | {run[0]['commit']} | {full:.0f} | {day:.0f} | {max(peak, day_peak):.0f} |"
        )
    return "\n".join(lines) + "\n"
