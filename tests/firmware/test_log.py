from firmware import log
from firmware.wire.fix import Fix
from firmware.wire.kind import KIND_FIX, KIND_STATUS
from firmware.wire.status import Status

from .memory import Memory, cut_everywhere
from .wire.raising import raised

SLOTS = 16


def ring(memory, newest=0, generation=1):
    return log.Log(memory, generation, newest, slots=SLOTS)


def payload(n):
    return log.pack_fix(n, -n, n, 3, 0)


def filled(count, generation=1):
    memory = Memory()
    held = ring(memory, generation=generation)
    for n in range(1, count + 1):
        assert held.append(KIND_FIX, 1000 + n, payload(n)) == n
    return memory


def test_the_first_record_is_one():
    held = ring(Memory())
    assert held.newest == 0
    assert held.append(KIND_FIX, 5, payload(5)) == 1
    assert held.read(1) == (1, 5, KIND_FIX, payload(5))


def test_the_newest_is_found_again_at_any_fill():
    for count in range(3 * SLOTS + 2):
        memory = filled(count)
        assert ring(memory).newest == count
        assert ring(memory, newest=max(0, count - 1)).newest == count


def test_the_ring_keeps_all_but_one_slot():
    held = ring(filled(40))
    assert held.oldest == 40 - SLOTS + 2
    assert [held.read(r) is not None for r in range(25, 42)] == [False] + 15 * [True] + [False]


def test_an_append_cut_at_any_byte_commits_all_or_nothing():
    for count in (0, 1, 14, 15, 16, 17, 31, 32, 255, 256):
        memory = filled(count)
        before = {r: ring(memory).read(r) for r in range(ring(memory).oldest, count + 1)}

        def check(copy, whole, count=count, before=before):
            held = ring(copy)
            assert held.newest in ((count + 1,) if whole else (count, count + 1))
            for record, slot in before.items():
                if record >= held.oldest:
                    assert held.read(record) == slot
            if held.newest > count:
                assert held.read(count + 1) == (count + 1, 7, KIND_FIX, payload(7))
            again = held.append(KIND_STATUS, 9, payload(9))
            assert again == held.newest == ring(copy).newest
            assert again in held.pending(SLOTS)

        cut_everywhere(memory, lambda copy: ring(copy).append(KIND_FIX, 7, payload(7)), check)


def test_a_torn_slot_is_void_even_to_a_blind_checksum():
    real, log.crc16 = log.crc16, lambda data, value=0: 0
    try:
        for count in (1, 15, 16, 255, 256):
            memory = filled(count)

            def check(copy, whole, count=count):
                held = ring(copy, newest=count)
                assert held.newest in ((count + 1,) if whole else (count, count + 1))
                if held.newest > count:
                    assert held.read(count + 1) == (count + 1, 7, KIND_FIX, payload(7))

            cut_everywhere(memory, lambda copy: ring(copy).append(KIND_FIX, 7, payload(7)), check)
    finally:
        log.crc16 = real


def test_a_new_record_never_inherits_an_acknowledgement():
    memory = filled(SLOTS)
    ring(memory).acknowledge([(1, 100)])
    for n in range(3):
        ring(memory).append(KIND_FIX, n, payload(n))
    ring(memory).acknowledge([(1, 100)])

    def check(copy, whole):
        held = ring(copy)
        assert held.pending(5) == [SLOTS + 4] * (held.newest - SLOTS - 3)
        assert held.newest == SLOTS + 4 or not whole

    cut_everywhere(memory, lambda copy: ring(copy).append(KIND_FIX, 7, payload(7)), check)


def test_an_acknowledgement_cut_at_any_byte_marks_only_what_was_named():
    memory = filled(2 * SLOTS)
    named = [(18, 20), (24, 29)]

    def check(copy, whole):
        waiting = ring(copy).pending(SLOTS)
        assert all(r in waiting for r in (21, 22, 23, 30, 31, 32))
        assert not whole or waiting == [21, 22, 23, 30, 31, 32]

    cut_everywhere(memory, lambda copy: ring(copy).acknowledge(named), check)


def test_pending_counts_from_any_record_on():
    held = ring(filled(20))
    assert held.acknowledge([(8, 11), (20, 20)]) == 5
    assert held.pending(3) == [6, 7, 12]
    assert held.pending(99) == [6, 7, 12, 13, 14, 15, 16, 17, 18, 19]
    assert held.pending(2, 9) == [12, 13]
    assert held.pending(99, 20) == held.pending(99, 21) == []


def test_acknowledging_twice_changes_nothing():
    held = ring(filled(10))
    assert held.acknowledge([(1, 10)]) == 10
    assert held.acknowledge([(1, 10)]) == 0


def test_numbers_the_log_does_not_hold_are_passed_over():
    held = ring(filled(10))
    assert held.acknowledge([(11, 4294967295)]) == 0
    held.append(KIND_FIX, 1, payload(1))
    assert held.pending(99) == list(range(1, 12))


def test_another_generation_is_an_empty_log():
    memory = filled(20)
    other = ring(memory, generation=2)
    assert other.newest == 0
    assert other.append(KIND_FIX, 1, payload(1)) == 1
    assert other.pending(9) == [1]


def test_a_damaged_slot_is_none_and_hides_nothing_else():
    for victim in (1, 3, 8, 15):
        memory = filled(16)
        memory.spoil(0x10000 + (victim - 1) * 24 + 12)
        held = ring(memory)
        assert held.newest == 16
        assert held.read(victim) is None
        assert len([r for r in range(1, 17) if held.read(r)]) >= 14


def test_records_that_leave_unheard_are_counted():
    held = ring(filled(15))
    held.acknowledge([(1, 2)])
    for n in range(4):
        held.append(KIND_FIX, n, payload(n))
    assert held.dropped == 2


def test_a_remembered_record_saves_the_search():
    memory = Memory()
    held = log.Log(memory, 1)
    held.newest = 8192 + 10
    for _ in range(3):
        held.append(KIND_FIX, 1, payload(1))
    assert log.Log(memory, 1, newest=8203).newest == 8205


def test_a_fix_comes_back():
    for altitude_m in (-20, 0, 4000, None):
        data = log.pack_fix(4666000, -1800000, altitude_m, 15, 2)
        slot = log.Slot(9, 1000, KIND_FIX, data)
        assert log.decode(slot) == Fix(9, 1000, 4666000, -1800000, altitude_m, 15, 2)


def test_a_status_comes_back_to_its_resolution():
    status = Status(4, 1000, 3301, 118232, 3990, 70, 2, 31, 1, -5)
    slot = log.Slot(4, 1000, KIND_STATUS, log.pack_status(status))
    assert log.decode(slot) == status


def test_a_status_saturates():
    status = Status(4, 1000, 9999, 1 << 30, -5, 1 << 20, 0, 0, 99, None)
    got = log.decode(log.Slot(4, 1000, KIND_STATUS, log.pack_status(status)))
    assert (got.voltage_mv, got.stored_mj, got.income_mj_per_day) == (4095, 262140, 0)
    assert (got.fixes, got.brownouts, got.temperature_c) == (65535, 15, None)


def test_an_unknown_kind_is_named():
    error = raised(ValueError, log.decode, log.Slot(4, 1, 9, bytes(13)))
    assert "record 4 is 9" in str(error)


def test_a_payload_of_another_length_is_refused():
    raised(ValueError, ring(Memory()).append, KIND_FIX, 1, b"short")


def test_records_wait_again_when_reopened_as_far_as_they_are_held():
    held = log.Log(Memory(), 1, slots=SLOTS)
    for _ in range(20):
        held.append(KIND_FIX, 5, bytes(13))
    held.acknowledge([(1, 20)])
    assert held.gaps(0) == []
    assert held.oldest == 6
    assert held.reopen(3, 9) == 4
    assert held.reopen(12, 1 << 31) == 9
    assert held.gaps(0) == [(6, 9), (12, 20)]
    assert held.gaps(1) == [(6, 9)]


def test_gaps_are_the_pending_records_as_ranges():
    held = log.Log(Memory(), 1, slots=SLOTS)
    for _ in range(40):
        held.append(KIND_FIX, 5, bytes(13))
    for ranges in ([], [(11, 12)], [(30, 36)], [(17, 24)], [(40, 40)]):
        held.acknowledge(ranges)
        numbers = [n for first, last in held.gaps(0) for n in range(first, last + 1)]
        assert numbers == held.pending(64)
