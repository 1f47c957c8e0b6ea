from firmware.wire import fix
from firmware.wire.chain import EPOCH_S, Chain
from firmware.wire.errors import BadValue, Truncated

from .raising import raised

ALL = fix.FLAG_QUALITY | fix.FLAG_ALTITUDE


def make(**changes):
    fields = {
        "record": 1,
        "recorded_at_s": EPOCH_S,
        "lat_e5": 4_666_000,
        "lon_e5": 1_020_000,
        "altitude_m": 2_100,
        "accuracy_class": 4,
        "reason": 0,
    }
    fields.update(changes)
    return fix.Fix(
        fields["record"],
        fields["recorded_at_s"],
        fields["lat_e5"],
        fields["lon_e5"],
        fields["altitude_m"],
        fields["accuracy_class"],
        fields["reason"],
    )


def pack(fixes, flags=ALL):
    buf = bytearray()
    chain = Chain()
    for item in fixes:
        fix.append(buf, item, flags, chain)
    return bytes(buf)


def unpack(data, count, flags=ALL):
    chain = Chain()
    out, pos = [], 0
    for record in range(1, count + 1):
        item, pos = fix.read(data, pos, record, flags, chain)
        out.append(item)
    assert pos == len(data)
    return out


def test_first_fix_is_written_in_full():
    assert pack([make(lat_e5=-1, lon_e5=1, altitude_m=-64, reason=2)]) == b"\x00\x01\x02\x7f\x42"


def test_steady_fixes_take_five_bytes():
    first = make()
    second = make(recorded_at_s=EPOCH_S + 60, lat_e5=4_666_063, lon_e5=1_019_936)
    third = make(recorded_at_s=EPOCH_S + 120, lon_e5=1_019_999)
    assert len(pack([first, second, third])) - len(pack([first, second])) == 5


def test_fixes_come_back():
    fixes = [
        make(),
        make(record=2, recorded_at_s=0, lat_e5=-9_000_000, lon_e5=-18_000_000, altitude_m=-32768),
        make(record=3, recorded_at_s=0xFFFFFFFF, lat_e5=9_000_000, lon_e5=17_999_999, reason=15),
        make(record=4, recorded_at_s=0, accuracy_class=15, altitude_m=32767),
        make(record=5, recorded_at_s=0xFFFFFFFF, accuracy_class=0),
    ]
    assert unpack(pack(fixes), 5) == fixes


def test_fix_without_quality_and_altitude_is_unknown_and_none():
    (item,) = unpack(pack([make()], 0), 1, 0)
    assert (item.altitude_m, item.accuracy_class, item.reason) == (None, 15, 0)


def test_flags_say_what_a_fix_needs():
    assert fix.flags(make()) == ALL
    assert fix.flags(make(altitude_m=None)) == fix.FLAG_QUALITY
    assert fix.flags(make(accuracy_class=15)) == fix.FLAG_ALTITUDE
    assert fix.flags(make(accuracy_class=15, reason=1)) == ALL


def test_crossing_the_antimeridian_is_a_small_step():
    west, east = make(lon_e5=-17_999_990), make(record=2, lon_e5=17_999_990)
    assert len(pack([west, east])) - len(pack([west])) == 5
    assert unpack(pack([west, east]), 2) == [west, east]


def test_values_out_of_range_are_refused_and_named():
    for name, bad in (
        ("record", (0, 1 << 32)),
        ("recorded_at_s", (-1, 1 << 32)),
        ("lat_e5", (-9_000_001, 9_000_001)),
        ("lon_e5", (-18_000_001, 18_000_000)),
        ("altitude_m", (-32769, 32768)),
        ("accuracy_class", (-1, 16)),
        ("reason", (-1, 16)),
    ):
        for value in bad:
            error = raised(BadValue, pack, [make(**{name: value})])
            assert (error.what, error.value) == (name, value)


def test_number_that_is_no_integer_is_refused():
    error = raised(BadValue, pack, [make(lat_e5=46.66)])
    assert error.what == "lat_e5"


def test_values_out_of_range_are_refused_when_read():
    # A second fix that steps over a limit the first one stands on.
    pole = pack([make(lat_e5=9_000_000)])
    raised(BadValue, unpack, pole + b"\x00\x02\x00\x00\x40", 2)
    early = pack([make(recorded_at_s=0)])
    raised(BadValue, unpack, early + b"\x01\x00\x00\x00\x40", 2)
    high = pack([make(altitude_m=32767)])
    raised(BadValue, unpack, high + b"\x00\x00\x00\x02\x40", 2)


def test_longitude_step_beyond_half_a_turn_is_refused():
    # zigzag of 18,000,000 is 36,000,000.
    raised(BadValue, unpack, b"\x00\x00\x80\xd2\x95\x11\x00\x40", 1)


def test_fix_cut_short_is_truncated():
    data = pack([make()])
    for n in range(len(data)):
        raised(Truncated, unpack, data[:n], 1)


def test_accuracy_class_is_never_better_than_the_truth():
    for mm in (0, 1, 999, 1000, 1001, 4_500, 5_000, 70_001, 499_999, 500_000):
        index = fix.accuracy_class(mm)
        assert mm <= 1000 * fix.ACCURACY_M[index]
        assert index == 0 or mm > 1000 * fix.ACCURACY_M[index - 1]
    assert fix.accuracy_class(500_001) == fix.accuracy_class(0xFFFFFFFF) == fix.ACCURACY_UNKNOWN


def test_accuracy_table_ascends_to_unknown():
    assert len(fix.ACCURACY_M) == 16
    assert fix.ACCURACY_M[15] is None
    assert sorted(fix.ACCURACY_M[:15]) == list(fix.ACCURACY_M[:15])


def test_position_is_rounded_once_to_the_nearest():
    assert fix.position_e5(466_600_049, 102_000_050) == (4_666_000, 1_020_001)
    assert fix.position_e5(-466_600_049, -102_000_051) == (-4_666_000, -1_020_001)
    assert fix.position_e5(900_000_000, -1_800_000_000) == (9_000_000, -18_000_000)
    assert fix.position_e5(0, 1_799_999_960) == (0, -18_000_000)
