"""What stays small in memory however much is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.integration.ingestion.conftest import Deliver, funds
from yinling.settings import Settings

pytestmark = pytest.mark.slow

FUND = "welfare_fund"
FEW, MANY, LETTERS = 100_000, 300_000, 300
MEASURED = """
import sys
from pathlib import Path
from ingestion import intake, lake_file, landing
from yinling.accounting import refusals
from yinling.settings import Settings, Source
lake_file.GROUP_BYTES = 4 << 20
intake.CHUNK_ROWS = 20_000
home = Settings(home=Path(sys.argv[2]), sources={
    "welfare_fund": Source(connector="folder", path="inbox/welfare_fund")})
print(landing.land(home).rows_quarantined if sys.argv[1] == "land" else refusals(home)[0]["rows"])
# Of this program alone; what getrusage says began with the memory of who started it.
peak = next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
print(int(peak.split()[1]) >> 10)
"""


def measured(what: str, home: Path) -> tuple[int, int]:
    """Rows refused, and the most memory that the process took, in MiB."""
    run = [sys.executable, "-c", MEASURED, what, str(home)]
    done = subprocess.run(
        run, cwd=Path(__file__).parents[3], check=True, capture_output=True, text=True
    )
    rows, peak = done.stdout.split()
    return int(rows), int(peak)


def test_refused_rows_go_to_the_disk_as_they_come(home: Settings, deliver: Deliver) -> None:
    peaks: dict[str, list[int]] = {"land": [], "count": []}
    for sequence, rows in enumerate((FEW, MANY), 1):
        one = home.model_copy(update={"home": home.home / str(rows)})
        (one.home / "inbox" / FUND).mkdir(parents=True)
        no_region = pl.int_range(pl.len()).cast(pl.String).str.zfill(LETTERS)
        frame = funds(rows).with_columns(region_code=no_region)
        file = deliver(
            FUND, frame, sequence=sequence, control={"control_sums": {}, "mode": "increment"}
        )
        for name in (file.name, f"{file.name}.control.json"):
            (file.parent / name).rename(one.home / "inbox" / FUND / name)
        for what, found in peaks.items():
            refused, peak = measured(what, one.home)
            assert refused == rows
            found.append(peak)
    texts = (MANY - FEW) * LETTERS >> 20
    for what, (few, many) in peaks.items():
        assert many - few < 2 * texts, (what, few, many)
