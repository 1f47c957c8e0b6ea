from firmware.bridge.clock import Clock
from firmware.bridge.protocol import Bridge, DutyCycle
from firmware.bridge.radio import Radio
from firmware.wire import bridge as wire
from firmware.wire import region
from firmware.wire.airtime import airtime_us

ACK_HZ = region.ACK_CHANNEL.freq_hz
UPLINK_HZ = region.UPLINK_CHANNELS[0].freq_hz
DATA = b"\xe0" + bytes(20)


class Packet(bytes):
    crc_error = False
    rssi, snr, ticks_ms = -100, 12, 0


class Modem:
    """The driver, with a clock of its own; a send takes 50 ms."""

    def __init__(self, bench):
        self._bench = bench
        self.calls = []
        self.packets = []
        self.crc_errors = 0
        self.sent_at_us = None
        self.stuck = False

    def standby(self):
        self.calls.append("standby")

    def configure(self, settings):
        self.settings = settings

    def start_recv(self, continuous):
        self.calls.append("receive")

    def poll_recv(self):
        return self.packets.pop(0) if self.packets else True

    def prepare_send(self, data):
        self.data = data

    def start_send(self):
        self.calls.append("send")
        self.sent_at_us = self._bench.us

    def poll_send(self):
        return True if self.stuck or self._bench.us < self.sent_at_us + 50000 else 7


class Bench:
    """A bridge whose time moves only when it is looked at, by 10 us, or by `wait`."""

    def __init__(self, **changes):
        self.us = 0
        self.written = []
        self.splitter = wire.Splitter()
        self.modem = Modem(self)
        self.clock = Clock(self.tick, lambda: self.us // 1000, lambda a, b: a - b)
        self.radio = Radio(self.modem, self.clock)
        self.bridge = Bridge(5, 1, self.radio, self.write, self.clock.now_us, **changes)

    def tick(self):
        self.us += 10
        return self.us

    def write(self, data):
        self.written += [wire.decode(chunk) for chunk in self.splitter.feed(data)]

    def said(self, kind):
        return [message for message in self.written if isinstance(message, kind)]

    def tell(self, message):
        self.bridge.feed(wire.encode(message))

    def wait(self, us):
        end_us = self.us + us
        while self.us < end_us:
            self.us += 500
            self.radio.poll(self.bridge)

    def hear(self, data=DATA):
        packet = Packet(data)
        packet.ticks_ms = self.us // 1000
        self.modem.packets.append(packet)
        self.wait(1000)
        return self.said(wire.Received)[-1]

    def answer(self, reception, at_us, **changes):
        fields = {"power_dbm": 14, "freq_hz": ACK_HZ, "sf": 7, "bw_hz": 125000, "data": b"ack"}
        for name in changes:
            fields[name] = changes[name]
        self.tell(
            wire.Transmit(
                9,
                reception,
                at_us,
                fields["freq_hz"],
                fields["sf"],
                fields["bw_hz"],
                fields["power_dbm"],
                fields["data"],
            )
        )

    def statuses(self):
        return [message.status for message in self.said(wire.Transmitted)]


def test_frame_is_told_and_kept_until_it_is_released():
    bench = Bench()
    received = bench.hear()
    assert received.data == DATA and (received.rssi_dbm, received.snr_qdb) == (-100, 12)
    assert (received.freq_hz, received.sf) == (UPLINK_HZ, 7)
    bench.tell(wire.Configure(1, 0))
    assert bench.said(wire.Received) == [received, received]
    bench.tell(wire.Release(received.reception))
    bench.tell(wire.Ping(3))
    assert bench.said(wire.Pong)[0].held == 0


def test_hello_tells_number_and_protocol():
    bench = Bench()
    bench.tell(wire.Configure(1, 0))
    hello = bench.said(wire.Hello)[0]
    assert (hello.protocol, hello.bridge, hello.utc_us) == (wire.PROTOCOL, 5, 0)


def test_answer_begins_at_its_time_with_inverted_iq_and_reception_goes_on():
    bench = Bench()
    received = bench.hear()
    at_us = received.ticks_us + region.RX_DELAY_US
    bench.answer(received.reception, at_us)
    bench.wait(1200000)
    assert 0 <= bench.modem.sent_at_us - at_us <= 100
    assert bench.modem.data == b"ack" and bench.modem.calls[-2:] == ["standby", "receive"]
    assert bench.modem.settings["invert_iq_rx"] is False
    report = bench.said(wire.Transmitted)[0]
    assert report.status == wire.SENT and report.airtime_us == airtime_us(7, 125000, 3)


def test_answer_of_the_past_and_second_answers_are_too_late():
    bench = Bench()
    received = bench.hear()
    bench.answer(received.reception, 0)
    bench.answer(received.reception, bench.us + 100000)
    assert bench.statuses() == [wire.TOO_LATE, wire.TOO_LATE] and bench.bridge.late == 2


def test_what_the_law_forbids_is_not_sent():
    bench = Bench()
    bench.tell(wire.Listen(UPLINK_HZ, 7, 125000, 300))
    bench.answer(0, bench.us + 100000, power_dbm=27)  # 27 dBm ERP, and 0.85 dB too many
    bench.answer(0, bench.us + 100000, freq_hz=869300000)
    bench.wait(300000)
    assert bench.statuses() == [wire.NOT_SENT, wire.NOT_SENT] and bench.modem.sent_at_us is None


def test_no_more_is_asked_of_the_amplifier_than_it_has():
    bench = Bench(most_dbm=20)
    bench.answer(0, bench.us + 100000, power_dbm=25)
    bench.wait(110000)
    assert bench.modem.settings["output_power"] == 20


def test_two_transmissions_do_not_overlap():
    bench = Bench()
    bench.answer(0, bench.us + 100000)
    bench.answer(0, bench.us + 120000)
    bench.wait(400000)
    assert sorted(bench.statuses()) == [wire.SENT, wire.NOT_SENT]


def test_transmission_that_never_ends_is_an_error_and_reception_goes_on():
    bench = Bench()
    bench.modem.stuck = True
    bench.answer(0, bench.us + 100000)
    bench.wait(1000000)
    assert bench.statuses() == [wire.RADIO_ERROR] and bench.modem.calls[-1] == "receive"


def test_oldest_frame_is_dropped_and_counted_when_too_many_wait():
    bench = Bench(held_limit=2)
    first = bench.hear(DATA + b"1")
    bench.hear(DATA + b"2")
    bench.hear(DATA + b"3")
    assert not bench.bridge.holds(first.reception)
    bench.tell(wire.Ping(1))
    pong = bench.said(wire.Pong)[0]
    assert (pong.held, pong.dropped) == (2, 1)


def test_station_chooses_the_channel():
    bench = Bench()
    bench.tell(wire.Listen(868500000, 9, 125000, 0))
    assert (bench.modem.settings["freq_khz"], bench.modem.settings["sf"]) == (868500, 9)
    assert bench.hear().sf == 9


def test_damaged_packet_is_not_told():
    bench = Bench()
    packet = Packet(DATA)
    packet.crc_error = True
    bench.modem.packets.append(packet)
    bench.wait(2000)
    assert bench.said(wire.Received) == []


def test_noise_is_counted_and_the_next_message_heard():
    bench = Bench()
    bench.bridge.feed(b">>> print(1)\r\n\x00\x00" + wire.encode(wire.Ping(8)))
    assert bench.bridge.noise == 1 and bench.said(wire.Pong)[0].token == 8


def test_duty_cycle_holds_in_every_hour():
    duty = DutyCycle()
    band = region.sub_band(ACK_HZ)
    sent = []
    at_us = refused = 0
    for i in range(300):
        at_us += (i * 7919 % 120) * 1000000
        end_us = at_us + 1000000 + i * 31337 % 9000000
        if duty.book(at_us, end_us - at_us, band):
            sent = [one for one in sent if one[1] > end_us - 3600000000] + [(at_us, end_us)]
            used = 0
            for one in sent:
                used += one[1] - max(one[0], end_us - 3600000000)
            assert used <= 3600000 * band.duty_permille
        else:
            refused += 1
        at_us = end_us
    assert 0 < refused < 200


def test_clock_does_not_wrap():
    ticks = [0]
    diff = lambda a, b: ((a - b + 512) & 1023) - 512  # noqa: E731
    clock = Clock(lambda: ticks[0] & 1023, lambda: 0, diff)
    for _ in range(20):
        ticks[0] += 300
        now_us = clock.now_us()
    assert now_us == 6000
