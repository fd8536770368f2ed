"""The history of the channels' speed (`channels.csv`) and its part of the page."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path

from benchmarks import report
from yinling.clock import SHANGHAI

HISTORY = Path(__file__).resolve().parent / "channels.csv"
COLUMNS = (
    "at", "commit", "scale", "channel", "rows", "limit_seconds", "land_seconds", "peak_mib",
    "cores", "memory_gib", "cpu",
)  # fmt: skip
# Landing takes at most so many times its limit, and no task more memory than so many MiB.
TARGETS, PEAK_MIB = {"postgresql": 2.0, "csv": 3.0}, 1024
TITLES = {
    "postgresql": ("PostgreSQL", "`COPY … TO STDOUT`"),
    "mysql": ("MySQL, MariaDB", "`select *`, streamed"),
    "sql": ("SQLAlchemy (on MariaDB)", "`select *`, streamed"),
    "csv": ("CSV in GB18030", "read, and transcode to UTF-8"),
    "parquet": ("Parquet", "read and decode"),
    "xlsx": ("XLSX", "unpack"),
    "rest": ("REST", "fetch every page"),
    "sftp": ("CSV by SFTP", "fetch"),
}
HEAD = """# Channels

`make bench-channels SCALE=S|M` lands the same payments (200 thousand; 3 million) by every channel
from real servers on this machine, which share its cores with the hub, and holds each against its
limit: the time to read the bytes by the same client, and nothing else. The best of three; the start
of Python is in neither. Every run is in [channels.csv](channels.csv); what the seconds of
PostgreSQL go to is in [decision 0013](../docs/decisions/0013-what-landing-costs-beside-reading.md).
"""


@dataclass
class Run:
    """One run: the rows of the history that it adds."""

    scale: str
    rows: list[dict[str, str]] = field(default_factory=list)
    at: str = field(default_factory=lambda: datetime.now(SHANGHAI).isoformat(timespec="seconds"))

    def add(self, channel: str, rows: int, limit: float, land: float, peak: float) -> None:
        """One channel measured; also printed."""
        self.rows.append(
            {
                "at": self.at,
                "commit": report.commit(),
                "scale": self.scale,
                "channel": channel,
                "rows": str(rows),
                "limit_seconds": f"{limit:.2f}",
                "land_seconds": f"{land:.2f}",
                "peak_mib": f"{peak:.0f}",
                **report.machine(),
            }
        )
        print(
            f"{channel:<12} {rows:>9,} rows  limit {limit:6.2f} s  land {land:6.2f} s"
            f"  {land / limit:5.1f} x  {peak:6.0f} MiB",
            flush=True,
        )


def append(run: Run) -> None:
    """Add a run to the history and draw the page anew."""
    fresh = not HISTORY.exists()
    with HISTORY.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if fresh:
            writer.writeheader()
        writer.writerows(run.rows)
    (report.FOLDER / "README.md").write_text(report.render(), "utf-8")


def section() -> str:
    """The newest run of each scale; empty before the first."""
    if not HISTORY.exists():
        return ""
    with HISTORY.open(encoding="utf-8", newline="") as file:
        history = list(csv.DictReader(file))
    parts = [HEAD]
    for scale in ("S", "M"):
        runs = [list(rows) for _, rows in groupby(_of(history, scale), lambda row: row["at"])]
        if runs:
            parts.append(_table(scale, runs[-1]))
    return "\n".join(parts)


def _of(history: list[dict[str, str]], scale: str) -> list[dict[str, str]]:
    return [row for row in history if row["scale"] == scale]


def _table(scale: str, rows: list[dict[str, str]]) -> str:
    head = rows[0]
    lines = [
        f"## Channels at scale {scale}",
        "",
        f"{head['at'][:16].replace('T', ' ')}, commit {head['commit']}; {head['cores']} cores, "
        f"{head['memory_gib']} GiB, {head['cpu']}.",
        "",
        "| channel | rows | limit | s | landing, s | times | held to | rows/s | peak, MiB |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        title, limit = TITLES[row["channel"]]
        land, bound = float(row["land_seconds"]), float(row["limit_seconds"])
        target = TARGETS.get(row["channel"])
        held = f"{target:.0f} ({_word(land <= target * bound)})" if target else "–"
        lines.append(
            f"| {title} | {int(row['rows']):,} | {limit} | {bound:.2f} | {land:.2f}"
            f" | {land / bound:.1f} | {held} | {int(row['rows']) / land:,.0f} | {row['peak_mib']} |"
        )
    peak = max(int(row["peak_mib"]) for row in rows)
    lines += ["", f"Peak memory under {PEAK_MIB} MiB a task: {_word(peak < PEAK_MIB)}."]
    return "\n".join(lines) + "\n"


def _word(met: bool) -> str:
    return "met" if met else "missed"
