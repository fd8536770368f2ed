"""What leaves the departments: files, control records, damage, versions."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

import fastexcel
import numpy as np
import polars as pl
import pytest

from ingestion.checks import examine
from ingestion.contracts import load_contracts
from synthetic import damage, files, regions, schedule, xlsx
from synthetic.calendar import Window
from synthetic.deliveries import contract_columns
from synthetic.draws import generator
from synthetic.files import Delivery
from synthetic.lives import Feeds
from synthetic.transport import CHANNELS
from tests.unit.synthetic.conftest import CODES, SEED, WINDOW
from yinling.settings import Settings


@pytest.fixture(scope="module")
def contracts():  # type: ignore[no-untyped-def]
    return load_contracts(Settings(home=Path()).contracts)


def delivery(rows: pl.DataFrame, kind: str, encoding: str = "utf-8") -> Delivery:
    return Delivery(
        "cremation",
        "440200",
        "2026-10",
        2,
        "increment",
        kind,
        encoding,
        datetime(2026, 11, 8, 9, 30),
        rows,
        ("amount",),
    )


ROWS = pl.DataFrame({"name": ["张三", "李 <四>&", None], "amount": ["1.50", "2.25", "0.00"]})


def test_a_workbook_reads_back_and_has_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        xlsx.write(tmp_path / name, ROWS)
    sheet = fastexcel.read_excel(tmp_path / "a.xlsx").load_sheet(0, dtypes="string").to_polars()
    assert sheet.equals(ROWS)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_a_workbook_names_columns_beyond_z() -> None:
    assert [xlsx.letters(n) for n in (0, 25, 26, 51, 52, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "BA",
        "ZZ",
        "AAA",
    ]


def test_the_control_record_fits_the_file(tmp_path: Path) -> None:
    path = files.write(tmp_path, delivery(ROWS, "csv", "gb18030"))
    record = json.loads(path.with_name(path.name + ".control.json").read_text("utf-8"))
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["row_count"] == 3
    assert record["control_sums"] == {"amount": "3.75"}
    assert path.read_bytes().decode("gb18030").splitlines()[1] == "张三,1.50"


def test_broken_bytes_are_no_text(tmp_path: Path) -> None:
    rows = pl.DataFrame({"name": ["张" + files.BROKEN], "amount": ["1"]})
    path = files.write(tmp_path, delivery(rows, "csv", "gb18030"))
    with pytest.raises(UnicodeDecodeError):
        path.read_bytes().decode("gb18030")


def sample(feeds: Feeds, dataset: str) -> pl.DataFrame:
    rows = feeds[dataset]
    if dataset == "subsidy_payment":
        rows = rows.filter(pl.col("person").is_not_null())
    return files.as_text(rows.select(contract_columns(rows)).head(400))


@pytest.mark.parametrize("dataset", sorted(set(damage.ERRORS) - {"population_count"}))
def test_each_error_is_refused_for_its_reason(feeds: Feeds, contracts, dataset: str) -> None:  # type: ignore[no-untyped-def]
    text = sample(feeds, dataset)
    rows = np.arange(0, len(text), 2)
    spoilt, told = damage.spoil(text, dataset, rows, generator(5, dataset))
    assert len(told) > 0
    columns = {c.name: c for c in contracts[dataset].columns}
    for (name, reason), part in told.partition_by("column", "reason", as_dict=True).items():
        raw = spoilt[name].gather(part["row"])
        # The placeholder becomes a broken byte in the file, which decoding replaces.
        raw = raw.str.replace_all(files.BROKEN, "\ufffd")
        refused = pl.Series([None] * len(raw), dtype=pl.String)
        for why, where in examine(columns[name], raw, "00" * 32).refusals:
            refused = refused.set(where.fill_null(value=False) & refused.is_null(), why)
        assert (refused == reason).all(), (name, reason, raw.to_list(), refused.to_list())


def test_other_forms_of_a_number_are_accepted(feeds: Feeds, contracts) -> None:  # type: ignore[no-untyped-def]
    text = sample(feeds, "death_certificate")
    changed = damage.repair(text, "id_no", np.arange(len(text)), generator(5, "repair"))
    column = next(c for c in contracts["death_certificate"].columns if c.name == "id_no")
    before, after = (examine(column, t["id_no"], "00" * 32) for t in (text, changed))
    assert (changed["id_no"] != text["id_no"]).sum() > len(text) / 2
    assert not after.refusals
    assert after.lake["id_no_token"].equals(before.lake["id_no_token"])
    assert set(after.lake["id_no_form"]) == {"exact", "converted_15", "normalised"}


def test_undamaged_rows_are_all_accepted(feeds: Feeds, contracts) -> None:  # type: ignore[no-untyped-def]
    for dataset in sorted(set(feeds) & set(CHANNELS)):
        text = files.as_text(feeds[dataset].select(contract_columns(feeds[dataset])))
        columns = {c.name: c for c in contracts[dataset].columns}
        assert set(text.columns) == set(columns), dataset
        for name in text.columns:
            refused = examine(columns[name], text[name], "00" * 32).refusals
            assert not refused, (dataset, name, refused[0][0])


def test_keys_come_once_a_delivery_and_some_come_again_corrected(feeds: Feeds) -> None:
    county = next(c for c in regions.counties() if c.code == CODES[0])
    mine = pl.col("facility_code").str.slice(1, 6) == county.short
    for dataset in ("facility", "facility_stay"):
        rows = schedule.scheduled(SEED, dataset, feeds[dataset].filter(mine), county, WINDOW)
        key = list(CHANNELS[dataset].key)
        assert rows.select(*key, "_period").is_unique().all()
        assert not rows.select(*key).is_unique().all()


def test_a_year_s_window_has_its_first_register(feeds: Feeds) -> None:
    county = regions.counties()[0]
    assert schedule.facility_months(county, Window(12))[0] == Window(12).first_month
