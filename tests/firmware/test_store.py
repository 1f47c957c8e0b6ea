from firmware import store
from firmware.store import Pair

from .memory import Memory, cut_everywhere
from .wire.raising import raised


def pair(memory):
    return Pair(memory, 0x40, 8, 0x1234)


def test_a_blank_memory_holds_nothing():
    block = pair(Memory())
    assert block.load() is None
    assert block.valid_copies == 0


def test_the_newest_payload_is_loaded():
    memory = Memory()
    for n in range(5):
        pair(memory).store(b"payload" + bytes((n,)))
    assert pair(memory).load() == b"payload\x04"


def test_a_cut_at_any_byte_leaves_the_old_or_the_new_payload():
    memory = Memory()
    for n in range(300):  # past the first carry of the sequence number
        pair(memory).store(b"payload" + bytes((n % 7,)))
        old = b"payload" + bytes((n % 7,))
        if n in (0, 1, 254, 255, 256, 299):

            def check(copy, whole, old=old):
                assert pair(copy).load() in ((b"newvalue",) if whole else (old, b"newvalue"))
                pair(copy).store(b"another!")
                assert pair(copy).load() == b"another!"

            runs = cut_everywhere(memory, lambda copy: pair(copy).store(b"newvalue"), check)
            assert runs == 4 + 10 + 4 + 1


def test_a_torn_copy_loses_even_to_a_blind_checksum():
    real, store.crc16 = store.crc16, lambda data, value=0: 0
    try:
        memory = Memory()
        for n in range(258):
            pair(memory).store(b"payload" + bytes((n % 7,)))
            old = b"payload" + bytes((n % 7,))
            if n in (1, 2, 253, 254, 255, 256, 257):

                def check(copy, whole, old=old):
                    assert pair(copy).load() in ((b"newvalue",) if whole else (old, b"newvalue"))

                cut_everywhere(memory, lambda copy: pair(copy).store(b"newvalue"), check)
    finally:
        store.crc16 = real


def test_a_cut_at_any_byte_of_undoing_leaves_the_newer_or_the_older_payload():
    memory = Memory()
    assert not pair(memory).undo()
    for n in range(260):
        pair(memory).store(b"payload" + bytes((n % 7,)))
        older, newer = b"payload" + bytes(((n - 1) % 7,)), b"payload" + bytes((n % 7,))
        if n in (1, 2, 254, 255, 256, 257):

            def check(copy, whole, older=older, newer=newer):
                assert pair(copy).load() in ((older,) if whole else (older, newer))
                pair(copy).store(b"another!")
                assert pair(copy).load() == b"another!"

            assert cut_everywhere(memory, lambda copy: pair(copy).undo(), check) == 5


def test_one_damaged_copy_leaves_the_other():
    memory = Memory()
    pair(memory).store(b"older   ")
    pair(memory).store(b"newer   ")
    for address in (0x40, 0x40 + 14):
        copy = memory.copy()
        copy.spoil(address + 5)
        block = pair(copy)
        assert block.load() in (b"older   ", b"newer   ")
        assert block.valid_copies == 1


def test_another_block_is_not_taken_for_this_one():
    memory = Memory()
    pair(memory).store(b"payload!")
    assert Pair(memory, 0x40, 8, 0x1235).load() is None


def test_a_payload_of_another_size_is_refused():
    error = raised(ValueError, pair(Memory()).store, b"short")
    assert "8 bytes, got 5" in str(error)
