"""The collars' keys: one JSON file, readable by its owner alone, kept apart from the spool.

```
{"station_number": 7,
 "collars": {"1": {"epoch": 0, "key": "32 hex digits", "previous": [{"epoch": ..., "key": ...}]}}}
```

`epoch` counts the keys a collar has had; it is part of every nonce. `previous` keeps older
keys for frames that were heard before a collar got its new one; a collar is understood under them
until it is first heard under a newer one. `station_number` (0..4095,
made from the station's name if absent) must differ between stations that hold the same
collar's key: it is part of their downlink counters, so that no two of them ever use one nonce.
"""

import fcntl
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from firmware.wire.identity import MAX_COLLAR, MAX_EPOCH
from ground_station.errors import KeyFileError
from ground_station.folders import need_folder

KEY_BYTES = 16
MAX_STATION_NUMBER = 4095


@dataclass(frozen=True, slots=True)
class CollarKey:
    """The key of one collar in one epoch."""

    collar: int
    epoch: int
    key: bytes = field(repr=False)


class KeyRing:
    """All keys of a key file. Ciphers are made once per key; use one ring per thread."""

    def __init__(self, keys: list[CollarKey], station_number: int | None = None) -> None:
        self.station_number = station_number
        self._keys = {(key.collar, key.epoch): key for key in keys}
        self._epochs: dict[int, list[int]] = {}
        for key in sorted(keys, key=lambda key: -key.epoch):
            self._epochs.setdefault(key.collar, []).append(key.epoch)
        self._ciphers: dict[tuple[int, int], Callable[[bytes], bytes]] = {}

    def collars(self) -> list[int]:
        """Return the collars that have a key, ascending."""
        return sorted(self._epochs)

    def epoch(self, collar: int) -> int | None:
        """Return the present key epoch of a collar, None for one that has no key."""
        return next(iter(self.epochs(collar)), None)

    def epochs(self, collar: int) -> list[int]:
        """Return all key epochs of a collar, the newest first."""
        return self._epochs.get(collar, [])

    def cipher(self, collar: int, epoch: int) -> Callable[[bytes], bytes] | None:
        """Return the block cipher of a collar's key, None where the file holds no such key."""
        cipher = self._ciphers.get((collar, epoch))
        if cipher is None and (key := self._keys.get((collar, epoch))) is not None:
            cipher = self._ciphers[collar, epoch] = block_cipher(key.key)
        return cipher


def block_cipher(key: bytes) -> Callable[[bytes], bytes]:
    """Return AES of one 16-byte block, the primitive `firmware.wire.seal` builds CCM from."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update


def load_keys(path: Path) -> KeyRing:
    """Read a key file.

    Raises:
        KeyFileError: it is missing, readable by others, or malformed; every fault is named.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except OSError as error:
        raise KeyFileError(path, f"{error.strerror or error}") from error
    if mode & 0o077:
        raise KeyFileError(path, f"mode is {mode:04o}, expected 0600 (chmod 600 {path})")
    return _parse(path, text)


def add_key(path: Path, collar: int, *, replace: bool = False) -> CollarKey:
    """Make a key for a collar and store it; the file is made if there is none, its folder is not.

    Args:
        path: the key file.
        collar: collar number, 1..65535.
        replace: give a collar that has a key the next epoch; the older keys are kept.

    Raises:
        KeyFileError: the file cannot be used, the collar number is out of range, or the collar
            has a key.
    """
    if not 1 <= collar <= MAX_COLLAR:
        raise KeyFileError(path, f"collar {collar}: expected 1..{MAX_COLLAR}")
    with _locked(path):
        document: dict[str, object] = {"collars": {}}
        if path.exists():
            load_keys(path)
            document = json.loads(path.read_bytes())
        collars = document["collars"]
        assert isinstance(collars, dict)
        old = collars.get(str(collar))
        if old is not None and not replace:
            raise KeyFileError(
                path,
                f"collar {collar} has a key already (epoch {old['epoch']}); --replace renews it",
            )
        if old is not None and old["epoch"] == MAX_EPOCH:
            raise KeyFileError(
                path, f"collar {collar}: epoch {MAX_EPOCH} is the last; number anew"
            )
        new = CollarKey(
            collar, 0 if old is None else old["epoch"] + 1, secrets.token_bytes(KEY_BYTES)
        )
        entry: dict[str, object] = {"epoch": new.epoch, "key": new.key.hex()}
        if old is not None:
            previous = [*old.pop("previous", []), {"epoch": old["epoch"], "key": old["key"]}]
            entry = {**old, **entry, "previous": previous}
        collars[str(collar)] = entry
        _write(path, document)
    return new


def set_station_number(path: Path, number: int) -> None:
    """Write the number of this station, 0..4095, into its key file.

    Raises:
        KeyFileError: the file cannot be used, or the number is out of range.
    """
    if not 0 <= number <= MAX_STATION_NUMBER:
        raise KeyFileError(path, f"station number {number}: expected 0..{MAX_STATION_NUMBER}")
    with _locked(path):
        load_keys(path)
        document = json.loads(path.read_bytes())
        _write(path, {**document, "station_number": number})


def _parse(path: Path, text: bytes) -> KeyRing:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise KeyFileError(path, f"not JSON: {error}") from error
    collars = document.get("collars") if isinstance(document, dict) else None
    if not isinstance(collars, dict):
        raise KeyFileError(path, 'no object "collars" at the top')
    faults: list[str] = []
    keys: list[CollarKey] = []
    number = document.get("station_number")
    if number is not None and not _is_int(number, 0, MAX_STATION_NUMBER):
        faults.append(f"station_number is {number!r}, expected 0..{MAX_STATION_NUMBER}")
    for name, entry in collars.items():
        keys += _parse_collar(name, entry, faults)
    if faults:
        raise KeyFileError(path, *faults)
    return KeyRing(keys, number)


def _parse_collar(name: str, entry: object, faults: list[str]) -> Iterator[CollarKey]:
    if not (
        name.isascii()
        and name.isdigit()
        and name == str(int(name))
        and 1 <= int(name) <= MAX_COLLAR
    ):
        faults.append(f"collar {name!r}: expected a number 1..{MAX_COLLAR}")
        return
    previous = entry.get("previous", []) if isinstance(entry, dict) else []
    epochs: list[int] = []
    for one in [entry, *(previous if isinstance(previous, list) else [previous])]:
        fields: dict[str, Any] = one if isinstance(one, dict) else {}
        epoch: Any = fields.get("epoch")
        key: Any = fields.get("key")
        if not _is_int(epoch, 0, MAX_EPOCH):
            faults.append(f"collar {name}: epoch is {epoch!r}, expected 0..{MAX_EPOCH}")
        elif epochs and (epoch in epochs or epoch > epochs[0]):
            expected = f"expected one below {epochs[0]}, once"
            faults.append(f"collar {name}: previous epoch is {epoch}, {expected}")
        elif not _is_hex(key):
            shown = f"{len(key)} characters" if isinstance(key, str) else type(key).__name__
            expected = f"expected {2 * KEY_BYTES} hex digits"
            faults.append(f"collar {name}: key of epoch {epoch} is {shown}, {expected}")
        else:
            epochs.append(epoch)
            yield CollarKey(int(name), epoch, bytes.fromhex(key))


def _is_int(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_hex(value: Any) -> bool:
    digits = "0123456789abcdefABCDEF"
    return (
        isinstance(value, str) and len(value) == 2 * KEY_BYTES and all(c in digits for c in value)
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other writers out, by a lock on the folder: the file itself is replaced."""
    try:
        need_folder(path)
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise KeyFileError(path, f"{error.strerror or error}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, document: object) -> None:
    """Replace the file as a whole: a cut leaves the old one or the new one, both of mode 0600."""
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            json.dump(document, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise KeyFileError(path, f"{error.strerror or error}") from error
