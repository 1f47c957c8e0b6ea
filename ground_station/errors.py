"""What can go wrong in the ground station, in one place.

```
StationError
├── SettingsError         an argument cannot be used                       exit code 2
├── KeyFileError          the key file cannot be used                      exit code 2
├── SpoolError            the spool cannot be used                         exit code 2
│   └── SpoolBusy         another station writes this spool
├── PortImpossible        there never will be a port of that name          exit code 2
├── LoaderFailed          the loader ended by a fault of the program    exit code 1
├── LineFailed            a receiver's line ended by one                exit code 1
├── Malformed             a receiver said what cannot be read; counted, never fatal
└── ReceiverError         no receiver for now; the station tries again
    ├── PortMissing       no such port
    ├── PortBusy          another program holds the port
    ├── PortRefused       this user may not open the port, or it is no serial port
    ├── PortLost          the port went away while it was in use
    └── BridgeSilent      the port is open and nothing behind it answers
```

Errors of the operating system, pyserial and SQLite are translated once, where they arise, with
the cause kept.
"""

from pathlib import Path


class StationError(Exception):
    """Base of everything the station raises itself."""


class SettingsError(StationError, ValueError):
    """An argument cannot be used."""


class KeyFileError(StationError):
    """The key file cannot be used; all its faults are in the message, no key is."""

    def __init__(self, path: Path, *faults: str) -> None:
        self.path = path
        self.faults = faults
        super().__init__(f"key file {path}: {'; '.join(faults)}")


class SpoolError(StationError):
    """The spool cannot be used."""

    def __init__(self, path: Path, fault: str) -> None:
        self.path = path
        self.fault = fault
        super().__init__(f"spool {path}: {fault}")


class SpoolBusy(SpoolError):
    """Another station writes this spool."""


class PortImpossible(StationError):
    """What is named as the port can never be one: trying again would not help."""

    def __init__(self, port: str, fault: str) -> None:
        self.port = port
        self.fault = fault
        super().__init__(
            f"port {port}: {fault}, expected a device path (/dev/serial/by-id/...) or a pyserial "
            "URL (socket://HOST:PORT)"
        )


class LoaderFailed(StationError):
    """The loader ended by a fault of the program: the station ends too, so that it is noticed."""


class Malformed(StationError, ValueError):
    """A receiver said what cannot be read."""

    def __init__(self, what: str, value: object, expected: str) -> None:
        self.what = what
        self.value = value
        self.expected = expected
        super().__init__(f"{what} is {_short(value)}, expected {expected}")


class LineFailed(StationError):
    """A receiver's line ended by a fault of the program: the station ends too."""


class ReceiverError(StationError):
    """No receiver for now; opening it again later may help."""

    def __init__(self, port: str, fault: str) -> None:
        self.port = port
        self.fault = fault
        super().__init__(f"port {port}: {fault}")


class PortMissing(ReceiverError):
    """No such port, as when the bridge is unplugged."""


class PortBusy(ReceiverError):
    """Another program holds the port, as when a second station is started on it."""


class PortRefused(ReceiverError):
    """This user may not open the port, or what is there is no serial port."""


class PortLost(ReceiverError):
    """The port went away while it was in use, as when the bridge is pulled out."""


class BridgeSilent(ReceiverError):
    """The port is open and no bridge answers, as with a hung one or the wrong device."""


def _short(value: object) -> str:
    """Return a stranger's value in one line that no log minds."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
