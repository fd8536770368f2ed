"""Answers about persons: as they wait for their batch, and as the batch keeps them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from ingestion.durable import sync
from ingestion.readers import page_frames
from yinling.clock import now

RAW_FILE = "pages.jsonl.zst"
PENDING = "answers.jsonl"
ANSWERS_A_LINE = 1_000

ANSWERED = pl.Schema({"token": pl.String(), "at": pl.Datetime("us"), "rows": pl.Int64()})


@dataclass(frozen=True)
class Answer:
    """A person's rows and when the department said so (Asia/Shanghai)."""

    rows: list[dict[str, Any]]
    said_at: str


def answers_frame(answers: list[list[Any]]) -> pl.DataFrame:
    """Who was answered when. Grain: one answer (token, at, rows)."""
    texts = pl.Schema({**ANSWERED, "at": pl.String()})
    frame = pl.DataFrame(answers, schema=texts, orient="row")
    return frame.with_columns(pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us"))


class PendingAnswers:
    """Answers that are in no batch yet, one a line, each safe on the disk once it is added.

    Half a line, of a killed run, is no answer; that person is asked for again.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / PENDING

    def mend(self) -> None:
        """Cut off what a killed run left half written."""
        if self.file.exists():
            with self.file.open("r+b") as handle:
                handle.truncate(sum(len(line) for line in handle if line.endswith(b"\n")))

    def add(self, token: str, answer: Answer) -> None:
        """Keep one answer, with the moment of the question; it survives a power cut."""
        moment = now().strftime("%Y-%m-%dT%H:%M:%S")
        answers = [[token, moment, len(answer.rows)]]
        line = json.dumps({"answers": answers, "rows": answer.rows, "said_at": answer.said_at})
        if not self.file.exists():
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.file.touch(0o600)
            for folder in self.file.parents[:2]:
                sync(folder)
        with self.file.open("ab") as handle:
            handle.write(line.encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())

    def _lines(self) -> Iterator[dict[str, Any]]:
        if self.file.exists():
            with self.file.open("rb") as handle:
                for line in handle:
                    if line.endswith(b"\n"):
                        yield json.loads(line)

    def answered(self) -> pl.DataFrame:
        """Who was answered: token, at, rows."""
        return answers_frame([answer for line in self._lines() for answer in line["answers"]])

    def said_at(self) -> datetime:
        """When the department gave the newest of the answers."""
        return datetime.fromisoformat(max(line["said_at"] for line in self._lines()))

    def digest(self) -> str:
        """SHA-256 of who was answered what, and when the department said so; empty without answers.

        When we asked is no part of it: asked again, the same department's same words are the same.
        """
        found = hashlib.sha256()
        for line in self._lines():
            token = line["answers"][0][0]
            found.update(json.dumps([token, line["rows"], line["said_at"]]).encode() + b"\n")
        return found.hexdigest() if self.file.exists() else ""

    def remove(self) -> None:
        """The answers are in a batch."""
        self.file.unlink(missing_ok=True)

    def frames(self, room: Path) -> Iterator[pl.DataFrame]:
        """The answers into the batch's room, many a line, and their rows."""
        raw = room / RAW_FILE
        with pa.output_stream(str(raw), compression="zstd") as stream:
            answers, rows = list[Any](), list[Any]()
            for line in self._lines():
                answers += line["answers"]
                rows += line["rows"]
                if len(answers) >= ANSWERS_A_LINE:
                    stream.write(_packed(answers, rows))
                    answers, rows = [], []
            if answers:
                stream.write(_packed(answers, rows))
        yield from page_frames(raw)


def _packed(answers: list[Any], rows: list[Any]) -> bytes:
    return json.dumps({"answers": answers, "rows": rows}, ensure_ascii=False).encode() + b"\n"
