import contextlib
import os
import threading

import pytest
import serial

from firmware.wire import bridge as wire
from firmware.wire import region
from firmware.wire.airtime import airtime_us
from hardware.twin import Air, StationSilent
from hardware.twin.bridge import Bridge
from hardware.twin.ether import Ether
from hardware.twin.hub import Hub

STATION = (46.66, 10.2, 2000.0)
NEAR = (46.661, 10.2, 2000.0)
START_UTC_S = 1_780_272_000
ACK_HZ = region.ACK_CHANNEL.freq_hz


class Bench:
    """A bridge, its hub and ether, and a line to it as a station would open it."""

    def __init__(self, answer_limit_s=5.0, station_gain_db=2.0):
        self.hub = Hub()
        self.ether = Ether(
            self.hub,
            Air(fading_db=0.0, shadowing_db=0.0, station_gain_db=station_gain_db),
            1,
            STATION,
        )
        self.bridge = Bridge(self.hub, self.ether, START_UTC_S, answer_limit_s=answer_limit_s)
        self.splitter = wire.Splitter()
        self.received = []
        self.open()

    def open(self):
        self.line = serial.Serial(self.bridge.port, exclusive=True, timeout=5)
        self.splitter = wire.Splitter()
        self.received = []

    def close(self):
        self.line.close()
        self.bridge.close()

    def tell(self, message):
        self.line.write(wire.encode(message))

    def hear(self, kind):
        """The next message of a kind from the bridge."""
        while True:
            for message in self.received:
                if isinstance(message, kind):
                    self.received.remove(message)
                    return message
            data = self.line.read(max(1, self.line.in_waiting))
            assert data, f"no {kind.__name__} came"
            self.received += [wire.decode(chunk) for chunk in self.splitter.feed(data)]

    def send_up(self, data=b"frame", at_us=1_000_000):
        self.hub.at(at_us, lambda: self.ether.uplink(1, NEAR, 868_100_000, 9, 125_000, 14, data))

    def transmit(self, number, at_us, in_reply_to=0, power_dbm=14, freq_hz=ACK_HZ, count=20):
        self.tell(
            wire.Transmit(number, in_reply_to, at_us, freq_hz, 9, 125_000, power_dbm, bytes(count))
        )


@pytest.fixture
def bench():
    bench = Bench()
    with contextlib.closing(bench.bridge):
        yield bench
        bench.line.close()


def run_in_background(bench, end_us):
    thread = threading.Thread(target=bench.hub.run_until, args=(end_us,))
    thread.start()
    return thread


def test_configure_is_answered_with_hello(bench):
    bench.tell(wire.Configure(region.EU868, 0))
    hello = bench.hear(wire.Hello)
    assert hello.protocol == wire.PROTOCOL and hello.utc_us == START_UTC_S * 1_000_000
    bench.bridge.wait_configured(1.0)


def test_without_a_station_the_wait_ends_with_the_ports_name(bench):
    with pytest.raises(StationSilent, match=bench.bridge.port):
        bench.bridge.wait_configured(0.05)


def test_ping_is_answered_while_time_stands_still(bench):
    bench.tell(wire.Ping(77))
    pong = bench.hear(wire.Pong)
    assert (pong.token, pong.held) == (77, 0)


def test_noise_on_the_line_is_counted_and_passed_over(bench):
    bench.line.write(b">>> print('hello')\r\n\x00\x01\x02\x00")
    bench.tell(wire.Ping(1))
    bench.hear(wire.Pong)
    assert bench.bridge.noise == 2


def test_time_waits_for_the_stations_answer(bench):
    bench.send_up()
    thread = run_in_background(bench, 10_000_000)
    received = bench.hear(wire.Received)
    assert bench.hub.now_us == received.ticks_us
    assert received.data == b"frame" and received.sf == 9 and received.snr_qdb > 0
    bench.tell(wire.Release(received.reception))
    thread.join(5)
    assert bench.hub.now_us == 10_000_000 and bench.bridge.unanswered == 0


def test_an_answer_goes_out_at_its_time(bench):
    bench.send_up()
    thread = run_in_background(bench, 10_000_000)
    received = bench.hear(wire.Received)
    at_us = received.ticks_us + region.RX_DELAY_US
    bench.transmit(5, at_us, in_reply_to=received.reception)
    thread.join(5)
    report = bench.hear(wire.Transmitted)
    assert (report.transmission, report.status) == (5, wire.SENT)
    assert report.ticks_us == at_us + report.airtime_us
    sent = bench.ether.find_downlink(at_us - 5000, at_us + 45_000, ACK_HZ, 9, 125_000)
    assert sent is not None and sent.data == bytes(20)


def test_a_transmission_in_the_past_is_too_late(bench):
    bench.hub.run_until(5_000_000)
    bench.transmit(6, 4_999_999)
    wait_posted(bench)
    assert bench.hear(wire.Transmitted).status == wire.TOO_LATE
    assert bench.bridge.late == 1


def wait_posted(bench):
    """Ping, so that the line has been read, then let the hub act on it."""
    bench.tell(wire.Ping(0))
    bench.hear(wire.Pong)
    bench.hub.run_until(bench.hub.now_us)


def test_duty_cycle_is_refused_and_free_again_after_an_hour(bench):
    for number in range(400):  # each takes about a second: a tenth of an hour is 360 s
        bench.transmit(number, number * 2_000_000 + 1_000_000, count=190)
    wait_posted(bench)
    bench.hub.run_until(3_600_000_000)
    statuses = [bench.hear(wire.Transmitted).status for _ in range(400)]
    sent = statuses.count(wire.SENT)
    assert statuses.count(wire.DUTY_CYCLE_REFUSED) == 400 - sent == bench.bridge.refused
    assert sent == 360_000_000 // airtime_us(9, 125_000, 190)
    bench.hub.run_until(7_200_000_000)
    bench.transmit(999, 7_200_000_001, count=190)
    wait_posted(bench)
    bench.hub.run_until(7_300_000_000)
    assert bench.hear(wire.Transmitted).status == wire.SENT


@pytest.mark.parametrize("fault", [{"freq_hz": 869_300_000}, {"power_dbm": 28}])
def test_what_the_radio_must_not_do_is_not_sent(bench, fault):
    bench.transmit(8, 1_000_000, **fault)
    wait_posted(bench)
    assert bench.hear(wire.Transmitted).status == wire.NOT_SENT


def test_the_antenna_counts_in_what_the_bridge_may_radiate():
    for gain_db, status in ((2.15, wire.SENT), (2.16, wire.NOT_SENT)):
        with contextlib.closing(Bench(station_gain_db=gain_db)) as bench:
            bench.transmit(8, 1_000_000, power_dbm=27)
            wait_posted(bench)
            bench.hub.run_until(3_000_000)
            assert bench.hear(wire.Transmitted).status == status


def test_no_more_is_sent_than_the_amplifier_has(bench):
    bench.transmit(8, 1_000_000, power_dbm=27)
    wait_posted(bench)
    sent = bench.ether.find_downlink(995_000, 1_045_000, ACK_HZ, 9, 125_000)
    assert sent.power_dbm == 22


def test_an_unanswered_frame_comes_again_after_configure(bench):
    bench.bridge.answer_limit_s = 0.05
    bench.send_up(b"first")
    bench.hub.run_until(2_000_000)
    assert bench.bridge.unanswered == 1
    bench.hear(wire.Received)
    bench.line.close()
    bench.open()
    bench.tell(wire.Configure(region.EU868, 0))
    bench.hear(wire.Hello)
    again = bench.hear(wire.Received)
    assert again.data == b"first"
    bench.tell(wire.Release(again.reception))
    bench.tell(wire.Ping(0))
    bench.hear(wire.Pong)
    bench.hub.run_until(2_000_001)
    bench.tell(wire.Ping(1))
    assert bench.hear(wire.Pong).held == 0


def test_frames_heard_while_the_port_is_closed_are_kept(bench):
    bench.bridge.answer_limit_s = 0.02
    bench.line.close()
    for number in range(40):
        bench.send_up(bytes((number,)) * 200, at_us=number * 5_000_000)
    bench.hub.run_until(300_000_000)
    bench.open()
    bench.tell(wire.Configure(region.EU868, 0))
    bench.hear(wire.Hello)
    assert [bench.hear(wire.Received).data[0] for _ in range(40)] == list(range(40))


def test_two_stations_cannot_open_the_port_at_once(bench):
    with pytest.raises(serial.SerialException):
        serial.Serial(bench.bridge.port, exclusive=True)


def test_closing_leaves_no_open_files():
    before = len(os.listdir("/proc/self/fd"))
    bench = Bench()
    bench.line.close()
    bench.bridge.close()
    assert len(os.listdir("/proc/self/fd")) == before
