"""One batch on its way into the lake: written beside, reconciled, committed by one rename.

Until the rename nothing of the batch exists for any reader; after it everything does. A run killed
in between leaves a draft that the next run throws away.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion import quarantine, receipts, register, vault
from ingestion.contracts import Contract
from ingestion.delivery import Delivery
from ingestion.drift import conform, left_out_words, refuse_frozen_values
from ingestion.durable import commit, fresh, sync, write_json, write_whole
from ingestion.errors import DeliveryError
from ingestion.lake_file import LakeFile
from ingestion.register import MANIFEST
from ingestion.transform import Chunk, all_differ, key_hashes
from yinling.clock import this_second
from yinling.settings import Settings

RECEIPT = "receipt.json"
DISCARDED = "discarded.parquet"  # values left out of loaded rows, in the quarantine's columns
DRAFTS = ".staging"
_LATE = ".late.part"  # rows refused after all chunks were seen, until they are put in order
_REREAD_ROWS = 20_000  # a row group may be too large to be held as text


@dataclass
class Tally:
    """Counts and sums of a batch so far; `sums` of loaded, `refused_sums` of refused rows.

    `read` counts what the reader handed on, before anything else saw it.
    """

    read: int = 0
    loaded: int = 0
    refused: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)
    refused_sums: dict[str, Decimal] = field(default_factory=dict)
    unreadable: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)


def seal_for(settings: Settings, contract: Contract) -> vault.Seal | None:
    """What the dataset's originals are sealed with; None where it has none.

    Raises:
        SettingsError, VaultError: no key is set, or not the one of the batches before.
    """
    return vault.fitting_seal(settings, contract.name) if contract.holds_secrets else None


class Batch:
    """Takes a delivery's chunks in order; `finish` makes them a batch or refuses them all.

    Args:
        seal: of the dataset (`seal_for`).
    """

    def __init__(
        self,
        settings: Settings,
        contract: Contract,
        delivery: Delivery,
        seal: vault.Seal | None,
    ) -> None:
        self.settings, self.contract, self.delivery = settings, contract, delivery
        self.room = fresh(settings.landing / contract.name / delivery.batch_id)
        self.delivered = self.room / register.DELIVERED
        self.delivered.mkdir()
        self.draft = fresh(settings.home / DRAFTS / delivery.batch_id)
        self.tally = Tally(sums=_zeros(contract), refused_sums=_zeros(contract))
        self.received_at = this_second()
        self._data = self.draft / "data.parquet"
        self._writer: LakeFile | None = None
        self._refused = quarantine.RefusedFile(self.room / quarantine.FILE)
        self._late = quarantine.RefusedFile(self.room / _LATE)
        self._discarded = quarantine.RefusedFile(self.room / DISCARDED)
        self._hashes: list[pl.Series] = []
        self._chunks = 0
        self._vault_file: BinaryIO | None = None
        self._vault: vault.VaultWriter | None = None
        if seal is not None:
            self._vault_file = (self.room / vault.FILE).open("wb")
            self._vault = vault.VaultWriter(self._vault_file, delivery.batch_id, seal)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The delivery's rows as its reader hands them on, counted."""
        for frame in self.delivery.frames(self.delivered):
            self.tally.read += frame.height
            yield frame

    def add(self, chunk: Chunk) -> None:
        """Write one chunk (of this batch only)."""
        self._chunks += 1
        self._write(chunk.good)
        self._refused.add(chunk.refused)
        self._discarded.add(chunk.discarded)
        if self._vault is not None and chunk.secrets.height:
            self._vault.add(chunk.secrets)
        self._hashes.append(chunk.hashes)
        tally = self.tally
        tally.loaded += chunk.good.height
        tally.refused += chunk.refused.height
        for name in _numeric(self.contract):
            _add(tally.sums, name, chunk.good[name])
            _add(tally.refused_sums, name, chunk.refused_values[name])
            tally.unreadable[name] += int(chunk.refused_values[f"{name}?"].sum())
        for _, name, rows in chunk.doubts.iter_rows():
            tally.doubts[name] += rows

    def _write(self, good: pl.DataFrame) -> None:
        if self._writer is None:
            different = {c for c in good.columns if c.endswith(("_token", "_mask"))}
            different |= {"row_no", *self.contract.key_lake_columns()}
            self._writer = LakeFile(self._data, different)
        self._writer.write(good)

    def finish(self, still_refused: pl.LazyFrame | None = None) -> dict[str, Any]:
        """Reconcile and commit.

        Args:
            still_refused: of a replay, the delivery's rows that stay in its quarantine.

        Returns:
            The receipt.

        Raises:
            DeliveryError: `rows_lost`, `row_count` or `control_sum`; nothing was committed.
        """
        if self._writer is None:
            self._write(self.contract.polars_schema().to_frame())
        if self._writer is not None:
            self._writer.flush()  # written while the keys are compared
        suspects = self._alike()
        self._close()
        if len(suspects):
            self._refuse_late_duplicates(suspects)
        self._refused.merge(self._late)
        reconcile(self.delivery, self.tally)
        refused = self._refused.scan()
        refuse_frozen_values(self.contract, refused)
        manifest = self._manifest() | {"refused_by": quarantine.summary(refused)}
        told = refused if still_refused is None else still_refused
        receipt = receipts.accepted(self.contract, self.delivery, manifest, told)
        write_json(self.room / RECEIPT, receipt)
        for file in self.room.rglob("*"):
            sync(file)
        sync(self.room)
        sync(self.room.parent)
        if self.delivery.mode == "full":
            self._hold(refused)
        write_json(self.draft / MANIFEST, manifest)
        commit(self.draft, self.settings.lake / self.contract.name / self.delivery.batch_id)
        return receipt

    def _hold(self, refused: pl.LazyFrame) -> None:
        """A full delivery has not dropped what it lists in a row that was refused."""
        keys = refused.select("key").drop_nulls()
        if keys.head(1).collect(engine="streaming").height:
            keys.unique().sort("key").sink_parquet(self.draft / register.HELD)

    def _close(self) -> None:
        for file in (self._writer, self._refused, self._discarded):
            if file is not None:
                file.close()
        if self._vault is not None and self._vault_file is not None:
            self._vault.close()
            self._vault_file.close()

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Throw away the draft of a batch that was not committed."""
        if self.draft.exists():
            files = (self._writer, self._refused, self._late, self._discarded, self._vault_file)
            for file in files:
                with contextlib.suppress(OSError):
                    if file is not None:
                        file.close()
            shutil.rmtree(self.draft, ignore_errors=True)

    def _manifest(self) -> dict[str, Any]:
        delivery, tally, contract = self.delivery, self.tally, self.contract
        doubts = [
            _doubt(contract, name, rows) for name, rows in sorted(tally.doubts.items()) if rows
        ]
        doubts += left_out_words(contract, self._discarded.scan())
        return {
            "batch_id": delivery.batch_id,
            "dataset": contract.name,
            "provider": delivery.provider,
            "period": delivery.period,
            "mode": "replay" if delivery.replay else delivery.mode,
            "replay_of": delivery.delivery_id if delivery.replay else None,
            "sequence": delivery.sequence,
            "file": delivery.file,
            "sha256": delivery.sha256,
            "delivered_at": delivery.delivered_at.isoformat(),
            "read_at": delivery.read_at.isoformat() if delivery.read_at else None,
            "received_at": self.received_at.isoformat(),
            "rows_read": tally.read,
            "rows_loaded": tally.loaded,
            "rows_quarantined": tally.refused,
            "values_discarded": self._discarded.rows,
            "control": {
                "rows": delivery.row_count,
                "sums": {name: str(total) for name, total in delivery.control_sums.items()},
            },
            "sums": {name: str(total) for name, total in tally.sums.items()},
            "refused_sums": {name: str(total) for name, total in tally.refused_sums.items()},
            "cursor": delivery.cursor,
            "contract_version": contract.version,
            "schema_fingerprint": contract.schema_fingerprint,
            "delivered_columns": delivery.schema.columns,
            "schema_change": delivery.schema.change(contract),
            "legal_basis": delivery.legal_basis or contract.legal_basis,
            "warnings": delivery.warnings + delivery.schema.words(contract) + doubts,
        }

    def _alike(self) -> pl.Series:
        """Hashes of keys that rows of different chunks share (a chunk has compared its own)."""
        hashes = pl.concat(self._hashes) if self._chunks > 1 else pl.Series(dtype=pl.UInt64)
        if all_differ(hashes):
            return hashes.clear()
        return hashes.filter(hashes.is_duplicated()).unique()

    def _refuse_late_duplicates(self, suspects: pl.Series) -> None:
        """Move rows whose key stood in an earlier chunk from the lake to the quarantine.

        Only the hashes of the keys are in memory (8 bytes a row); where two are equal, the keys
        themselves are compared, and the batch is written again without the later rows.
        """
        key = self.contract.key_lake_columns()
        with pq.ParquetFile(self._data) as file:
            found = []
            for batch in file.iter_batches(_REREAD_ROWS, columns=[*key, "row_no"]):
                rows = pl.DataFrame(pa.Table.from_batches([batch]))
                found.append(rows.filter(key_hashes(rows.select(key)).is_in(suspects.implode())))
        again = pl.concat(found).sort("row_no")
        later = again.filter(~pl.struct(key).is_first_distinct())["row_no"]
        if len(later):
            self._rewrite_without(later)
            self._quarantine_again(later)

    def _rewrite_without(self, later: pl.Series) -> None:
        whole = self._data.rename(self._data.with_name("whole.parquet"))
        self._writer = None
        self.tally.sums.clear()
        self.tally.loaded = 0
        gone = later.implode()
        with pq.ParquetFile(whole) as file:
            for batch in file.iter_batches(_REREAD_ROWS):
                rows = pl.DataFrame(pa.Table.from_batches([batch]))
                kept = rows.filter(~pl.col("row_no").is_in(gone))
                for name in _numeric(self.contract):
                    removed = rows[name].filter(rows["row_no"].is_in(gone))
                    _add(self.tally.sums, name, kept[name])
                    _add(self.tally.refused_sums, name, removed)
                self.tally.loaded += kept.height
                self._write(kept)
        whole.unlink()
        if self._writer is not None:
            self._writer.close()

    def _quarantine_again(self, later: pl.Series) -> None:
        """The rows' text comes from the raw bytes in landing."""
        start = 1
        for frame in self.delivery.reread(self.delivered / self.delivery.file):
            numbers = pl.int_range(start, start + frame.height, dtype=pl.Int64, eager=True)
            here = numbers.is_in(later.implode())
            if here.any():
                raw = conform(self.contract, frame).filter(here)
                lineage = pl.DataFrame({"row_no": numbers.filter(here)}).with_columns(
                    batch_id=pl.lit(self.delivery.batch_id),
                    column=pl.lit(self.contract.key[0]),
                    reason=pl.lit("duplicate_key"),
                )
                self._late.add(quarantine.refused_rows(self.contract, raw, lineage, lineage))
            start += frame.height
        self._late.close()
        self.tally.refused += self._late.rows


def _doubt(contract: Contract, name: str, rows: int) -> str:
    column, _, code = name.partition("=")
    title = contract.titles[column]
    if code:
        return f"“{title}”出现代码表以外的代码 {code}，{rows} 行，已载入，请确认是否新增"
    if contract.by_name[column].division:
        return f"“{title}”有 {rows} 行不是当时有效的区划代码，已载入，请核对"
    return f"“{title}”校验位存疑 {rows} 行，已载入，请核对"


def complete_receipts(settings: Settings, dataset: str) -> None:
    """Hand out the receipts of batches after whose commit a run was killed.

    What stands in such a receipt's place is nothing, the refusal of an earlier try, or half a file.
    """
    for batch_id in sorted(register.committed(settings, dataset)):
        kept = settings.landing / dataset / batch_id / RECEIPT
        given = settings.receipts / dataset / f"{batch_id}.json"
        if kept.exists() and not _is_handed_out(kept, given):
            write_whole(given, kept.read_bytes())


def _is_handed_out(kept: Path, given: Path) -> bool:
    """Whether the receipt is that of the commit: the same text, written after it (no file is read,
    for every run asks this of every batch)."""
    if not given.exists():
        return False
    before, after = kept.stat(), given.stat()
    return after.st_size == before.st_size and after.st_mtime_ns >= before.st_mtime_ns


def _numeric(contract: Contract) -> list[str]:
    """Columns that are added up."""
    return [
        column.name
        for column in contract.columns
        if column.logical_type == "integer" or column.physical_type.startswith("decimal")
    ]


def _zeros(contract: Contract) -> dict[str, Decimal]:
    """A delivery without rows adds up to nothing, but it does add up."""
    return dict.fromkeys(_numeric(contract), Decimal(0))


def _add(sums: dict[str, Decimal], name: str, values: pl.Series) -> None:
    # A column's own type may be too small for its sum, which then wraps around unnoticed.
    wide = values.cast(pl.Int128) if values.dtype.is_integer() else values
    sums[name] = sums.get(name, Decimal(0)) + Decimal(wide.sum() or 0)


def reconcile(delivery: Delivery, tally: Tally) -> None:
    """Prove that what was delivered is what was read, and that all of it is here.

    Rows as the reader counted them, and every control sum to the cent.

    Rows whose amount cannot be read make an exact proof of that sum impossible; the difference is
    then theirs and is told in the receipt.

    Raises:
        DeliveryError: `rows_lost`, `row_count`, `control_sum`.
    """
    read = tally.read
    if read != tally.loaded + tally.refused:
        raise DeliveryError(
            "rows_lost",
            f"读出 {read} 行，检查后载入 {tally.loaded} 行、退回 {tally.refused} 行，合计不符。"
            "这是平台的差错，请告知数据管理部门。",
        )
    if delivery.row_count is not None and delivery.row_count != read:
        raise DeliveryError(
            "row_count",
            f"控制记录写 {delivery.row_count} 行，实际收到 {read} 行。请核对后整批重新报送。",
        )
    for name, stated in delivery.control_sums.items():
        if name not in tally.sums:
            raise DeliveryError(
                "control_sum", f"控制合计中的列 {name} 不是本数据集的数值列。请更正控制记录。"
            )
        found = tally.sums[name] + tally.refused_sums[name]
        if found == stated:
            continue
        unreadable = tally.unreadable[name]
        if not unreadable:
            raise DeliveryError(
                "control_sum",
                f"列 {name} 的控制合计为 {stated}，实际合计 {found}，相差 {stated - found}。"
                "请核对后整批重新报送。",
            )
        delivery.warnings.append(
            f"列 {name} 的控制合计为 {stated}，可读行合计 {found}；"
            f"差额 {stated - found} 在 {unreadable} 个无法识别的数值中"
        )
