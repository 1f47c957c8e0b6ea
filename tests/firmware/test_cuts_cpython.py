"""The power goes at every byte the collar writes: what must never happen, never does.

Heavy on memory rather than on CPython: the same file runs on MicroPython with a larger heap.
"""

import sys

from firmware import config, log, moment, schedule, state

from .desk import COLLAR, EPOCH, GENERATION, KEY, Desk
from .memory import Memory, PowerCut, cut_everywhere

# CPython cuts at every byte; the unix port, on its single small heap, at every third.
STRIDE = 1 if sys.implementation.name == "cpython" else 3


def ready_for_a_cycle():
    """A collar with a history, whose next two wakes are a fix and a frame."""
    on = Desk().provision()
    config.store(on.memory, config.Settings(send_records=1, fix_interval_max_s=3600))
    on.wakes(6)
    while on.wake() != schedule.TASK_SEND:
        pass
    on.now_ms += 4000 * 1000
    return on


def contents(memory):
    held = log.Log(memory, GENERATION)
    return {r: held.read(r) for r in range(1, held.newest + 1)}


def cut_cycle(on, cut, clock_survives):
    """Run a copy of a desk until its next record is delivered or `cut` bytes are written.

    Returns the copy, powered again, and whether it was never cut.
    """
    twin = on.copy()
    twin.memory.cut_after = cut
    for _ in range(8):
        if twin.wake() is None:
            if not clock_survives:
                twin.clock_offset_s = None
            return twin, False
        if len(twin.station.records) > len(on.station.records):
            break
    twin.memory.cut_after = None
    return twin, True


def check_cycle(on, clock_survives, stride):
    """Cut a cycle at every `stride`-th byte; the station itself proves nonces and numbers."""
    committed = contents(on.memory)
    cut, whole = 0, False
    while not whole:
        twin, whole = cut_cycle(on, cut, clock_survives)
        survived = contents(twin.memory)
        for record, slot in committed.items():
            assert survived[record] == slot, (cut, record)
        waiting = log.Log(twin.memory, GENERATION).pending(100)
        for record in survived:
            assert record in waiting or (GENERATION, record) in twin.station.records, (cut, record)
        for _ in range(12):
            held = log.Log(twin.memory, GENERATION)
            if held.newest > len(committed) and not held.pending(1):
                break
            twin.wake()
        else:
            raise AssertionError((cut, "no progress"))
        block = state.State()
        block.load(twin.memory)
        for record, slot in contents(twin.memory).items():
            dated = log.decode(slot, moment.date(block, slot.recorded_at_s))
            assert twin.station.records[(GENERATION, record)] == dated, (cut, record)
        for record, slot in survived.items():
            assert contents(twin.memory)[record] == slot, (cut, record)
        assert state.read_generation(twin.memory, 0) == GENERATION
        cut += stride
    return cut


def test_a_cycle_cut_at_any_byte_loses_and_repeats_nothing():
    assert check_cycle(ready_for_a_cycle(), True, STRIDE) > 600


def test_a_cycle_cut_together_with_the_clock_loses_and_repeats_nothing():
    assert check_cycle(ready_for_a_cycle(), False, 2 * STRIDE) > 600


def test_a_first_life_cut_at_any_byte_loses_and_repeats_nothing():
    assert check_cycle(Desk().provision(), True, STRIDE) > 600


def test_a_cycle_under_a_wrong_clock_cut_at_any_byte_loses_and_repeats_nothing():
    on = ready_for_a_cycle()
    on.clock_offset_s -= 5000000
    assert check_cycle(on, True, 2 * STRIDE) > 600


def test_cuts_at_every_byte_of_every_wake_still_make_progress():
    on = Desk().provision()
    for cut in range(0, 1500, 7 * STRIDE):
        on.memory.cut_after = cut
        on.wake()
        on.memory.cut_after = None
    on.until_empty(lambda: log.Log(on.memory, GENERATION), 60)
    assert len(on.station.records) == log.Log(on.memory, GENERATION).newest


def test_provisioning_cut_at_any_byte_leaves_no_identity_or_the_whole_one():
    def provision(memory):
        state.write_identity(memory, COLLAR, EPOCH, KEY)

    def check(memory, whole):
        try:
            identity = state.read_identity(memory)
        except state.NoIdentity:
            assert not whole
            state.write_identity(memory, COLLAR, EPOCH, KEY)
            identity = state.read_identity(memory)
        assert identity == (COLLAR, EPOCH, KEY)
        assert state.take_counter(memory) >= 1
        assert state.read_generation(memory, 0) == GENERATION

    assert cut_everywhere(Memory(), provision, check, STRIDE) > 50 // STRIDE


def test_a_power_cut_is_nothing_the_firmware_can_catch():
    assert not issubclass(PowerCut, Exception)
