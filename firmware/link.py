"""When and how a frame may go out: duty-cycle ledger, limits, data rate, back-off.

Ledger, per sub-band, a two-copy block: newest bucket u32 | airtime_us u32 of it and of the 13
before. A bucket is 5 minutes of UTC. An hour touches 13 buckets; the 14th is margin for a clock
that is corrected. Airtime is entered before the frame goes out. Entries ahead of the clock (it
went back) count in full and are moved to now; before the clock is set forward they are moved to
the new time. A ledger of which no copy is whole counts as used up.

    LinkError(ValueError)
    └── DutyCycleFull  the frame does not fit into this hour
"""

import struct

from ._typing import TYPE_CHECKING
from .layout import ADDRESS_LEDGER
from .store import Pair
from .wire import region
from .wire.frame import OVERHEAD_UPLINK

if TYPE_CHECKING:
    from .block import State
    from .board import Fram

BUCKET_S = 300
_BUCKETS = 14
_FORMAT = "<%dI" % (_BUCKETS + 1)
_BLOCK_BYTES = 4 * (_BUCKETS + 1)
_BLOCK_STRIDE = 2 * (_BLOCK_BYTES + 6)
_SEED = 0x1D10

_BACKOFF_S = 300
_BACKOFF_MAX_S = 21600
_JITTER_S = 64
_POOR_WAIT_MAX_S = 86400  # rota.SEND_WAIT_MAX_S is this and the jitter
_MISSES_PER_SF = 2
_MISSES_LONG = 12  # from then on two quick frames and a slow one in turn
_SF_QUICK = 9
_MISSES_CHEAP = 4  # from then on unanswered frames have to fit the day's budget
_SHARE = 16  # unanswered frames take at most a sixteenth of the budget
# Chance in thousandths that a frame is heard, by the margin of the one before, 3 dB and up in
# steps of 3: normal with 6 dB between two frames of a walking animal (assumed).
_HEARD_PERMILLE = (691, 841, 933, 977, 994, 999)
_LEAST_MARGIN_DB = 3  # with less a frame would fail too often, and what waits would wait on


class LinkError(ValueError):
    """A transmission that is not allowed."""


class DutyCycleFull(LinkError):
    """The frame would take more than the sub-band's share of an hour."""

    def __init__(self, airtime_us: int, free_us: int) -> None:
        super().__init__("airtime is %d us, expected at most %d us" % (airtime_us, free_us))


def frame_room(sf: int) -> int:
    """Return the bytes of payload an uplink frame may carry."""
    return int(region.MAX_PHY_BYTES[sf] - OVERHEAD_UPLINK)


class Ledger:
    """Airtime used in the sub-band that holds `freq_hz`."""

    def __init__(self, fram: "Fram", freq_hz: int) -> None:
        band = region.sub_band(freq_hz)
        index = region.SUB_BANDS.index(band)
        self.limit_us: int = band.duty_permille * region.DUTY_WINDOW_S * 1000
        self._address = ADDRESS_LEDGER + index * _BLOCK_STRIDE
        self._fram = fram
        self._pair = Pair(fram, self._address, _BLOCK_BYTES, _SEED + index)

    def free_us(self, now_s: int) -> int:
        """Return the airtime left for a frame that starts now."""
        return max(0, self.limit_us - sum(self._used(now_s)))

    def wait_s(self, now_s: int, airtime_us: int) -> int:
        """Return after how many seconds a frame of `airtime_us` fits, 0 for at once."""
        used = self._used(now_s)
        wait_s = 0
        while used and sum(used) + airtime_us > self.limit_us:
            used.pop()
            wait_s = (_BUCKETS - len(used)) * BUCKET_S - now_s % BUCKET_S
        return wait_s

    def charge(self, now_s: int, airtime_us: int) -> None:
        """Enter a frame, before it goes out.

        Raises:
            DutyCycleFull: it does not fit; nothing is entered.
        """
        used = self._used(now_s)
        free_us = self.limit_us - sum(used)
        if airtime_us > free_us:
            raise DutyCycleFull(airtime_us, max(0, free_us))
        used[0] += airtime_us
        self._store(now_s, used)

    def settle(self, now_s: int) -> None:
        """Move entries that lie ahead of the clock to now, for good."""
        block = self._load()
        if block is None or block[0] > now_s // BUCKET_S:
            self._store(now_s, self._used(now_s))

    def move(self, now_s: int, then_s: int) -> None:
        """Move all that counts now to `then_s`; call before the clock is set forward to it."""
        self._store(then_s, [sum(self._used(now_s))] + [0] * (_BUCKETS - 1))

    def _load(self) -> "list[int] | None":
        data = self._pair.load()
        if data is not None:
            return list(struct.unpack(_FORMAT, data))
        if self._fram.read(self._address, _BLOCK_STRIDE) == bytes(_BLOCK_STRIDE):
            return [0] * (_BUCKETS + 1)  # never used
        return None

    def _used(self, now_s: int) -> "list[int]":
        """Return the airtime per bucket, the present one first."""
        block = self._load()
        if block is None:
            return [self.limit_us] + [0] * (_BUCKETS - 1)
        age = now_s // BUCKET_S - block[0]
        if age < 0:
            return [sum(block[1:])] + [0] * (_BUCKETS - 1)
        return ([0] * min(age, _BUCKETS) + block[1:])[:_BUCKETS]

    def _store(self, now_s: int, used: "list[int]") -> None:
        self._pair.store(struct.pack(_FORMAT, now_s // BUCKET_S, *used))


def uplink_ledgers(fram: "Fram") -> "list[Ledger]":
    """Return the ledgers of all sub-bands the collar sends in."""
    bands = []
    ledgers = []
    for channel in region.UPLINK_CHANNELS:
        band = region.sub_band(channel.freq_hz)
        if band not in bands:
            bands.append(band)
            ledgers.append(Ledger(fram, channel.freq_hz))
    return ledgers


def poor_wait_s(frame_uj: int, budget_uj_per_day: int) -> int:
    """Return the seconds between frames nobody answers that a sixteenth of the budget pays for."""
    if budget_uj_per_day <= 0:
        return _POOR_WAIT_MAX_S
    return min(86400 * frame_uj * _SHARE // budget_uj_per_day, _POOR_WAIT_MAX_S)


def begin_frame(state: "State", now_s: int, salt: int, poor_s: int) -> int:
    """Enter a frame as unanswered, before it goes out; returns its spreading factor.

    So a cut or an error on the way already is what happens without an answer: wait 5 minutes,
    doubling to 6 hours, from the fifth miss on at least `poor_s`; and a slower rate after every
    second miss. After a long silence two of three frames go at a quick rate: that costs a seventh
    of the slowest, and who comes back is mostly well in reach. `salt` (any number that differs
    between collars and frames) keeps two collars from meeting again and again.
    """
    sf = max(region.SF_MIN, min(state.sf, region.SF_MAX))
    state.misses = state.misses + 1 if state.misses < 255 else 250
    state.draining = 0
    wait_s = min(_BACKOFF_S << min(state.misses - 1, 10), _BACKOFF_MAX_S)
    if state.misses > _MISSES_CHEAP:
        wait_s = max(wait_s, poor_s)
    state.send_after_s = now_s + wait_s + salt % _JITTER_S
    if state.misses >= _MISSES_LONG:
        state.sf = quick_sf() if goes_quick(state.misses) else region.SF_MAX
    elif state.misses % _MISSES_PER_SF == 0:
        state.sf = min(sf + 1, region.SF_MAX)
    return sf


def quick_sf() -> int:
    """Return the spreading factor of a quick frame, if the settings leave the choice."""
    return int(max(region.SF_MIN, min(_SF_QUICK, region.SF_MAX)))


def goes_quick(misses: int) -> bool:
    """Return whether the frame after so many without an answer goes at the quick rate."""
    return misses >= _MISSES_LONG and misses % 3 > 0


def best_sf(sf: int, snr_margin_db: int, cost_uj) -> int:  # type: ignore[no-untyped-def]
    """Return the spreading factor that brings a byte over for the least energy, failures paid.

    Args:
        sf: of a frame that was heard.
        snr_margin_db: its margin; 2.5 dB more for every slower spreading factor.
        cost_uj: function of the spreading factor: what a full frame and its window cost.
    """
    best, best_cost = region.SF_MAX, 0
    for rate in range(region.SF_MIN, region.SF_MAX + 1):
        margin_db = snr_margin_db + 5 * (rate - sf) // 2
        if margin_db < _LEAST_MARGIN_DB:
            continue
        heard = _HEARD_PERMILLE[min(margin_db // 3, 6) - 1]
        cost = 1_000_000 * cost_uj(rate) // (heard * frame_room(rate))
        if not best_cost or cost < best_cost:
            best, best_cost = rate, cost
    return best


def answered(  # type: ignore[no-untyped-def]
    state: "State", sf: int, snr_margin_db: int, more: bool, cost_uj
) -> None:
    """Enter the answer to a frame sent with `sf`.

    Args:
        state: changed in place.
        sf: of the frame.
        snr_margin_db: what the station heard above the limit of that spreading factor.
        more: whether records still wait.
        cost_uj: as for `best_sf`.
    """
    state.sf = best_sf(sf, snr_margin_db, cost_uj)
    state.answered += 1
    state.misses = 0
    state.send_after_s = 0
    state.draining = 1 if more else 0


def ordered(state: "State", sf: int) -> None:
    """Enter that a frame sent with `sf` was answered by an order: what was sent still waits."""
    state.sf = sf
    state.answered += 1
    state.misses = 0
    state.send_after_s = 0
    state.draining = 1
