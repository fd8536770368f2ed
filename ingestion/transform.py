"""A chunk of delivered text into lake rows and refused rows, by contract."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ingestion.checks import examine
from ingestion.contracts import Column, Contract
from ingestion.quarantine import SCHEMA as QUARANTINE_SCHEMA
from ingestion.quarantine import refused_rows

SECRETS_SCHEMA = pl.Schema(
    {"batch_id": pl.String(), "kind": pl.String(), "token": pl.String(), "clear": pl.String()}
)
DOUBTS_SCHEMA = pl.Schema({"batch_id": pl.String(), "column": pl.String(), "rows": pl.Int64()})


@dataclass
class Chunk:
    """A chunk's outcome; `good` and `refused` together hold every delivered row once.

    Attributes:
        good: rows in the lake's columns.
        refused: rows of the quarantine.
        refused_values: batch_id and the numeric columns of the refused rows (null: unreadable),
            and per numeric column `<name>?`: text was there but no number.
        secrets: SECRETS_SCHEMA, the clear text behind the loaded rows' tokens.
        doubts: DOUBTS_SCHEMA, rows that are loaded but doubtful.
    """

    good: pl.DataFrame
    refused: pl.DataFrame
    refused_values: pl.DataFrame
    secrets: pl.DataFrame
    doubts: pl.DataFrame

    def by_batch(self) -> dict[str, Chunk]:
        """The outcome of each batch in the chunk that has any row."""
        ids = pl.concat([self.good["batch_id"], self.refused["batch_id"]]).unique().to_list()
        if len(ids) == 1:
            return {ids[0]: self}
        names = ("good", "refused", "refused_values", "secrets", "doubts")
        parts = {name: _parts(getattr(self, name)) for name in names}
        empty = {name: getattr(self, name).clear() for name in names}
        return {
            batch: Chunk(**{name: parts[name].get(batch, empty[name]) for name in names})
            for batch in ids
        }


def _parts(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = frame.partition_by("batch_id", maintain_order=True, as_dict=True)
    return {str(key[0]): part for key, part in parts.items()}


def transform(contract: Contract, raw: pl.DataFrame, lineage: pl.DataFrame, key: str) -> Chunk:
    """Check, type and tokenise one chunk; of rows with the same key in one batch the first stays.

    Args:
        raw: text columns, exactly the contract's, in the contract's order.
        lineage: the same rows' batch_id, row_no (data rows of the delivery from 1) and known_at
            (used where the contract's rows do not say it themselves).
        key: the token key.
    """
    lake: dict[str, pl.Series] = {}
    secrets, faults, doubts = [], [], []
    values: dict[str, pl.Series] = {}
    for column in contract.columns:
        seen = examine(column, raw[column.name], key)
        lake |= seen.lake
        faults += [_fault(rows, column.name, reason) for reason, rows in seen.refusals]
        if column.logical_type in ("integer", "number") and column.personal is None:
            values[column.name] = seen.lake[column.name]
        if seen.clear is not None:
            secrets.append((column, seen.clear))
        if seen.doubtful is not None:
            doubts.append((column.name, seen.doubtful))
    lake |= {name: lineage[name] for name in ("batch_id", "row_no", "known_at")}
    if contract.known_at != "delivery":
        lake["known_at"] = lake[contract.known_at].cast(pl.Datetime("us"))
    frame = pl.DataFrame(lake)
    faults += _duplicates(contract, frame, faults)
    at, refused = _first_faults(contract, raw, lineage, faults)
    good = None
    if len(at):
        good = pl.repeat(True, raw.height, eager=True).scatter(at, False)
        frame = frame.filter(good)
    return Chunk(
        good=frame,
        refused=refused,
        refused_values=_refused_values(raw, lineage, values, at),
        secrets=_secrets(frame, secrets, good),
        doubts=_doubts(frame, doubts, good),
    )


def _fault(rows: pl.Series, column: str, reason: str) -> pl.DataFrame:
    return pl.DataFrame({"at": rows.arg_true()}).with_columns(
        column=pl.lit(column), reason=pl.lit(reason)
    )


def _duplicates(
    contract: Contract, frame: pl.DataFrame, faults: list[pl.DataFrame]
) -> list[pl.DataFrame]:
    """Faults of rows whose key an earlier sound row of the batch has."""
    key = ["batch_id", *contract.key_lake_columns()]
    hashes = frame.select(key).hash_rows()
    if hashes.n_unique() == len(hashes):
        return []
    sound = frame.select(key).with_row_index("at")
    if faults:
        sound = sound.join(pl.concat(faults).select("at"), on="at", how="anti")
    later = sound.filter(~pl.struct(key).is_first_distinct())["at"]
    column, reason = pl.lit(contract.key[0]), pl.lit("duplicate_key")
    return [pl.DataFrame({"at": later}).with_columns(column=column, reason=reason)]


def _first_faults(
    contract: Contract, raw: pl.DataFrame, lineage: pl.DataFrame, faults: list[pl.DataFrame]
) -> tuple[pl.Series, pl.DataFrame]:
    """Offsets of the refused rows and their quarantine rows, each with its first fault."""
    if not faults:
        return pl.Series([], dtype=pl.UInt32), QUARANTINE_SCHEMA.to_frame()
    first = pl.concat(faults).unique("at", keep="first", maintain_order=True).sort("at")
    at = first["at"]
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


def _secrets(
    frame: pl.DataFrame, secrets: list[tuple[Column, pl.Series]], good: pl.Series | None
) -> pl.DataFrame:
    parts = [SECRETS_SCHEMA.to_frame()]
    for column, clear in secrets:
        kept = clear if good is None else clear.filter(good)
        kind, token = pl.lit(column.personal), f"{column.name}_token"
        parts.append(frame.select("batch_id", kind.alias("kind"), token=token, clear=kept))
    together = pl.concat(parts).drop_nulls("token")
    single = frame.height > 0 and frame["batch_id"][0] == frame["batch_id"][-1]
    return together.unique("token" if single else ["batch_id", "token"])


def _doubts(
    frame: pl.DataFrame, doubts: list[tuple[str, pl.Series]], good: pl.Series | None
) -> pl.DataFrame:
    parts = [DOUBTS_SCHEMA.to_frame()]
    for name, rows in doubts:
        kept = rows if good is None else rows.filter(good)
        found = frame.select("batch_id").filter(kept).group_by("batch_id", maintain_order=True)
        counted = found.agg(rows=pl.len().cast(pl.Int64))
        parts.append(counted.select("batch_id", pl.lit(name).alias("column"), "rows"))
    return pl.concat(parts)
