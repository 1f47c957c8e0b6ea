"""The station's own duty cycle: airtime of one sub-band over any hour, by a clock without jumps.

Times are the ticks of the bridge that transmits. They run on whatever happens to this machine's
clock, and start again from zero only when the bridge does: what it sent before is then at least as
long ago as its ticks tell, so ticks never make a transmission older than it is. What another
bridge sent cannot be placed among them, and counts as sent just now.
"""

from firmware.wire import region
from ground_station.memory import Airtime

_HOUR_US = region.DUTY_WINDOW_S * 1_000_000


class DutyLedger:
    """Airtime of one sub-band.

    Args:
        duty_permille: how much of any hour the rules allow.
        airtimes: what was sent before, in any order.

    Attributes:
        bridge: whose ticks the times are.
        airtimes: what is remembered, as it was booked.
    """

    def __init__(self, duty_permille: int, airtimes: list[Airtime]) -> None:
        self.bridge = ""
        self.airtimes = list(airtimes)
        self._limit_us = _HOUR_US * duty_permille // 1000

    def connect(self, bridge: str, ticks_us: int) -> bool:
        """Place what was sent before among the ticks of a bridge that has answered just now.

        Returns:
            Whether any time had to be moved, so that what is on the disk has to follow.
        """
        self.bridge = bridge
        before = self.airtimes
        self.airtimes = [_placed(one, bridge, ticks_us) for one in before]
        return self.airtimes != before

    def used_us(self, at_us: int) -> int:
        """Return the airtime that may lie in one hour with a transmission from these ticks on.

        A transmission counts in full until it has ended an hour ago. All that is booked for later
        counts too: a frame that waited in the bridge is answered among younger ones.
        """
        return sum(
            one.airtime_us
            for one in self.airtimes
            if one.at_us + one.airtime_us > at_us - _HOUR_US
        )

    def allows(self, airtime: Airtime) -> bool:
        """Return whether this transmission stays within the limit; asking changes nothing.

        One whose time was an hour before the newest is never allowed: it cannot be sent any more,
        and what it would be counted with may be forgotten.
        """
        if airtime.at_us < self._newest_us() - _HOUR_US:
            return False
        return self.used_us(airtime.at_us) + airtime.airtime_us <= self._limit_us

    def book(self, airtime: Airtime) -> None:
        """Note a transmission that was allowed; forget what can no longer count."""
        self.airtimes.append(airtime)
        horizon_us = self._newest_us() - 2 * _HOUR_US
        self.airtimes = [one for one in self.airtimes if one.at_us + one.airtime_us > horizon_us]

    def give_back(self, airtime: Airtime) -> None:
        """Forget a transmission that the bridge has refused to send."""
        if airtime in self.airtimes:
            self.airtimes.remove(airtime)

    def _newest_us(self) -> int:
        return max((one.at_us for one in self.airtimes), default=0)


def _placed(airtime: Airtime, bridge: str, ticks_us: int) -> Airtime:
    if airtime.bridge != bridge:
        return Airtime(ticks_us, airtime.airtime_us, bridge)
    # Later than any answer can be planned: the bridge has started again since.
    return airtime._replace(at_us=min(airtime.at_us, ticks_us + region.RX_DELAY_US))
