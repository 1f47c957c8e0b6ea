from firmware import layout, state

from .memory import Memory, cut_everywhere
from .wire.raising import raised

KEY = bytes(range(16))


def provisioned():
    memory = Memory()
    state.write_identity(memory, 7, 3, KEY)
    return memory


def test_identity_comes_back():
    assert state.read_identity(provisioned()) == (7, 3, KEY)


def test_identity_survives_the_loss_of_a_copy():
    for copy in (0, 32):
        memory = provisioned()
        memory.spoil(layout.ADDRESS_IDENTITY + copy + 12)
        assert state.read_identity(memory).key == KEY


def test_a_blank_memory_has_no_identity():
    raised(state.NoIdentity, state.read_identity, Memory())


def test_identity_out_of_range_is_named():
    assert "70000" in str(raised(state.StateError, state.pack_identity, 70000, 0, KEY))
    assert "-1" in str(raised(state.StateError, state.pack_identity, 1, -1, KEY))
    assert "5 bytes" in str(raised(state.StateError, state.pack_identity, 1, 0, b"short"))


def test_the_same_identity_again_changes_nothing():
    memory = provisioned()
    counters = [state.take_counter(memory) for _ in range(5)]
    state.write_identity(memory, 7, 3, KEY)
    assert state.take_counter(memory) == counters[-1] + 1


def test_a_new_key_goes_on_with_the_counter():
    memory = provisioned()
    last = [state.take_counter(memory) for _ in range(5)][-1]
    state.write_identity(memory, 7, 4, bytes(16))
    assert state.take_counter(memory) > last


def test_a_key_change_cut_at_any_byte_leaves_the_old_or_the_new_one():
    def change(memory):
        assert state.advance_identity(memory, 4)

    def check(memory, whole):
        epoch = state.read_identity(memory).epoch
        assert epoch == 4 or (not whole and epoch == 3)
        assert state.take_counter(memory) >= 1

    for damaged in (None, 12, 44):
        memory = provisioned()
        state.hold_identity(memory, 7, 4, b"k" * 16)
        if damaged is not None:
            memory.spoil(layout.ADDRESS_IDENTITY + damaged)
        assert cut_everywhere(memory, change, check, 1) > 60


def test_held_key_of_another_collar_or_an_older_epoch_is_not_taken():
    memory = provisioned()
    for collar, epoch in ((8, 4), (7, 3), (7, 2)):
        state.hold_identity(memory, collar, epoch, b"k" * 16)
        assert not state.advance_identity(memory, epoch)
    assert state.read_identity(memory) == (7, 3, KEY)


def test_counters_never_repeat_under_cuts():
    memory = provisioned()
    taken = set()

    def take(copy):
        value = state.take_counter(copy)
        assert value not in taken
        seen.append(value)

    for _ in range(8):
        taken.add(state.take_counter(memory))
        seen = []
        cut_everywhere(memory, take, lambda copy, whole: take(copy))
        assert max(seen) <= max(taken) + 4


def test_counters_never_repeat_when_a_copy_is_lost():
    for victim in (0, 14):
        memory = provisioned()
        taken = [state.take_counter(memory) for _ in range(4)]
        memory.write(layout.ADDRESS_COUNTER + victim, bytes(14))
        taken += [state.take_counter(memory) for _ in range(4)]
        assert len(set(taken)) == 8


def test_counters_never_repeat_when_a_copy_is_lost_before_a_new_key():
    for victim in (0, 14):
        memory = provisioned()
        taken = [state.take_counter(memory) for _ in range(4)]
        memory.write(layout.ADDRESS_COUNTER + victim, bytes(14))
        state.write_identity(memory, 7, 4, KEY)
        taken += [state.take_counter(memory) for _ in range(4)]
        assert len(set(taken)) == 8


def test_a_lost_counter_is_never_started_anew():
    memory = provisioned()
    memory.write(layout.ADDRESS_COUNTER, bytes(28))
    raised(state.NoCounter, state.take_counter, memory)
    raised(state.NoCounter, state.write_identity, memory, 7, 3, KEY)
    state.write_identity(memory, 7, 4, bytes(16))
    assert state.take_counter(memory) == 1


def test_a_used_up_counter_is_refused():
    memory = provisioned()
    pair = state._counter_pair(memory)
    for _ in (0, 1):
        pair.store(b"\xff\xff\xff\xff\x03\x00\x00\x00")
    assert "used up" in str(raised(state.NoCounter, state.take_counter, memory))
