"""Fixtures shared by every test, one plugin file per subject in `tests/fixtures`."""

import importlib.util

pytest_plugins = [
    name
    for name in ("tests.fixtures.mosquitto", "tests.fixtures.postgres", "tests.fixtures.reference")
    if importlib.util.find_spec(name)
]
