from firmware import block, layout, state

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


def test_state_comes_back():
    memory = Memory()
    memo = block.State()
    memo.newest, memo.anchor_uj, memo.error_name, memo.sf = 77, -5, b"OSError", 11
    memo.commit(memory)
    again = block.State()
    assert again.load(memory)
    assert (again.newest, again.anchor_uj, again.sf) == (77, -5, 11)
    assert again.error_name.rstrip(b"\x00") == b"OSError"


def test_state_saturates():
    memory = Memory()
    memo = block.State()
    memo.fixes, memo.spent_uj, memo.anchor_uj, memo.misses = 70000, -3, 1 << 40, 999
    memo.commit(memory)
    memo.load(memory)
    assert (memo.fixes, memo.spent_uj, memo.misses) == (65535, 0, 255)
    assert memo.anchor_uj == 0x7FFFFFFF


def test_a_lost_state_is_the_state_of_a_new_collar():
    memo = block.State()
    assert not memo.load(Memory())
    assert (memo.generation, memo.sf, memo.boots) == (0, 9, 0)


def test_another_generation_forgets_only_what_it_counted():
    memo = block.State()
    memo.fixes, memo.newest, memo.income_uj = 5, 9, 1234
    memo.restart(2)
    assert (memo.generation, memo.fixes, memo.newest, memo.income_uj) == (2, 0, 0, 1234)


def test_the_state_fits_its_place():
    assert layout.ADDRESS_STATE + 2 * (block._STATE_BYTES + 6) <= layout.ADDRESS_SETTINGS
    assert len(block.State().pack()) == block._STATE_BYTES


def test_broken_wakes_are_counted_until_one_ends():
    memory = Memory()
    assert [state.begin_wake(memory) for _ in range(3)] == [1, 2, 3]
    state.end_wake(memory)
    assert state.begin_wake(memory) == 1


def test_broken_wakes_beyond_255_still_alternate():
    memory = Memory()
    memory.write(layout.ADDRESS_ATTEMPTS, b"\xfe")
    assert [state.begin_wake(memory) for _ in range(3)] == [255, 254, 255]
