"""The demo's places, from the committed seeds (attribution: seeds/README.md)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from synthetic.draws import Floats

SEEDS = Path(__file__).parent / "seeds"

WEIGHTS = {
    "4402": 2.2,
    "4404": 1.8,
    "5103": 1.4,
    "370812": 6.0,
    "3708": 1.0,
    "360735": 5.0,
    "3607": 1.0,
}
"""Relative population of a county; the longest matching prefix counts. The counties that a
document speaks of are more populous than their neighbours."""


@dataclass(frozen=True)
class County:
    """One county: where its people live and which codes their ID numbers may start with."""

    code: str
    name: str
    prefecture: str
    province: str
    weight: float
    index: int
    villages: list[str]
    urban: list[bool]
    townships: list[str]
    longitude: float
    latitude: float
    old_codes: tuple[tuple[str, int, int], ...]
    """Retired six-digit codes with the first and last year of issue."""

    @property
    def short(self) -> str:
        """Six-digit code."""
        return self.code[:6]


@cache
def region_rows() -> pl.DataFrame:
    """Every region row, [region_code, valid_from], as text: '' stands for nothing."""
    return pl.read_csv(SEEDS / "regions.csv.gz", infer_schema_length=0).fill_null("")


@cache
def boundary_text() -> str:
    """The GeoJSON FeatureCollection of county and prefecture polygons."""
    return (SEEDS / "boundaries.geojson").read_text("utf-8")


def _centres() -> dict[str, tuple[float, float]]:
    frame = pl.read_json(SEEDS / "centres.json")
    return {code: (x, y) for code, x, y in frame.select("region_code", "x", "y").iter_rows()}


def _weight(code: str) -> float:
    for length in (6, 4):
        if code[:length] in WEIGHTS:
            return WEIGHTS[code[:length]]
    raise KeyError(code)


def _old_codes(county: str, name: str, retired: pl.DataFrame) -> tuple[tuple[str, int, int], ...]:
    """Codes that became this county, found backwards along the successors."""
    found: list[tuple[str, int, int]] = []
    look = [county]
    while look:
        code = look.pop()
        before = retired.filter(
            pl.col("successor_codes").str.contains(code)
            & (pl.col("level") == "county")
            & (pl.col("region_code") != code)
            & (pl.col("name").str.slice(0, 1) == name[0])
        )
        for old, start, end in before.select("region_code", "valid_from", "valid_to").iter_rows():
            found.append((old[:6], int(start[:4]), int(end[:4])))
            look.append(old)
    return tuple(sorted(found, key=lambda item: item[1]))


@cache
def counties() -> tuple[County, ...]:
    """The counties in code order."""
    rows = region_rows()
    now = rows.filter(pl.col("valid_to") == "")
    retired = rows.filter(pl.col("valid_to") != "")
    centres = _centres()
    result = []
    for index, (code, name) in enumerate(
        now.filter(pl.col("level") == "county")
        .sort("region_code")
        .select("region_code", "name")
        .iter_rows()
    ):
        inside = now.filter(pl.col("region_code").str.starts_with(code[:6]))
        villages = inside.filter(pl.col("level") == "village").sort("region_code")
        result.append(
            County(
                code=code,
                name=name,
                prefecture=code[:4].ljust(12, "0"),
                province=code[:2].ljust(12, "0"),
                weight=_weight(code),
                index=index,
                villages=villages["region_code"].to_list(),
                urban=(villages["urban_rural"] == "urban").to_list(),
                townships=inside.filter(pl.col("level") == "township")
                .sort("region_code")["region_code"]
                .to_list(),
                longitude=centres[code][0],
                latitude=centres[code][1],
                old_codes=_old_codes(code, name, retired),
            )
        )
    return tuple(result)


def shares() -> Floats:
    """Each county's share of the population, summing to 1."""
    weights = np.array([county.weight for county in counties()])
    result: Floats = weights / weights.sum()
    return result


@cache
def neighbours(code: str) -> tuple[str, ...]:
    """Codes of the other counties of the same province."""
    return tuple(c.code for c in counties() if c.code != code and c.code[:2] == code[:2])
