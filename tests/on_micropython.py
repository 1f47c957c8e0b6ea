"""Run the collar's tests on MicroPython: what the board runs, tested by what the board runs.

Every `tests/firmware/**/test_*.py` but `*_cpython.py` holds plain functions with plain asserts, so
CPython collects them by pytest and the MicroPython unix port runs the same files here, one process
per file with a heap of 64 KiB (64-bit objects: what 32 KiB hold on the board).

By hand: ``python -m tests.on_micropython [FILE ...]``
"""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from backend.db.embedded import cache_dir

CHECKOUT = Path(__file__).resolve().parent.parent
HEAP = "64k"
_HANGS_S = 300  # not a speed limit: no file takes a tenth of it

# Runs on MicroPython. `dir` there is unordered, hence sorted; the heap is swept before each
# test, and early while files are compiled: MicroPython 1.25, sweeping only when it is full,
# reports at some sizes no memory in the middle of an import although more than half is free.
_DEVICE = """
import gc, sys
gc.threshold(16384)
module = __import__(%r, None, None, ("*",))
for name in sorted(n for n in dir(module) if n.startswith("test_")):
    gc.collect()
    try:
        getattr(module, name)()
        print("PASS", name)
    except BaseException as error:
        sys.print_exception(error, sys.stdout)
        print("FAIL", name)
gc.collect()
print("FREE", gc.mem_free())
"""


class Outcome(NamedTuple):
    """What one file's process said: names of the tests, and its whole output."""

    passed: frozenset[str]
    failed: frozenset[str]
    output: str
    exit_code: int


def files() -> list[Path]:
    """Return the test files that run on both interpreters."""
    found = (CHECKOUT / "tests" / "firmware").rglob("test_*.py")
    return sorted(path for path in found if not path.stem.endswith("_cpython"))


def module_name(path: Path) -> str:
    """Return the dotted name by which both interpreters import a test file."""
    return ".".join(path.resolve().relative_to(CHECKOUT).with_suffix("").parts)


def expected(path: Path) -> frozenset[str]:
    """Return the names of the tests that CPython finds in a file."""
    module = importlib.import_module(module_name(path))
    return frozenset(name for name in dir(module) if name.startswith("test_"))


def interpreter() -> Path:
    """Return the MicroPython unix port: ``CAPRA_MICROPYTHON``, the cache's, or the installed one.

    Raises:
        FileNotFoundError: there is none; the message says how to get it.
    """
    given = os.environ.get("CAPRA_MICROPYTHON")
    built = sorted(cache_dir().glob("micropython-*/micropython"))
    installed = shutil.which("micropython")
    for candidate in (given, *reversed(built), installed):
        if candidate:
            return Path(candidate)
    raise FileNotFoundError("no MicroPython unix port: build it with .ci/setup/micropython.sh")


def run(path: Path) -> Outcome:
    """Run one test file on MicroPython and return what happened."""
    code = _DEVICE % module_name(path)
    done = subprocess.run(
        [str(interpreter()), "-X", f"heapsize={HEAP}", "-c", code],
        cwd=CHECKOUT,  # the path may hold a colon, which MICROPYPATH could not say
        env={**os.environ, "MICROPYPATH": ".:.frozen"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_HANGS_S,
        check=False,
    )
    said = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    passed = frozenset(words[1] for words in said if len(words) == 2 and words[0] == "PASS")
    failed = frozenset(words[1] for words in said if len(words) == 2 and words[0] == "FAIL")
    return Outcome(passed, failed, done.stdout, done.returncode)


def main(arguments: list[str]) -> int:
    """Run the given files (all by default), print a line for each; 1 if any test failed."""
    bad = 0
    for path in [Path(a) for a in arguments] or files():
        outcome = run(path)
        if outcome.failed or outcome.exit_code:
            bad += 1
            print(outcome.output, end="")
        name = path.resolve().relative_to(CHECKOUT)
        free = outcome.output.rpartition("FREE ")[2].strip() if not outcome.exit_code else "?"
        passed, failed = len(outcome.passed), len(outcome.failed)
        print(f"{name}: PASS {passed}, FAIL {failed}, exit {outcome.exit_code}, {free} bytes free")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
