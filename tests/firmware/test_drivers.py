from firmware.drivers.fram import Fram
from firmware.drivers.gauge import Gauge
from firmware.drivers.radio import Radio
from firmware.drivers.rtc import Rtc

from .wire.raising import raised


class Chip:
    """An SPI FRAM of 256 bytes behind a bus and a chip select; logs commands."""

    def __init__(self):
        self.cells = bytearray(256)
        self.selected = False
        self.enabled = False
        self.command = b""
        self.opcodes = []

    def cs(self, level):
        if level and self.command[:1] == b"\x02":
            self.enabled = False
        if not level:
            self.command = b""
        self.selected = not level

    def write(self, data):
        assert self.selected
        start = not self.command
        self.command += data
        if start:
            self.opcodes.append(data[0])
            if data == b"\x06":
                self.enabled = True
        elif self.command[0] == 2 and self.enabled:
            address = self.command[1] << 16 | self.command[2] << 8 | self.command[3]
            self.cells[address : address + len(data)] = data

    def write_readinto(self, out, into):
        assert self.selected and self.command[0] == 3
        address = self.command[1] << 16 | self.command[2] << 8 | self.command[3]
        into[:] = self.cells[address : address + len(into)]


def test_fram_writes_are_enabled_one_by_one():
    chip = Chip()
    fram = Fram(chip, chip.cs, 256)
    fram.write(10, b"abc")
    fram.write(13, b"de")
    assert fram.read(9, 7) == b"\x00abcde\x00"
    assert chip.opcodes == [6, 2, 6, 2, 3]
    assert not chip.selected


def test_fram_refuses_what_lies_outside():
    fram = Fram(Chip(), lambda level: None, 256)
    assert "250+7" in str(raised(ValueError, fram.read, 250, 7))
    raised(ValueError, fram.write, -1, b"a")


class Channel:
    """A converter that reads the divider only while it is switched on."""

    def __init__(self, raw):
        self.raw = raw
        self.powered = 0

    def power(self, level):
        self.powered = level

    def read_u16(self):
        return self.raw if self.powered else 0


def gauge(channel):
    counts = (64, 1024)
    return Gauge(
        channel, channel.power, lambda: None, lambda count: 2000000, 500, counts, lambda: -7
    )


def test_the_gauge_reads_the_storage_and_switches_off():
    channel = Channel(54067)
    assert abs(gauge(channel).voltage_uv() - 3300000) < 100
    assert channel.powered == 0
    assert gauge(channel).temperature_c() == -7


def test_the_gauge_switches_off_when_the_converter_fails():
    channel = Channel(0)
    channel.read_u16 = None
    raised(TypeError, gauge(channel).voltage_uv)
    assert channel.powered == 0


class Calendar:
    """machine.RTC().datetime and a backup register."""

    def __init__(self):
        self.tuple = (2015, 1, 1, 4, 0, 0, 0, 0)
        self.mark = 0

    def datetime(self, value=None):
        if value is None:
            return self.tuple
        assert self.mark == 0, "a cut here would leave a wrong clock valid"
        self.tuple = value

    def set_mark(self, value):
        self.mark = value


def rtc(calendar):
    return Rtc(calendar.datetime, lambda: calendar.mark, calendar.set_mark)


def test_the_clock_is_valid_once_set():
    calendar = Calendar()
    clock = rtc(calendar)
    assert not clock.valid()
    for unix_s in (1790000000, 1772323199, 1772323200, 4102444799):
        clock.set_s(unix_s)
        assert clock.valid()
        assert clock.now_s() == unix_s


def test_the_calendar_knows_its_weekday():
    calendar = Calendar()
    rtc(calendar).set_s(1790000000)
    assert calendar.tuple == (2026, 9, 21, 1, 14, 13, 20, 0)  # a Monday


def test_a_clock_that_lost_power_is_not_valid():
    calendar = Calendar()
    clock = rtc(calendar)
    clock.set_s(1790000000)
    calendar.mark = 0
    assert not clock.valid()


class Packet(bytearray):
    """lora.RxPacket."""

    rssi = -97
    snr = -14
    crc_error = False


class Modem:
    """The calls of micropython-lib's synchronous modem that the collar uses."""

    def __init__(self):
        self.settings = {}
        self.calls = []
        self.packet = None
        self.broken = False

    def configure(self, settings):
        self.settings.update(settings)

    def send(self, packet):
        self.calls.append("send")
        if self.broken:
            raise RuntimeError("busy")

    def recv(self, timeout_ms):
        self.calls.append("recv %d" % timeout_ms)
        return self.packet

    def sleep(self, warm_start=True):
        self.calls.append("warm" if warm_start else "cold")


def test_a_frame_goes_out_as_gateways_expect_it():
    modem = Modem()
    Radio(modem).send(868300000, 9, 125000, 14, b"x")
    assert modem.calls == ["warm", "send", "warm"]
    assert modem.settings["freq_khz"] == 868300
    assert (modem.settings["sf"], modem.settings["bw"]) == (9, "125")
    assert modem.settings["syncword"] == 0x34
    assert modem.settings["crc_en"] and not modem.settings["implicit_header"]
    assert modem.settings["output_power"] == 14


def test_the_window_listens_with_the_polarity_turned():
    modem = Modem()
    modem.packet = Packet(b"answer")
    assert Radio(modem).receive(869525000, 7, 125000, 50) == (b"answer", -97, -14)
    assert modem.settings["invert_iq_rx"]
    assert modem.calls == ["warm", "recv 72", "warm"]


def test_a_slow_rate_is_given_the_time_of_its_header():
    modem = Modem()
    Radio(modem).receive(869525000, 12, 125000, 263)
    assert modem.calls[1] == "recv %d" % (263 + 689)  # 21 symbols of 32.8 ms


def test_silence_and_damage_are_nothing():
    modem = Modem()
    assert Radio(modem).receive(869525000, 7, 125000, 50) is None
    modem.packet = Packet(b"answer")
    modem.packet.crc_error = True
    assert Radio(modem).receive(869525000, 7, 125000, 50) is None


def test_a_modem_that_fails_is_put_to_sleep():
    modem = Modem()
    modem.broken = True
    raised(RuntimeError, Radio(modem).send, 868300000, 9, 125000, 14, b"x")
    assert modem.calls[-1] == "warm"
    Radio(modem).close()
    assert modem.calls[-1] == "cold"


def test_an_unknown_bandwidth_is_named():
    error = raised(ValueError, Radio(Modem()).send, 868300000, 9, 62500, 14, b"x")
    assert "62500 Hz" in str(error)
