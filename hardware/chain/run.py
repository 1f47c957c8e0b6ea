"""One run of the chain: deploy collars, let virtual time pass, check and estimate home ranges.

A run is given as a `Plan`. It registers collars, animals and deployments, has the station make the
keys, flashes the collars of the twin with them, starts the station on the twin's serial port, lets
the world live, stops the station (which loads what it holds), and compares the database with the
collars' own logs.
"""

import fcntl
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from backend.db import registry
from backend.db.migrate import migrate
from backend.errors import CannotCompute
from backend.jobs import home_range
from firmware.wire import kind
from hardware.chain.report import CollarOutcome
from hardware.chain.station import make_keys, running_station
from hardware.chain.verify import Taken, Verdict, verify
from hardware.twin.animal import Animal
from hardware.twin.ether import Air
from hardware.twin.world import CollarResult, CollarSpec, World

_KINDS = {
    kind.KIND_FIX: "fix",
    kind.KIND_STATUS: "status",
    kind.KIND_ACTIVITY: "activity",
    kind.KIND_ALARM: "alarm",
    kind.KIND_HEALTH: "health",
}
_DRAIN_STEP_DAYS = 1 / 24
_DRAIN_LIMIT_DAYS = 2.0
_AREA_PERCENT = 95.0


class ChainError(RuntimeError):
    """The run cannot start; the message says what is in the way."""


@dataclass(frozen=True)
class Wearer:
    """An animal of a plan.

    Attributes:
        name: what people call it.
        taxon: its scientific name, where known.
        model: where it is and how much it moves, from the start of the run.
        income_j_per_day: mean income of its collar [J]; None: that of `hardware/collar.toml`.
        settings: what its collar is told that differs from the firmware's defaults.
    """

    name: str
    taxon: str | None
    model: Animal
    income_j_per_day: float | None = None
    settings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        seed: everything random follows from it.
        start_utc_s: Unix time at which the collars are switched on.
        days: virtual days.
        station: name of the station.
        station_position: latitude [deg], longitude [deg], altitude [m] of the ground there.
        wearers: the animals.
        air: the radio channel.
        to_the_last: let time go on after these days until the station has all that was taken in
            them; otherwise what was taken after the last contact may still be in the collar.
    """

    seed: int
    start_utc_s: int
    days: float
    station: str
    station_position: tuple[float, float, float]
    wearers: list[Wearer]
    air: Air = field(default_factory=Air)
    to_the_last: bool = False

    def due_until_s(self, result: CollarResult) -> float:
        """Unix time up to which a collar's records must have arrived."""
        contact_s = -math.inf if result.last_contact_s is None else result.last_contact_s
        end_s = self.start_utc_s + self.days * 86_400
        return max(contact_s, end_s) if self.to_the_last else contact_s


@contextmanager
def work_directory(directory: Path) -> Iterator[Path]:
    """An empty folder for one run's keys, spool and log; what an earlier run left is removed.

    Raises:
        ChainError: another run is using it, or it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ChainError(
            f"cannot write to {directory}: {error.strerror}; CAPRA_DATA names another place"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in directory.iterdir():
            if left.name.startswith(("station.", "keys.")):
                left.unlink()
        yield directory
    except BlockingIOError:
        raise ChainError(f"another run is using {directory}; wait for its end") from None
    finally:
        os.close(lock)


def run(
    plan: Plan,
    directory: Path,
    dsn: str,
    say: Callable[[str], None],
    progress: Callable[[float], None],
) -> list[CollarOutcome]:
    """Run a plan and return what became of each collar.

    Args:
        plan: what to run.
        directory: an empty folder for the station's keys, spool and log.
        dsn: the database; brought to the present schema first.
        say: called with a line for people at each step.
        progress: called with the virtual seconds since the start.

    Raises:
        StationError: the station did not start, or ended with an error.
        psycopg.Error: the database cannot be used.
        hardware.twin.errors.TwinError: the twin cannot go on.
    """
    migrate(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        deployed = _deploy(connection, plan)
    collars = list(deployed)
    keys = make_keys(directory / "keys.json", collars)
    specs = [
        CollarSpec(
            collar=collar,
            key=keys[collar][1],
            epoch=keys[collar][0],
            animal=wearer.model,
            income_j_per_day=wearer.income_j_per_day,
            settings=wearer.settings,
        )
        for collar, wearer in zip(collars, plan.wearers, strict=True)
    ]
    with World(plan.seed, plan.start_utc_s, plan.station_position, specs, air=plan.air) as world:
        say(f"starting the ground station on {world.port}")
        with running_station(
            name=plan.station,
            port=world.port,
            key_file=directory / "keys.json",
            spool=directory / "station.spool",
            log=directory / "station.log",
            dsn=dsn,
        ) as station:

            def watch(virtual_s: float) -> None:
                station.check()
                progress(virtual_s)

            results = world.run(plan.days, watch)
            results = _drain(plan, world, results)
            say("stopping the station: it loads what it still holds")
    say("comparing the database with the collars' logs, estimating home ranges")
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [
            _outcome(connection, result, deployed[result.collar], plan, world)
            for result in results
        ]


def _deploy(connection: psycopg.Connection, plan: Plan) -> dict[int, int]:
    """Register station, collars and animals; returns the animal's number of each collar."""
    latitude, longitude, _ = plan.station_position
    registry.add_station(connection, plan.station, latitude, longitude)
    start = datetime.fromtimestamp(plan.start_utc_s, UTC)
    deployed = {}
    for wearer in plan.wearers:
        collar = registry.add_collar(connection, f"twin of {wearer.name}")
        animal = registry.add_animal(connection, wearer.name, wearer.taxon)
        registry.deploy(connection, collar, animal, start)
        deployed[collar] = animal
    return deployed


def _drain(plan: Plan, world: World, results: list[CollarResult]) -> list[CollarResult]:
    """Let time go on while a collar still holds what is due.

    The run's end falls at any moment, so also between two frames of one contact: what was taken
    before such a contact is due in the database only once the contact is over.
    """
    spent_days = 0.0
    while spent_days < _DRAIN_LIMIT_DAYS and any(_owes(plan, result) for result in results):
        results = world.run(_DRAIN_STEP_DAYS)
        spent_days += _DRAIN_STEP_DAYS
    return results


def _owes(plan: Plan, result: CollarResult) -> bool:
    due_s = plan.due_until_s(result)
    return any(r.recorded_at_s <= due_s and not r.acknowledged for r in result.records)


def _outcome(
    connection: psycopg.Connection,
    result: CollarResult,
    animal: int,
    plan: Plan,
    world: World,
) -> CollarOutcome:
    taken = [
        Taken(r.generation, r.record, _KINDS[r.kind], r.recorded_at_s, r.lat_e5, r.lon_e5)
        for r in result.records
    ]
    row = connection.execute("select name from animal where animal = %s", (animal,)).fetchone()
    assert row is not None
    verdict = verify(connection, result.collar, taken, plan.due_until_s(result))
    return CollarOutcome(
        collar=result.collar,
        animal=row[0],
        fixes_taken=result.fixes_taken,
        fixes_delivered=sum(r.lat_e5 is not None and r.acknowledged for r in result.records),
        fixes_loaded=verdict.fixes_loaded,
        joules_in=result.joules_in,
        joules_out=sum(result.joules_out.values()),
        joules_stored=result.joules_end - result.joules_start,
        brown_outs=result.brownouts,
        area_km2=_area_km2(connection, animal),
        noise_bound_m=world.noise_bound_m,
        faults=_faults(result, verdict),
        taken=taken,
    )


def _faults(result: CollarResult, verdict: Verdict) -> list[str]:
    if not result.fixes_taken:
        return ["it took no fix at all: too short a run, or too little energy"]
    if verdict.missing and result.last_contact_s is None:
        return ["the station never heard it: out of its reach?", *verdict.faults]
    return verdict.faults


def _area_km2(connection: psycopg.Connection, animal: int) -> float | None:
    """Area [km2] of the animal's 95 % kernel home range, which is stored; None: too few fixes."""
    try:
        stored = home_range.compute(
            connection, animal, "kde", levels_percent=(50.0, _AREA_PERCENT)
        )
    except CannotCompute:
        return None
    row = connection.execute(
        "select area_km2 from home_range_isopleth where home_range = %s and level_percent = %s",
        (stored.number, _AREA_PERCENT),
    ).fetchone()
    return None if row is None else float(row[0])
