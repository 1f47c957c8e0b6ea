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


def test_the_time_told_is_the_known_message():
    assert gnss.pack_time(NOW, 5) == (
        b"\xb5\x62\x13\x40\x18\x00\x10\x00\x00\x80\xea\x07\x09\x15\x0e\x0d\x14\x00"
        b"\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00" + gnss.pack_time(NOW, 5)[-2:]
    )


def test_the_position_told_is_in_units_of_the_receiver():
    body = gnss.pack_position(4666000, -1020000)[6:-2]
    assert struct.unpack("<BBHiiiI", body) == (1, 0, 0, 466600000, -102000000, 0, 3000000)


def test_a_list_of_satellites_gives_their_signals():
    body = bytes(8) + b"".join(
        bytes((0, n, cno)) + bytes(9) for n, cno in enumerate((0, 9, 10, 40))
    )
    assert gnss.signals(body) == [0, 9, 10, 40]
    assert gnss.signals(body[:-1]) == [0, 9, 10]
    assert gnss.signals(b"") == []


def test_orbits_that_were_heard_and_hold_long_are_fresh():
    # UBX-NAV-ORB: the source in the upper three bits, in the others quarters of an hour
    bytes_of_orbits = (1 << 5 | 16, 1 << 5 | 8, 1 << 5 | 31, 2 << 5 | 16, 0)
    body = bytes(8) + b"".join(bytes((0, 1, 0, orbit, 0, 0)) for orbit in bytes_of_orbits)
    assert gnss.count_fresh(body, 120) == 1
    assert gnss.count_fresh(body, 60) == 2
    assert gnss.count_fresh(b"", 60) == 0
