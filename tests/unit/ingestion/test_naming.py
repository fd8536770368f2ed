"""File names and headers that say what a delivery is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion import guessing
from ingestion.connectors.naming import Named, Naming, month, month_in
from ingestion.contracts import load_contracts
from ingestion.errors import DeliveryError, SourceError
from yinling.settings import PROJECT_DIR

CONTRACTS = load_contracts(PROJECT_DIR / "ingestion" / "contracts")


@pytest.mark.parametrize(
    ("pattern", "file", "named"),
    [
        (
            "{dataset}_{provider}_{period}_{sequence}",
            "facility_440203_202609_02.xlsx",
            Named("facility", "440203", "2026-09", 2),
        ),
        ("{provider}-{period}", "440203-2026-09.csv", Named(None, "440203", "2026-09")),
        ("{any}{period}{mode}", "养老20260930全量.xlsx", Named(period="2026-09-30", mode="full")),
        ("{provider} ({mode})", "minzheng (增量).zip", Named(None, "minzheng", mode="increment")),
        ("{dataset}_{period}", "home_visit_2026.csv", Named("home_visit", None, "2026")),
    ],
)  # fmt: skip
def test_names_that_follow_the_pattern(pattern: str, file: str, named: Named) -> None:
    assert Naming(pattern, "sources.x").read(file) == named


@pytest.mark.parametrize("file", ["facility_440203_02.xlsx", "facility_440203_202613_02.xlsx", ""])
def test_names_that_do_not(file: str) -> None:
    with pytest.raises(DeliveryError, match="请改名后重新报送") as error:
        Naming("{dataset}_{provider}_{period}_{sequence}", "sources.x").read(file)
    assert error.value.code == "bad_name"


@pytest.mark.parametrize("pattern", ["{county}", "{period}_{period}", "{period"])
def test_patterns_that_are_wrong(pattern: str) -> None:
    with pytest.raises(SourceError, match="name_pattern"):
        Naming(pattern, "sources.x")


def test_months() -> None:
    assert [month(text) for text in ("2026", "202612", "2026-01-31", "202600", "20260231")] == [
        "2026", "2026-12", "2026-01-31", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("石城2026年9月.xlsx", "2026-09"),
        ("石城2026年9月30日.xlsx", "2026-09"),
        ("殡葬20260930.csv", "2026-09"),
        ("火化2026.9.30.csv", "2026-09"),
        ("2026.09月报.xlsx", "2026-09"),
        ("x_202611.csv", "2026-11"),
        ("x_2026_11.csv", "2026-11"),
        ("2026-07台账", "2026-07"),
        ("2026年新版-202609.csv", "2026-09"),
        ("440203_202609_02.csv", "2026-09"),
        ("殡葬20260231.csv", None),
        ("x_2026_1.csv", None),
        ("440203", None),
        ("202609301200", None),
        ("2026年", None),
        ("202613", None),
    ],
)
def test_months_in_names(name: str, found: str | None) -> None:
    assert month_in(name) == found


@pytest.mark.parametrize("dataset", sorted(CONTRACTS))
@pytest.mark.parametrize("language", ["english", "chinese"])
def test_every_dataset_is_told_by_its_own_headers(
    dataset: str, language: str, tmp_path: Path
) -> None:
    columns = CONTRACTS[dataset].columns
    header = [c.name if language == "english" else c.title for c in columns]
    for encoding in ("utf-8", "gb18030"):
        file = tmp_path / "data.csv"
        file.write_bytes((",".join(header) + "\n").encode(encoding))
        assert guessing.dataset_of(file, CONTRACTS)[0] == dataset


def test_headers_that_tell_nothing(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("甲,乙,丙\n1,2,3\n")
    with pytest.raises(DeliveryError, match=r"第一行应是表头.*用 --dataset 指明") as error:
        guessing.dataset_of(file, CONTRACTS)
    assert error.value.code == "unknown_dataset"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("agreed", ["utf-8", "gb18030"])
def test_the_encoding_is_told_by_the_bytes(encoding: str, agreed: str, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes("区划代码,名称\n440203,武江区\n".encode(encoding))
    assert guessing.encoding_of(file, agreed) == encoding
    rows = [f"44020300000{n},武江区\n".encode(encoding) for n in range(9)]
    other = "gb18030" if encoding == "utf-8" else "utf-8"
    file.write_bytes(b"".join([*rows, "440203000099,长坝村\n".encode(other)]))
    assert guessing.encoding_of(file, agreed) == encoding, "one spoilt line does not decide"
    file.write_bytes(b"a,b\n1,2\n")
    assert guessing.encoding_of(file, agreed) == agreed
