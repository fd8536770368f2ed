"""Make the province: lives by county, then the departments' deliveries and the ground truth."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl

from synthetic import configuration, deliveries
from synthetic.cases import plan
from synthetic.lives import SCALES, Scale, county_feeds, province_feeds
from synthetic.regions import counties, shares

Progress = Callable[[str, int, int], None]
"""Told (what, done, of how many)."""
DEFAULT_SEED = 20261031


class ScaleError(Exception):
    """The scale asked for does not exist; the message names those that do."""


def scale_named(name: str) -> Scale:
    """The scale of that name.

    Raises:
        ScaleError: there is none.
    """
    if name not in SCALES:
        raise ScaleError(f"Scale {name!r} does not exist. Use one of: {', '.join(SCALES)}.")
    return SCALES[name]


def generate(
    home: Path, scale: str = "S", seed: int = DEFAULT_SEED, progress: Progress | None = None
) -> dict[str, int]:
    """Write the synthetic province under `home/demo` and the settings into `home`.

    Same seed and scale, same bytes.

    Returns:
        Rows delivered by dataset.

    Raises:
        ScaleError: no such scale.
    """
    size = scale_named(scale)
    tell = progress or (lambda what, done, total: None)
    demo = home / "demo"
    for part in ("inbox", "truth", "departments", "build"):
        shutil.rmtree(demo / part, ignore_errors=True)
    build = demo / "build"
    for name, rows in province_feeds(seed, size.window).items():
        _store(build, name, "province", rows)
    places, quota = counties(), plan.quotas(size.persons)
    for number, (county, share) in enumerate(zip(places, shares(), strict=True)):
        tell("lives", number, len(places))
        for name, rows in county_feeds(
            seed, county, int(size.persons * share), size.window, quota[number]
        ).items():
            _store(build, name, county.code, rows)
    tell("lives", len(places), len(places))
    counts = deliveries.deliver_all(seed, demo, build, size.window, size.persons, tell)
    shutil.rmtree(build)
    configuration.write(home, seed, scale)
    facts = {"seed": seed, "scale": scale, "months": size.months, "rows": counts}
    (demo / "province.json").write_text(json.dumps(facts), "utf-8")
    return counts


def _store(build: Path, dataset: str, place: str, rows: pl.DataFrame) -> None:
    folder = build / dataset
    folder.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(folder / f"{place}.parquet", compression="lz4")
