from firmware.wire import status
from firmware.wire.chain import EPOCH_S, Chain
from firmware.wire.errors import BadValue, Truncated

from .raising import raised

FIELDS = (
    ("record", 1),
    ("recorded_at_s", EPOCH_S + 86_400),
    ("voltage_mv", 3_310),
    ("stored_mj", 120_500),
    ("income_mj_per_day", 3_900),
    ("fixes", 240),
    ("failed_fixes", 3),
    ("frames", 61),
    ("brownouts", 0),
    ("temperature_c", -11),
)


def make(**changes):
    return status.Status(*[changes.get(name, value) for name, value in FIELDS])


def pack(item):
    buf = bytearray()
    status.append(buf, item, Chain())
    return bytes(buf)


def unpack(data):
    item, pos = status.read(data, 0, 1, Chain())
    assert pos == len(data)
    return item


def test_usual_status_takes_16_bytes():
    assert len(pack(make())) == 16


def test_status_comes_back():
    low = make(recorded_at_s=0, voltage_mv=0, stored_mj=0, income_mj_per_day=-0x80000000, fixes=0)
    high = make(
        recorded_at_s=0xFFFFFFFF,
        voltage_mv=0xFFFF,
        stored_mj=0xFFFFFFFF,
        income_mj_per_day=0x7FFFFFFF,
        fixes=0xFFFFFFFF,
    )
    for item in (make(), low, high):
        assert unpack(pack(item)) == item


def test_temperature_comes_back_or_is_none():
    for temperature_c in (-127, -1, 0, 1, 127, None):
        item = make(temperature_c=temperature_c)
        assert unpack(pack(item)) == item


def test_values_out_of_range_are_refused_and_named():
    for name, bad in (
        ("record", 0),
        ("recorded_at_s", -1),
        ("voltage_mv", 0x10000),
        ("stored_mj", -1),
        ("income_mj_per_day", 0x80000000),
        ("fixes", 1 << 32),
        ("failed_fixes", -1),
        ("frames", 1 << 32),
        ("brownouts", None),
        ("temperature_c", -128),
    ):
        error = raised(BadValue, pack, make(**{name: bad}))
        assert (error.what, error.value) == (name, bad)


def test_values_out_of_range_are_refused_when_read():
    data = pack(make(recorded_at_s=EPOCH_S, voltage_mv=1))
    assert data[1] == 1
    error = raised(BadValue, unpack, data[:1] + b"\x80\x80\x04" + data[2:])
    assert (error.what, error.value) == ("voltage_mv", 0x10000)


def test_status_cut_short_is_truncated():
    data = pack(make())
    for n in range(len(data)):
        raised(Truncated, unpack, data[:n])


def test_status_does_not_disturb_the_rhythm_of_fixes():
    chain = Chain()
    chain.fix_at(EPOCH_S)
    chain.fix_at(EPOCH_S + 3600)
    status.append(bytearray(), make(recorded_at_s=EPOCH_S + 5000), chain)
    assert (chain.time_s, chain.interval_s) == (EPOCH_S + 3600, 3600)
