"""Addresses of databases hold a password: mistyped ones are said plainly, and never shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from ingestion.errors import SourceError
from ingestion.landing import land
from yinling.settings import Settings, Source

PLACE = "127.0.0.1:1/db"  # nobody listens there
MISTYPED = [
    ("postgresql", f"postgresql+psycopg://reader:S3cret@{PLACE}"),
    ("postgresql", f"postgresql:/reader:S3cret@{PLACE}"),
    ("postgresql", f"postgresql://reader:S3c%ret@{PLACE}"),
    ("postgresql", f"postgresql://reader:S3c ret@{PLACE}"),
    ("postgresql", f"postgresql://reader:S3c/ret@{PLACE}"),
    ("postgresql", f"postgresql://reader:S3c@ret@{PLACE}"),
    ("postgresql", f"postgresql://reader:S3c@ret:x@{PLACE}"),
    ("postgresql", f"postgresql://reader:S3c@ret/x@{PLACE}"),
    ("postgresql", f"postgresql://reader:33/S3cret@{PLACE}"),
    ("postgresql", "postgresql://reader:S3cret"),
    ("postgresql", "host=127.0.0.1 port=1 user=reader password=S3c ret"),
    ("mysql", f"mysql:/reader:S3cret@{PLACE}"),
    ("mysql", f"mysql://reader/S3cret@{PLACE}"),
    ("mysql", "mysql://reader:S3c@re:t@127.0.0.1:1x/db"),
    ("mysql", f"mysql://reader:S3c@ret?x@{PLACE}"),
    ("mysql", f"mysql://reader@S3cret@{PLACE}"),
    ("mysql", "mysql://reader:S3cret"),
    ("sql", "oracle//reader:S3cret@h/db"),
    ("sql", "mysql+pymysql://reader:S3c@re:t@127.0.0.1:1x/db"),
]


def home(folder: Path, connector: str) -> Settings:
    source = Source(connector=connector, uri_env="DEPARTMENT", table="t", provider="gongan")
    return Settings(home=folder, sources={"household_person": source})


@pytest.mark.parametrize(("connector", "address"), MISTYPED)
def test_a_mistyped_address_is_said_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connector: str, address: str
) -> None:
    monkeypatch.setenv("DEPARTMENT", address)
    with pytest.raises(SourceError, match="DEPARTMENT holds no usable address") as met:
        land(home(tmp_path, connector))
    told = "".join(traceback.format_exception(met.value))
    assert [part for part in ("S3c", "ret@", "re:t", "reader:") if part in told] == []


@pytest.mark.parametrize("address", [f"oracle://r:S3cret@{PLACE}", f"nothing://r:S3cret@{PLACE}"])
def test_a_driver_that_is_not_installed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DEPARTMENT", address)
    with pytest.raises(SourceError, match="no driver is installed") as met:
        land(home(tmp_path, "sql"))
    assert "S3cret" not in "".join(traceback.format_exception(met.value))
