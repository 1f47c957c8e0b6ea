import functools
import math
import operator
import statistics
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.drivers import gnss as driver
from firmware.drivers.receiver import Limits, Session
from hardware.twin import parts, ubx
from hardware.twin.gnss import GnssReceiver
from hardware.twin.landscape import distance_m

START_UTC_S = 1_780_272_000
HERE = (46.66, 10.2, 2100.0)
POLL = ubx.frame(ubx.NAV_PVT)
QUIET = ubx.frame(ubx.CFG_VALSET, struct.pack("<BBHIB", 0, 1, 0, 0x10740002, 0))


def receiver(seed=1):
    return GnssReceiver(parts.load().gnss, seed, START_UTC_S, lambda _: HERE)


def switch_on(device, at_us=0):
    """Power, and no sentences from the start."""
    device.power(True, at_us)
    device.write(QUIET, at_us + 350_000)


def solutions(data):
    return [
        driver.decode_pvt(p, 2025) for kind, p in ubx.UbxParser().feed(data) if kind == ubx.NAV_PVT
    ]


def poll(device, now_us):
    device.read(now_us)
    device.write(POLL, now_us)
    return solutions(device.read(now_us + 500_000))[-1]


def first_fix_s(device, limit_s=600):
    switch_on(device)
    for second in range(1, limit_s):
        if poll(device, second * 1_000_000)[1] is not None:
            return second
    return limit_s


def test_without_power_it_is_silent():
    device = receiver()
    device.write(POLL, 5_000_000)
    assert device.read(6_000_000) == b""


def test_bytes_before_it_has_started_are_lost():
    device = receiver()
    device.power(True, 0)
    device.write(POLL, 100_000)
    device.write(POLL, 400_000)
    assert len(solutions(device.read(900_000))) == 1


def test_cold_starts_take_what_they_take_on_an_animal():
    times_s = sorted(first_fix_s(receiver(seed)) for seed in range(60))
    assert times_s[0] >= 18
    assert 36 <= times_s[30] <= 46
    assert times_s[-1] > 100  # a closed sky outlasts patience


def tell(device, now_us, error_s=0, lat_e7=466600000):
    """MGA-INI: time and place."""
    when = datetime.fromtimestamp(START_UTC_S + now_us // 1_000_000 + error_s, UTC)
    clock = (when.month, when.day, when.hour, when.minute, when.second)
    time = struct.pack("<BBBbHBBBBBxIHxxI", 0x10, 0, 0, 0, when.year, *clock, 0, 1, 0)
    place = struct.pack("<BBHiiiI", 1, 0, 0, lat_e7, 102000000, 210000, 10000)
    device.write(ubx.frame(ubx.MGA_INI, time) + ubx.frame(ubx.MGA_INI, place), now_us)


def saved(device, now_us):
    """The receiver's own data, asked for after a fix."""
    device.read(now_us)
    device.write(ubx.frame(ubx.MGA_DBD), now_us)
    frames = ubx.UbxParser().feed(b"".join(device.read(now_us + s * 250_000) for s in range(20)))
    return [payload for kind, payload in frames if kind == ubx.MGA_DBD]


def restarted(device, age_s, messages, **told):
    """Time to fix after a restart `age_s` later, with the messages restored."""
    device.power(False, 200_000_000)
    on_us = (200 + age_s) * 1_000_000
    switch_on(device, on_us)
    tell(device, on_us + 400_000, **told)
    for message in messages:
        device.write(ubx.frame(ubx.MGA_DBD, message), on_us + 500_000)
    return (device.fix_at_us() - on_us) / 1e6


def test_a_dump_of_more_than_fits_behind_a_busy_line_is_whole():
    device = receiver(1)
    switch_on(device)
    for hour in (0, 1, 2):
        device.session.knowledge.decode(START_UTC_S + hour * 3600, 8)
    device.read(7200_000_000)
    device.write(ubx.frame(ubx.MGA_DBD), 7200_000_000)
    arrived = b"".join(device.read(7200_000_000 + s * 250_000) for s in range(20))
    frames = ubx.UbxParser().feed(arrived)
    dumped = [payload for kind, payload in frames if kind == ubx.MGA_DBD]
    assert len(dumped) * 104 > parts.load().gnss.backlog_bytes
    assert frames[-1] == (ubx.MGA_ACK, bytes((1, 0, 0, 0x80)) + struct.pack("<I", len(dumped)))


def test_own_data_make_a_start_hot_and_wear_out_in_hours():
    hot, older, void = [], [], []
    for seed in range(12):
        device = receiver(seed)
        switch_on(device)
        messages = saved(device, max(device.fix_at_us(), 60_000_000))
        hot.append(restarted(device, 60, messages))
        older.append(restarted(device, 2 * 3600, messages))
        void.append(restarted(device, 5 * 3600, messages))
    assert len(messages) == 8 and max(map(len, messages)) <= 164
    assert statistics.median(hot) < 6 < statistics.median(older) < 20
    assert statistics.median(void) > 30


def holds(device, now_us):
    """For how many quarters of an hour its orbits hold (NAV-ORB)."""
    device.read(now_us)
    device.write(ubx.frame(ubx.NAV_ORB), now_us)
    payload = ubx.UbxParser().feed(device.read(now_us + 500_000))[-1][1]
    return [payload[at + 3] & 31 for at in range(8, len(payload), 6)]


def test_a_receiver_that_stays_on_after_its_fix_hears_its_orbits_anew():
    device = receiver()
    switch_on(device)
    messages = saved(device, 60_000_000)
    first = holds(device, 70_000_000)
    assert 8 <= min(first) < max(first) <= 16  # quarters: a set is sent for 2 h and holds for 4
    on_s = 200 + 7200
    assert restarted(device, 7200, messages) < 20
    assert max(holds(device, (on_s + 20) * 1_000_000)) <= 8
    assert sum(quarters > 8 for quarters in holds(device, (on_s + 60) * 1_000_000)) == 8


def test_own_data_help_no_other_receiver_and_no_wrong_clock():
    device = receiver(1)
    switch_on(device)
    messages = saved(device, max(device.fix_at_us(), 60_000_000))
    assert restarted(device, 60, messages) < 8
    assert restarted(device, 60, messages, error_s=100) > 15
    assert restarted(device, 60, messages, lat_e7=-466600000) > 15
    assert restarted(receiver(2), 60, messages) > 15


def test_a_hot_start_hears_no_orbits():
    device = receiver(1)
    switch_on(device)
    messages = saved(device, max(device.fix_at_us(), 60_000_000))
    restarted(device, 60, messages)
    assert saved(device, 280_000_000) == messages


def test_aid_is_an_option_that_needs_time_and_place():
    device = receiver(1)
    device.aided = True
    assert restarted(device, 60, []) < 6
    device = receiver(1)
    device.aided = True
    device.power(True, 0)
    assert device.fix_at_us() > 18_000_000


def test_another_rate_of_the_line_is_noise_until_both_agree():
    device = receiver()
    switch_on(device)
    device.read(1_000_000)
    rate = struct.pack("<BBHII", 0, 1, 0, 0x40520001, 115_200)
    device.write(ubx.frame(ubx.CFG_VALSET, rate), 1_000_000)
    assert [kind for kind, _ in ubx.UbxParser().feed(device.read(1_500_000))] == [ubx.ACK_ACK]
    device.write(POLL, 2_000_000)
    assert not device.read(2_500_000)
    device.set_baud(115_200)
    assert len(poll(device, 3_000_000)) == 2


def test_few_weak_satellites_tell_of_a_closed_sky():
    heard = {True: [], False: []}
    for seed in range(80):
        device = receiver(seed)
        switch_on(device)
        device.read(9_000_000)
        device.write(ubx.frame(ubx.NAV_SAT), 9_000_000)
        payload = ubx.UbxParser().feed(device.read(9_900_000))[-1][1]
        heard[device.fix_at_us() > 90_000_000].append((payload[5], payload[10]))
    assert max(count for count, _ in heard[True]) < min(count for count, _ in heard[False])
    assert max(cno for _, cno in heard[True]) < 25 < min(cno for _, cno in heard[False])


def test_every_power_on_is_a_cold_start():
    device = receiver()
    first = first_fix_s(device)
    device.power(False, 700_000_000)
    switch_on(device, 701_000_000)
    assert poll(device, 720_000_000) == (None, None)
    assert device.searches == 2 and device.failed == 0 and first < 600


def test_a_search_without_a_fix_counts_as_failed():
    device = receiver()
    switch_on(device)
    device.power(False, 20_000_000)
    assert device.failed == 1


def test_time_is_valid_some_seconds_before_the_position():
    device = receiver()
    switch_on(device)
    states = [poll(device, s * 1_000_000) for s in range(1, 90)]
    timed = next(i for i, (unix_s, _) in enumerate(states) if unix_s is not None)
    fixed = next(i for i, (_, solution) in enumerate(states) if solution is not None)
    assert 2 <= fixed - timed <= 10


def test_epochs_are_whole_utc_seconds():
    device = receiver()
    switch_on(device)
    unix_s, solution = poll(device, 400_700_000)
    assert unix_s == solution.unix_s == START_UTC_S + 400


def test_no_position_is_outside_the_noise_bound():
    bound_m = receiver().noise_bound_m
    worst_m = 0.0
    for seed in range(150):
        device = receiver(seed)
        switch_on(device)
        solution = poll(device, device.fix_at_us() + 1_000_000)[1]
        worst_m = max(
            worst_m, distance_m(HERE, (solution.lat_e7 / 1e7, solution.lon_e7 / 1e7, HERE[2]))
        )
    assert 0.3 * bound_m < worst_m <= bound_m


def test_reported_accuracy_is_honest():
    inside = 0
    for seed in range(200):
        device = receiver(seed)
        switch_on(device)
        solution = poll(device, device.fix_at_us() + 1_000_000)[1]
        place = (solution.lat_e7 / 1e7, solution.lon_e7 / 1e7, HERE[2])
        inside += distance_m(HERE, place) <= solution.accuracy_mm / 1000
    assert 0.5 < inside / 200 < 0.9  # stated at 68 %


def test_periodic_output_comes_once_a_second_when_asked_for():
    device = receiver()
    switch_on(device)
    values = struct.pack("<BBHIBIB", 0, 1, 0, 0x20910007, 1, 0x10740002, 0)
    device.read(1_000_000)
    device.write(ubx.frame(ubx.CFG_VALSET, values), 1_000_000)
    stream = b"".join(device.read(half * 500_000) for half in range(3, 24))
    kinds = [kind for kind, _ in ubx.UbxParser().feed(stream)]
    assert kinds.count(ubx.ACK_ACK) == 1
    assert kinds.count(ubx.NAV_PVT) in (10, 11)


def test_malformed_configuration_is_refused():
    device = receiver()
    switch_on(device)
    device.read(1_000_000)
    device.write(ubx.frame(ubx.CFG_VALSET, b"\x00\x01\x00\x00\x07"), 1_000_000)
    device.write(ubx.frame((0x06, 0x01), b"\x01\x07\x01"), 1_000_000)
    kinds = [kind for kind, _ in ubx.UbxParser().feed(device.read(2_000_000))]
    assert kinds == [ubx.ACK_NAK, ubx.ACK_NAK]


def unasked(seconds):
    """Bytes of each second's read from a receiver nobody has told anything."""
    device = receiver()
    device.power(True, 0)
    return [device.read(second * 1_000_000) for second in range(1, seconds)]


def test_sentences_come_unasked_with_their_checksums():
    lines = b"".join(unasked(5)).split(b"\r\n")[:-1]
    assert {line[3:6] for line in lines} == {b"RMC", b"VTG", b"GGA", b"GSA", b"GSV", b"GLL"}
    for line in lines:
        body, _, parity = line[1:].partition(b"*")
        assert functools.reduce(operator.xor, body) == int(parity, 16)


def test_sentences_fill_the_line_and_the_buffer():
    counts = [len(data) for data in unasked(60)]
    assert counts[3] > 200
    assert max(counts) == parts.load().gnss.buffer_bytes == 512
    assert counts[-1] == 512


def test_an_answer_waits_for_the_line():
    device = receiver()
    device.power(True, 0)
    for tenth in range(1, 101):
        device.read(tenth * 100_000)
    device.write(POLL, 10_050_000)
    assert not solutions(device.read(10_200_000))
    assert solutions(b"".join(device.read(tenth * 100_000) for tenth in range(103, 120)))


def test_what_the_buffer_has_no_room_for_is_lost():
    device = receiver()
    device.power(True, 0)
    device.read(60_000_000)
    for tenth in range(3):
        device.write(POLL, 60_000_000 + tenth * 100_000)
    assert len(solutions(device.read(64_000_000))) < 3


def test_the_collars_search_is_undisturbed_by_sentences():
    class Port:
        """Switch and line of the collar, and its clock, in virtual time."""

        def __init__(self):
            self.device, self.now_us = receiver(), 5_300_000

        def power(self, on):
            self.device.power(on, self.now_us)

        def set_baud(self, baud):
            self.device.set_baud(baud)

        def write(self, data):
            self.device.write(data, self.now_us)

        def read(self):
            return self.device.read(self.now_us)

        def ticks_ms(self):
            return self.now_us // 1000

        def sleep_ms(self, ms):
            self.now_us += ms * 1000

        def stop_ms(self, ms):
            self.now_us += ms * 1000
            self.device.drop(self.now_us)

    port = Port()
    limits = Limits(120_000, 50_000, 600, 2025, 5_000, 9_000, 120_000)
    session = Session(port, port, lambda: None)
    outcome = session.run(limits)
    session.close()
    took_ms = port.device.searches and outcome.duration_ms
    device = receiver()
    device.power(True, 5_300_000)
    true_ms = device.fix_at_us() // 1000 - 5_300
    assert outcome.solution is not None
    assert true_ms <= took_ms <= true_ms + 4000  # and three epochs agree


@given(st.binary(max_size=300))
@settings(derandomize=True, max_examples=100)
def test_garbage_never_hides_the_next_poll(noise):
    device = receiver()
    switch_on(device)
    device.write(noise, 1_000_000)
    device.write(bytes(1100) + POLL, 1_000_000)  # longer than any frame the noise may have begun
    device.read(1_000_000)
    assert solutions(device.read(2_000_000))


def test_checksum_is_the_interface_descriptions():
    assert ubx.frame((0x06, 0x04), bytes(4)).hex() == "b562060404000000" + "0000" + "0e64"
    assert ubx.checksum(b"\x01\x07\x00\x00") == driver.checksum(b"\x01\x07\x00\x00")


def test_height_is_near_the_true_one():
    device = receiver()
    switch_on(device)
    solution = poll(device, 500_000_000)[1]
    assert math.isclose(solution.altitude_mm / 1000, HERE[2], abs_tol=4 * 1.7 * 4)


@pytest.mark.parametrize("cut", [1, 2, 5, 7])
def test_poll_in_two_pieces_is_answered(cut):
    device = receiver()
    switch_on(device)
    device.write(POLL[:cut], 1_000_000)
    device.write(POLL[cut:], 1_100_000)
    assert len(solutions(device.read(1_900_000))) == 1
