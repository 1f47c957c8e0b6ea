"""The digital twin: all parts around the collar's processor, with the real firmware inside.

world, collar        collars, air and station together; one collar's life between resets
scenario             ready-made animals around a station
hub                  virtual time
board, supply        the firmware's view of a wake; power, brown-outs, the energy book
storage, generator, fram, rtc, gnss (ubx, assist), lis2dw12, ether
                     the parts: they know time only as an argument
search               how long a search takes, by what the receiver knows and the sky above it
animal, landscape    who wears the collar, and where
bridge, line         the port a ground station opens
truth                what a collar's memory really holds
parts                `hardware/collar.toml` in the twin's units
seeded               randomness that does not depend on order
"""

from hardware.twin.animal import Animal, Ibex, Track
from hardware.twin.collar import CollarResult, CollarSpec, provision
from hardware.twin.errors import (
    FirmwareError,
    PowerCut,
    ScenarioError,
    StandbyEntered,
    StationSilent,
    TwinError,
    WatchdogReset,
)
from hardware.twin.ether import Air
from hardware.twin.world import World

__all__ = [
    "Air",
    "Animal",
    "CollarResult",
    "CollarSpec",
    "FirmwareError",
    "Ibex",
    "PowerCut",
    "ScenarioError",
    "StandbyEntered",
    "StationSilent",
    "Track",
    "TwinError",
    "WatchdogReset",
    "World",
    "provision",
]
