"""Answer-only services: one ID number in, what the department has about that person out.

Asked are only the persons whom a stated purpose needs: those in one column of one dataset that the
hub holds already. Their ID numbers come out of the vault inside landing and go nowhere but into the
question; each question stands in the vault's access log, with its purpose, before it is sent. An
answer is valid for some days and not asked for again before. Answers are kept one by one, so a run
that breaks off goes on where it was; together they become a batch like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import polars as pl
import pyarrow as pa

from ingestion import access_log, identifiers, parsing, register, vault
from ingestion.connectors.rest.answers import (
    ANSWERED,
    RAW_FILE,
    Answer,
    PendingAnswers,
    answers_frame,
)
from ingestion.connectors.rest.client import Client
from ingestion.connectors.rest.paging import at
from ingestion.contracts import Contract, load_contracts
from ingestion.delivery import Deliveries, Delivery, wall_clock
from ingestion.errors import SourceError
from ingestion.keys import vault_keys
from ingestion.readers import page_frames, text_frame
from ingestion.vault_file import VaultFile
from yinling.clock import now, this_second
from yinling.settings import Settings, Source

ROLE = "lookup"
QUESTIONS_A_BLOCK = 500
PURPOSE_HEADER = "X-Purpose"


def lookup_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame, client: Client
) -> Deliveries:
    """One delivery with the answers about everybody whose answer is missing or too old, or none.

    Raises:
        SourceError: a setting lacks, or the service does not answer; what it answered before that
            is kept, and the next run asks for the rest.
        VaultError, SettingsError: the vault cannot be opened.
    """
    asked_column = _id_column(contract)
    pending = PendingAnswers(settings.landing / contract.name / ".incoming")
    mine = known.filter(pl.col("provider") == source.provider).sort("sequence")
    if _in_a_batch(pending, mine):
        pending.remove()  # committed by a run that was killed before it could tidy up
    due = _due(settings, source, contract, mine, pending)
    pending.mend()
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


def lookup_news(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> bool:
    """Whether somebody is to be asked for, or was answered for and is in no batch yet.

    Nobody is asked for here.

    Raises:
        SourceError: a setting lacks.
    """
    _id_column(contract)
    pending = PendingAnswers(settings.landing / contract.name / ".incoming")
    mine = known.filter(pl.col("provider") == source.provider).sort("sequence")
    kept = pending.answered().height > 0 and not _in_a_batch(pending, mine)
    return kept or bool(_due(settings, source, contract, mine, pending))


def _in_a_batch(pending: PendingAnswers, mine: pl.DataFrame) -> bool:
    return mine.height > 0 and pending.digest() == mine["sha256"][-1]


def _due(
    settings: Settings,
    source: Source,
    contract: Contract,
    mine: pl.DataFrame,
    pending: PendingAnswers,
) -> list[str]:
    """Tokens of those whose answer is missing or too old, as many as a run may ask for.

    Raises:
        SourceError: a setting lacks.
    """
    if source.purpose is None or source.ask_for is None:
        raise SourceError(
            f"sources.{contract.name}: a look-up needs `purpose` (why the hub may ask, in words)"
            ' and `ask_for` (whom it asks for: "dataset.column").'
        )
    moment = this_second()
    since = moment - timedelta(days=source.answers_valid_days)
    answered = _answered(settings, contract, mine, since)
    last = pl.concat([answered, pending.answered()]).group_by("token").agg(pl.col("at").max())
    return (
        _persons(settings, source, contract.name)
        .join(last, on="token", how="left")
        .filter(pl.col("at").is_null() | (pl.col("at") < since))
        .sort("at", "token", nulls_last=False)
        .head(source.questions_per_run)["token"]
        .to_list()
    )


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
    files = list((settings.lake / name).glob("*/data.parquet"))
    if not files:  # nothing was ever landed here
        return pl.DataFrame(schema={"token": pl.String()})
    persons = pl.scan_parquet(files).select(token=pl.col(token)).drop_nulls().unique()
    return persons.collect(engine="streaming")


def _answered(
    settings: Settings, contract: Contract, mine: pl.DataFrame, since: datetime
) -> pl.DataFrame:
    """Whose answers landing holds from batches that are not too old.

    Grain: one answer (token, at, rows).
    """
    found = [ANSWERED.to_frame()]
    for batch_id in mine.filter(pl.col("received_at") >= since)["batch_id"]:
        file = register.delivered_file(settings, contract.name, batch_id, RAW_FILE)
        if not file.exists():
            continue
        with pa.input_stream(str(file), compression="zstd") as stream:
            lines = bytes(stream.read()).splitlines()
        answers = [answer for line in lines for answer in json.loads(line)["answers"]]
        found.append(answers_frame(answers))
    return pl.concat(found)


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

    def answers(self, tokens: list[str]) -> Iterator[tuple[str, Answer]]:
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

    def _ask(self, number: str) -> Answer:
        body, _ = self.client.ask({self.column: number}, self._headers)
        rows = at(body, self.source.rows_at)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.client.fail("answered something that is no list of rows")
        return Answer(self._own(rows, number), self._said_at(body))

    def _said_at(self, body: dict[str, Any]) -> str:
        """The department's own time of the answer, where it says one."""
        stated = body.get("generated_at")
        try:
            moment = now() if stated is None else datetime.fromisoformat(stated)
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
