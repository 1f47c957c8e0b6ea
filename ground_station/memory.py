"""What the station knows of frames and records, as small values: the words its parts share.

`Change` is what one frame changes on the disk; `Memory` is what is needed of the disk to decide.
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import NamedTuple


class State(IntEnum):
    """What has become of a frame."""

    WAITING = 0
    """To be loaded"""
    LOADED = 1
    """In the database"""
    UNDECODABLE = 2
    """Authentic, but its payload means nothing to this version; never acknowledged; tried again at
    each start"""
    NO_KEY = 3
    """Heard under a key that the key file no longer holds; tried again at each start"""
    REJECTED = 4
    """The database refuses something in it and has taken the rest; tried again at each start"""


class Reception(NamedTuple):
    """Where, when and how well one frame was heard."""

    station: str
    bridge: str
    reception: int
    """The bridge's number for it"""
    ticks_us: int
    received_at_us: int
    freq_hz: int
    sf: int
    bw_hz: int
    rssi_dbm: int
    snr_qdb: int
    clock: int = 0
    """The stretch of this machine's clock that `received_at_us` is of; 0: trusted"""


class Stretch(NamedTuple):
    """A stretch of time over which a clock that nobody vouches for was not set anew."""

    clock: int
    """Its number"""
    least_delay_us: int
    """Least time from a record to the reception of its frame; negative: this clock is late"""
    frames: int
    """How many frames told so"""


class Frame(NamedTuple):
    """A sealed frame and its reception."""

    collar: int
    epoch: int
    counter: int
    sealed: bytes
    heard: Reception
    fault: str | None = None
    """Why its payload cannot be decoded"""
    again: tuple[Reception, ...] = ()
    """The same transmission, heard by others"""


class Waiting(NamedTuple):
    """A frame that the loader has to deal with."""

    number: int
    collar: int
    epoch: int
    counter: int
    sealed: bytes
    heard: Reception
    again: tuple[Reception, ...] = ()
    """The same transmission, heard by others"""


class Window(NamedTuple):
    """Counters seen of one (collar, epoch); bit n of `seen` is counter `highest - n`."""

    highest: int
    seen: int


class Held(NamedTuple):
    """One whole range of records, first and last included, that the station holds."""

    collar: int
    generation: int
    first: int
    last: int


class Airtime(NamedTuple):
    """One transmission of this station."""

    at_us: int
    """Its start, in ticks of the bridge that sent it"""
    airtime_us: int
    bridge: str


class Counter(NamedTuple):
    """Which downlink counter comes next under a collar's key."""

    station_number: int
    """Counters are counted apart for every number that this station has ever had"""
    following: int


@dataclass(frozen=True, slots=True)
class Change:
    """All that one frame changes, written together or not at all."""

    collar: int
    epoch: int
    frame: Frame | None = None
    window: Window | None = None
    held: tuple[Held, ...] = ()
    next_counter: Counter | None = None
    airtime: Airtime | None = None
    again: tuple[int, Reception] | None = None
    """Counter of a frame that is spooled already, and who else has heard it"""
    stretch: Stretch | None = None
    order: int | None = None
    """Number of an order that goes out with this"""

    def with_stretch(self, stretch: Stretch) -> "Change":
        """Return the change with what it says of the clock."""
        return replace(self, stretch=stretch)


@dataclass(slots=True)
class Memory:
    """What the station keeps in memory to decide without reading the disk."""

    windows: dict[tuple[int, int], Window] = field(default_factory=dict)
    held: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)
    counters: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """The next downlink counter by collar, epoch and station number"""
    airtimes: list[Airtime] = field(default_factory=list)
    stretches: dict[int, Stretch] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
