"""A collar on a desk: real firmware, a memory, a sky that speaks UBX, a station that answers.

Time is virtual. Everything a wake loses is built anew by `wake`; everything that lasts is here.
"""

import struct

from firmware.app import step
from firmware.board import RESET_BROWNOUT, RESET_POWER_ON, RESET_STANDBY_WAKE
from firmware.boards._costs_collar_l476 import COSTS
from firmware.civil import civil_from_unix
from firmware.drivers.gnss import pack
from firmware.state import write_identity
from firmware.wire import ack, aes, data, frame, hello, ranges
from firmware.wire.airtime import airtime_us, header_ms
from firmware.wire.identity import first_generation

from .memory import Memory, PowerCut

START_S = 1790000000
KEY = bytes(range(16))
COLLAR = 7
EPOCH = 3
GENERATION = first_generation(EPOCH)


def pvt(unix_s, lat_e7, lon_e7, fix_type=3, valid=7, accuracy_mm=2500, pdop_e2=180, flags=1):
    """A NAV-PVT frame."""
    year, month, day, _, hour, minute, second = civil_from_unix(unix_s)
    body = bytearray(92)
    struct.pack_into("<HBBBBBB", body, 4, year, month, day, hour, minute, second, valid)
    body[20], body[21], body[23] = fix_type, flags, 9
    struct.pack_into("<iiiiI", body, 24, lon_e7, lat_e7, 1650000, 1600000, accuracy_mm)
    struct.pack_into("<H", body, 76, pdop_e2)
    return pack(0x01, 0x07, bytes(body))


class Sky:
    """A receiver that knows the position `search_s` after it is switched on."""

    def __init__(self, desk):
        self._desk = desk
        self._on_at_ms = None
        self._out = b""

    def power(self, on):
        self._on_at_ms = self._desk.now_ms if on else None
        self._out = b""

    def write(self, request):
        if self._on_at_ms is None or b"\xb5\x62\x01\x07" not in request:
            return
        since_s = (self._desk.now_ms - self._on_at_ms) // 1000
        self._out = self._desk.sky(self._desk.now_ms // 1000, since_s)

    def read(self):
        out, self._out = self._out, b""
        return out

    def set_baud(self, baud):
        self._desk.baud = baud


class Shaken:
    """An accelerometer; `moves` and `missing` are the desk's."""

    def __init__(self, desk):
        self._desk = desk

    def start(self, threshold_mg):
        if self._desk.missing:
            raise OSError("accelerometer")

    def moved(self):
        return self._desk.moves

    def samples(self):
        shake = 200 if self._desk.moves else 3
        return [(shake if n % 2 else -shake, 0, 1000) for n in range(32)]


class Station:
    """Holds every record it hears once, and proves that no nonce and no number comes twice."""

    def __init__(self):
        self.encrypt = aes.block_cipher(KEY)
        self.nonces = {}
        self.records = {}
        self.shown = []
        self.held = {}
        self.counter = 0
        self.margin_db = 10
        self.hellos = []
        self.orders = []  # (kind, payload), each sent once instead of an acknowledgement

    def copy(self):
        twin = Station()
        twin.nonces = dict(self.nonces)
        twin.records = dict(self.records)
        twin.held = dict(self.held)
        twin.counter = self.counter
        return twin

    def hear(self, sealed, now_s):
        """Store a frame; return the sealed acknowledgement."""
        header, payload = frame.open_frame(self.encrypt, frame.UPLINK, EPOCH, sealed)
        assert self.nonces.get(header.counter, sealed) == sealed, "nonce used twice"
        self.nonces[header.counter] = sealed
        if header.kind == frame.HELLO:
            self.hellos.append(hello.decode(payload))
            generation, records = self.hellos[-1].generation, []
        else:
            generation, records, undated = data.decode(payload)
            self.shown += undated  # not kept: they come again with their time
        held = self.held.get(generation, [])
        for record in records:
            known = self.records.get((generation, record.record), record)
            assert known == record, "number used twice"
            self.records[(generation, record.record)] = record
            held = ranges.add(held, record.record, record.record)
        self.held[generation] = held
        kind, answer = frame.ACK, ack.encode(ack.Ack(generation, now_s, self.margin_db, held), 48)
        if self.orders:
            kind, answer = self.orders.pop(0)
        self.counter += 1
        head = frame.Header(frame.VERSION, kind, header.collar, self.counter)
        return frame.seal_frame(self.encrypt, frame.DOWNLINK, EPOCH, head, answer)


class Radio:
    """The air between collar and station."""

    def __init__(self, desk):
        self._desk = desk
        self._answer = None

    def send(self, freq_hz, sf, bw_hz, power_dbm, data):
        desk = self._desk
        if desk.radio_error is not None:
            raise desk.radio_error
        desk.sent.append((desk.now_ms, freq_hz, sf, power_dbm, len(data)))
        if desk.hears and desk.listens(freq_hz, sf):
            self._answer = desk.station.hear(data, desk.now_ms // 1000)
        self._ended_ms = desk.now_ms

    def receive(self, freq_hz, sf, bw_hz, window_ms):
        desk = self._desk
        desk.opened_ms = desk.now_ms - self._ended_ms
        if not desk.answers or self._answer is None:
            desk.now_ms += window_ms + header_ms(sf, bw_hz)
            return None
        desk.now_ms += airtime_us(sf, bw_hz, len(self._answer)) // 1000
        return self._answer, -90, 20


class Board:
    """One wake's hardware; offers the members of firmware.board.Board."""

    def __init__(self, desk, cause):
        self._desk = desk
        self._cause = cause
        self.fram = desk.memory
        self.rtc = self.gauge = self.clock = desk
        self.gnss = Sky(desk)
        self.accelerometer = Shaken(desk)
        self.radio = Radio(desk)
        self.costs = desk.costs

    def arm_wakeup(self, seconds):
        assert 1 <= seconds <= 129600
        self._desk.armed_s = seconds

    def feed_watchdog(self):
        self._desk.fed_ms = self._desk.now_ms

    def reset_cause(self):
        return self._cause


class Desk:
    """What lasts from wake to wake; `sky`, `hears`, `answers` and the rest may be changed."""

    def __init__(self, memory=None, station=None):
        self.memory = memory or Memory()
        self.station = station or Station()
        self.now_ms = START_S * 1000
        self.clock_offset_s = None  # of the collar's clock; None while it was never set
        self.armed_s = 0
        self.fed_ms = self.now_ms
        self.noise = 0
        self.voltage = 3300000
        self.search_s = 30
        self.sent = []
        self.opened_ms = None
        self.hears = self.answers = True
        self.listens = lambda freq_hz, sf: True
        self.radio_error = None
        self.moves, self.missing = True, False
        self.costs = COSTS
        self.cause = RESET_POWER_ON

    def copy(self):
        """The same collar at the same moment, undisturbed by what happens to this one."""
        twin = Desk(self.memory.copy(), self.station.copy())
        twin.now_ms, twin.fed_ms = self.now_ms, self.fed_ms
        twin.clock_offset_s, twin.cause = self.clock_offset_s, self.cause
        twin.listens = self.listens
        return twin

    def provision(self):
        write_identity(self.memory, COLLAR, EPOCH, KEY)
        return self

    def sky(self, now_s, since_s):
        if since_s < self.search_s:
            return pvt(now_s, 0, 0, fix_type=0, valid=0)
        return pvt(now_s, 466600000 + now_s % 86400 * 100, 102000000 - now_s % 3600 * 300)

    def wake(self):
        """One wake and the sleep after it; returns the task, None when the power was cut."""
        try:
            task = step(Board(self, self.cause))
            self.cause = RESET_STANDBY_WAKE
        except PowerCut:
            task = None
            self.cause = RESET_BROWNOUT
            self.memory.cut_after = None
        self.now_ms += self.armed_s * 1000
        return task

    def wakes(self, count):
        return [self.wake() for _ in range(count)]

    def until_empty(self, log, most=40):
        """Wake until every record is acknowledged."""
        for _ in range(most):
            if not log().pending(1) and self.station.records:
                return
            self.wake()
        raise AssertionError("records wait for ever")

    # board.rtc, board.gauge and board.clock are small enough to live here
    def now_s(self):
        return self.now_ms // 1000 + (self.clock_offset_s or 0)

    def valid(self):
        return self.clock_offset_s is not None

    def set_s(self, unix_s):
        self.clock_offset_s = unix_s - self.now_ms // 1000

    def voltage_uv(self, long=False):
        self.noise = (5 * self.noise + 3) % 64  # a converter that works has some
        return self.voltage + self.noise // 8

    def temperature_c(self):
        return -5

    def ticks_ms(self):
        return self.now_ms

    def stop_ms(self, ms):
        self.sleep_ms(ms)

    def sleep_ms(self, ms):
        self.now_ms += ms
        assert self.now_ms - self.fed_ms < 32000, "watchdog"
