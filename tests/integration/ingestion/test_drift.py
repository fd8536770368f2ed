"""What a contract's drift clause does with columns and values that it did not expect."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ingestion.contracts import load_contracts
from ingestion.errors import IngestionError
from tests.integration.ingestion.bad_files import Outcome, put
from tests.integration.ingestion.conftest import CONTRACTS, funds, lake, stays
from yinling.settings import PROJECT_DIR, Settings

FUND, STAY = "welfare_fund", "facility_stay"
FOLDER = PROJECT_DIR / "ingestion" / "contracts"
Change = Callable[[str, Callable[[dict[str, Any]], None]], None]


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    """Gives one dataset another contract for the length of a test."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    monkeypatch.setattr(Settings, "contracts", property(lambda self: folder))

    def apply(dataset: str, how: Callable[[dict[str, Any]], None]) -> None:
        document = yaml.safe_load((FOLDER / f"{dataset}.yaml").read_text("utf-8"))
        how(document)
        (folder / f"{dataset}.yaml").write_text(
            yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "utf-8"
        )
        assert dataset in load_contracts(folder)

    return apply


def drift(**clause: str) -> Callable[[dict[str, Any]], None]:
    def how(document: dict[str, Any]) -> None:
        document["customProperties"].append({"property": "drift", "value": clause})

    return how


def column(document: dict[str, Any], name: str) -> dict[str, Any]:
    properties = document["schema"][0]["properties"]
    found: dict[str, Any] = next(prop for prop in properties if prop["name"] == name)
    found.setdefault("customProperties", [])
    return found


def land_rows(home: Settings, dataset: str, rows: pl.DataFrame, sequence: int = 1) -> Outcome:
    data = rows.write_csv().encode()
    return put(home, dataset, f"{sequence}.csv", data, rows, sequence=sequence)


EXTRA = pl.Series("grade", ["1", None, " ", "2"])


def test_unknown_column_frozen(home: Settings, change: Change) -> None:
    change(FUND, drift(unknownColumn="freeze"))
    found = land_rows(home, FUND, funds(4).with_columns(EXTRA))
    found.rejected("schema_frozen", "grade", "region_code")


def test_unknown_column_refuses_the_rows_that_use_it(home: Settings, change: Change) -> None:
    change(FUND, drift(unknownColumn="discard_row"))
    found = land_rows(home, FUND, funds(4).with_columns(EXTRA))
    found.loaded(2, [(1, "", "unknown_column"), (4, "", "unknown_column")], "有值的行已退回")
    assert found.refused["raw_value"].to_list() == ["grade=1", "grade=2"]
    assert json.loads(found.refused["raw_row"][0])["region_code"] == "440210000000"


@pytest.mark.parametrize(("mode", "proposed"), [("evolve", 1), ("discard_value", 0)])
def test_unknown_column_left_out(home: Settings, change: Change, mode: str, proposed: int) -> None:
    change(FUND, drift(unknownColumn=mode))
    land_rows(home, FUND, funds(4).with_columns(EXTRA)).loaded(4, [], "grade")
    manifest = json.loads(next(home.lake.glob(f"{FUND}/*/manifest.json")).read_bytes())
    assert len(manifest["schema_change"]["contract"]["proposed"]) == proposed


def test_missing_optional_column_frozen(home: Settings, change: Change) -> None:
    change(STAY, drift(missingColumn="freeze"))
    found = land_rows(home, STAY, stays(4).drop("bed_no"))
    found.rejected("schema_frozen", "bed_no（床位号）")


def test_unfit_value_left_out_and_kept_beside(home: Settings, change: Change) -> None:
    change(STAY, drift(unfitValue="discard_value"))
    rows = stays(5)
    rows[1, "checked_out_on"] = "二月三十"
    rows[2, "payer"] = "nobody"
    rows[3, "checked_in_on"] = "soon"  # required: the row is refused all the same
    rows[4, "checked_out_on"], rows[4, "name"] = "x", None
    found = land_rows(home, STAY, rows)
    frame = found.loaded(
        3, [(4, "checked_in_on", "bad_date"), (5, "name", "missing_required")], "未载入", "农历"
    )
    assert frame["checked_out_on"].to_list() == [None] * 3
    assert frame["payer"].to_list() == ["self", "self", None]
    kept = pl.read_parquet(next(home.landing.glob(f"{STAY}/*/discarded.parquet")))
    assert kept.select("row_no", "column", "reason", "raw_value").rows() == [
        (2, "checked_out_on", "lunar_date", "二月三十"),
        (3, "payer", "bad_code", "nobody"),
    ]
    manifest = json.loads(next(home.lake.glob(f"{STAY}/*/manifest.json")).read_bytes())
    assert manifest["values_discarded"] == 2


def test_control_sums_hold_when_an_amount_is_left_out(home: Settings, change: Change) -> None:
    optional = [c.name for c in CONTRACTS["family_bed"].columns if not c.required]
    assert "monthly_subsidy" in optional
    change("family_bed", drift(unfitValue="discard_value"))
    rows = pl.DataFrame(
        {
            "bed_no": ["B1", "B2"],
            "id_no": stays(2)["id_no"],
            "facility_code": ["F1", "F1"],
            "set_up_on": ["2026-01-01"] * 2,
            "ended_on": pl.Series([None, None], dtype=pl.String),
            "monthly_subsidy": ["100.00", "-5.00"],  # below the contract's minimum
        }
    )
    found = land_rows(home, "family_bed", rows)
    frame = found.loaded(2, [], "未载入")
    assert [str(value) for value in frame["monthly_subsidy"]] == ["100.00", "None"]
    assert found.receipt["status"] != "rejected"


def test_unfit_value_frozen(home: Settings, change: Change) -> None:
    def how(document: dict[str, Any]) -> None:
        column(document, "fund")["customProperties"].append(
            {"property": "drift", "value": "freeze"}
        )

    change(FUND, how)
    rows = funds(6)
    rows[3, "fund"] = "gold"
    land_rows(home, FUND, rows).rejected("value_frozen", "第4行", "整批重新报送")
    rows[3, "fund"], rows[4, "year"] = "budget", "x"
    found = land_rows(home, FUND, rows, sequence=2)
    found.loaded(5, [(5, "year", "bad_number")])


def test_code_list_that_evolves_reports_new_codes(home: Settings, change: Change) -> None:
    def how(document: dict[str, Any]) -> None:
        column(document, "payer")["customProperties"].append(
            {"property": "drift", "value": "evolve"}
        )

    change(STAY, how)
    rows = stays(4)
    rows[1, "payer"] = rows[2, "payer"] = "insurance"
    found = land_rows(home, STAY, rows)
    frame = found.loaded(4, [], "“费用承担”出现代码表以外的代码 insurance，2 行")
    assert frame["payer"].to_list() == ["self", "insurance", "insurance", "self"]


def dated_payer(date: str | None) -> Callable[[dict[str, Any]], None]:
    def how(document: dict[str, Any]) -> None:
        codes = next(
            item["value"]
            for item in column(document, "payer")["customProperties"]
            if item["property"] == "codeList"
        )
        codes["values"]["tekun"] = {"label": "特困供养", "valid_to": "2026-01-01"}
        codes["values"]["relief"] = {"label": "救助", "valid_from": "2026-01-01"}
        if date:
            codes["date"] = date

    return how


def test_codes_are_valid_on_the_rows_own_day(home: Settings, change: Change) -> None:
    change(STAY, dated_payer("checked_in_on"))
    rows = stays(5).with_columns(
        payer=pl.Series(["tekun", "tekun", "relief", "relief", "self"]),
        checked_in_on=pl.Series(
            ["2025-12-31", "2026-01-01", "2025-12-31", "2026-01-01", "2020-01-01"]
        ),
    )
    refused = [(2, "payer", "code_not_current"), (3, "payer", "code_not_current")]
    land_rows(home, STAY, rows).loaded(3, refused, "当时有效的代码表")


def test_codes_are_valid_in_the_deliverys_period(home: Settings, change: Change) -> None:
    change(STAY, dated_payer(None))
    rows = stays(2).with_columns(payer=pl.Series(["tekun", "relief"]))
    found = land_rows(home, STAY, rows)  # of 2026-09
    found.loaded(1, [(1, "payer", "code_not_current")])
    data = rows.write_csv().encode()
    put(home, STAY, "b.csv", data, rows, sequence=2, period="2025")
    assert lake(home, STAY)["payer"].to_list() == ["tekun", "relief"]


def divided(severity: str, date: str | None) -> Callable[[dict[str, Any]], None]:
    def how(document: dict[str, Any]) -> None:
        value = {"severity": severity} | ({"date": date} if date else {})
        properties = column(document, "region_code")["customProperties"]
        properties.append({"property": "division", "value": value})

    return how


REGIONS = pl.DataFrame(
    {
        "region_code": ["440221000000", "440203000000", "440200000000"],
        "valid_from": ["1983-01-01", "2004-05-01", "1983-01-01"],
        "name": ["曲江县", "武江区", "韶关市"],
        "level": ["county", "county", "prefecture"],
        "parent_code": ["440200000000", "440200000000", "440000000000"],
        "urban_rural": pl.Series([None] * 3, dtype=pl.String),
        "valid_to": ["2004-05-01", None, None],
        "successor_codes": pl.Series([None] * 3, dtype=pl.String),
    }
)
ASSISTED = pl.DataFrame(
    {
        "id_no": stays(4)["id_no"],
        "category": ["dibao"] * 4,
        "valid_from": ["2004-04-30", "2004-05-01", "2004-05-01", "2020-01-01"],
        "household_no": ["H1", "H2", "H3", "H4"],
        "care_mode": pl.Series([None] * 4, dtype=pl.String),
        "self_care": pl.Series([None] * 4, dtype=pl.String),
        "wants_institution": pl.Series([None] * 4, dtype=pl.String),
        "region_code": ["440221000000", "440221000000", "440203000000", "440299000000"],
        "valid_to": pl.Series([None] * 4, dtype=pl.String),
    }
)
MEMBERS = "assistance_member"


def test_division_codes_are_valid_on_the_rows_own_day(home: Settings, change: Change) -> None:
    change(MEMBERS, divided("error", "valid_from"))
    change("region", lambda document: None)
    with pytest.raises(IngestionError, match="Land `region` first"):
        land_rows(home, MEMBERS, ASSISTED)
    land_rows(home, "region", REGIONS)
    refused = [
        (2, "region_code", "division_not_current"),
        (4, "region_code", "division_not_current"),
    ]
    land_rows(home, MEMBERS, ASSISTED).loaded(2, refused, "当时有效的区划代码")


def test_division_codes_that_only_warn(home: Settings, change: Change) -> None:
    change(MEMBERS, divided("warning", None))
    change("region", lambda document: None)
    land_rows(home, "region", REGIONS)
    land_rows(home, MEMBERS, ASSISTED).loaded(4, [], "有 3 行不是当时有效的区划代码")
