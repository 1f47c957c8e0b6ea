"""A world: animals with collars, the air, a station's bridge, and the firmware in all of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from firmware import state
from hardware.twin import parts as parts_module
from hardware.twin.bridge import Bridge
from hardware.twin.collar import Collar, CollarResult, CollarSpec, Step, provision
from hardware.twin.errors import ScenarioError
from hardware.twin.ether import Air, Ether, Place
from hardware.twin.hub import Hub
from hardware.twin.landscape import elevation_m
from hardware.twin.parts import Parts

__all__ = ["CollarResult", "CollarSpec", "World", "provision"]

_PROGRESS_US = 3_600_000_000


class World:
    """A scenario in virtual time.

    Args:
        seed: Everything random follows from it.
        start_utc_s: Unix time of scenario second 0.
        station_position: Latitude [deg], longitude [deg] and, if given, altitude [m] of the
            station; its antenna stands 3 m above the ground.
        collars: The collars; numbers must differ.
        bridge: Whether there is a station: a port is opened, and `run` waits for somebody to
            configure it.
        air: The radio channel.
        parts: Facts of the hardware; `hardware/collar.toml` by default.
        step: The firmware; `firmware.app.step` by default.
        answer_limit_s: Longest wait (wall clock) for the station's answer to a frame.

    Raises:
        ScenarioError: A value that cannot be.
    """

    def __init__(
        self,
        seed: int,
        start_utc_s: int,
        station_position: Sequence[float],
        collars: Sequence[CollarSpec],
        bridge: bool = True,
        air: Air | None = None,
        parts: Parts | None = None,
        step: Step | None = None,
        answer_limit_s: float = 20.0,
    ) -> None:
        numbers = [spec.collar for spec in collars]
        if len(set(numbers)) != len(numbers):
            raise ScenarioError("collars", numbers, "different numbers")
        self.seed = seed
        self.start_utc_s = int(start_utc_s)
        self.parts = parts_module.load() if parts is None else parts
        self.step = _firmware() if step is None else step
        self.hub = Hub()
        station = _antenna(station_position)
        self.ether = Ether(self.hub, Air() if air is None else air, seed, station)
        self.collars = [Collar(self, spec) for spec in collars]
        for collar in self.collars:
            spec = collar.spec
            provision(collar, state.Identity(spec.collar, spec.epoch, spec.key), spec.settings)
            self.hub.spawn(collar.live)
        self.bridge = (
            Bridge(self.hub, self.ether, self.start_utc_s, answer_limit_s=answer_limit_s)
            if bridge
            else None
        )

    @property
    def port(self) -> str:
        """Path of the serial port the station opens.

        Raises:
            ScenarioError: This world has no station.
        """
        if self.bridge is None:
            raise ScenarioError("bridge", False, "a world with a bridge")
        return self.bridge.port

    @property
    def noise_bound_m(self) -> float:
        """No fix is further than this from the animal's true place at its epoch [m].

        Rounding to 1e-5 degrees in the record comes on top.
        """
        return self.collars[0].hardware.receiver.noise_bound_m

    def run(
        self,
        days: float,
        progress: Callable[[float], None] | None = None,
        configure_timeout_s: float = 60.0,
    ) -> list[CollarResult]:
        """Let `days` of virtual time pass, on from where the last run ended.

        Args:
            days: Virtual days.
            progress: Called about every virtual hour with the virtual seconds since the start.
            configure_timeout_s: How long (wall clock) to wait for the station's first Configure.

        Raises:
            StationSilent: No station configured the bridge.
            FirmwareError: An exception escaped from the firmware.
        """
        if not days > 0:
            raise ScenarioError("days", days, "a number above 0")
        if self.bridge is not None:
            self.bridge.wait_configured(configure_timeout_s)
        end_us = self.hub.now_us + round(days * 86_400e6)
        while self.hub.now_us < end_us:
            self.hub.run_until(min(end_us, self.hub.now_us + _PROGRESS_US))
            if progress is not None:
                progress(self.hub.now_us / 1e6)
        return self.results()

    def results(self) -> list[CollarResult]:
        """What each collar did so far, in the order of the specifications."""
        return [collar.result() for collar in self.collars]

    def change_air(self, **changes: object) -> None:
        """Change the air from now on, e.g. `change_air(loss_up=0.0)`."""
        self.ether.air = replace(self.ether.air, **changes)  # type: ignore[arg-type]

    def close(self) -> None:
        """Close the bridge's port."""
        if self.bridge is not None:
            self.bridge.close()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _antenna(position: Sequence[float]) -> Place:
    if len(position) not in (2, 3) or not (abs(position[0]) <= 90 and abs(position[1]) <= 180):
        raise ScenarioError("station_position", tuple(position), "latitude, longitude[, altitude]")
    ground_m = elevation_m(position[0], position[1]) if len(position) == 2 else position[2]
    return position[0], position[1], ground_m + 3.0


def _firmware() -> Step:
    from firmware import app

    step: Step = app.step
    return step
