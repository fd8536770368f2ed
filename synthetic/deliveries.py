"""From county rows to what leaves the departments, and the truth about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import polars as pl

from synthetic import files, transport
from synthetic.calendar import DELIVERED_UNTIL, Window, delivery_time, label
from synthetic.files import Delivery
from synthetic.regions import counties
from synthetic.transport import CHANNELS, FILE_KINDS, Channel

HELPERS = ("person",)
INTERNAL = ("_provider", "_period", "_uid", "_refused")


def _columns(frame: pl.DataFrame) -> list[str]:
    return [c for c in frame.columns if c not in HELPERS and c not in INTERNAL]


def _provinces_rows(build: Path, channel: Channel, window: Window) -> pl.DataFrame:
    """All counties' rows of a file dataset with provider and period, in delivery order."""
    frames = []
    by_code = {county.code: county for county in counties()}
    for path in sorted((build / channel.dataset).glob("*.parquet")):
        frame = pl.read_parquet(path)
        county = by_code.get(path.stem)
        provider = transport.provider_code(channel, county) if county else channel.provider
        if "_period" not in frame.columns:
            frame = frame.with_columns(_period=pl.lit(window.last_month, dtype=pl.Int32))
        frames.append(frame.with_columns(_provider=pl.lit(provider)))
    return pl.concat(frames)


def _batches(rows: pl.DataFrame, channel: Channel) -> Iterator[Delivery]:
    parts = rows.partition_by("_provider", "_period", maintain_order=True, as_dict=True)
    seen: dict[str, int] = {}
    for provider, period in sorted(parts):
        seen[provider] = seen.get(provider, 0) + 1
        delivered: datetime = delivery_time(period)
        frame = parts[provider, period]
        yield Delivery(
            dataset=channel.dataset,
            provider=provider,
            period=label(period),
            sequence=seen[provider],
            mode="increment" if channel.catch_up and seen[provider] > 1 else "full",
            kind=channel.kind,
            encoding=channel.encoding,
            delivered_at=min(delivered, DELIVERED_UNTIL),
            rows=files.as_text(frame.select(_columns(frame))),
            sums=channel.sums,
        )


def _file_dataset(demo: Path, build: Path, channel: Channel, window: Window) -> int:
    rows = _provinces_rows(build, channel, window)
    for delivery in _batches(rows, channel):
        files.write(demo / "inbox", delivery)
    return len(rows)


def _system_dataset(demo: Path, build: Path, channel: Channel) -> int:
    """A dataset that stays in the department's own system: one part, in cursor order."""
    frames = pl.scan_parquet(build / channel.dataset / "*.parquet")
    order = [channel.cursor, *channel.key] if channel.cursor else list(channel.key)
    rows = frames.sort(order).collect()
    folder = demo / "departments" / channel.kind / channel.dataset
    folder.mkdir(parents=True, exist_ok=True)
    files.as_text(rows.select(_columns(rows))).write_parquet(
        folder / "0000.parquet", compression="zstd", row_group_size=50_000)
    return len(rows)


def deliver_all(
    demo: Path, build: Path, window: Window, tell: Callable[[str, int, int], None]
) -> dict[str, int]:
    """Write every dataset's deliveries.

    Returns:
        Rows by dataset.
    """
    counts = {}
    for number, channel in enumerate(CHANNELS.values()):
        tell("deliveries", number, len(CHANNELS))
        if not (build / channel.dataset).exists():
            continue
        if channel.kind in FILE_KINDS:
            counts[channel.dataset] = _file_dataset(demo, build, channel, window)
        else:
            counts[channel.dataset] = _system_dataset(demo, build, channel)
    tell("deliveries", len(CHANNELS), len(CHANNELS))
    return counts
