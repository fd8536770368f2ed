"""One measured process: read a channel's bytes, or land them. Prints seconds and rows as JSON.

Starting Python and loading libraries is not counted: it does not grow with the rows.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.limits import LIMITS
from benchmarks.payments import DATASET
from ingestion.connectors import connector, host_keys
from ingestion.landing import initialise, land
from yinling.settings import Settings, Source


def read(name: str, place: str) -> dict[str, float]:
    """Seconds to read the bytes at a place."""
    begin = time.monotonic()
    LIMITS[name](place)
    return {"seconds": time.monotonic() - begin}


def landing(home: str, given: str) -> dict[str, float]:
    """Seconds to land a source into a fresh home, and the rows that were loaded."""
    source = json.loads(given)
    pin = source.pop("pin", None)
    settings = Settings(home=Path(home), sources={DATASET: Source(**source)})
    connector(source["connector"])
    initialise(settings)
    if pin is not None:
        host_keys.pin(settings, settings.sources[DATASET], DATASET, pin)
    begin = time.monotonic()
    done = land(settings)
    return {"seconds": time.monotonic() - begin, "rows": done.rows_loaded}


if __name__ == "__main__":
    what, name, *rest = sys.argv[1:]
    print(json.dumps(read(name, rest[0]) if what == "read" else landing(*rest)))
