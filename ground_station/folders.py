"""Where the station's files may lie: a folder that is missing is a slip of the pen, not a wish."""

import errno
import os
from pathlib import Path

from backend.db.embedded import data_dir


def need_folder(path: Path) -> None:
    """Make sure that the folder of a file is there; none is made but in CAPRA_DATA, mode 0700.

    Raises:
        OSError: there is none, or it cannot be made.
    """
    folder, ours = path.resolve().parent, data_dir().resolve()
    if folder.is_dir():
        return
    if folder != ours and ours not in folder.parents:
        raise OSError(errno.ENOENT, f"no folder {path.parent}, expected one that is there")
    # PostgreSQL's user, as whom root's embedded server runs, must be able to pass through it
    ours.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    for one in (*reversed(folder.parents), folder):
        if ours in one.parents:
            one.mkdir(mode=0o700, exist_ok=True)
