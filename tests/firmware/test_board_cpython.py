"""The board of the collar and what starts it, on a processor that is only pins and numbers."""

import importlib
import sys
import time
import types

import pytest

from firmware import app

STANDBY_WAKE, WATCHDOG, POWER_ON = 4, 3, 1


class Deepsleep(BaseException):
    """The processor is off: nothing behind this line runs."""


def _part(processor):
    """The class behind all of `machine`'s: a pin, a bus, a clock."""
    do, levels = processor.do, processor.levels

    class Part:
        OUT = IN = CORE_VREF = CORE_TEMP = 0

        def __init__(self, *args, **options):
            do(type(self).__name__, *args)
            self.args = args
            if "value" in options:
                levels[args[0]] = options["value"]

        def __call__(self, level):
            do("pin " + str(self.args[0]), level)
            levels[self.args[0]] = level

        def datetime(self, *_):
            return (2000, 1, 1, 6, 0, 0, 0, 0)

        def wakeup(self, ms):
            do("wakeup", ms)

        def feed(self):
            do("feed")

        def write(self, data):
            do("spi")

        def write_readinto(self, out, into):
            do("spi")
            into[:] = bytes(len(into))

        def read_u16(self):
            return 40000

        def deinit(self):
            do("deinit")

    return Part


class Processor:
    """`machine` and `stm`; `broken` names the calls that raise, `log` what was done."""

    def __init__(self):
        self.broken = set()
        self.log = []
        self.levels = {}
        self.cause = STANDBY_WAKE

    def do(self, name, *what):
        self.log.append((name, *what))
        if name in self.broken:
            raise RuntimeError(name + " is broken")

    def machine(self):
        do, processor, part = self.do, self, _part(self)

        def deepsleep():
            do("deepsleep")
            raise Deepsleep

        module = types.ModuleType("machine")
        for name in ("RTC", "WDT", "Pin", "SPI", "ADC", "UART"):
            setattr(module, name, type(name, (part,), {}))
        module.DEEPSLEEP_RESET, module.WDT_RESET, module.PWRON_RESET = 4, 3, 1
        module.reset_cause = lambda: processor.cause
        module.deepsleep = deepsleep
        module.lightsleep = lambda ms: do("lightsleep", ms)
        return module

    def modem(self):
        do = self.do

        class SX1261:
            def __init__(self, *_, **__):
                do("modem")

            def calibrate_image(self):
                pass

            def sleep(self, warm_start=True):
                do("modem sleep", warm_start)

        module = types.ModuleType("lora")
        module.SX1261 = SX1261
        return module


@pytest.fixture
def processor(monkeypatch):
    made = Processor()
    stm = types.ModuleType("stm")
    stm.RTC = stm.RTC_BKP5R = 0
    stm.mem32 = dict.fromkeys(range(8), 0)
    stm.mem16 = {0x1FFF75AA: 1650, 0x1FFF75A8: 900, 0x1FFF75CA: 1200}
    for name, module in (("machine", made.machine()), ("stm", stm), ("lora", made.modem())):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(time, "sleep_ms", lambda ms: None, raising=False)
    monkeypatch.setattr(time, "ticks_ms", lambda: 0, raising=False)
    yield made
    for name in ("firmware.main", "firmware.boards.collar_l476"):
        sys.modules.pop(name, None)


def run_main():
    main = importlib.import_module("firmware.main")
    with pytest.raises(Deepsleep):
        main.main()


def names(processor):
    return [row[0] for row in processor.log]


def test_a_wake_arms_the_next_one_first_and_ends_asleep(processor):
    run_main()
    assert processor.log[1] == ("wakeup", 3_600_000)
    assert processor.log[-1] == ("deepsleep",)
    assert "feed" in names(processor)


def test_switched_rails_are_off_before_sleep(processor):
    run_main()
    assert [processor.levels[pin] for pin in ("C8", "C9", "C6")] == [0, 0, 0]


def test_an_unused_modem_is_left_asleep(processor):
    run_main()
    assert "modem" not in names(processor)


def test_a_modem_of_unknown_state_is_put_into_its_deepest_sleep(processor):
    processor.cause = WATCHDOG
    run_main()
    assert ("modem sleep", False) in processor.log


@pytest.mark.parametrize(
    "part", ["modem", "modem sleep", "spi", "pin C8", "pin C6", "pin C9", "feed", "lightsleep"]
)
def test_a_part_that_fails_keeps_nothing_awake(processor, part):
    processor.cause = WATCHDOG
    processor.broken = {part}
    run_main()
    assert ("wakeup", 3_600_000) in processor.log
    assert processor.log[-1] == ("deepsleep",)


def test_a_dead_modem_still_lets_the_other_rails_go(processor):
    processor.cause = POWER_ON
    processor.broken = {"modem", "pin C8"}
    run_main()
    assert processor.levels["C6"] == 0


@pytest.mark.parametrize("part", ["WDT", "Pin", "SPI", "ADC"])
def test_a_board_that_cannot_be_built_sleeps_for_an_hour(processor, part):
    processor.broken = {part}
    run_main()
    assert processor.log[-2:] == [("wakeup", 3_600_000), ("deepsleep",)]


def test_a_clock_that_cannot_be_armed_still_ends_in_sleep(processor):
    processor.broken = {"wakeup"}
    run_main()
    assert processor.log[-1] == ("deepsleep",)


def test_an_error_that_escapes_the_step_ends_in_sleep(processor, monkeypatch):
    def fails(board):
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "step", fails)
    run_main()
    assert processor.log[-1] == ("deepsleep",)
