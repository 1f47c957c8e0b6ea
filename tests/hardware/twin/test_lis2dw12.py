"""The accelerometer as its registers tell it."""

from hardware.twin import parts
from hardware.twin.lis2dw12 import Lis2dw12, wake_chance

PARTS = parts.load().accelerometer


class Bench:
    """The chip on a desk whose shaking and clock the test sets."""

    def __init__(self, seed=1):
        self.now_s, self.activity = 0.0, 0.0
        self.chip = Lis2dw12(PARTS, seed, lambda _: self.activity, lambda: int(self.now_s * 1e6))
        for register, value in ((0x22, 0x10), (0x2E, 0xC0), (0x34, 2), (0x3F, 0x20), (0x20, 0x10)):
            self.write(register, value)
        self.read(0x38)

    def write(self, register, value):
        self.chip.select(True)
        self.chip.exchange(bytes((register, value)))
        self.chip.select(False)

    def read(self, register, count=1):
        self.chip.select(True)
        answer = self.chip.exchange(bytes((register | 0x80,)) + bytes(count))[1:]
        self.chip.select(False)
        return answer if count > 1 else answer[0]

    def samples(self, count):
        data = self.read(0x28, 6 * count)
        return [
            [int.from_bytes(data[6 * n + 2 * axis :][:2], "little", signed=True) * 0.061]
            for n in range(count)
            for axis in range(3)
        ]


def test_it_says_who_it_is():
    bench = Bench()
    assert bench.read(0x0F) == 0x44
    bench.chip.missing = True
    assert bench.read(0x0F) == 0xFF


def test_the_wake_up_flag_is_latched_and_cleared_by_reading():
    bench = Bench()
    bench.now_s, bench.activity = 3600.0, 0.5
    bench.read(0x27)
    bench.activity = 0.5
    assert bench.read(0x38) & 0x08
    assert not bench.read(0x38)


def test_a_collar_that_lies_still_never_moves():
    bench = Bench()
    for day in range(1, 60):
        bench.now_s = day * 86_400.0
        assert not bench.read(0x38)


def test_without_its_interrupts_it_sees_nothing():
    bench = Bench()
    bench.write(0x3F, 0)
    bench.now_s, bench.activity = 7200.0, 1.0
    assert not bench.read(0x38)


def test_the_fifo_holds_the_last_twenty_seconds():
    bench = Bench()
    bench.now_s = 10.0
    assert bench.read(0x2F) & 0x3F == 16
    bench.now_s = 1000.0
    assert bench.read(0x2F) & 0x3F == 32
    bench.samples(32)
    assert bench.read(0x2F) & 0x3F == 0
    bench.now_s += 5.0
    assert bench.read(0x2F) & 0x3F == 8


def test_the_samples_of_an_active_animal_spread():
    bench = Bench()
    spread = []
    for activity in (0.0, 0.8):
        bench.now_s += 1000.0
        bench.activity = activity
        x_mg = [value[0] for value in bench.samples(32)[::3]]
        spread.append(max(x_mg) - min(x_mg))
    assert spread[0] < 40 and spread[1] > 300


def test_gravity_is_one_g():
    bench = Bench(seed=3)
    bench.now_s = 1000.0
    x_mg, y_mg, z_mg = (value[0] for value in bench.samples(1))
    assert abs((x_mg**2 + y_mg**2 + z_mg**2) ** 0.5 - 1000) < 40


def test_noise_stays_below_the_threshold_that_motion_passes():
    assert wake_chance(PARTS, 0.0, 62.5) < 1e-20
    assert wake_chance(PARTS, 0.3, 62.5) > 0.1
