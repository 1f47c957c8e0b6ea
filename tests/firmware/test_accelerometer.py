import struct

from firmware.drivers.accelerometer import Accelerometer, Missing

from .wire.raising import raised


class Chip:
    """Registers behind a bus; also its chip select."""

    def __init__(self, identity=0x44):
        self.registers = {0x0F: identity}
        self.fifo = []
        self.address = None
        self.writes = []

    def __call__(self, level):
        self.address = None

    def write(self, data):
        self.address = data[0]
        if len(data) == 2:
            self.registers[data[0]] = data[1]
            self.writes.append((data[0], data[1]))

    def write_readinto(self, out, into):
        register = self.address & 0x7F
        assert self.address & 0x80
        if register == 0x28:
            into[:] = self.fifo.pop(0)
        elif register == 0x2F:
            into[0] = len(self.fifo)
        else:
            into[0] = self.registers.get(register, 0)
        if register == 0x38:
            self.registers[0x38] = 0


def test_it_is_set_to_its_lowest_rate_with_latch_and_fifo():
    chip = Chip()
    Accelerometer(chip, chip).start(62)
    wanted = {0x20: 0x10, 0x22: 0x10, 0x2E: 0xC0, 0x34: 2, 0x3F: 0x20}
    assert {register: chip.registers[register] for register in wanted} == wanted


def test_a_running_one_is_left_alone():
    chip = Chip()
    Accelerometer(chip, chip).start(62)
    chip.writes.clear()
    Accelerometer(chip, chip).start(62)
    assert chip.writes == []
    Accelerometer(chip, chip).start(125)
    assert chip.registers[0x34] == 4


def test_a_missing_one_is_named():
    for identity in (0xFF, 0x00, 0x33):
        chip = Chip(identity)
        raised(Missing, Accelerometer(chip, chip).start, 62)


def test_the_flag_is_what_the_chip_latched_and_is_cleared_by_reading():
    chip = Chip()
    part = Accelerometer(chip, chip)
    assert not part.moved()
    chip.registers[0x38] = 0x0B
    assert part.moved()
    assert not part.moved()


def test_samples_are_in_thousandths_of_gravity():
    chip = Chip()
    chip.fifo = [struct.pack("<3h", 16384, -16384, 0), struct.pack("<3h", 0, 8192, 32752)]
    assert Accelerometer(chip, chip).samples() == [(1000, -1000, 0), (0, 500, 1999)]
    assert chip.fifo == []
