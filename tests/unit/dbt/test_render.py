"""What is rendered from the contracts and the model folders."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ingestion.contracts import Contract, load_contracts
from yinling.render import (
    RenderError,
    catalogue_sql,
    model_names,
    sources_yaml,
    staging_columns,
    staging_files,
    write_staging,
)
from yinling.settings import PROJECT_DIR, Settings

MODELS = PROJECT_DIR / "dbt_project" / "models"


@pytest.fixture(scope="module")
def contracts() -> dict[str, Contract]:
    return load_contracts(PROJECT_DIR / "ingestion" / "contracts")


def test_every_dataset_is_a_source_with_its_lake_columns(contracts: dict[str, Contract]) -> None:
    (source,) = yaml.safe_load(sources_yaml(contracts))["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert set(tables) == set(contracts)
    for name, contract in contracts.items():
        columns = [(column["name"], column["data_type"]) for column in tables[name]["columns"]]
        assert columns == contract.lake_schema()


def test_a_month_becomes_a_date_and_a_personal_column_its_parts(
    contracts: dict[str, Contract],
) -> None:
    types = {c["name"]: c["data_type"] for c in staging_columns(contracts["subsidy_payment"])}
    assert types["benefit_month"] == "date"
    assert {"id_no_token", "id_no_mask", "id_no_form", "bank_account_mask"} <= set(types)
    assert "id_no" not in types


@pytest.mark.parametrize("pattern", ["^[0-9]{1,2}$", None])
def test_a_month_without_its_year_stays_a_text(
    contracts: dict[str, Contract], pattern: str | None
) -> None:
    """Its values could not be made a date: the whole build would fail."""
    claims = contracts["facility_claim"]
    columns = tuple(
        replace(column, pattern=pattern) if column.name == "month" else column
        for column in claims.columns
    )
    types = {c["name"]: c["data_type"] for c in staging_columns(replace(claims, columns=columns))}
    assert types["month"] == "varchar"


def test_the_catalogue_lists_models_but_no_helpers(
    contracts: dict[str, Contract], tmp_path: Path
) -> None:
    for name in ("life/l01", "life/int_deaths", "network/n01"):
        path = tmp_path / "audit" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("select 1")
    assert model_names(tmp_path / "audit") == ["l01", "n01"]
    specs = re.search(
        r"macro dataset_specs\(\) %\}\{\{ return\((.*)\) \}\}", catalogue_sql(contracts, MODELS)
    )
    assert specs
    assert json.loads(specs.group(1))["household_person"]["key"] == ["id_no_token"]


def test_every_dataset_has_the_staging_model_its_contract_asks_for(
    contracts: dict[str, Contract],
) -> None:
    for contract in contracts.values():
        for name, text in staging_files(contract).items():
            kept = (MODELS / "staging" / contract.family / name).read_text("utf-8")
            if name.endswith(".sql"):
                assert kept == text
                continue
            made, found = yaml.safe_load(text)["models"][0], yaml.safe_load(kept)["models"][0]
            assert found["columns"] == made["columns"], f"{name} no longer agrees with its contract"
            assert found["config"]["meta"]["grain"] == made["config"]["meta"]["grain"]


def test_a_staging_model_is_written_where_its_contract_wants_it(
    contracts: dict[str, Contract], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "dbt_project", tmp_path)
    settings = Settings(home=tmp_path)
    written = write_staging(settings, ["recovery"])
    folder = tmp_path / "models" / "staging" / contracts["recovery"].family
    assert {path: path.read_text("utf-8") for path in written} == {
        folder / name: text for name, text in staging_files(contracts["recovery"]).items()
    }
    assert write_staging(settings, ["recovery"]) == []


def test_a_staging_model_without_a_contract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"No contract for recoverie: write .*recoverie\.yaml"):
        write_staging(Settings(home=tmp_path), ["recoverie"])
