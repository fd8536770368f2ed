"""How long a property is tried: some dozen examples in `make test`, endlessly in `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

ROUND = "YINLING_FUZZ_ROUND"  # examples a round while fuzzing


def effort(examples: int) -> settings:
    """The settings of a property that is given `examples` in a test run."""
    rounds = os.environ.get(ROUND)
    if rounds is None:
        # The same examples on every machine: what is new is for `make fuzz` to find.
        return settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        )
    return settings(
        max_examples=int(rounds),
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
