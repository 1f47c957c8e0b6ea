"""What the receiver was told and what it has heard itself: time, place, orbits.

UBX-MGA messages as on the real part (u-blox M10 interface description, UBX-21035062, section
UBX-MGA): INI-TIME_UTC and INI-POS_LLH, GPS-EPH, and DBD, the receiver's own navigation data, whose
contents only the same receiver understands. All of it is gone with the power.
"""

import math
import struct
from calendar import timegm

from hardware.twin import ubx
from hardware.twin.landscape import distance_m
from hardware.twin.search import SearchParts, overhead, usable, void_s

_TIME_UTC, _POS_LLH, _EPHEMERIS = 0x10, 0x01, 0x01
_TIME_LIMIT_S = 10  # a start with orbits needs the time as well as this ...
_PLACE_LIMIT_M = 100_000  # ... and the place; assumed
_DBD = struct.Struct("<12xIBxHII")  # reserved, receiver, satellite, CRC, heard, void [Unix s]
_DBD_BYTES = 96  # of one satellite's orbit and clock, with what else the database keeps of it
_AHEAD_S = 7200  # an ephemeris is broadcast from two hours before its reference time


class Knowledge:
    """What one session of the receiver knows.

    Args:
        parts: Facts.
        receiver: Number of this receiver; data of another one are refused.
    """

    def __init__(self, parts: SearchParts, receiver: int) -> None:
        self._parts = parts
        self._receiver = receiver & 0xFFFFFFFF
        self._orbits: dict[int, tuple[float, float]] = {}  # by satellite: heard, void [Unix s]
        self._timed = self._placed = False

    @property
    def oriented(self) -> bool:
        """Whether time and place are known."""
        return self._timed and self._placed

    def orbits(self, utc_s: float) -> float:
        """Orbits worth having now; none before time and place are known."""
        if not self.oriented:
            return 0.0
        return usable(self._parts, utc_s, self._orbits.values())

    def holds(self, utc_s: float) -> dict[int, int]:
        """For how many quarters of an hour, begun ones too, each orbit can still be used."""
        left_s = {number: until_s - utc_s for number, (_, until_s) in self._orbits.items()}
        return {number: math.ceil(max(left, 0.0) / 900) for number, left in left_s.items()}

    def decode(self, utc_s: float, satellites: int) -> None:
        """Orbits are heard from the sky, and with them time and place are known."""
        self._timed = self._placed = True
        for satellite in overhead(utc_s, satellites):
            self._orbits[satellite] = (utc_s, void_s(self._parts, satellite, utc_s))

    def aid(self, utc_s: float, satellites: int) -> None:
        """A station's ephemerides arrive; the collar has told time and place."""
        self.decode(utc_s, satellites)

    def dump(self, utc_s: float) -> list[bytes]:
        """Payloads of UBX-MGA-DBD, one for each satellite whose orbit still holds."""
        payloads = []
        for satellite, (heard_s, until_s) in sorted(self._orbits.items()):
            if until_s < utc_s:
                continue
            check = self._check(satellite, int(heard_s), int(until_s))
            head = _DBD.pack(self._receiver, satellite, check, int(heard_s), int(until_s))
            payloads.append(head + bytes(_DBD_BYTES - len(head)))
        return payloads

    def take(
        self,
        kind: tuple[int, int],
        payload: bytes,
        utc_s: float,
        place: tuple[float, float, float],
    ) -> bool:
        """Take an UBX-MGA message; whether it was accepted."""
        if kind == ubx.MGA_INI:
            return self._initial(payload, utc_s, place)
        if kind == ubx.MGA_DBD:
            return self._restore(payload, utc_s)
        if kind == ubx.MGA_GPS and len(payload) == 68 and payload[0] == _EPHEMERIS:
            return self._ephemeris(payload, utc_s)
        return False

    def _initial(self, payload: bytes, utc_s: float, place: tuple[float, float, float]) -> bool:
        if len(payload) == 24 and payload[0] == _TIME_UTC:
            year, month, day, hour, minute, second = struct.unpack_from("<HBBBBB", payload, 4)
            told_s = timegm((year, month, day, hour, minute, second))
            self._timed = abs(told_s - utc_s) <= _TIME_LIMIT_S
            return True
        if len(payload) == 20 and payload[0] == _POS_LLH:
            lat_e7, lon_e7, altitude_cm = struct.unpack_from("<iii", payload, 4)
            told = (lat_e7 / 1e7, lon_e7 / 1e7, altitude_cm / 100)
            self._placed = distance_m(told, place) <= _PLACE_LIMIT_M
            return True
        return False

    def _restore(self, payload: bytes, utc_s: float) -> bool:
        if len(payload) != _DBD_BYTES:
            return False
        receiver, satellite, check, heard_s, until_s = _DBD.unpack_from(payload)
        told = self._check(satellite, heard_s, until_s)
        whole: bool = check == told and receiver == self._receiver
        if whole and heard_s <= utc_s:
            known = self._orbits.get(satellite, (0.0, 0.0))
            self._orbits[satellite] = max(known, (heard_s, until_s))
        return whole

    def _ephemeris(self, payload: bytes, utc_s: float) -> bool:
        satellite, toc = payload[2], struct.unpack_from("<H", payload, 10)[0] * 16
        gps_s = (int(utc_s) - 315_964_800 + 18) % 604_800
        ahead_s = (toc - gps_s + 302_400) % 604_800 - 302_400
        if not 1 <= satellite <= 32 or abs(ahead_s) > _AHEAD_S:
            return False
        self._orbits[satellite] = (
            utc_s - max(0.0, _AHEAD_S - ahead_s),
            utc_s + ahead_s + _AHEAD_S,
        )
        return True

    def _check(self, satellite: int, heard_s: int, until_s: int) -> int:
        told = struct.pack("<IBII", self._receiver, satellite, heard_s, until_s)
        return sum(told) * 257 & 0xFFFF
