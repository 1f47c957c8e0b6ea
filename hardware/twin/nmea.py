"""The sentences a receiver sends unasked: what fills a slow line until somebody switches them off.

The default set of the u-blox M10 (RMC, VTG, GGA, GSA and GSV per system, GLL; once a second), NMEA
4.11. Lengths are what matters: some 300 bytes without a satellite, about 1,200 with four full
systems, more than a line of 9600 baud carries.
Source: u-blox M10 interface description (UBX-21035062), section "NMEA protocol".
"""

from datetime import UTC, datetime

_SYSTEMS = ("GP", "GL", "GA", "GB")
_PER_GSV = 4  # satellites in one sentence


def sentences(utc_s: int, timed: bool, place: tuple[float, float] | None, seen: int) -> bytes:
    """Return the output of one epoch.

    Args:
        utc_s: Unix time of the epoch [s].
        timed: Whether the receiver knows the time.
        place: Latitude and longitude [deg], None without a fix.
        seen: Satellites in view, all systems together.
    """
    when = datetime.fromtimestamp(utc_s, UTC)
    time = f"{when:%H%M%S}.00" if timed else ""
    date = f"{when:%d%m%y}" if timed else ""
    where, state, mode = ",,,", "V", "N"
    if place is not None:
        where, state, mode = _where(*place), "A", "A"
    bodies = [
        f"GNRMC,{time},{state},{where},{'0.012' if place else ''},,{date},,,{mode},V",
        f"GNVTG,,T,,M,{'0.012,N,0.022' if place else ',N,'},K,{mode}",
        f"GNGGA,{time},{where},{1 if place else 0},{min(seen, 12):02d},"
        + ("1.02,2101.3,M,50.0,M,," if place else "99.99,,,,,,"),
    ]
    used = min(seen // len(_SYSTEMS), 12) if place else 0
    for number in range(1, len(_SYSTEMS) + 1):
        satellites = ",".join(f"{n + 2:02d}" if n < used else "" for n in range(12))
        bodies.append(f"GNGSA,A,{3 if place else 1},{satellites},1.92,1.02,1.63,{number}")
    for index, system in enumerate(_SYSTEMS):
        bodies += _in_view(system, (seen + index) // len(_SYSTEMS))
    bodies.append(f"GNGLL,{where},{time},{state},{mode}")
    return b"".join(_sentence(body) for body in bodies)


def _in_view(system: str, count: int) -> list[str]:
    groups = max(1, -(-count // _PER_GSV))
    bodies = []
    for group in range(groups):
        numbers = range(group * _PER_GSV, min(count, (group + 1) * _PER_GSV))
        satellites = "".join(f",{n + 2:02d},{20 + n:02d},{30 * n % 360:03d},30" for n in numbers)
        bodies.append(f"{system}GSV,{groups},{group + 1},{count:02d}{satellites},1")
    return bodies


def _where(lat: float, lon: float) -> str:
    north, east = ("N" if lat >= 0 else "S"), ("E" if lon >= 0 else "W")
    return f"{_degrees(lat, 2)},{north},{_degrees(lon, 3)},{east}"


def _degrees(value: float, digits: int) -> str:
    """Degrees and minutes, dddmm.mmmmm."""
    steps = round(abs(value) * 60 * 100_000)
    whole, rest = divmod(steps, 60 * 100_000)
    return f"{whole:0{digits}d}{rest / 100_000:08.5f}"


def _sentence(body: str) -> bytes:
    parity = 0
    for byte in body.encode():
        parity ^= byte
    return f"${body}*{parity:02X}\r\n".encode()
