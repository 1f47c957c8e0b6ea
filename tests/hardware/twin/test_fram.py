import pytest

from firmware.drivers.fram import Fram
from hardware.twin import PowerCut
from hardware.twin.fram import ChipSelect, FramChip, Memory, SpiBus


def chip_with_driver(size_bytes=262_144):
    chip = FramChip(size_bytes)
    count = []
    return chip, Fram(SpiBus(chip, count.append), ChipSelect(chip), size_bytes), count


def command(chip, *data):
    chip.select(low=True)
    answer = chip.exchange(bytes(data))
    chip.select(low=False)
    return answer


def test_driver_reads_back_what_it_wrote():
    _, fram, _ = chip_with_driver()
    fram.write(0x3FFF0, b"sixteen bytes ok")
    assert fram.read(0x3FFF0, 16) == b"sixteen bytes ok"


def test_chip_does_not_write_without_enable():
    chip, _, _ = chip_with_driver()
    command(chip, 0x02, 0, 0, 5, 99)
    assert chip.memory[5] == 0
    command(chip, 0x06)
    command(chip, 0x02, 0, 0, 5, 99)
    command(chip, 0x02, 0, 0, 6, 99)  # the first write took the enable away
    assert chip.memory[5:7] == bytes((99, 0))


def test_status_shows_the_write_enable_latch():
    chip, _, _ = chip_with_driver()
    assert command(chip, 0x05, 0)[1] == 0
    command(chip, 0x06)
    assert command(chip, 0x05, 0)[1] == 2
    command(chip, 0x04)
    assert command(chip, 0x05, 0)[1] == 0


def test_bytes_without_chip_select_are_ignored():
    chip, _, _ = chip_with_driver()
    assert chip.exchange(b"\x06\x02\x00\x00\x00\x01") == b"\xff" * 6
    assert not any(chip.memory)


def test_address_wraps_at_the_end():
    chip, _, _ = chip_with_driver(16)
    command(chip, 0x06)
    command(chip, 0x02, 0, 0, 14, 1, 2, 3, 4)
    assert chip.memory == bytes((3, 4, *[0] * 12, 1, 2))
    assert command(chip, 0x03, 0, 0, 14, 0, 0, 0, 0)[4:] == bytes((1, 2, 3, 4))


@pytest.mark.parametrize("count", range(9))
def test_power_cut_keeps_exactly_the_first_bytes(count):
    chip, fram, _ = chip_with_driver()
    chip.on_cut = cut
    chip.cut_after_bytes = count
    with pytest.raises(PowerCut):
        fram.write(100, b"abcdefghx")
    assert bytes(chip.memory[100:109]) == b"abcdefghx"[:count].ljust(9, b"\0")
    chip.power_off()
    fram.write(100, b"ABCD")
    assert fram.read(100, 4) == b"ABCD"


def cut():
    raise PowerCut(0.0, "test")


def test_bus_counts_every_byte():
    _, fram, count = chip_with_driver()
    fram.write(0, b"abcd")
    assert sum(count) == 1 + 4 + 4  # enable, command and address, data


def test_bare_memory_is_what_the_chip_holds():
    chip, fram, _ = chip_with_driver()
    fram.write(7, b"seen")
    assert Memory(chip.memory).read(7, 4) == b"seen"
