"""The shape of a contract file: Open Data Contract Standard v3.0.2, the part that is enforced.

Only fields that the landing, the gates or the documentation use are accepted; any other key is an
error, because a promise that nobody checks is worse than none.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from unicodedata import normalize

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

LogicalType = Literal["string", "integer", "number", "date", "timestamp", "boolean"]
Personal = Literal["citizen_id", "name", "account", "address", "household", "location"]
Classification = Literal["public", "internal", "sensitive"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Text = Annotated[str, Field(min_length=1)]
Bound = Annotated[str, BeforeValidator(str)]


class Shape(BaseModel):
    """A block of the file; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DatedLabel(Shape):
    """A code's label with its first day and the first day on which it is no longer used."""

    label: Text
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def check_order(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError("valid_from is not before valid_to")
        return self


class CodeList(Shape):
    """A coded column's values (code → Chinese label) and the standard they come from.

    A value may be dated. `date` names the column with the day on which the code must be valid;
    without it the code must be valid at some time in the delivery's period.
    """

    name: Name
    standard: Text
    values: dict[str, Text | DatedLabel] = Field(min_length=1)
    separator: Literal[";"] | None = None
    date: Name | None = None

    @property
    def dated(self) -> dict[str, DatedLabel]:
        """The codes that are not valid for ever."""
        return {code: label for code, label in self.values.items() if isinstance(label, DatedLabel)}

    @cached_property
    def by_label(self) -> dict[str, str]:
        """Chinese label → code, of the labels that mean one code and are none; half-width."""
        labels = {
            code: label.label if isinstance(label, DatedLabel) else label
            for code, label in self.values.items()
        }
        tidied = {code: normalize("NFKC", label).strip() for code, label in labels.items()}
        used = Counter(tidied.values())
        return {
            label: code
            for code, label in tidied.items()
            if used[label] == 1 and label not in self.values and not label.isascii()
        }


class Division(Shape):
    """A division code that must be in use on the row's day, or else in the delivery's period.

    The feed `region` says which codes are. A warning is counted; it refuses no row.
    """

    date: Name | None = None
    severity: Literal["error", "warning"] = "error"


UnfitValue = Literal["discard_row", "freeze", "discard_value", "evolve"]


class Drift(Shape):
    """What happens when a delivery is not shaped as the contract says.

    Attributes:
        unknownColumn: `evolve` loads the rest and proposes the column for the contract;
            `discard_value` loads the rest; `discard_row` refuses rows with a value there; `freeze`
            refuses the delivery.
        missingColumn: of an optional column; `evolve` reads it as empty, `freeze` refuses the
            delivery. A required column that is missing always refuses it.
        unfitValue: `discard_row` refuses the row; `discard_value` leaves the value out where the
            column is optional, no key and not personal, and keeps its text beside the batch;
            `freeze` refuses the delivery. A column may say otherwise for itself (`drift`), there
            also `evolve`: a code that the list does not have is loaded and reported.
    """

    unknownColumn: Literal["evolve", "freeze", "discard_row", "discard_value"] = (  # noqa: N815
        "evolve"
    )
    missingColumn: Literal["evolve", "freeze"] = "evolve"  # noqa: N815
    unfitValue: Literal["discard_row", "freeze", "discard_value"] = "discard_row"  # noqa: N815


class ColumnProperty(Shape):
    """`customProperties` of a column.

    `personal` (class), `codeList`, `division` (a division code, valid by date), `headers` (further
    delivered headers that mean the column), `drift` (what becomes of a value that does not fit),
    `notAfter` (`delivery`: what has happened cannot have happened after the delivery's day).
    """

    property: Literal["personal", "codeList", "division", "headers", "drift", "notAfter"]
    value: Any


class TypeOptions(Shape):
    """`logicalTypeOptions`: bounds are inclusive; patterns are Rust regular expressions."""

    minimum: Bound | None = None
    maximum: Bound | None = None
    minLength: int | None = Field(default=None, ge=0)  # noqa: N815 (name given by ODCS)
    maxLength: int | None = Field(default=None, ge=1)  # noqa: N815
    pattern: str | None = None


class QualityRule(Shape):
    """A check beyond type, code and range. A warning is counted; it refuses no row."""

    rule: Literal["usccCheckCharacter"]
    severity: Literal["warning"]
    dimension: Literal["accuracy"]


class Property(Shape):
    """One delivered column."""

    name: Name
    businessName: Text  # noqa: N815
    description: Text
    logicalType: LogicalType  # noqa: N815
    physicalType: Text  # noqa: N815
    required: bool = False
    primaryKey: bool = False  # noqa: N815
    primaryKeyPosition: int | None = None  # noqa: N815
    classification: Classification
    logicalTypeOptions: TypeOptions = TypeOptions()  # noqa: N815
    quality: list[QualityRule] = []
    customProperties: list[ColumnProperty] = []  # noqa: N815


class SchemaObject(Shape):
    """The delivered table; `description` says what one row is."""

    name: Name
    logicalType: Literal["object"]  # noqa: N815
    description: Text
    properties: list[Property] = Field(min_length=1)


class Description(Shape):
    """What the dataset is for, in Chinese."""

    purpose: Text


class TeamMember(Shape):
    """Who answers for the deliveries."""

    username: Name
    role: Literal["owner"]
    description: Text


class Sla(Shape):
    """`frequency` (one delivery each value × unit) and `latency` (days after the period's end)."""

    property: Literal["frequency", "latency"]
    value: int = Field(ge=1)
    unit: Literal["d", "m", "y"]


class Volume(Shape):
    """Bounds of a batch: fewest rows, and largest relative change against the last like it."""

    min_rows: int = Field(ge=0)
    max_change: float = Field(gt=0)


class Delivery(Shape):
    """How this dataset's text files are encoded unless the source's settings say otherwise."""

    encoding: Literal["utf-8", "gb18030"]


class ContractProperty(Shape):
    """`customProperties` of the contract."""

    property: Literal[
        "family",
        "owner",
        "legalBasis",
        "knownAt",
        "granularity",
        "volume",
        "delivery",
        "fullReplaces",
        "drift",
    ]
    value: Any


class ContractFile(Shape):
    """A whole contract file."""

    apiVersion: Literal["v3.0.2"]  # noqa: N815
    kind: Literal["DataContract"]
    id: Name
    name: Text
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    status: Literal["active"]
    domain: Name
    description: Description
    schema_: list[SchemaObject] = Field(alias="schema", min_length=1, max_length=1)
    team: list[TeamMember] = Field(min_length=1)
    slaProperties: list[Sla]  # noqa: N815
    customProperties: list[ContractProperty]  # noqa: N815
