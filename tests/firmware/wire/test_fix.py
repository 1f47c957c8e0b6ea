from firmware.wire import fix, model
from firmware.wire.bits import Reader, Writer
from firmware.wire.errors import BadValue, Truncated, WireError

from .raising import raised

START_S = 1_893_456_000


def make(**changes):
    fields = {
        "record": 1,
        "recorded_at_s": START_S,
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


def pack(fixes):
    """Return the bits of the model and of each fix, and all of them as bytes."""
    out = Writer()
    chosen = model.choose(fixes, len(fixes))
    model.write(out, chosen)
    taken = [out.bits]
    before = None
    for item in fixes:
        fix.append(out, item, before, chosen)
        before = item
        taken.append(out.bits - sum(taken))
    return taken, out.to_bytes()


def unpack(packed, count):
    source = Reader(packed)
    chosen = model.read(source)
    out = []
    for record in range(1, count + 1):
        out.append(fix.read(source, record, out[-1] if out else None, chosen))
    source.end()
    return out


def hourly(count):
    """Return fixes an hour apart, each 20 units north and 10 west of the one before."""
    return [
        make(
            record=i + 1,
            recorded_at_s=START_S + 3600 * i,
            lat_e5=20 * i,
            lon_e5=-10 * i,
            altitude_m=None,
            accuracy_class=15,
        )
        for i in range(count)
    ]


def test_first_fix_is_written_in_full():
    taken, packed = pack([make(altitude_m=None, accuracy_class=15, recorded_at_s=0x01020304)])
    assert taken == [4, 32 + 25 + 26]
    assert packed[:4] == b"\x00\x10\x20\x30"


def test_steady_fixes_take_fewer_than_two_bytes():
    assert pack(hourly(10))[0][2:] == [1 + 8 + 6] * 9


def test_interval_passed_over_costs_a_few_bits():
    fixes = hourly(30)
    del fixes[20], fixes[10]
    taken, packed = pack(fixes)
    assert max(taken[2:]) <= min(taken[2:]) + 6
    assert [item[1:] for item in unpack(packed, 28)] == [item[1:] for item in fixes]


def test_fixes_come_back():
    fixes = [
        make(),
        make(record=2, recorded_at_s=0, lat_e5=-9_000_000, lon_e5=-18_000_000, altitude_m=-32768),
        make(record=3, recorded_at_s=0xFFFFFFFF, lat_e5=9_000_000, lon_e5=17_999_999, reason=15),
        make(record=4, recorded_at_s=0, accuracy_class=15, altitude_m=None),
        make(record=5, recorded_at_s=0xFFFFFFFF, accuracy_class=0, altitude_m=32767),
    ]
    assert unpack(pack(fixes)[1], 5) == fixes


def test_only_what_some_fix_has_is_carried():
    assert model.choose([make(altitude_m=None, accuracy_class=15)], 1)[:4] == (
        False,
        None,
        0,
        False,
    )
    chosen = model.choose([make(accuracy_class=15), make(accuracy_class=6, reason=2)], 1)
    assert (chosen.altitude, chosen.class_least, chosen.reason) == (True, 6, True)


def test_crossing_the_antimeridian_is_a_small_step():
    there, back = make(lon_e5=-17_999_990), make(record=2, lon_e5=17_999_990)
    assert pack([there, back])[0][2] < 24
    assert unpack(pack([there, back])[1], 2) == [there, back]


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
            error = raised(BadValue, fix.check, make(**{name: value}))
            assert (error.what, error.value) == (name, value)


def test_number_that_is_no_integer_is_refused():
    error = raised(BadValue, fix.check, make(lat_e5=46.66))
    assert error.what == "lat_e5"


def test_values_out_of_range_are_refused_when_read():
    # A second fix that steps over a limit the first one stands on.
    for edge, over in (
        (make(lat_e5=9_000_000), make(lat_e5=9_000_001)),
        (make(recorded_at_s=0), make(recorded_at_s=-1)),
        (make(altitude_m=32767), make(altitude_m=32768)),
        (make(), make(accuracy_class=16)),
        (make(), make(reason=16)),
    ):
        raised(BadValue, unpack, pack([edge, over])[1], 2)


def test_longitude_step_beyond_half_a_turn_is_refused():
    fixes = hourly(2)
    out, chosen = Writer(), model.choose(fixes, 2)
    model.write(out, chosen)
    fix.append(out, fixes[0], None, chosen)
    for value, k in ((0, chosen.k_time), (0, chosen.k_position), (18_000_000, chosen.k_position)):
        out.s(value, k)
    error = raised(BadValue, unpack, out.to_bytes(), 2)
    assert (error.what, error.value) == ("lon_e5 difference", 18_000_000)


def test_second_fix_behind_a_model_for_one_is_refused():
    raised(BadValue, unpack, pack([make()])[1] + b"\xff" * 9, 2)


def test_fix_cut_short_is_truncated():
    packed = pack([make()])[1]
    for n in range(len(packed)):
        raised(Truncated, unpack, packed[:n], 1)


def test_model_of_any_bits_is_read_or_refused():
    state = 1
    for n in range(200):
        noise = bytearray()
        for _ in range(n % 12):
            state = (state * 16_807) % 0x7FFFFFFF
            noise.append(state & 0xFF)
        try:
            model.read(Reader(bytes(noise)))
        except WireError:
            continue


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
