"""The declarative part of the gates: suites/*.yaml, read once and checked for unknown keys."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from quality.model import GateError, Severity

FOLDER = Path(__file__).parent / "suites"


class Wording(BaseModel):
    """How a check is spoken of, and how much it tolerates."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Severity
    title: str
    meaning: str
    remedy: str
    threshold: float = 0.0


class SqlCheck(Wording):
    """A check written as SQL: `sql` returns failing rows, `count` the rows looked at.

    needs: tables without which the check does not apply (`schema.table`).
    """

    id: str
    scope: str
    sql: str
    count: str
    needs: list[str] = []


class Relation(BaseModel):
    """`columns` of `table`, where filled, exist in `to_columns` of `to`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    column: str
    to: str
    to_column: str
    severity: Severity = "stop"
    threshold: float = 0.0
    remedy: str


class Difference(BaseModel):
    """`part` counts some of the persons that `whole` counts: their difference counts the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    whole: str
    part: str


class Suite(BaseModel):
    """One gate's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: dict[str, Wording] = {}
    relations: list[Relation] = []
    # Regular expression of column names that hold counts of persons.
    person_columns: str = "^$"
    differences: list[Difference] = []
    checks: list[SqlCheck] = []


def _load(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))


@cache
def landing_wording() -> dict[str, Wording]:
    """The wording of the landing checks by kind."""
    return {kind: Wording.model_validate(block) for kind, block in _load("landing").items()}


@cache
def suite(name: str) -> Suite:
    """A gate's own checks.

    Raises:
        GateError: the file has an unknown or wrong key, or an id stands twice.
    """
    try:
        loaded = Suite.model_validate(_load(name))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise GateError(f"quality/suites/{name}.yaml: `{place}`: {first['msg']}.") from error
    ids = [check.id for check in loaded.checks]
    if len(set(ids)) < len(ids):
        raise GateError(f"quality/suites/{name}.yaml: a check id stands twice.")
    return loaded


@cache
def code_fingerprint() -> str:
    """Changes when the gates themselves change: then everything is looked at again."""
    digest = hashlib.sha256()
    for file in sorted([*FOLDER.glob("*.yaml"), *Path(__file__).parent.glob("*.py")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
