"""Replay: rows of the quarantine land after what was wrong with them has been put right.

After a change of a contract or a code list the refused texts are checked again as they are; after
a correction by the provider they come from a corrected file, by row number. What is sound now
becomes a batch of its own beside the delivery, `<delivery>.r01`, committed by one rename: its rows
name the delivery as their batch, keep their row number and known_at, and are not refused a second
time. Which rows are left is read from the lake: a replay that is killed, or run again, brings no
row twice.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from ingestion import quarantine, refusals, register
from ingestion.batch import Batch, complete_receipts, seal_for
from ingestion.contracts import Contract, load_contracts
from ingestion.delivery import Delivery
from ingestion.divisions import attached
from ingestion.drift import conform
from ingestion.durable import plain_disk_errors, single_writer, write_json
from ingestion.errors import DeliveryError, IngestionError
from ingestion.readers import file_frames
from ingestion.refusals import Search
from ingestion.tokens import token_key
from ingestion.transform import Chunk, transform
from yinling.clock import this_second
from yinling.settings import Settings

ROW_NUMBER = ("行号", "row_no")  # headers of a corrected file's column of row numbers


def replay(
    settings: Settings,
    search: Search = Search(),  # noqa: B008 (frozen)
    corrected: Path | None = None,
) -> list[dict[str, Any]]:
    """Land the refused rows that are sound now.

    Args:
        search: which refused rows; default: all.
        corrected: a file with the rows put right, for one delivery (search.batch_id).

    Returns:
        The receipts of the deliveries of which rows came in; empty when there was nothing to do.

    Raises:
        IngestionError: unknown dataset or delivery, or the corrected file does not fit.
        BusyError: the dataset is being landed.
    """
    contracts = load_contracts(settings.contracts)
    if corrected is not None and search.batch_id is None:
        raise IngestionError("A corrected file is for one delivery. Name it with --batch.")
    if search.dataset is not None and search.dataset not in contracts:
        raise IngestionError(f"No contract for dataset `{search.dataset}`.")
    names = [search.dataset] if search.dataset else sorted(contracts)
    if search.batch_id is not None:
        names = [search.batch_id.partition(".")[0]]
        if search.batch_id not in register.committed(settings, names[0]):
            raise IngestionError(f"No delivery {search.batch_id}. See `yinling status`.")
    done = []
    for name in names:
        if not any((settings.landing / name).glob(f"*/{quarantine.FILE}")):
            continue
        with (
            plain_disk_errors(settings.home),
            single_writer(settings.landing / name, f"`{name}`"),
        ):
            done += _Dataset(settings, contracts[name], search).run(corrected)
    return done


class _Dataset:
    """Replays one dataset's quarantine, alone."""

    def __init__(self, settings: Settings, contract: Contract, search: Search) -> None:
        self.settings, self.contract = settings, attached(settings, contract)
        self.wanted = Search(**{**vars(search), "dataset": contract.name})

    def run(self, corrected: Path | None) -> list[dict[str, Any]]:
        complete_receipts(self.settings, self.contract.name)
        waiting = refusals.waiting(self.settings, self.wanted)
        if corrected is None:
            waiting = waiting.filter(pl.col("state") == "open")
        batches = waiting.select(pl.col("batch_id").unique()).collect(engine="streaming")
        done = (self._delivery(batch, waiting, corrected) for batch in sorted(batches["batch_id"]))
        return [receipt for receipt in done if receipt is not None]

    def _delivery(
        self, batch: str, waiting: pl.LazyFrame, corrected: Path | None
    ) -> dict[str, Any] | None:
        """One delivery's receipt; None when no row of it is sound now."""
        rows = waiting.filter(pl.col("batch_id") == batch).collect(engine="streaming")
        if corrected is None:
            raw = self._delivered_text(rows)
        else:
            rows, raw = self._corrected_text(rows, corrected)
        if rows.is_empty():
            return None
        manifest = register.manifest(self.settings, self.contract.name, batch)
        lineage = rows.select(
            "batch_id",
            "row_no",
            known_at=_moment(manifest["delivered_at"]),
            told_at=_moment(manifest.get("read_at") or manifest["delivered_at"]),
        )
        chunk = transform(self.contract, raw, lineage, token_key(self.settings))
        sound = self._without_known_keys(batch, chunk)
        return self._commit(manifest, sound, corrected) if sound.good.height else None

    def _delivered_text(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows' text in today's columns; what the contract did not have then is empty."""
        texts = pl.Struct({column.name: pl.String() for column in self.contract.columns})
        return rows.select(pl.col("raw_row").str.json_decode(texts)).unnest("raw_row")

    def _corrected_text(
        self, rows: pl.DataFrame, corrected: Path
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Those of the rows that the corrected file has, and their text there."""
        source = self.settings.sources.get(self.contract.name)
        encoding = (source.encoding if source else None) or self.contract.encoding
        numbers, texts, start = [], [], 1
        try:
            for frame in file_frames(corrected, encoding.lower(), self.contract):
                named = next((name for name in ROW_NUMBER if name in frame.columns), None)
                if named is not None:
                    numbers.append(frame[named].cast(pl.Int64, strict=False).rename("row_no"))
                    frame = frame.drop(named)
                else:
                    numbers.append(
                        pl.int_range(start, start + frame.height, eager=True).rename("row_no")
                    )
                start += frame.height
                texts.append(conform(self.contract, frame))
        except DeliveryError as error:
            raise IngestionError(f"{corrected.name}: {error}") from error
        batch = str(self.wanted.batch_id)
        read = register.manifest(self.settings, self.contract.name, batch)["rows_read"]
        if named is None and start - 1 != read:
            raise IngestionError(
                f"{corrected.name} has {start - 1} rows, the delivery had {read}: rows cannot be"
                f" told by their order. Add a column `{ROW_NUMBER[0]}` with the row numbers of the"
                " receipt, or have the provider deliver again under a new sequence."
            )
        text = pl.concat(texts, how="diagonal").with_columns(pl.concat(numbers))
        text = text.filter(pl.col("row_no").is_not_null()).unique("row_no", keep="last")
        found = rows.join(text.select("row_no"), on="row_no", how="semi").sort("row_no")
        return found, found.select("row_no").join(
            text, on="row_no", how="left", maintain_order="left"
        ).drop("row_no")

    def _without_known_keys(self, batch: str, chunk: Chunk) -> Chunk:
        """Rows whose key another row of the delivery has brought into the lake stay refused."""
        key = self.contract.key_lake_columns()
        folder = self.settings.lake / self.contract.name
        files = [folder / batch / "data.parquet", *sorted(folder.glob(f"{batch}.r*/data.parquet"))]
        known = pl.concat(pl.read_parquet(file, columns=key) for file in files)
        plain = chunk.good.cast({pl.Enum: pl.String, pl.Categorical: pl.String})
        fresh = plain.with_row_index("_at").join(known, on=key, how="anti")["_at"].sort()
        good = plain[fresh]
        tokens = [name for name in good.columns if name.endswith("_token")]
        used = pl.concat([_NONE, *(good[name].rename("token") for name in tokens)])
        return dataclasses.replace(
            chunk,
            good=good,
            hashes=chunk.hashes[fresh],
            refused=chunk.refused.clear(),
            refused_values=chunk.refused_values.clear(),
            secrets=chunk.secrets.filter(pl.col("token").is_in(used.implode())),
        )

    def _commit(
        self, manifest: dict[str, Any], chunk: Chunk, corrected: Path | None
    ) -> dict[str, Any]:
        batch_id = manifest["batch_id"]
        before = (self.settings.lake / self.contract.name).glob(f"{batch_id}.r*")
        content = chunk.good.write_csv().encode()
        delivery = Delivery(
            dataset=self.contract.name,
            provider=manifest["provider"],
            period=manifest["period"],
            mode=manifest["mode"],
            sequence=manifest["sequence"],
            file=corrected.name if corrected else manifest["file"],
            delivered_at=this_second(),
            frames=_no_frames,
            reread=_no_frames,
            rows_hint=chunk.good.height,
            digest=hashlib.sha256(content).hexdigest,
            legal_basis=manifest.get("legal_basis"),
            replay=1 + len(list(before)),
        )
        loaded = chunk.good["row_no"]
        every = Search(dataset=self.contract.name, batch_id=batch_id)
        left = refusals.waiting(self.settings, every).filter(
            ~pl.col("row_no").is_in(loaded.implode())
        )
        seal = seal_for(self.settings, self.contract)
        with Batch(self.settings, self.contract, delivery, seal) as batch:
            if corrected is not None:
                shutil.copy2(corrected, batch.delivered / corrected.name)
                (batch.delivered / corrected.name).chmod(0o600)
            batch.tally.read = len(loaded)
            batch.add(chunk)
            receipt = batch.finish(left)
        self._hand_out(delivery.batch_id, receipt)
        return receipt

    def _hand_out(self, batch_id: str, receipt: dict[str, Any]) -> None:
        write_json(self.settings.receipts / self.contract.name / f"{batch_id}.json", receipt)


_NONE = pl.Series("token", [], dtype=pl.String)


def _moment(text: str) -> pl.Expr:
    return pl.lit(datetime.fromisoformat(text), pl.Datetime("us"))


def _no_frames(_: Path) -> Iterator[pl.DataFrame]:
    return iter(())
