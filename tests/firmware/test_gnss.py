import struct

from firmware.civil import civil_from_unix
from firmware.drivers import gnss

NOW = 1790000000


def pvt(**fields):
    """A NAV-PVT payload; the defaults are a good fix."""
    f = {
        "unix_s": NOW,
        "valid": 7,
        "fix_type": 3,
        "flags": 1,
        "lat_e7": 466600000,
        "lon_e7": -102000000,
        "altitude_mm": 1600499,
        "accuracy_mm": 2500,
        "pdop_e2": 180,
        "flags3": 0,
        "year": None,
    }
    f.update(fields)
    year, month, day, _, hour, minute, second = civil_from_unix(f["unix_s"])
    body = bytearray(92)
    date = (f["year"] or year, month, day, hour, minute, second, f["valid"])
    struct.pack_into("<HBBBBBB", body, 4, *date)
    body[20], body[21], body[23] = f["fix_type"], f["flags"], 8
    place = (f["lon_e7"], f["lat_e7"], 1650000, f["altitude_mm"], f["accuracy_mm"])
    struct.pack_into("<iiiiI", body, 24, *place)
    struct.pack_into("<HB", body, 76, f["pdop_e2"], f["flags3"])
    return bytes(body)


def message(**fields):
    return gnss.pack(0x01, 0x07, pvt(**fields))


class Port:
    """Answers the n-th poll with the n-th of `answers`; clock and switch in one."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.now_ms = 0
        self.on = None
        self.polls = []
        self.fed = 0

    def power(self, on):
        self.on = on

    def write(self, data):
        self.polls.append(data)

    def read(self):
        return self.answers.pop(0) if self.answers else b""

    def ticks_ms(self):
        return self.now_ms

    def sleep_ms(self, ms):
        assert self.on
        self.now_ms += ms

    def feed(self):
        self.fed += 1


def search(answers, timeout_ms=10000, accuracy_mm=50000, pdop_e2=600):
    port = Port(answers)
    return port, gnss.search(port, port, timeout_ms, accuracy_mm, pdop_e2, 2025, port.feed)


def test_a_poll_is_the_known_eight_bytes():
    assert gnss.pack(0x01, 0x07) == b"\xb5\x62\x01\x07\x00\x00\x08\x19"


def test_a_good_solution_is_decoded_field_by_field():
    unix_s, got = gnss.decode_pvt(pvt(), 2025)
    assert unix_s == NOW
    assert got == (NOW, 466600000, -102000000, 1600499, 2500, 180, 8)


def test_time_without_position_is_time():
    for fields in ({"fix_type": 0}, {"fix_type": 2}, {"flags": 0}, {"flags3": 1}):
        assert gnss.decode_pvt(pvt(**fields), 2025) == (NOW, None)


def test_position_without_resolved_time_is_nothing():
    for valid in (0, 1, 2, 3, 5, 6):
        assert gnss.decode_pvt(pvt(valid=valid), 2025) == (None, None)


def test_a_receiver_in_the_wrong_week_is_nothing():
    assert gnss.decode_pvt(pvt(year=2006), 2025) == (None, None)
    assert gnss.decode_pvt(pvt(year=2100), 2025) == (None, None)


def test_a_position_off_the_earth_is_refused():
    assert gnss.decode_pvt(pvt(lat_e7=900000001), 2025) == (NOW, None)
    assert gnss.decode_pvt(pvt(lon_e7=-1800000001), 2025) == (NOW, None)


def test_frames_are_found_in_noise_and_pieces():
    reader = gnss.Reader()
    stream = b"$GNRMC,1*00\r\n\xb5" + message() + b"\xb5\x62\xff\x00" + message(unix_s=NOW + 1)
    frames = []
    for i in range(len(stream)):
        frames += reader.feed(stream[i : i + 1])
    assert [frame[2] for frame in frames] == [pvt(), pvt(unix_s=NOW + 1)]


def test_a_damaged_frame_is_passed_over():
    data = bytearray(message())
    data[40] ^= 1
    assert gnss.Reader().feed(bytes(data) + message())[0][2] == pvt()


def test_the_buffer_stays_small_on_endless_noise():
    reader = gnss.Reader()
    for n in range(40):
        reader.feed(bytes((n * 7 + i * 11) & 0xFF for i in range(200)))
        reader.feed(b"\xb5\x62\x01\x07\xff\x01")
    assert len(reader._buffer) <= 520


def test_the_search_ends_with_the_first_good_solution():
    port, outcome = search([b"", message(fix_type=0), message(unix_s=NOW + 3), message()])
    assert outcome.solution.unix_s == outcome.unix_s == NOW + 3
    assert outcome.duration_ms == outcome.ticks_ms == 3000
    assert len(port.polls) == port.fed == 3
    assert all(poll.endswith(gnss.pack(0x01, 0x07)) for poll in port.polls)
    assert port.on is False


QUIET = b"\xb5\x62\x06\x8a\x09\x00\x00\x01\x00\x00\x02\x00\x74\x10\x00\x20\xb7"


def test_sentences_are_switched_off_until_the_receiver_says_so():
    done = gnss.pack(0x05, 0x01, b"\x06\x8a")
    other = gnss.pack(0x05, 0x01, b"\x06\x01")
    port, _ = search([b"", other, done, message(fix_type=0), message()])
    assert [poll[:-8] for poll in port.polls] == [QUIET, QUIET, QUIET, b"", b""]


def test_coarse_solutions_are_waited_out():
    answers = [message(accuracy_mm=60000), message(pdop_e2=700), message(accuracy_mm=50000)]
    assert search(answers)[1].duration_ms == 3000


def test_a_search_in_vain_ends_in_time_and_keeps_the_time_of_day():
    port, outcome = search([message(fix_type=0, unix_s=NOW + n) for n in range(99)])
    assert outcome.solution is None
    assert outcome.unix_s == NOW + 9
    assert outcome.duration_ms == 10000
    assert port.on is False


def test_a_silent_receiver_gives_nothing():
    assert search([])[1] == (None, None, 0, 10000)


def test_the_receiver_is_switched_off_when_something_breaks():
    port = Port([])
    port.read = None
    try:
        gnss.search(port, port, 5000, 1, 1, 2025, port.feed)
    except TypeError:
        pass
    assert port.on is False
