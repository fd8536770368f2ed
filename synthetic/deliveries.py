"""From county rows to what leaves the departments, and the truth about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from synthetic import damage, files, schedule, transport
from synthetic.calendar import DELIVERED_UNTIL, Window, delivery_time, label
from synthetic.channel import Channel
from synthetic.draws import Rng, generator
from synthetic.files import Delivery
from synthetic.regions import counties
from synthetic.transport import CHANNELS, FILE_KINDS

HELPERS = ("person", "month_number", "first_told", "claim_days", "claim_days_month", "beds_before")
OLDEST_TO_SPOIL = "1952"
"""Death records of the older are left whole: their benefits end by them."""
ROWS_A_PART = 500_000
LARGE = 10_000_000
"""Persons above which a province is delivered in groups of counties."""
TRUTH_SCHEMA = pl.Schema(
    {
        "dataset": pl.String(),
        "batch_id": pl.String(),
        "row_no": pl.Int64(),
        "column": pl.String(),
        "reason": pl.String(),
        "raw_value": pl.String(),
        "key": pl.String(),
    }
)


@dataclass(frozen=True)
class Protected:
    """Persons and facilities of the cases: their rows are never refused."""

    persons: pl.Series
    facilities: pl.Series


def contract_columns(frame: pl.DataFrame) -> list[str]:
    """The columns that the contract has."""
    return [c for c in frame.columns if c not in HELPERS and not c.startswith("_")]


def _groups(build: Path, channel: Channel, persons: int) -> list[list[Path]]:
    """The counties' files that are delivered together: all, or in a large province a county or
    prefecture at a time, so that memory stays bounded."""
    paths = sorted((build / channel.dataset).glob("*.parquet"))
    if persons <= LARGE:
        return [paths]
    if channel.kind not in FILE_KINDS:
        return [[path] for path in paths]
    if channel.provider not in ("county", "prefecture"):
        return [paths]
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(path.stem[:4], []).append(path)
    return list(groups.values())


def _rows(seed: int, paths: list[Path], channel: Channel, window: Window) -> pl.DataFrame:
    """The files' rows of a dataset in the order in which they are delivered, with `_provider` and
    `_period` where they travel in files."""
    frames = []
    by_code = {county.code: county for county in counties()}
    for path in paths:
        frame = pl.read_parquet(path)
        county = by_code.get(path.stem)
        if channel.kind in FILE_KINDS:
            if county is None:
                period = pl.lit(window.last_month, dtype=pl.Int32)
                frame = frame.with_columns(_period=period, _provider=pl.lit(channel.provider))
            else:
                frame = schedule.scheduled(
                    seed, channel.dataset, frame, county, window
                ).with_columns(_provider=pl.lit(transport.provider_code(channel, county)))
        frames.append(frame)
    rows = pl.concat(frames, how="diagonal_relaxed")
    if channel.kind in FILE_KINDS:
        return rows.sort("_provider", "_period", maintain_order=True)
    return rows.sort([channel.cursor, *channel.key] if channel.cursor else list(channel.key))


def _may_spoil(rows: pl.DataFrame, channel: Channel, safe: Protected, window: Window) -> np.ndarray:
    """Positions of rows whose refusal changes nobody's case."""
    able = pl.lit(value=True)
    if "person" in rows.columns:
        able &= pl.col("person").is_not_null() & ~pl.col("person").is_in(safe.persons.implode())
    if "_whole" in rows.columns:
        able &= ~pl.col("_whole")
    if "facility_code" in rows.columns and channel.dataset.startswith("facility"):
        able &= ~pl.col("facility_code").is_in(safe.facilities.implode())
    if channel.dataset in ("death_certificate", "cremation"):
        able &= pl.col("id_no").str.slice(6, 4) > OLDEST_TO_SPOIL
    if channel.dataset == "facility":
        able &= pl.col("_period") < window.last_month
    if channel.dataset == "facility_stay":
        able &= pl.col("checked_out_on").is_null()
    if channel.dataset == "subsidy_payment":
        # One a person at most: two months unpaid in a row would look like a case.
        able &= pl.int_range(pl.len()).shuffle(seed=7).rank("ordinal").over("person") == 1
    chosen = rows.select(able.alias("able"))["able"]
    return chosen.fill_null(value=False).arg_true().to_numpy()


def _with_copies(rows: pl.DataFrame, able: np.ndarray, rng: Rng) -> pl.DataFrame:
    """Some rows twice; `_copy` marks the second, which the key refuses."""
    rows = rows.with_columns(_copy=pl.lit(value=False))
    count = min(round(len(rows) * damage.REFUSED / 10) or int(len(able) > 200), len(able))
    if not count:
        return rows
    place = np.sort(rng.choice(able, count, replace=False))
    twice = rows[place].with_columns(_copy=pl.lit(value=True), _at=pl.Series(place + 0.5))
    return (
        pl.concat([rows.with_columns(_at=pl.int_range(pl.len()).cast(pl.Float64)), twice])
        .sort("_at")
        .drop("_at")
    )


@dataclass(frozen=True)
class Spoilt:
    """Rows as they leave: `rows` typed and right, `text` what stands at `places` instead."""

    rows: pl.DataFrame
    places: np.ndarray
    text: pl.DataFrame
    told: pl.DataFrame
    """[row] column, reason, raw_value of the refused."""

    def texts(self, start: int, length: int) -> pl.DataFrame:
        """The delivered text of so many rows from `start`."""
        part = files.as_text(self.rows.slice(start, length).select(contract_columns(self.rows)))
        inside = (self.places >= start) & (self.places < start + length)
        if not inside.any():
            return part
        where = pl.Series(self.places[inside] - start)
        changed = self.text.filter(pl.Series(inside))
        return part.with_columns(part[c].scatter(where, changed[c]) for c in part.columns)


def _spoil(
    seed: int, group: str, rows: pl.DataFrame, channel: Channel, safe: Protected, window: Window
) -> Spoilt:
    rng = generator(seed, "damage", channel.dataset, group)
    errors = damage.ERRORS.get(channel.dataset, [])
    if errors:
        rows = _with_copies(rows, _may_spoil(rows, channel, safe, window), rng)
    else:
        rows = rows.with_columns(_copy=pl.lit(value=False))
    able = _may_spoil(rows, channel, safe, window)
    able = able[~rows["_copy"].gather(pl.Series(able)).to_numpy()]
    # A row that stands twice stays whole: which of the two is refused must be certain.
    before_copy = rows["_copy"].shift(-1).fill_null(value=False)
    able = able[~before_copy.gather(pl.Series(able)).to_numpy()]
    size = len(rows)
    wanted = max(round(size * damage.REFUSED), min(len(errors), int(size * 0.012)))
    bad = rng.choice(able, min(wanted, len(able)), replace=False) if errors else able[:0]
    ids = [c for c in ("id_no", "worker_id_no") if c in rows.columns] if errors else []
    others = np.setdiff1d(
        np.arange(size),
        np.concatenate(
            [bad, rows["_copy"].arg_true().to_numpy(), before_copy.arg_true().to_numpy()]
        ),
    )
    short = rows["_short"].arg_true().to_numpy() if "_short" in rows.columns else bad[:0]
    others = np.setdiff1d(others, short)
    count = min(round(size * damage.REPAIRED), len(others)) if ids else 0
    mended = rng.choice(others, count, replace=False)
    places = np.concatenate([bad, mended, short]).astype(np.int64)
    text = files.as_text(rows[places].select(contract_columns(rows)))
    told = pl.DataFrame(
        schema={"row": pl.Int64, "column": pl.String, "reason": pl.String, "raw_value": pl.String}
    )
    if len(bad):
        text, told = damage.spoil(text, channel.dataset, np.arange(len(bad)), rng)
    for column in ids[:1]:
        text = damage.repair(text, column, np.arange(len(bad), len(bad) + count), rng)
        text = damage.shorten(text, column, np.arange(len(bad) + count, len(places)), rng)
    told = told.with_columns(row=pl.Series(places).gather(told["row"]))
    copies = rows["_copy"].arg_true().cast(pl.Int64)
    doubled = pl.DataFrame({"row": copies}).with_columns(
        column=pl.lit(channel.key[0]),
        reason=pl.lit("duplicate_key"),
        raw_value=pl.lit(None, dtype=pl.String),
    )
    return Spoilt(rows, places, text, pl.concat([told, doubled.select(told.columns)]).sort("row"))


def _batches(spoilt: Spoilt, channel: Channel) -> Iterator[tuple[int, Delivery]]:
    """Each delivery with the place of its first row."""
    groups = (
        spoilt.rows.select("_provider", "_period")
        .with_row_index("row")
        .group_by("_provider", "_period")
        .agg(pl.col("row").min().alias("start"), pl.len().alias("rows"))
        .sort("_provider", "_period")
    )
    seen: dict[str, int] = {}
    for provider, period, start, rows in groups.iter_rows():
        seen[provider] = seen.get(provider, 0) + 1
        yield (
            start,
            Delivery(
                dataset=channel.dataset,
                provider=provider,
                period=label(period),
                sequence=seen[provider],
                mode="increment" if channel.catch_up and seen[provider] > 1 else "full",
                kind=channel.kind,
                encoding=channel.encoding,
                delivered_at=min(delivery_time(period), DELIVERED_UNTIL),
                rows=spoilt.texts(start, rows),
                sums=channel.sums,
            ),
        )


def _write_files(demo: Path, spoilt: Spoilt, channel: Channel) -> pl.DataFrame:
    """Write a dataset's deliveries; gives [row] _batch_id, _row_no."""
    spans = []
    for start, delivery in _batches(spoilt, channel):
        files.write(demo / "inbox", delivery)
        spans.append((start, len(delivery.rows), delivery.batch_id))
    return (
        pl.DataFrame(spans, schema=["start", "rows", "_batch_id"], orient="row")
        .select(
            pl.int_ranges("start", pl.col("start") + pl.col("rows")).alias("row"),
            pl.int_ranges(1, pl.col("rows") + 1).alias("_row_no"),
            "_batch_id",
        )
        .explode("row", "_row_no")
        .sort("row")
    )


def _write_parts(demo: Path, spoilt: Spoilt, channel: Channel) -> pl.DataFrame:
    """Write a dataset that stays in its department's system, in parts of cursor order."""
    folder = demo / "departments" / channel.kind / channel.dataset
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, max(len(spoilt.rows), 1), ROWS_A_PART)
    for number, start in enumerate(starts, len(list(folder.glob("*.parquet")))):
        spoilt.texts(start, ROWS_A_PART).write_parquet(
            folder / f"0000-{number:03d}.parquet", compression="zstd", row_group_size=50_000
        )
    return pl.DataFrame({"row": np.arange(len(spoilt.rows))}).with_columns(
        _row_no=pl.col("row") + 1, _batch_id=pl.lit(None, dtype=pl.String)
    )


def _write_truth(
    demo: Path, spoilt: Spoilt, channel: Channel, group: str, places: pl.DataFrame
) -> pl.DataFrame:
    """Write `truth/clean/<dataset><group>.parquet`; gives the damage in TRUTH_SCHEMA."""
    folder = demo / "truth" / "clean"
    folder.mkdir(parents=True, exist_ok=True)
    columns = contract_columns(spoilt.rows)
    odd = [c for c in spoilt.rows.columns if c == "_odd"]
    told = spoilt.told.rename({"reason": "_refused"})
    marked = (
        pl.concat(
            [spoilt.rows.select(columns + odd), places.select("_batch_id", "_row_no")],
            how="horizontal",
        )
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
        .join(told.select("row", "_refused"), on="row", how="left", maintain_order="left")
        .drop("row")
    )
    marked.write_parquet(folder / f"{channel.dataset}{group}.parquet", compression="zstd")
    delivered = spoilt.rows[spoilt.told["row"].to_numpy()].select(
        files.as_text(spoilt.rows[spoilt.told["row"].to_numpy()].select(channel.key)).select(
            pl.concat_str(channel.key, separator="|").alias("key")
        )["key"]
    )
    at = places[spoilt.told["row"].to_numpy()]
    return spoilt.told.select(
        pl.lit(channel.dataset).alias("dataset"),
        at["_batch_id"].alias("batch_id"),
        at["_row_no"].cast(pl.Int64).alias("row_no"),
        "column",
        "reason",
        "raw_value",
        delivered["key"],
    ).cast(TRUTH_SCHEMA)


def deliver_all(
    seed: int,
    demo: Path,
    build: Path,
    window: Window,
    persons: int,
    tell: Callable[[str, int, int], None],
) -> dict[str, int]:
    """Write every dataset's deliveries and the ground truth.

    Returns:
        Rows by dataset; what can only be asked for is not among them.
    """
    counts: dict[str, int] = {}
    damages = []
    cases = pl.read_parquet(build / "cases" / "*.parquet").sort("rule_id", "case_id")
    reserved = pl.read_parquet(build / "reserved" / "*.parquet")
    safe = Protected(reserved["person"], cases["facility_code"].drop_nulls())
    for number, channel in enumerate(CHANNELS.values()):
        tell("deliveries", number, len(CHANNELS))
        write = _write_files if channel.kind in FILE_KINDS else _write_parts
        groups = _groups(build, channel, persons)
        for place, paths in enumerate(groups):
            group = f"-{place:03d}" if len(groups) > 1 else ""
            rows = _rows(seed, paths, channel, window)
            spoilt = _spoil(seed, group, rows, channel, safe, window)
            del rows
            places = write(demo, spoilt, channel)
            damages.append(_write_truth(demo, spoilt, channel, group, places))
            if channel.kind != "lookup":
                counts[channel.dataset] = counts.get(channel.dataset, 0) + len(spoilt.rows)
    truth = demo / "truth"
    reserved.select("id_no").write_parquet(truth / "reserved.parquet")
    pl.concat(damages).write_parquet(truth / "damage.parquet")
    cases.with_columns(
        pl.col("amount").str.to_decimal(scale=2).cast(pl.Decimal(18, 2))
    ).write_parquet(truth / "cases.parquet")
    tell("deliveries", len(CHANNELS), len(CHANNELS))
    return counts
