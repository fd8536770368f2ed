"""The two stages of `make test`, and the proof that every declared test ran.

Stage 1 (the first verdict): style, types, SQL, unit and property tests.
Stage 2: integration and end-to-end tests.
The last line is the sum over both: `N passed, M failed`.
"""

from __future__ import annotations

import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".test-results"
BIN = Path(sys.executable).parent

# A step that outlives its bound is stopped: a hanging test run tells nobody anything.
LINT = {
    "ruff check": ([BIN / "ruff", "check", "."], 60),
    "ruff format": ([BIN / "ruff", "format", "--check", "."], 60),
    "mypy": ([BIN / "mypy"], 240),
    "sqlfluff": ([BIN / "sqlfluff", "lint", "--disable-progress-bar", "dbt_project/models"], 240),
}
# Run → its folders below tests/, and how many workers share them. Tests of a file stay together, so
# what a module sets up is set up once. The end-to-end tests each want the whole machine: they wait
# for pages.
FAST = {"fast": (("unit", "property"), 2)}
SLOW = {"integration": (("integration",), 2), "e2e": (("e2e",), 0)}


def execute(name: str, command: list[Path | str], limit: float) -> bool:
    """Run one step, print its time, and its output when it failed."""
    begin = time.monotonic()
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit,
        )
        ok, output = done.returncode == 0, done.stdout
    except subprocess.TimeoutExpired as error:
        ok, output = False, f"{error.output or ''}\nstopped: took longer than {limit:.0f} s"
    print(f"{'ok  ' if ok else 'FAIL'} {name:<14} {time.monotonic() - begin:6.1f} s", flush=True)
    if not ok:
        print(output, flush=True)
    return ok


def lint() -> bool:
    """All checks of style, types and SQL, two at a time; all run even if one fails."""
    with ThreadPoolExecutor(2) as pool:
        return all(list(pool.map(lambda step: execute(step[0], *step[1]), LINT.items())))


def run_tests(name: str, folders: tuple[str, ...], workers: int, limit: float) -> bool:
    """pytest over some folders of tests, its lines shown as they come."""
    command = [BIN / "pytest", f"--junitxml={RESULTS / name}.xml"]
    command += [f"tests/{folder}" for folder in folders]
    if workers:
        command += ["-n", str(workers), "--dist=loadfile"]
    try:
        return (
            subprocess.run([str(part) for part in command], cwd=ROOT, timeout=limit).returncode == 0
        )
    except subprocess.TimeoutExpired:
        print(f"FAIL {name} tests: stopped after {limit:.0f} s", flush=True)
        return False


def declared() -> set[str]:
    """Names of all tests pytest finds, asked apart from the runs (the project says -q already)."""
    done = subprocess.run(
        [str(BIN / "pytest"), "--collect-only", "--no-header", "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return {
        line for line in done.stdout.splitlines() if "::" in line and not line.startswith("ERROR")
    }


def tally(ran: list[str]) -> tuple[int, int, list[str]]:
    """Passed, failed and the reasons of skips, from the runs' result files."""
    passed = failed = 0
    skips: list[str] = []
    for name in ran:
        file = RESULTS / f"{name}.xml"
        if not file.exists():
            failed += 1
            continue
        # Our own pytest wrote these files a moment ago.
        for case in ET.parse(file).getroot().iter("testcase"):  # noqa: S314
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif (skip := case.find("skipped")) is not None:
                skips.append(f"{case.get('classname')}::{case.get('name')}: {skip.get('message')}")
            else:
                passed += 1
    return passed, failed, skips


def main(stage: str = "all") -> int:
    """Run `lint`, `unit` or `all`; returns the exit code."""
    RESULTS.mkdir(exist_ok=True)
    for old in RESULTS.glob("*.xml"):
        old.unlink()
    begin = time.monotonic()
    good = stage == "unit" or lint()
    if stage == "lint":
        return 0 if good else 1
    for name, run in FAST.items():
        good &= run_tests(name, *run, limit=300)
    print(
        f"stage 1 {'passed' if good else 'FAILED'} after {time.monotonic() - begin:.0f} s",
        flush=True,
    )
    if stage == "all":
        for name, run in SLOW.items():
            good &= run_tests(name, *run, limit=1500)
    passed, failed, skips = tally([*FAST, *(SLOW if stage == "all" else ())])
    if stage == "all" and (count := len(declared())) != passed + failed + len(skips):
        print(f"FAIL {count} tests are declared, {passed + failed + len(skips)} ran")
        failed, good = failed + 1, False
    for reason in skips:
        print(f"FAIL skipped: {reason}")
    failed += len(skips)
    print(f"took {time.monotonic() - begin:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 0 if good and not failed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
