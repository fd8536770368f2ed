"""The province at scale S through landing and build, made once for these tests."""

from __future__ import annotations

from collections.abc import Iterator

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
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a home whose departments have delivered and whose warehouse is built."""
    home = tmp_path_factory.mktemp("audit")
    generate(home, "S")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YINLING_HOME", str(home))
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
