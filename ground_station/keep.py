"""Copies of a spool: backups, and a USB stick that carries frames to another station.

A copy is made by SQLite's own backup, while the station runs. What must never be used twice does
not come back from one: downlink counters start anew from the time, as after a lost disk.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ground_station.errors import SpoolError
from ground_station.folders import need_folder
from ground_station.report import reading
from ground_station.spool import Spool, lock

_SPOOL, _KEYS = "spool.sqlite", "keys.json"


def export(spool: Path, target: Path) -> int:
    """Copy all that a station heard into a new file, such as one on a USB stick.

    Returns:
        How many frames it holds.

    Raises:
        SpoolError: the spool cannot be read, or the file is there already or cannot be written.
    """
    if target.exists():
        raise SpoolError(target, "is there already, expected a new file")
    part = target.with_name(target.name + ".part")
    with _translated(target), reading(spool) as source:
        need_folder(target)
        os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            source.backup(copy)
            copy.execute("pragma journal_mode = delete")
            copy.execute("delete from downlink")  # counters are this station's alone
            copy.execute("delete from transmission")
            copy.execute("vacuum")
            (frames,) = copy.execute("select count(*) from frame").fetchone()
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    return int(frames)


def take_in(spool: Path, source: Path) -> tuple[int, int]:
    """Add what another station heard to a spool; its station must not run.

    Returns:
        How many frames and how many receptions were new.

    Raises:
        SpoolError: a file cannot be used, or the spool's station runs.
    """
    with reading(source):  # is it one, of a version we know?
        pass
    with lock(spool), Spool(spool) as opened, _translated(source):
        return opened.merge(source)


def backup(spool: Path, keys: Path, folder: Path) -> int:
    """Copy spool and keys into a new folder of mode 0700; returns how many frames it holds.

    Raises:
        SpoolError: the folder is there already, or something cannot be read or written.
    """
    with _translated(folder):
        folder.mkdir(mode=0o700)
    frames = export(spool, folder / _SPOOL)
    with _translated(folder):
        _copy_keys(keys, folder / _KEYS)
    return frames


def restore(folder: Path, spool: Path, keys: Path) -> int:
    """Put spool and keys back from a backup; returns how many frames it held.

    Raises:
        SpoolError: there is a spool or a key file already, or something cannot be read or written.
    """
    for path in (spool, keys):
        if path.exists():
            raise SpoolError(path, "is there already, expected none: move it away first")
    frames = export(folder / _SPOOL, spool)
    with _translated(folder):
        _copy_keys(folder / _KEYS, keys)
    return frames


def _copy_keys(source: Path, target: Path) -> None:
    need_folder(target)
    with source.open("rb") as text:
        file = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(file, "wb") as out:
            shutil.copyfileobj(text, out)
            out.flush()
            os.fsync(file)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpoolError(path, error.strerror or str(error)) from error
    except sqlite3.Error as error:
        raise SpoolError(path, str(error)) from error
