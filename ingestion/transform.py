"""A chunk of delivered text into lake rows and refused rows, by contract."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.checks import Examined, examine
from ingestion.contracts import Column, Contract
from ingestion.quarantine import SCHEMA as QUARANTINE_SCHEMA
from ingestion.quarantine import refused_rows
from ingestion.repeats import Memory, Repeats, Turn, constant
from ingestion.row_checks import doubts_of_rows, faults_of_rows, marked

SECRETS_SCHEMA = pl.Schema(
    {"batch_id": pl.String(), "kind": pl.String(), "token": pl.String(), "clear": pl.String()}
)
DOUBTS_SCHEMA = pl.Schema({"batch_id": pl.String(), "column": pl.String(), "rows": pl.Int64()})


@dataclass
class Chunk:
    """A chunk's outcome; `good` and `refused` together hold every delivered row once.

    Attributes:
        good: rows in the lake's columns; in a long chunk of one batch, texts that repeat are coded
            (categorical).
        hashes: of the good rows' keys; equal keys have equal hashes, whatever the chunk.
        refused: rows of the quarantine.
        refused_values: batch_id and the numeric columns of the refused rows (null: unreadable),
            and per numeric column `<name>?`: text was there but no number.
        secrets: SECRETS_SCHEMA, the clear text behind the loaded rows' tokens.
        doubts: DOUBTS_SCHEMA, rows that are loaded but doubtful.
        discarded: single values that the contract leaves out of loaded rows, as in the quarantine.
    """

    good: pl.DataFrame
    hashes: pl.Series
    refused: pl.DataFrame
    refused_values: pl.DataFrame
    secrets: pl.DataFrame
    doubts: pl.DataFrame
    discarded: pl.DataFrame

    def by_batch(self) -> dict[str, Chunk]:
        """The outcome of each batch in the chunk that has any row."""
        ids = pl.concat([self.good["batch_id"].cast(pl.String), self.refused["batch_id"]]).unique()
        if len(ids) == 1:
            return {ids[0]: self}
        names = ("good", "refused", "refused_values", "secrets", "doubts", "discarded")
        parts = {name: _parts(getattr(self, name)) for name in names}
        empty = {name: getattr(self, name).clear() for name in names}
        hashes = _parts(self.good.select("batch_id", hash=self.hashes))
        return {
            batch: Chunk(
                hashes=hashes[batch]["hash"] if batch in hashes else self.hashes.clear(),
                **{name: parts[name].get(batch, empty[name]) for name in names},
            )
            for batch in ids
        }


def _parts(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = frame.partition_by("batch_id", maintain_order=True, as_dict=True)
    return {str(key[0]): part for key, part in parts.items()}


_NO_FAULTS = pl.DataFrame(schema={"at": pl.UInt32(), "column": pl.String(), "reason": pl.String()})


@dataclass
class _Seen:
    """What became of the columns of a chunk; one entry a row, but for the clear texts."""

    lake: dict[str, pl.Series] = field(default_factory=dict)
    values: dict[str, pl.Series] = field(default_factory=dict)
    faults: list[pl.DataFrame] = field(default_factory=list)
    doubts: list[tuple[str, pl.Series]] = field(default_factory=list)
    secrets: list[tuple[Column, Examined, Repeats | None]] = field(default_factory=list)

    def add(self, column: Column, seen: Examined, found: Repeats | None) -> None:
        """Take in one column, examined row by row or value by value."""

        def rows(of_values: pl.Series) -> pl.Series:
            return of_values if found is None else found.rows(of_values)

        lake = {name: rows(part) for name, part in seen.lake.items()}
        self.lake |= lake
        if column.logical_type in ("integer", "number") and column.personal is None:
            self.values[column.name] = lake[column.name]
        reasons = seen.reasons() if found is None else found.reasons
        if reasons is not None and len(at := (why := rows(reasons)).is_not_null().arg_true()):
            fault = pl.DataFrame({"at": at, "reason": why.gather(at)})
            self.faults.append(fault.select("at", pl.lit(column.name).alias("column"), "reason"))
        if seen.doubtful is not None:
            self.doubts.append((column.name, rows(seen.doubtful)))
        if seen.clear is not None:
            self.secrets.append((column, seen, found))

    def leave_out(self, columns: set[str]) -> pl.DataFrame:
        """Faults of columns whose contract leaves the value out instead of the row.

        Takes them from the faults and empties their values in the lake.
        """
        if not columns:
            return _NO_FAULTS
        every = pl.concat([_NO_FAULTS, *self.faults])
        mine = every.filter(pl.col("column").is_in(list(columns)))
        if not mine.height:
            return mine
        self.faults = [every.filter(~pl.col("column").is_in(list(columns)))]
        for name in columns:
            at = mine.filter(pl.col("column") == name)["at"].unique()
            kept = pl.repeat(True, len(self.lake[name]), eager=True).scatter(at, False)
            self.lake[name] = pl.select(pl.when(kept).then(self.lake[name])).to_series().alias(name)
        return mine.unique(["at", "column"], keep="first", maintain_order=True).sort("at")


def transform(
    contract: Contract,
    raw: pl.DataFrame,
    lineage: pl.DataFrame,
    key: str,
    memory: Memory | Turn | None = None,
) -> Chunk:
    """Check, type and tokenise one chunk; of rows with the same key in one batch the first stays.

    Args:
        raw: text columns, exactly the contract's, in the contract's order, and the marks.
        lineage: the same rows' batch_id, row_no (data rows of the delivery from 1) and known_at
            (used where the contract's rows do not say it themselves).
        key: the token key.
        memory: of the batch that the rows are all of; default: of these rows only.
    """
    seen, batches = _Seen(), lineage["batch_id"]
    single = raw.height > 0 and batches[0] == batches[-1]  # a batch's rows stand together
    memory = (memory or Memory(contract, key)) if single else None
    for column in contract.columns:
        text = raw[column.name]
        found = memory.look(column.name, text) if memory is not None else None
        seen.add(column, found.seen if found else examine(column, text, key), found)
    found_in_rows = faults_of_rows(contract, seen.lake, lineage)
    seen.faults = [_fault(*fault) for fault in marked(raw)] + seen.faults
    seen.faults += [_fault(*fault) for fault in found_in_rows]
    seen.doubts += doubts_of_rows(contract, seen.lake, lineage)
    left_out = seen.leave_out({c.name for c in contract.columns if c.unfit == "discard_value"})
    lake = seen.lake
    lake |= {name: lineage[name] for name in ("batch_id", "row_no", "known_at")}
    if single and any(isinstance(part.dtype, pl.Categorical) for part in lake.values()):
        lake["batch_id"] = constant(batches[0], raw.height)
    if contract.known_at != "delivery":
        lake["known_at"] = lake[contract.known_at].cast(pl.Datetime("us"))
    frame = pl.DataFrame(lake)
    names = contract.key_lake_columns()
    hashes = key_hashes(frame.select(names))
    alike = hashes if single else key_hashes(frame.select("batch_id", *names))
    if not all_differ(alike):
        seen.faults += _duplicates(contract, frame, alike.is_duplicated(), seen.faults)
    at, refused = _first_faults(contract, raw, lineage, seen.faults)
    good = None
    if len(at):
        refused = refused.with_columns(
            # The key of a row that stands twice is in the lake.
            key=pl.when(pl.col("reason") != "duplicate_key").then(key_text(frame.select(names)[at]))
        )
        good = pl.repeat(True, raw.height, eager=True).scatter(at, False)
        frame, hashes = frame.filter(good), hashes.filter(good)
        left_out = left_out.filter(~pl.col("at").is_in(at.implode()))
    refused_values = _refused_values(raw, lineage, seen.values, at)
    discarded = QUARANTINE_SCHEMA.to_frame()
    if left_out.height:
        out = left_out["at"]
        discarded = refused_rows(contract, raw[out], lineage[out], left_out)
        more = _left_out_values(raw, lineage, seen.values, left_out)
        refused_values = pl.concat([refused_values, more])
    return Chunk(
        good=frame,
        hashes=hashes,
        refused=refused,
        refused_values=refused_values,
        discarded=discarded,
        secrets=_secrets(frame, seen.secrets, good, batches[0] if single else None),
        doubts=_doubts(contract, frame, seen.doubts, good),
    )


def key_text(key: pl.DataFrame) -> pl.Series:
    """Each row's key in one text, as the warehouse writes it; null where a part is not known."""
    parts = [
        pl.col(name).dt.strftime("%Y-%m-%d %H:%M:%S")
        if isinstance(kind, pl.Datetime)
        else pl.col(name).cast(pl.String)
        for name, kind in key.schema.items()
    ]
    return key.select(key=pl.concat_str(parts, separator="|"))["key"]


def key_hashes(key: pl.DataFrame) -> pl.Series:
    """One hash a row; the same text gives the same hash, coded or not."""
    hashed = []
    for column in key.iter_columns():
        text = (
            column.cast(pl.String)
            if isinstance(column.dtype, (pl.Categorical, pl.Enum))
            else column
        )
        hashed.append(text.hash())
    return pl.DataFrame(hashed).hash_rows()


def all_differ(hashes: pl.Series) -> bool:
    """Whether no hash comes twice; NumPy sorts whole numbers several times faster than polars."""
    ascending = np.sort(hashes.to_numpy())
    return not (ascending[1:] == ascending[:-1]).any()


def _fault(rows: pl.Series, column: str, reason: str) -> pl.DataFrame:
    return pl.DataFrame({"at": rows.arg_true()}).with_columns(
        column=pl.lit(column), reason=pl.lit(reason)
    )


def _duplicates(
    contract: Contract, frame: pl.DataFrame, alike: pl.Series, faults: list[pl.DataFrame]
) -> list[pl.DataFrame]:
    """Faults of rows whose key an earlier sound row of the batch has.

    Args:
        alike: rows whose key's hash another row has.
    """
    key = ["batch_id", *contract.key_lake_columns()]
    sound = frame.select(key).with_row_index("at").filter(alike)
    if faults:
        sound = sound.join(pl.concat(faults).select("at"), on="at", how="anti")
    later = sound.filter(~pl.struct(key).is_first_distinct())["at"]
    column, reason = pl.lit(contract.key[0]), pl.lit("duplicate_key")
    return [pl.DataFrame({"at": later}).with_columns(column=column, reason=reason)]


def _first_faults(
    contract: Contract, raw: pl.DataFrame, lineage: pl.DataFrame, faults: list[pl.DataFrame]
) -> tuple[pl.Series, pl.DataFrame]:
    """Offsets of the refused rows and their quarantine rows, each with its first fault.

    Its other columns' faults stand beside it; where the row could not be split, it has no columns.
    """
    if not faults:
        return pl.Series([], dtype=pl.UInt32), QUARANTINE_SCHEMA.to_frame()
    every = pl.concat(faults).unique(["at", "column"], keep="first", maintain_order=True)
    first = every.unique("at", keep="first", maintain_order=True).sort("at")
    at = first["at"]
    if every.height > first.height:
        whole = first.filter(pl.col("column") == "")
        others = (
            every.filter(~pl.col("at").is_first_distinct())
            .join(whole, on="at", how="anti")
            .group_by("at", maintain_order=True)
            .agg(others=pl.struct("column", "reason"))
        )
        first = first.join(others, on="at", how="left", maintain_order="left")
    return at, refused_rows(contract, raw[at], lineage[at], first)


def _refused_values(
    raw: pl.DataFrame, lineage: pl.DataFrame, values: dict[str, pl.Series], at: pl.Series
) -> pl.DataFrame:
    parts = {"batch_id": lineage["batch_id"][at]}
    for name, value in values.items():
        parts[name] = value[at]
        blank = raw[name][at].str.strip_chars() == ""
        parts[f"{name}?"] = parts[name].is_null() & ~blank.fill_null(True)
    return pl.DataFrame(parts)


def _left_out_values(
    raw: pl.DataFrame, lineage: pl.DataFrame, values: dict[str, pl.Series], left: pl.DataFrame
) -> pl.DataFrame:
    """As `_refused_values`, of single values that were left out of loaded rows."""
    found = _refused_values(raw, lineage, values, left["at"])
    here = left["column"]
    return found.with_columns(
        part.set(here != part.name.removesuffix("?"), False if part.name.endswith("?") else None)
        for part in found.iter_columns()
        if part.name != "batch_id"
    )


def _secrets(
    frame: pl.DataFrame,
    secrets: list[tuple[Column, Examined, Repeats | None]],
    good: pl.Series | None,
    batch_id: str | None,
) -> pl.DataFrame:
    """Clear text behind the loaded rows' tokens (`batch_id`: of the only batch).

    What repeats is there once; of values that are nearly all different, a few stand twice.
    """
    parts = [SECRETS_SCHEMA.to_frame()]
    for column, seen, found in secrets:
        pairs = pl.DataFrame({"token": seen.lake[f"{column.name}_token"], "clear": seen.clear})
        if found is not None:
            pairs = pairs[found.unsealed(good)].with_columns(pl.col("token").cast(pl.String))
        elif good is not None:
            pairs = pairs.filter(good)
        batch = frame["batch_id"] if batch_id is None else pl.lit(batch_id)
        kind = pl.lit(str(column.personal))
        one = pairs.select(batch.alias("batch_id"), kind.alias("kind"), pl.all())
        parts.append(one.drop_nulls("token"))
    together = pl.concat(parts)
    if batch_id is None or together.height < frame.height:
        together = together.unique(["batch_id", "token"])
    return together


def _doubts(
    contract: Contract,
    frame: pl.DataFrame,
    doubts: list[tuple[str, pl.Series]],
    good: pl.Series | None,
) -> pl.DataFrame:
    """Doubtful rows by column; codes that the list does not have yet by `<column>=<code>`."""
    parts = [DOUBTS_SCHEMA.to_frame()]
    for name, rows in doubts:
        kept = rows if good is None else rows.filter(good)
        label = pl.lit(name)
        if contract.by_name[name].unfit == "evolve":
            label = pl.format("{}={}", label, pl.col(name).cast(pl.String))
        found = frame.filter(kept).select(pl.col("batch_id").cast(pl.String), label.alias("column"))
        counted = found.group_by("batch_id", "column", maintain_order=True)
        parts.append(counted.agg(rows=pl.len().cast(pl.Int64)))
    return pl.concat(parts)
