"""Contracts: one YAML file a dataset, the single source of truth for what may enter the lake.

From a contract come the landing checks, the lake's types, dbt's sources, the gates' freshness and
volume bounds and the data dictionary. A contract that asks for something that cannot be enforced
is an error naming the file, the place and the remedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, get_args

import polars as pl
import yaml
from pydantic import BaseModel, ValidationError

from ingestion.contract import PERSONAL_SUFFIXES, POLARS_TYPES, Column, Contract
from ingestion.errors import ContractError
from ingestion.headers import Headers
from ingestion.odcs import (
    CodeList,
    ContractFile,
    Delivery,
    Division,
    Drift,
    Property,
    UnfitValue,
    Volume,
)

__all__ = [
    "FAMILIES",
    "POLARS_TYPES",
    "Column",
    "Contract",
    "load_contract",
    "load_contracts",
]
FAMILIES = (
    "reference",
    "population",
    "medical",
    "insurance",
    "assistance",
    "subsidy",
    "facility",
    "service",
    "planning",
)
RESERVED = ("batch_id", "row_no", "known_at")
PHYSICAL_TYPES = {
    "string": ("varchar",),
    "integer": ("integer", "bigint"),
    "number": ("decimal(18,2)", "double"),
    "date": ("date",),
    "timestamp": ("timestamp",),
    "boolean": ("boolean",),
}


def load_contracts(folder: Path) -> dict[str, Contract]:
    """Every contract of a folder by dataset name, in name order.

    Raises:
        ContractError: a file cannot be read or cannot be wholly enforced.
    """
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise ContractError(f"{folder}: no contract (*.yaml) here. Check the path.")
    stamps = [(file, file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    return {contract.name: contract for contract in _unchanged(tuple(stamps))}


@lru_cache(maxsize=4)
def _unchanged(stamps: tuple[tuple[Path, int, int], ...]) -> tuple[Contract, ...]:
    """The files' contracts; read once as long as no file changes."""
    return tuple(load_contract(file) for file, _, _ in stamps)


def load_contract(file: Path) -> Contract:
    """One contract file.

    Raises:
        ContractError: names the file, the place in it and the remedy.
    """
    try:
        document = yaml.load(file.read_text("utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
        parsed = ContractFile.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        remedy = "remove this key" if first["type"] == "extra_forbidden" else "correct the value"
        raise ContractError(f"{file}: `{place}`: {first['msg']}; {remedy}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(f"{file}: not a readable YAML file: {error}. Correct it.") from error
    return _Builder(file, parsed).contract()


class _Loader(yaml.CSafeLoader):
    """The safe loader, except that a repeated key is an error, not a silent overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"key `{key}` stands twice{node.start_mark}")
        return super().construct_mapping(node, deep)


Block = TypeVar("Block", bound=BaseModel)


@dataclass
class _Builder:
    """Turns the parsed file into a Contract and refuses what cannot be enforced."""

    file: Path
    parsed: ContractFile

    def fail(self, place: str, what: str, remedy: str) -> ContractError:
        return ContractError(f"{self.file}: `{place}`: {what}; {remedy}.")

    def contract(self) -> Contract:
        parsed, table = self.parsed, self.parsed.schema_[0]
        if not parsed.id == table.name == self.file.stem:
            raise self.fail("id", "id, schema name and file name differ", "make them the same")
        extra = self.properties(parsed.customProperties, "customProperties")
        for name in ("family", "owner", "legalBasis", "knownAt", "granularity", "volume"):
            if name not in extra:
                raise self.fail("customProperties", f"`{name}` is missing", "add it")
        if extra["family"] not in FAMILIES or extra["family"] != parsed.domain:
            raise self.fail(
                "domain", "family must equal domain and be known", f"use one of {FAMILIES}"
            )
        if extra["granularity"] not in ("province", "county"):
            raise self.fail("granularity", "unknown value", "use province or county")
        if extra.setdefault("fullReplaces", "period") not in ("provider", "period"):
            raise self.fail("fullReplaces", "unknown value", "use provider or period")
        sla = {item.property: item for item in parsed.slaProperties}
        if set(sla) != {"frequency", "latency"} or sla["latency"].unit != "d":
            raise self.fail("slaProperties", "needs frequency, and latency in d", "give both")
        drift = self.block(Drift, extra.get("drift", {}), "drift")
        columns = tuple(self.column(prop, drift) for prop in table.properties)
        self.check_columns(columns, extra["knownAt"])
        return Contract(
            name=parsed.id,
            title=parsed.name,
            purpose=parsed.description.purpose,
            grain=table.description,
            version=parsed.version,
            family=extra["family"],
            owner=extra["owner"],
            provider=parsed.team[0].username,
            legal_basis=extra["legalBasis"],
            known_at=extra["knownAt"],
            granularity=extra["granularity"],
            volume=self.block(Volume, extra["volume"], "volume"),
            full_replaces=extra["fullReplaces"],
            frequency=sla["frequency"],
            latency_days=sla["latency"].value,
            encoding=self.block(
                Delivery, extra.get("delivery", {"encoding": "utf-8"}), "delivery"
            ).encoding,
            columns=columns,
            drift=drift,
        )

    def properties(self, items: Sequence[Any], place: str) -> dict[str, Any]:
        names = [item.property for item in items]
        if len(set(names)) < len(names):
            raise self.fail(place, "a property stands twice", "keep one")
        return {item.property: item.value for item in items}

    def block(self, shape: type[Block], value: Any, place: str) -> Block:
        try:
            return shape.model_validate(value)
        except ValidationError as error:
            raise self.fail(place, str(error.errors()[-1]["msg"]), "correct the value") from error

    def column(self, prop: Property, drift: Drift) -> Column:
        extra = self.properties(prop.customProperties, prop.name)
        options = prop.logicalTypeOptions
        codes = extra.get("codeList")
        headers = extra.get("headers", [])
        if not isinstance(headers, list) or not all(isinstance(h, str) and h for h in headers):
            raise self.fail(f"{prop.name}.headers", "is no list of texts", "list the headers")
        dated = prop.logicalType in ("date", "timestamp")
        until_delivery = "notAfter" in extra
        if until_delivery and not (dated and extra["notAfter"] == "delivery"):
            raise self.fail(f"{prop.name}.notAfter", "is no day", "use delivery, on a date")
        column = Column(
            name=prop.name,
            title=prop.businessName,
            description=prop.description,
            logical_type=prop.logicalType,
            physical_type=prop.physicalType,
            required=prop.required,
            key_position=prop.primaryKeyPosition if prop.primaryKey else None,
            classification=prop.classification,
            minimum=options.minimum,
            maximum=options.maximum,
            min_length=options.minLength,
            max_length=options.maxLength,
            pattern=options.pattern,
            codes=None if codes is None else self.block(CodeList, codes, f"{prop.name}.codeList"),
            personal=extra.get("personal"),
            quality=tuple(prop.quality),
            headers=tuple(headers),
            unfit=extra.get("drift", "discard_row"),
            until_delivery=until_delivery,
            division=self.division(prop.name, extra),
        )
        if "drift" not in extra and (drift.unfitValue == "freeze" or column.may_be_left_out):
            column = replace(column, unfit=drift.unfitValue)
        return column

    def division(self, name: str, extra: dict[str, Any]) -> Division | None:
        if "division" not in extra:
            return None
        return self.block(Division, extra["division"] or {}, f"{name}.division")

    def check_columns(self, columns: tuple[Column, ...], known_at: Any) -> None:
        for column, prop in zip(columns, self.parsed.schema_[0].properties, strict=True):
            self.check_column(column, prop)
        try:
            Headers((column.name, column.title, column.headers) for column in columns)
        except ValueError as error:
            raise self.fail("headers", str(error), "make every header mean one column") from error
        dates = {c.name for c in columns if c.logical_type in ("date", "timestamp")}
        for column in columns:
            if column.codes and column.codes.date not in (None, *dates):
                raise self.fail(f"{column.name}.codeList.date", "is no date column", "name one")
            if column.division and column.division.date not in (None, *dates):
                raise self.fail(f"{column.name}.division.date", "is no date column", "name one")
        lake = [name for column in columns for name, _ in column.lake] + list(RESERVED)
        for name in {name for name in lake if lake.count(name) > 1}:
            raise self.fail(name, "two columns get this name in the lake", "rename one")
        positions = sorted(c.key_position for c in columns if c.key_position is not None)
        if not positions or positions != list(range(1, len(positions) + 1)):
            raise self.fail("primaryKeyPosition", "positions must be 1, 2, …", "number the key")
        known = next((c for c in columns if c.name == known_at), None)
        dated = known and known.required and known.logical_type in ("date", "timestamp")
        if known_at != "delivery" and not dated:
            raise self.fail(
                "knownAt", "is no required date or timestamp column", "name one, or use delivery"
            )

    def check_column(self, column: Column, prop: Property) -> None:
        name, kind = column.name, column.logical_type
        allowed = PHYSICAL_TYPES[kind]
        if column.physical_type not in allowed:
            raise self.fail(f"{name}.physicalType", f"does not fit {kind}", f"use one of {allowed}")
        if prop.primaryKey != (prop.primaryKeyPosition is not None):
            raise self.fail(f"{name}.primaryKey", "key without position, or reverse", "give both")
        if prop.primaryKey and not column.required:
            raise self.fail(f"{name}.required", "a key column may not be empty", "set it to true")
        self.check_options(column)
        if column.codes and kind not in ("string", "integer"):
            raise self.fail(f"{name}.codeList", f"cannot be checked on {kind}", "remove it")
        if column.codes and column.codes.separator and column.codes.dated:
            raise self.fail(f"{name}.codeList", "dated codes cannot be joined", "drop separator")
        if column.division and (kind != "string" or column.personal):
            raise self.fail(f"{name}.division", "needs a plain string column", "remove it")
        self.check_drift(column)
        if column.quality and (kind != "string" or column.personal):
            raise self.fail(f"{name}.quality", "needs a plain string column", "remove it")
        if column.personal:
            self.check_personal(column)

    def check_drift(self, column: Column) -> None:
        place, modes = f"{column.name}.drift", get_args(UnfitValue)
        if column.unfit not in modes:
            raise self.fail(place, f"`{column.unfit}` is unknown", f"use one of {modes}")
        if column.unfit == "evolve" and (column.codes is None or column.codes.separator):
            raise self.fail(place, "only a list of single codes can evolve", "use another mode")
        if column.unfit == "discard_value" and not column.may_be_left_out:
            raise self.fail(place, "required, key or personal", "use discard_row or freeze")

    def check_options(self, column: Column) -> None:
        name, kind = column.name, column.logical_type
        lengths = (column.min_length, column.max_length, column.pattern)
        if kind != "string" and any(option is not None for option in lengths):
            raise self.fail(f"{name}.logicalTypeOptions", f"not checkable on {kind}", "remove it")
        for bound in (column.minimum, column.maximum):
            if bound is None:
                continue
            if kind in ("string", "boolean"):
                raise self.fail(f"{name}.minimum", f"{kind} has no bounds", "remove them")
            try:
                column.bound(bound)
            except (ValueError, ArithmeticError) as error:
                raise self.fail(f"{name}.minimum", str(error), "correct the bound") from error
        if column.pattern is not None:
            try:
                pl.Series([""]).str.contains(column.pattern)
            except pl.exceptions.PolarsError as error:
                raise self.fail(f"{name}.pattern", str(error), "correct the pattern") from error

    def check_personal(self, column: Column) -> None:
        name, kind = column.name, column.personal
        if kind != "location" and kind not in PERSONAL_SUFFIXES:
            raise self.fail(f"{name}.personal", f"class `{kind}` is unknown", "use a known class")
        wanted = "number" if kind == "location" else "string"
        if column.logical_type != wanted:
            raise self.fail(f"{name}.personal", f"{kind} must be a {wanted}", "correct the type")
        if column.classification != "sensitive":
            raise self.fail(f"{name}.classification", "personal data is sensitive", "set sensitive")
        if column.codes or column.pattern or column.max_length is not None:
            raise self.fail(
                f"{name}.personal", "its form is checked by the class", "remove other checks"
            )
