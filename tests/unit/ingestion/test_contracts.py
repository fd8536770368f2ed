"""Contracts: the committed ones hold, and one that cannot be enforced is refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml

from ingestion.contracts import FAMILIES, load_contract, load_contracts
from ingestion.errors import ContractError
from yinling.settings import PROJECT_DIR

FOLDER = PROJECT_DIR / "ingestion" / "contracts"
CONTRACTS = load_contracts(FOLDER)


def test_each_contract_is_named_after_its_file_and_has_a_known_family() -> None:
    assert set(CONTRACTS) == {file.stem for file in FOLDER.glob("*.yaml")}
    assert {contract.family for contract in CONTRACTS.values()} == set(FAMILIES)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_no_clear_text_of_a_person_has_a_lake_column(contract) -> None:
    lake = {name for name, _ in contract.lake_schema()}
    for column in contract.columns:
        if column.personal is None:
            continue
        assert column.personal == "location" or column.name not in lake
        assert column.classification == "sensitive"


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_every_column_is_described_in_chinese(contract) -> None:
    for column in contract.columns:
        assert any("\u4e00" <= letter <= "\u9fff" for letter in column.title), column.name
        assert any("\u4e00" <= letter <= "\u9fff" for letter in column.description), column.name


def test_lake_columns_follow_the_delivered_ones_and_end_with_the_lineage() -> None:
    contract = CONTRACTS["special_difficulty"]
    assert [name for name, _ in contract.lake_schema()] == [
        *("id_no_token", "id_no_mask", "id_no_form", "kind", "valid_from", "region_code"),
        *("valid_to", "batch_id", "row_no", "known_at"),
    ]
    assert contract.key_lake_columns() == ["id_no_token", "kind", "valid_from"]
    assert contract.polars_schema()["known_at"] == pl.Datetime("us")


def test_fingerprint_follows_the_lake_schema_only() -> None:
    one, other = CONTRACTS["family_bed"], CONTRACTS["programme"]
    assert one.schema_fingerprint != other.schema_fingerprint
    assert one.schema_fingerprint == load_contract(FOLDER / "family_bed.yaml").schema_fingerprint


def change(document: dict, path: str, value: object) -> None:
    """Set `a.0.b` in nested dicts and lists; the value None removes it."""
    *parents, last = path.split(".")
    place: object = document
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if value is None:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value


PROPERTIES = "schema.0.properties"


def extra(column: int, name: str, value: object) -> tuple[str, object]:
    """A custom property of one column."""
    return f"{PROPERTIES}.{column}.customProperties", [{"property": name, "value": value}]


def codes(**more: object) -> dict[str, object]:
    return {"name": "kind", "standard": "本目录", "values": {"a": "甲"}, **more}


BACKWARDS = {"a": {"label": "甲", "valid_from": "2026-01-02", "valid_to": "2026-01-01"}}
BROKEN = {
    "unknown key": ("colour", "red", "remove this key"),
    "unknown column key": (f"{PROPERTIES}.0.unique", True, "remove this key"),
    "unknown quality rule": (
        f"{PROPERTIES}.0.quality",
        [{"rule": "rowCount", "severity": "warning", "dimension": "accuracy"}],
        "usccCheckCharacter",
    ),
    "type does not fit": (f"{PROPERTIES}.3.physicalType", "varchar", "use one of"),
    "bad pattern": (f"{PROPERTIES}.0.logicalTypeOptions", {"pattern": "("}, "pattern"),
    "bound on text": (f"{PROPERTIES}.0.logicalTypeOptions", {"minimum": 1}, "remove"),
    "bound is no date": (f"{PROPERTIES}.3.logicalTypeOptions", {"minimum": "soon"}, "soon"),
    "pattern on a date": (f"{PROPERTIES}.3.logicalTypeOptions", {"pattern": "x"}, "not checkable"),
    "optional key": (f"{PROPERTIES}.0.required", None, "may not be empty"),
    "gap in key": (f"{PROPERTIES}.0.primaryKeyPosition", 2, "number the key"),
    "personal but public": (f"{PROPERTIES}.1.classification", "public", "set sensitive"),
    "unknown personal class": (
        f"{PROPERTIES}.1.customProperties",
        [{"property": "personal", "value": "face"}],
        "unknown",
    ),
    "reserved column": (f"{PROPERTIES}.2.name", "row_no", "rename"),
    "column twice": (f"{PROPERTIES}.2.name", "bed_no", "rename"),
    "known_at is optional": ("customProperties.3.value", "ended_on", "knownAt"),
    "header of two columns": (*extra(2, "headers", ["床位编号"]), "mean one column"),
    "headers that are none": (*extra(2, "headers", "代码"), "list the headers"),
    "unknown drift": (*extra(4, "drift", "maybe"), "use one of"),
    "drift of no code list": (*extra(4, "drift", "evolve"), "single codes"),
    "a key left out": (*extra(0, "drift", "discard_value"), "discard_row or freeze"),
    "days after the delivery on text": (*extra(2, "notAfter", "delivery"), "use delivery"),
    "drift of the contract": (
        "customProperties.5",
        {"property": "drift", "value": {"unknownColumn": "maybe"}},
        "drift",
    ),
    "code that ends before it begins": (
        *extra(2, "codeList", codes(values=BACKWARDS)),
        "not before valid_to",
    ),
    "codes dated by no date": (*extra(2, "codeList", codes(date="bed_no")), "no date column"),
    "division of a date": (*extra(3, "division", {}), "plain string"),
    "division dated by no date": (*extra(2, "division", {"date": "bed_no"}), "no date column"),
    "other file": ("id", "other", "same"),
    "no owner": ("customProperties.1", {"property": "family", "value": "service"}, "twice"),
    "family": ("domain", "subsidy", "family"),
    "volume": ("customProperties.6.value", {"min_rows": -1, "max_change": 1}, "volume"),
    "no latency": (
        "slaProperties",
        [{"property": "frequency", "value": 1, "unit": "m"}],
        "latency",
    ),
}


@pytest.mark.parametrize(("path", "value", "says"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_enforced_is_refused_with_file_and_remedy(
    tmp_path: Path, path: str, value: object, says: str
) -> None:
    document = yaml.safe_load((FOLDER / "family_bed.yaml").read_text("utf-8"))
    change(document, path, value)
    file = tmp_path / "family_bed.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    with pytest.raises(ContractError) as caught:
        load_contract(file)
    assert str(file) in str(caught.value)
    assert says in str(caught.value)


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "family_bed.yaml"
    text = (FOLDER / "family_bed.yaml").read_text("utf-8")
    file.write_text(text + "\nstatus: active\n", "utf-8")
    with pytest.raises(ContractError, match="twice"):
        load_contract(file)


def test_no_contracts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no contract"):
        load_contracts(tmp_path)
