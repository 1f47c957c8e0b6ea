"""Several parts fail at once: the collar wakes, tells each fault once, and does what is left."""

import random

from firmware import layout, schedule, state
from firmware.wire.alarm import Alarm
from firmware.wire.health import Health
from firmware.wire.status import Status

from .desk import COLLAR, EPOCH, GENERATION, KEY, Desk
from .test_trouble_cpython import desk, live, records, remembered

DAY = 86400
MEMORY, ACCELEROMETER, RECEIVER = 6, 4, 5


def noise(on, address, count, seed):
    """Fill a stretch of the memory with what a worn or half-written chip may hold."""
    source = random.Random(seed)
    for at in range(address, address + count, 64):
        on.memory.write(at, bytes(source.randrange(256) for _ in range(64)))


def codes(on):
    return sorted(record.code for record in records(on, Health))


def break_parts(on):
    """No accelerometer, no word from the receiver."""
    on.missing, on.sky = True, lambda now_s, since_s: b""


def test_noise_in_the_memory_and_two_dead_parts_are_three_records_and_a_collar_that_reports():
    for seed in range(3):
        on = desk()
        known = {
            layout.ADDRESS_STATE: 928,
            layout.ADDRESS_NAVIGATION: 8192,
            layout.ADDRESS_SETTINGS: 524,
            layout.ADDRESS_FENCES: 1044,
        }
        for address, count in known.items():
            noise(on, address, count // 64 * 64, seed)
        break_parts(on)
        live(on, 10)
        assert codes(on) == [ACCELEROMETER, RECEIVER, MEMORY]
        assert not records(on, Alarm)
        sent = [on.station.records.get((GENERATION, one.record)) for one in records(on, Status)]
        assert len(sent) >= 8 and all(sent[:-1])
        assert remembered(on).errors == 0


def test_a_collar_born_into_noise_with_two_dead_parts_still_wakes_and_tells_each_once():
    on = Desk()
    noise(on, 0, layout.ADDRESS_LOG + 4096, 7)
    state.write_identity(on.memory, COLLAR, EPOCH, KEY)
    break_parts(on)
    until_s, tasks = on.now_ms // 1000 + 20 * DAY, []
    while on.now_ms // 1000 < until_s:
        tasks.append(on.wake())
    assert codes(on) == [ACCELEROMETER, RECEIVER]
    assert 80 <= len(tasks) <= 400
    assert schedule.TASK_FIX in tasks
    on.missing = False
    del on.sky
    live(on, 3)
    assert len(on.station.records) > 8
