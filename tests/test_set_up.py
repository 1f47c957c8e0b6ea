"""The set-up steps: what they say when something is missing, and that the remedy is true."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

STEP = Path(__file__).parents[1] / ".ci" / "setup" / "timescaledb.sh"
SHELL_TOOLS = ("sh", "id", "dirname", "mkdir")


def set_up(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [STEP, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        check=False,
    )


def test_cache_that_cannot_be_made_is_told_with_the_remedy() -> None:
    done = set_up(CAPRA_CACHE="/proc/capra")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "/proc/capra cannot be made; set CAPRA_CACHE to a folder of your own" in done.stderr


@pytest.mark.parametrize(
    ("present", "said"),
    [
        ((), "no apt-get here to fetch its sources with: this step needs Debian or Ubuntu"),
        (("apt-get",), "no gcc here; get it with: apt-get install gcc libc6-dev"),
        (("apt-get", "gcc"), "no make here; get it with: apt-get install make"),
    ],
)
def test_tool_that_is_missing_has_a_remedy_of_its_own(
    tmp_path: Path, present: tuple[str, ...], said: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in (*SHELL_TOOLS, *present):
        (programs / name).symlink_to(shutil.which(name) or "/bin/true")
    found = {"PATH": str(programs), "CAPRA_CACHE": str(tmp_path / "cache")}
    assert f"NOT BUILT: {said}; going on with plain PostgreSQL" in set_up(**found).stdout
    required = set_up("--required", **found)
    assert required.returncode == 1 and said in required.stderr
