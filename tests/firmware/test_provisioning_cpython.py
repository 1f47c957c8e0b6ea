"""Who may become which collar: keys, epochs, generations, on memories new, used and damaged."""

from firmware import layout, log, state
from firmware.wire import identity

from .memory import Memory, cut_everywhere
from .wire.raising import raised

KEY = bytes(range(16))
FIRST = 3 * 256 + 1  # generation of epoch 3


def provisioned():
    memory = Memory()
    state.write_identity(memory, 7, 3, KEY)
    return memory


def test_the_first_generation_follows_from_the_epoch():
    for epoch in (0, 1, 3, identity.MAX_EPOCH):
        memory = Memory()
        state.write_identity(memory, 7, epoch, KEY)
        assert state.read_generation(memory, 0) == 256 * epoch + 1
    raised(state.StateError, state.write_identity, Memory(), 7, identity.MAX_EPOCH + 1, KEY)


def test_a_replaced_memory_never_repeats_a_generation():
    first, second = Memory(), Memory()
    state.write_identity(first, 7, 0, KEY)
    state.write_identity(first, 8, 0, KEY)
    state.write_identity(first, 7, 0, KEY)
    state.write_identity(second, 7, 1, bytes(16))
    assert state.read_generation(first, 0) < state.read_generation(second, 0)


def test_a_new_key_keeps_the_log():
    memory = provisioned()
    state.write_identity(memory, 7, 9, bytes(16))
    assert state.read_generation(memory, 0) == FIRST


def test_another_collar_number_begins_another_generation():
    memory = provisioned()
    state.write_identity(memory, 8, 3, KEY)
    assert state.read_generation(memory, 0) == FIRST + 1
    state.write_identity(memory, 9, 4, KEY)
    assert state.read_generation(memory, 0) == 4 * 256 + 1


def test_an_epoch_whose_generations_are_used_up_is_refused():
    memory = provisioned()
    for collar in range(8, 8 + 254):
        state.write_identity(memory, collar, 3, KEY)
    assert state.read_generation(memory, 0) == 3 * 256 + 255
    error = raised(state.StateError, state.write_identity, memory, 7, 3, KEY)
    assert "expected at least 4" in str(error)
    state.write_identity(memory, 7, 4, KEY)
    assert state.read_generation(memory, 0) == 4 * 256 + 1


def test_an_older_epoch_is_refused():
    memory = provisioned()
    error = raised(state.StateError, state.write_identity, memory, 7, 2, KEY)
    assert str(error) == "epoch is 2, expected at least 3, the memory's present one"
    assert state.read_identity(memory) == (7, 3, KEY)


def lose_identity(memory):
    for copy in (0, 32):
        memory.spoil(layout.ADDRESS_IDENTITY + copy + 12)


def test_a_damaged_identity_hands_no_record_to_another_collar():
    memory = provisioned()
    log.Log(memory, FIRST).append(1, 5, bytes(13))
    lose_identity(memory)
    state.write_identity(memory, 8, 3, KEY)
    assert log.Log(memory, state.read_generation(memory, 0)).newest == 0


def test_a_damaged_identity_given_again_keeps_the_log():
    memory = provisioned()
    log.Log(memory, FIRST).append(1, 5, bytes(13))
    lose_identity(memory)
    state.write_identity(memory, 7, 3, KEY)
    assert log.Log(memory, state.read_generation(memory, 0)).newest == 1


def test_a_memory_whose_history_is_lost_starts_with_an_empty_log():
    memory = provisioned()
    held = log.Log(memory, FIRST)
    for second in range(20):
        held.append(1, second, bytes(13))
    memory.write(0, bytes(layout.ADDRESS_ATTEMPTS))
    memory.write(layout.ADDRESS_GENERATION_AGAIN, bytes(32))
    state.write_identity(memory, 8, 3, KEY)
    held = log.Log(memory, state.read_generation(memory, 0))
    assert held.append(1, 9, bytes(13)) == 1
    assert log.Log(memory, FIRST).newest == 1


def test_a_change_of_number_cut_at_any_byte_shows_no_record_of_the_other():
    memory = provisioned()
    log.Log(memory, FIRST).append(1, 5, bytes(13))

    def check(copy, whole):
        try:
            who = state.read_identity(copy).collar
        except state.NoIdentity:
            state.write_identity(copy, 8, 3, KEY)
            who = 8
        newest = log.Log(copy, state.read_generation(copy, 0)).newest
        assert (who, newest) in ((7, 1), (8, 0))

    cut_everywhere(memory, lambda copy: state.write_identity(copy, 8, 3, KEY), check)


def test_what_a_new_chip_is_delivered_with_does_not_count():
    memory = Memory()
    for address in range(0, layout.ADDRESS_LEDGER + 256, 32):
        memory.write(address, bytes(range(1, 33)))
    state.write_identity(memory, 7, 3, KEY)
    assert state.begin_wake(memory) == 1
    assert memory.read(layout.ADDRESS_LEDGER, 200) == bytes(200)
    assert state.take_counter(memory) == 1


def test_a_lost_counter_is_not_started_anew_behind_a_damaged_identity():
    memory = provisioned()
    memory.write(layout.ADDRESS_COUNTER, bytes(28))
    lose_identity(memory)
    raised(state.NoCounter, state.write_identity, memory, 7, 3, KEY)


def test_a_new_key_for_a_lost_counter_cut_at_any_byte_never_revives_the_old_one():
    memory = provisioned()
    memory.write(layout.ADDRESS_COUNTER, bytes(28))

    def check(copy, whole):
        if not whole:
            raised(state.StateError, state.write_identity, copy, 7, 3, KEY)
        state.write_identity(copy, 7, 4, bytes(16))
        assert state.take_counter(copy) in (1, 2)

    cut_everywhere(memory, lambda copy: state.write_identity(copy, 7, 4, bytes(16)), check)


def test_a_new_key_for_a_lost_counter_keeps_the_duty_ledger():
    memory = provisioned()
    memory.write(layout.ADDRESS_LEDGER, b"charged")
    memory.write(layout.ADDRESS_COUNTER, bytes(28))
    state.write_identity(memory, 7, 4, bytes(16))
    assert memory.read(layout.ADDRESS_LEDGER, 7) == b"charged"


def test_a_lost_generation_is_the_remembered_one():
    memory = provisioned()
    memory.write(layout.ADDRESS_GENERATION, bytes(32))
    memory.write(layout.ADDRESS_GENERATION_AGAIN, bytes(32))
    assert state.read_generation(memory, FIRST + 4) == FIRST + 4


def test_a_generation_lost_in_one_place_is_restored_from_the_other():
    for address in (layout.ADDRESS_GENERATION, layout.ADDRESS_GENERATION_AGAIN):
        memory = provisioned()
        memory.write(address, bytes(32))
        assert state.read_generation(memory, 0) == FIRST
        other = layout.ADDRESS_GENERATION + layout.ADDRESS_GENERATION_AGAIN - address
        memory.write(other, bytes(32))
        assert state.read_generation(memory, 0) == FIRST


def test_a_generation_lost_everywhere_waits_for_a_new_key():
    memory = provisioned()
    memory.write(layout.ADDRESS_GENERATION, bytes(32))
    memory.write(layout.ADDRESS_GENERATION_AGAIN, bytes(32))
    raised(state.NoGeneration, state.read_generation, memory, 0)
