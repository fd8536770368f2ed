"""`make fuzz` can run every property: it passes parameters, and knows no fixtures."""

import inspect
from importlib import import_module

import pytest

from tests.fuzz import arguments, properties


@pytest.mark.parametrize("name", properties())
def test_every_property_can_be_fuzzed(name: str) -> None:
    module, _, function = name.partition("::")
    test = getattr(import_module(f"tests.property.{module}"), function)
    wanted = set(inspect.signature(test).parameters)
    for given in arguments(test):
        assert set(given) == wanted
