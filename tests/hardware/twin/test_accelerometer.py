"""The collar's own driver on the twin's accelerometer."""

from firmware.drivers.accelerometer import Accelerometer
from firmware.motion import intensity_mg
from hardware.twin import parts
from hardware.twin.fram import ChipSelect, SpiBus
from hardware.twin.lis2dw12 import Lis2dw12


class Bench:
    """The chip, its driver, and the shaking and the clock the test sets."""

    def __init__(self):
        self.now_s, self.activity = 0.0, 0.0
        self.chip = Lis2dw12(
            parts.load().accelerometer, 1, lambda _: self.activity, lambda: int(self.now_s * 1e6)
        )
        self.driver().start(62)
        self.driver().moved()

    def driver(self):
        """A driver as each wake builds it."""
        return Accelerometer(SpiBus(self.chip, lambda _: None), ChipSelect(self.chip))


def test_motion_while_the_processor_was_off_is_found_once():
    bench = Bench()
    bench.now_s, bench.activity = 3600.0, 0.5
    bench.driver().start(62)
    assert bench.driver().moved()
    assert not bench.driver().moved()


def test_stillness_is_stillness():
    bench = Bench()
    for hour in range(1, 200):
        bench.now_s = hour * 3600.0
        bench.driver().start(62)
        assert not bench.driver().moved()


def test_the_last_twenty_seconds_tell_how_much_it_moves():
    bench = Bench()
    found = []
    for activity in (0.0, 0.3, 0.9):
        bench.now_s += 3600.0
        bench.activity = activity
        samples = bench.driver().samples()
        assert len(samples) == 32
        found.append(intensity_mg(samples))
    assert found[0] < 20 < found[1] < found[2]
