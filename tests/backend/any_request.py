"""Schemathesis over a described API: requests of every shape, valid and not.

What it judges by is in `schemathesis.toml`, how it signs in and what a 400 may be for in
`schemathesis_hooks.py`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

_CONFIG = Path(__file__).with_name("schemathesis.toml")
_ROOT = Path(__file__).parents[2]


class Said(NamedTuple):
    """What it found."""

    requests: int
    failures: int
    server_errors: int
    text: str


def ask(description: str, database_url: str, *options: str) -> Said:
    """Run it against the description at an address, whose database it makes keys in."""
    told = {"CAPRA_ASKED_DATABASE": database_url, "PYTHONPATH": str(_ROOT)}
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), "--config-file", _CONFIG,
            "run", description, "--no-color", "--continue-on-failure",
            "--generation-database", "none", "--request-timeout", "60", *options,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        cwd=tempfile.gettempdir(), env=os.environ | told,
    )  # fmt: skip
    text = done.stdout
    generated = re.search(r"(\d+) generated", text)
    counted = re.findall(r"^  (?:❌|🚫) (.+): (\d+)$", text, re.M)
    failures = sum(int(times) for _, times in counted)
    return Said(
        requests=int(generated[1]) if generated else 0,
        failures=failures or int(done.returncode != 0),
        server_errors=sum(int(times) for name, times in counted if "Server error" in name),
        text=text,
    )
