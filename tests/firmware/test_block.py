from firmware import block, layout, state

from .memory import Memory


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
    assert layout.ADDRESS_STATE + 2 * (block._STATE_BYTES + 6) <= layout.ADDRESS_NAVIGATION
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
