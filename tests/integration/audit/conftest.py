"""The province at scale S through landing and build, made once for these tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from ingestion.landing import land
from synthetic.departments import start, stop
from synthetic.environment import read_env
from synthetic.province import generate
from tests.support.truth_cases import Truth
from yinling.settings import Settings, load_settings
from yinling.warehouse import build

SELECTION = ["+int_evidence", "+path:models/publish/auditors"]


@pytest.fixture(scope="module")
def landed() -> Iterator[Settings]:
    """Settings of a home whose departments have delivered and whose warehouse is built.

    Not below pytest's own folder: another pytest that starts takes that folder's rights from the
    account that PostgreSQL runs as.
    """
    with (
        tempfile.TemporaryDirectory(prefix="yinling-audit-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        home = Path(folder)
        patch.setenv("YINLING_HOME", folder)
        patch.setenv("YINLING_DEMO_PG_PORT", "0")
        patch.setenv("YINLING_DEMO_REST_PORT", "0")
        generate(home, "S")
        start(home)
        for name, value in read_env(home).items():
            patch.setenv(name, value)
        try:
            settings = load_settings()
            land(settings)
        finally:
            stop(home)
        build(settings, SELECTION)
        yield settings


@pytest.fixture(scope="module")
def truth(landed: Settings) -> Truth:
    """What was planted."""
    return Truth(landed)


@pytest.fixture(scope="module")
def findings(truth: Truth) -> pl.DataFrame:
    """The published findings."""
    return truth.published("finding")
