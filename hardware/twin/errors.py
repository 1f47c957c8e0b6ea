"""What the twin raises.

    BaseException
    ├── PowerCut            the storage cannot carry the load: everything volatile is gone
    ├── WatchdogReset       the firmware did not feed the watchdog in time
    └── StandbyEntered      the firmware asked for Standby (the board never returns from it)
    TwinError (RuntimeError)
    ├── ScenarioError       a scenario asks for something that cannot be (also a ValueError)
    ├── FirmwareError       the firmware let an exception escape; a collar must never do that
    └── StationSilent       no station configured the bridge in the time allowed

The first three are `BaseException`s: `except Exception` in the firmware must no more be able to
stop them than it could stop the real thing.
"""


class PowerCut(BaseException):
    """The supply collapsed inside a board call."""

    def __init__(self, at_s: float, cause: str) -> None:
        super().__init__(f"power cut at {at_s:.3f} s: {cause}")
        self.at_s = at_s
        self.cause = cause


class WatchdogReset(BaseException):
    """The independent watchdog ran out."""

    def __init__(self, at_s: float, timeout_s: float) -> None:
        super().__init__(f"watchdog reset at {at_s:.3f} s: not fed for {timeout_s:.1f} s")
        self.at_s = at_s
        self.timeout_s = timeout_s


class StandbyEntered(BaseException):
    """The processor went into Standby; the next thing it knows is a cold boot."""


class TwinError(RuntimeError):
    """Root of what the twin reports to its user."""


class ScenarioError(TwinError, ValueError):
    """A value of a scenario is impossible."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name} = {value!r}: expected {expected}")
        self.name = name
        self.value = value
        self.expected = expected


class FirmwareError(TwinError):
    """An exception escaped from the firmware's step."""

    def __init__(self, collar: int, at_s: float, error: Exception) -> None:
        super().__init__(f"firmware of collar {collar} failed at {at_s:.3f} s: {error!r}")
        self.collar = collar
        self.at_s = at_s
        self.error = error


class StationSilent(TwinError):
    """Nobody at the other end of the bridge's port."""

    def __init__(self, port: str, waited_s: float) -> None:
        super().__init__(
            f"no station configured the bridge at {port} within {waited_s:g} s;"
            " start one there, e.g. `capra station run --port " + port + " ...`"
        )
        self.port = port
        self.waited_s = waited_s
