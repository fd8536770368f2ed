"""Answer-only services: one ID number in, what the department has about that person out.

Asked are only the persons whom a stated purpose needs: those in one column of one dataset that the
hub holds already. Their ID numbers come out of the vault inside landing and go nowhere but into the
question; each question stands in the vault's access log, with its purpose, before it is sent. An
answer is valid for some days and not asked for again before. Answers are kept one by one, so a run
that breaks off goes on where it was; together they become a batch like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pyarrow as pa

from ingestion import access_log, identifiers, parsing, register, vault
from ingestion.connectors.rest.client import Client
from ingestion.connectors.rest.paging import at
from ingestion.contracts import Contract, load_contracts
from ingestion.delivery import SHANGHAI, Delivery, wall_clock
from ingestion.errors import SourceError
from ingestion.keys import vault_keys
from ingestion.readers import page_frames, text_frame
from ingestion.vault_file import VaultFile
from yinling.settings import Settings, Source

RAW_FILE = "pages.jsonl.zst"
PENDING = "answers.jsonl"
ROLE = "lookup"
QUESTIONS_A_BLOCK = 500
ANSWERS_A_LINE = 1_000
PURPOSE_HEADER = "X-Purpose"


def lookup_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame, client: Client
) -> Iterator[Delivery]:
    """One delivery with the answers about everybody whose answer is missing or too old, or none.

    Raises:
        SourceError: a setting lacks, or the service does not answer; what it answered before that
            is kept, and the next run asks for the rest.
        VaultError, SettingsError: the vault cannot be opened.
    """
    if source.purpose is None or source.ask_for is None:
        raise SourceError(
            f"sources.{contract.name}: a look-up needs `purpose` (why the hub may ask, in words)"
            ' and `ask_for` (whom it asks for: "dataset.column").'
        )
    asked_column = _id_column(contract)
    pending = _Pending(settings.landing / contract.name / ".incoming" / PENDING)
    mine = known.filter(pl.col("provider") == source.provider).sort("sequence")
    if mine.height and pending.digest() == mine["sha256"][-1]:
        pending.remove()  # committed by a run that was killed before it could tidy up
    moment = datetime.now(SHANGHAI).replace(tzinfo=None, microsecond=0)
    since = moment - timedelta(days=source.answers_valid_days)
    wanted = _persons(settings, source, contract.name)
    answered = _answered(settings, contract, mine, since)
    last = pl.concat([answered, pending.answered()]).group_by("token").agg(pl.col("at").max())
    due = (
        wanted.join(last, on="token", how="left")
        .filter(pl.col("at").is_null() | (pl.col("at") < since))
        .sort("at", "token", nulls_last=False)
        .head(source.questions_per_run)["token"]
        .to_list()
    )
    questions = _Questions(settings, source, contract, client, asked_column)
    for token, answer in questions.answers(due):
        pending.add(token, answer)
        questions.done += 1
    answers = pending.answered()
    if not answers.height:
        return
    said = pending.said_at()
    rows_total = int(answers["rows"].sum())
    delivery = Delivery(
        dataset=contract.name,
        provider=str(source.provider),
        period=said.strftime("%Y-%m"),
        mode="increment",
        sequence=1 + (mine["sequence"][-1] if mine.height else 0),
        file=RAW_FILE,
        delivered_at=said,
        frames=pending.frames,
        reread=page_frames,
        rows_hint=rows_total,
        digest=pending.digest,
        row_count=rows_total,
        legal_basis=f"{contract.legal_basis}；查询目的：{source.purpose}",
        warnings=[
            f"逐人查询 {answers.height} 人（{source.ask_for}），"
            f"其中 {answers.filter(pl.col('rows') > 0).height} 人有记录"
        ],
    )
    yield delivery
    if delivery.batch_id in register.committed(settings, contract.name):
        pending.remove()


def _id_column(contract: Contract) -> str:
    """The contract's ID number: what is asked with.

    Raises:
        SourceError: it has none.
    """
    for column in contract.columns:
        if column.personal == "citizen_id":
            return column.name
    raise SourceError(f"sources.{contract.name}: a look-up asks for persons; it has no ID number.")


def _persons(settings: Settings, source: Source, dataset: str) -> pl.DataFrame:
    """Tokens of everybody in the column that `ask_for` names.

    Raises:
        SourceError: there is no such dataset or column, or it holds no ID numbers.
    """
    name, _, column = str(source.ask_for).partition(".")
    contract = load_contracts(settings.contracts).get(name)
    if contract is None or column not in contract.by_name:
        raise SourceError(
            f"sources.{dataset}: `ask_for` names {source.ask_for}, which no contract has."
        )
    if contract.by_name[column].personal != "citizen_id":
        raise SourceError(f"sources.{dataset}: `ask_for`: {source.ask_for} is no ID number.")
    token = contract.by_name[column].lake[0][0]
    files = settings.lake / name / "*" / "data.parquet"
    persons = pl.scan_parquet(files).select(token=pl.col(token)).drop_nulls().unique()
    return persons.collect(engine="streaming")


_ANSWERED = pl.Schema({"token": pl.String(), "at": pl.Datetime("us"), "rows": pl.Int64()})


def _answered(
    settings: Settings, contract: Contract, mine: pl.DataFrame, since: datetime
) -> pl.DataFrame:
    """Whose answers landing holds from batches that are not too old.

    Grain: one answer (token, at, rows).
    """
    found = [_ANSWERED.to_frame()]
    for batch_id in mine.filter(pl.col("received_at") >= since)["batch_id"]:
        file = register.delivered_file(settings, contract.name, batch_id, RAW_FILE)
        if not file.exists():
            continue
        with pa.input_stream(str(file), compression="zstd") as stream:
            lines = bytes(stream.read()).splitlines()
        answers = [answer for line in lines for answer in json.loads(line)["answers"]]
        found.append(_frame(answers))
    return pl.concat(found)


def _frame(answers: list[list[Any]]) -> pl.DataFrame:
    texts = pl.Schema({**_ANSWERED, "at": pl.String()})
    frame = pl.DataFrame(answers, schema=texts, orient="row")
    return frame.with_columns(pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us"))


@dataclass(frozen=True)
class _Answer:
    """A person's rows and when the department said so (Asia/Shanghai)."""

    rows: list[dict[str, Any]]
    said_at: str


class _Questions:
    """Asks about one person after the other.

    Attributes:
        done: how many were answered and kept.
    """

    def __init__(
        self, settings: Settings, source: Source, contract: Contract, client: Client, column: str
    ) -> None:
        self.settings, self.source, self.contract = settings, source, contract
        self.client, self.column, self.done = client, column, 0
        # Headers are ASCII; Chinese words travel percent-encoded.
        self._headers = {PURPOSE_HEADER: quote(str(source.purpose), safe=" ")}

    def answers(self, tokens: list[str]) -> Iterator[tuple[str, _Answer]]:
        """(token, answer) of each person, in order."""
        for start in range(0, len(tokens), QUESTIONS_A_BLOCK):
            clear = self._clear(tokens[start : start + QUESTIONS_A_BLOCK])
            for token, number in clear.items():
                try:
                    yield token, self._ask(number)
                except SourceError as error:
                    raise SourceError(
                        f"{error} {self.done:,} of {len(tokens):,} persons were answered and are"
                        " kept; they will not be asked for again."
                    ) from error

    def _clear(self, tokens: list[str]) -> dict[str, str]:
        """ID numbers of the tokens; the access log has each, with the purpose, before this
        returns. Tokens that no vault file has are left out, and the log says so."""
        name = str(self.source.ask_for).partition(".")[0]
        keys, found = list(vault_keys(self.settings)), dict[str, str]()
        for path in vault.files(self.settings, name):
            if not (left := [token for token in tokens if token not in found]):
                break
            found.update((t, clear) for _, t, clear in VaultFile(path, iter(keys)).find(left))
        access_log.write(
            self.settings,
            [
                {
                    "role": ROLE,
                    "reason": self.source.purpose,
                    "token": token,
                    "outcome": "asked" if token in found else "not found",
                    "dataset": self.contract.name,
                    "asked_of": self.source.provider,
                }
                for token in tokens
            ],
        )
        return {token: found[token] for token in tokens if token in found}

    def _ask(self, number: str) -> _Answer:
        body, _ = self.client.ask({self.column: number}, self._headers)
        rows = at(body, self.source.rows_at)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.client.fail("answered something that is no list of rows")
        return _Answer(self._own(rows, number), self._said_at(body))

    def _said_at(self, body: dict[str, Any]) -> str:
        """The department's own time of the answer, where it says one."""
        stated = body.get("generated_at")
        try:
            moment = datetime.now(SHANGHAI) if stated is None else datetime.fromisoformat(stated)
        except (TypeError, ValueError) as error:
            raise self.client.fail(f"gave no date and time in `generated_at`: {stated}") from error
        return wall_clock(moment).isoformat(timespec="seconds")

    def _own(self, rows: list[dict[str, Any]], number: str) -> list[dict[str, Any]]:
        """The rows, each with the ID number that was asked for; 15 digits may stand for it.

        Raises:
            SourceError: a row names somebody else, in whatever form.
        """
        named = [{self.column: row.get(self.column)} for row in rows]
        given = parsing.tidy(text_frame([{self.column: number}, *named])[self.column])
        numbers, _, _ = identifiers.citizen_id(given, given)
        if (numbers[1:].drop_nulls() != numbers[0]).any():
            raise self.client.fail("answered about another person than the one asked for")
        told = numbers[1:].is_not_null()
        return [
            row if has_number else {**row, self.column: number}
            for row, has_number in zip(rows, told, strict=True)
        ]


class _Pending:
    """Answers that are in no batch yet, one a line, each on disk before the next question."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if file.exists():
            # What a killed run left half written is asked for again.
            whole = file.read_bytes().rpartition(b"\n")
            with file.open("r+b") as handle:
                handle.truncate(len(whole[0] + whole[1]))

    def add(self, token: str, answer: _Answer) -> None:
        """Keep one answer, with the moment of the question."""
        moment = datetime.now(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S")
        answers = [[token, moment, len(answer.rows)]]
        line = json.dumps({"answers": answers, "rows": answer.rows, "said_at": answer.said_at})
        with self.file.open("ab") as handle:
            handle.write(line.encode() + b"\n")
        self.file.chmod(0o600)

    def _lines(self) -> Iterator[dict[str, Any]]:
        if self.file.exists():
            with self.file.open("rb") as handle:
                for line in handle:
                    yield json.loads(line)

    def answered(self) -> pl.DataFrame:
        """Who was answered: token, at, rows."""
        return _frame([answer for line in self._lines() for answer in line["answers"]])

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
