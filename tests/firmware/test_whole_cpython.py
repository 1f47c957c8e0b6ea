"""The whole collar on MicroPython: its files are compiled into the heap there, so it is larger."""

from pathlib import Path

import pytest

from tests import on_micropython

HERE = Path(__file__).parent


@pytest.mark.micropython
@pytest.mark.parametrize(
    "name",
    [
        "test_app_cpython.py",
        "test_cuts_cpython.py",
        "test_energy_cpython.py",
        "test_schedule_cpython.py",
    ],
)
def test_the_whole_collar_does_the_same_on_micropython(name, monkeypatch):
    monkeypatch.setattr(on_micropython, "HEAP", "512k")
    outcome = on_micropython.run(HERE / name)
    assert outcome.passed == on_micropython.expected(HERE / name), outcome.output
