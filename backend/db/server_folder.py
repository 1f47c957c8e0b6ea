"""The folder of an embedded server: whose it is, who may reach it, and what lies in it.

As root the server runs as an unprivileged user, who owns the folder.
"""

import hashlib
import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple

from backend.db.binaries import EmbeddedError

_SOCKET_PATH_BYTES = 88  # sun_path holds 107, of which "/.s.PGSQL.5432.lock" takes 19


class Account(NamedTuple):
    """Whom the server runs as; `demote` when we are root, which PostgreSQL refuses to be."""

    name: str
    uid: int
    gid: int
    demote: bool


def account_of(directory: Path) -> Account:
    """Choose the server's user: we; for root the cluster's owner, ``postgres`` or ``nobody``."""
    me = os.geteuid()
    if me != 0:
        owner = directory.stat().st_uid if directory.exists() else me
        if owner != me:
            raise EmbeddedError(
                f"{directory} belongs to user {owner}, this process runs as user {me}: run it as "
                "the owner or as root, or set CAPRA_DATA to a folder of your own"
            )
        return Account(f"{me}", me, os.getegid(), demote=False)
    data = directory / "data"
    if data.exists():
        status = data.stat()
        return Account(f"{status.st_uid}", status.st_uid, status.st_gid, demote=True)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, demote=True)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and this machine has no user postgres or nobody: "
        "run this as an ordinary user, or set CAPRA_DATABASE_URL"
    )


def make_directory(directory: Path, account: Account) -> None:
    """Make the server's folder, owned by its user, who must be able to come to it."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"cannot make {directory} ({error.strerror}): set CAPRA_DATA to a folder of your own"
        ) from error
    if account.demote:
        os.chown(directory, account.uid, account.gid, follow_symlinks=False)
    check_reachable(directory, account, "CAPRA_DATA")


def check_reachable(path: Path, account: Account, variable: str) -> None:
    """Check that the server's user may enter all folders above one; `variable` moves it.

    Raises:
        EmbeddedError: it may not; the message names the folder.
    """
    if not account.demote:
        return
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid == account.uid:
            enter = 0o100
        elif status.st_gid == account.gid:
            enter = 0o010
        else:
            enter = 0o001
        if not status.st_mode & enter:
            raise EmbeddedError(
                f"user {account.name}, whom PostgreSQL is to run as, may not enter {folder}: "
                f"set {variable} to a folder outside of it"
            )


def socket_directory(directory: Path, account: Account) -> Path:
    """Return the socket's folder: inside the server's, or in /tmp where that path is too long."""
    socket = directory / "socket"
    if len(os.fsencode(socket)) > _SOCKET_PATH_BYTES or "," in str(socket):
        name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
        socket = Path("/tmp") / f"capra-{name}"  # not TMPDIR: every starter must find the same one
    try:
        socket.mkdir(mode=0o700)
        if account.demote:
            os.chown(socket, account.uid, account.gid, follow_symlinks=False)
    except FileExistsError:
        status = socket.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (account.uid, 0):
            raise EmbeddedError(
                f"{socket} is not a folder of user {account.name}: remove it"
            ) from None
        if account.demote:
            os.chown(socket, account.uid, account.gid, follow_symlinks=False)
    return socket


# The server's user owns the folder, so root follows no link in it.


def read_end(path: Path) -> str:
    """Return the last 1000 bytes of a file; nothing if there is no such file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    with open(handle, "rb") as file:
        file.seek(max(0, os.fstat(handle).st_size - 1000))
        return file.read().decode(errors="replace").strip()


def write_text(path: Path, text: str) -> None:
    """Write a file of one line."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with open(handle, "w") as file:
        file.write(text + "\n")
