"""How many fixes fit into a payload, on a simulated animal."""

import random

import pytest

from firmware.wire import data
from firmware.wire.fix import Fix

HOURS = 1000


def ouf_track():
    """An hourly Ornstein-Uhlenbeck track with persistent velocity.

    Time constants 6 days and 1 hour, position variance 2e7 m2: the range and pace of a
    buffalo. Returns metres.
    """
    rng = random.Random(3)
    step_s, tau_range_s, tau_speed_s = 60, 6 * 86_400, 3_600
    speed_sd = (2e7 / (tau_range_s * tau_speed_s)) ** 0.5
    keep = 1 - step_s / tau_speed_s
    kick = speed_sd * (1 - keep * keep) ** 0.5
    place, speed, out = [0.0, 0.0], [0.0, 0.0], []
    for minute in range(60 * HOURS):
        for axis in (0, 1):
            speed[axis] = keep * speed[axis] + kick * rng.gauss(0, 1)
            place[axis] += step_s * (speed[axis] - place[axis] / tau_range_s)
        if minute % 60 == 0:
            out.append((place[0] + rng.gauss(0, 5), place[1] + rng.gauss(0, 5)))
    return out


def fixes_per_payload(limit, quality, altitude):
    rng = random.Random(4)
    fixes = [
        Fix(
            1000 + hour,
            1_782_000_000 + 3600 * hour + rng.randint(0, 20),
            4_666_000 + round(y_m / 1.11),
            1_020_000 + round(x_m / 0.76),
            2_000 + round(rng.gauss(0, 15)) if altitude else None,
            rng.randint(2, 6) if quality else 15,
            0,
        )
        for hour, (x_m, y_m) in enumerate(ouf_track())
    ]
    payloads = start = 0
    while start < HOURS:
        payload, used = data.encode(1, fixes[start : start + 120], limit)
        assert data.decode(payload)[1] == fixes[start : start + used]
        start += used
        payloads += 1
    return HOURS / payloads


@pytest.mark.parametrize(
    ("limit", "quality", "altitude", "floor"),
    [
        (39, False, False, 7.0),
        (39, True, False, 6.0),
        (39, True, True, 4.8),
        (210, False, False, 55.0),
        (210, True, False, 49.0),
        (210, True, True, 40.0),
    ],
)
def test_fixes_that_fit_into_a_payload(limit, quality, altitude, floor):
    assert fixes_per_payload(limit, quality, altitude) >= floor
