"""One collar: what a scenario says of it, how it lives, what it did.

Around the firmware's `step` stands what the processor's reset logic and `firmware/main.py` do:
boot, build the board, step, Standby; again at every wake, watchdog reset and return of power.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from firmware import config, state
from firmware.board import (
    RESET_BROWNOUT,
    RESET_POWER_ON,
    RESET_STANDBY_WAKE,
    RESET_WATCHDOG,
    Board,
)
from hardware.twin.animal import Animal
from hardware.twin.board import TwinBoard
from hardware.twin.electronics import Hardware
from hardware.twin.errors import (
    FirmwareError,
    PowerCut,
    ScenarioError,
    StandbyEntered,
    WatchdogReset,
)
from hardware.twin.fram import Memory
from hardware.twin.generator import Generator
from hardware.twin.seeded import uniform
from hardware.twin.storage import Storage
from hardware.twin.supply import Supply
from hardware.twin.truth import Record, read_truth

if TYPE_CHECKING:
    from hardware.twin.world import World

Step = Callable[[Board], object]
_SWITCHED_ON_WITHIN_US = 600_000_000  # so that collars do not wake in step for ever


@dataclass(frozen=True)
class CollarSpec:
    """One collar of a scenario.

    Attributes:
        collar: Number, 1 to 65535.
        key: 16 bytes.
        epoch: Number of the key.
        animal: The wearer.
        income_j_per_day: Mean income at the storage [J]; None: the default of `collar.toml`.
        income_scale: Factor on it.
        start_v: Voltage of the storage at the start [V].
        settings: Settings of the firmware that differ from the defaults, by name.
    """

    collar: int
    key: bytes = field(repr=False)
    epoch: int
    animal: Animal
    income_j_per_day: float | None = None
    income_scale: float = 1.0
    start_v: float = 3.3
    settings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CollarResult:
    """What one collar did, in all the time run so far.

    Attributes:
        collar: Number.
        records: (generation, record, kind, recorded_at_s, lat_e5, lon_e5, acknowledged) of
            everything its log holds, in order; no position for records other than fixes.
        fixes_taken: Fix records among them.
        failed_fixes: Searches given up without a fix.
        frames_sent: Uplinks.
        acknowledged: Acknowledgements that arrived.
        last_contact_s: Unix time of the end of the last acknowledged uplink; None: never.
        joules_start, joules_end: Stored energy, counted from 0 V.
        joules_in: Delivered by the generator.
        joules_out: Spent, by load.
        brownouts: Times the rail collapsed.
        watchdogs: Watchdog resets.
        errors: Errors the firmware caught and counted.
        last_error: Name of the last of them, empty without one.
        waiting: Records no station has acknowledged to this collar.
        wakes: Boots.
        airtime_us: Of uplinks.
        voltage_v: Of the storage at the end.
    """

    collar: int
    records: tuple[Record, ...]
    fixes_taken: int
    failed_fixes: int
    frames_sent: int
    acknowledged: int
    last_contact_s: float | None
    joules_start: float
    joules_end: float
    joules_in: float
    joules_out: dict[str, float]
    brownouts: int
    watchdogs: int
    errors: int
    last_error: str
    waiting: int
    wakes: int
    airtime_us: int
    voltage_v: float


class Collar:
    """One collar living in the world: its hardware, and the firmware that boots in it."""

    def __init__(self, world: "World", spec: CollarSpec) -> None:
        seed = int(uniform(world.seed, "collar", spec.collar) * 2**62)
        parts = world.parts
        income_j = (
            parts.income_j_per_day if spec.income_j_per_day is None else spec.income_j_per_day
        )
        generator = Generator(
            spec.animal, income_j * spec.income_scale, parts.generator_max_w * spec.income_scale
        )
        if not 0.0 < spec.start_v <= parts.storage.full_v:
            raise ScenarioError("start_v", spec.start_v, f"0 to {parts.storage.full_v} V")
        supply = Supply(world.hub, parts, Storage(parts.storage, spec.start_v), generator)
        self.spec = spec
        self.world = world
        self.brownouts = self.watchdogs = self.wakes = 0
        self.hardware = Hardware(
            world.hub,
            parts,
            supply,
            world.ether,
            spec.animal,
            spec.collar,
            seed,
            world.start_utc_s,
        )
        supply.draw(())
        self.switched_on_us = int(uniform(seed, "switched on") * _SWITCHED_ON_WITHIN_US)

    def live(self) -> None:
        """The life of a collar; a process of the hub, never ends."""
        hardware = self.hardware
        hardware.hub.sleep_until(hardware.hub.now_us + self.switched_on_us)
        hardware.power_lost()
        hardware.supply.wait_for_restart()
        cause = RESET_POWER_ON
        while True:
            try:
                self._wake(cause)
                hardware.sleep()
                cause = RESET_STANDBY_WAKE
            except WatchdogReset:
                self.watchdogs += 1
                cause = RESET_WATCHDOG
            except PowerCut:
                self.brownouts += 1
                hardware.power_lost()
                hardware.supply.wait_for_restart()
                hardware.rtc.power_on(hardware.hub.now_us)
                cause = RESET_BROWNOUT

    def _wake(self, cause: int) -> None:
        hardware = self.hardware
        self.wakes += 1
        hardware.reset()
        hardware.spend(hardware.parts.duration_us["boot"], ("boot",))
        hardware.run(hardware.parts.duration_us["wake"])
        board = TwinBoard(hardware, cause)
        try:
            self.world.step(board)
            hardware.pay()
            board.standby()
        except StandbyEntered:
            pass
        except Exception as error:
            at_s = hardware.hub.now_us / 1e6
            raise FirmwareError(self.spec.collar, at_s, error) from error

    def result(self) -> CollarResult:
        """What it did so far."""
        hardware = self.hardware
        hardware.supply.settle()
        storage = hardware.supply.storage
        truth = read_truth(self.fram)
        records = truth.records
        contact_us = hardware.last_contact_us
        return CollarResult(
            collar=self.spec.collar,
            records=records,
            fixes_taken=sum(r.lat_e5 is not None for r in records),
            failed_fixes=hardware.receiver.failed,
            frames_sent=hardware.frames_sent,
            acknowledged=hardware.acknowledged,
            last_contact_s=None
            if contact_us is None
            else self.world.start_utc_s + contact_us / 1e6,
            joules_start=storage.start_j,
            joules_end=storage.energy_j,
            joules_in=storage.in_j,
            joules_out=dict(storage.out_j),
            brownouts=self.brownouts,
            watchdogs=self.watchdogs,
            errors=truth.errors,
            last_error=truth.last_error,
            waiting=truth.waiting,
            wakes=self.wakes,
            airtime_us=hardware.airtime_us,
            voltage_v=storage.voltage_v,
        )

    @property
    def fram(self) -> Memory:
        """The collar's memory as on the bench: read and written without its power or its time."""
        return Memory(self.hardware.chip.memory)


def provision(
    board: "Collar | Board",
    identity: state.Identity,
    settings: Mapping[str, int] | None = None,
    next_key: state.Identity | None = None,
) -> None:
    """Write identity and settings into a collar's memory, before it is closed.

    Args:
        board: the collar's.
        identity: who it is, and its key.
        settings: other than the defaults.
        next_key: what an order may put in force later.

    Raises:
        StateError: A number out of range, or the same key again with its counter lost.
        ConfigError: A setting that does not exist, or a value it cannot have.
    """
    wanted = config.Settings(**settings) if settings else None
    state.write_identity(board.fram, identity.collar, identity.epoch, identity.key)
    if wanted:  # a new identity begins with the defaults
        config.store(board.fram, wanted)
    if next_key is not None:
        state.hold_identity(board.fram, *next_key)
