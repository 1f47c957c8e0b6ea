"""Records that are no fixes: status, activity, alarm, health."""

from firmware.wire import activity, alarm, data, health, status
from firmware.wire.errors import BadValue

from .raising import raised

U32 = 0xFFFFFFFF
STATUS = status.Status(1, 5, 3_310, 120_500, 3_900, 240, 3, 61, 0, -11)
ACTIVITY = activity.Activity(1, 5, 21_600, 24, 11, 180, 950)
ALARM = alarm.Alarm(1, 5, alarm.MORTALITY, 0, 21_600)
HEALTH = health.Health(1, 5, 3, 70)
ALL = (STATUS, ACTIVITY, ALARM, HEALTH)


def changed(record, field, value):
    """Return the record with another value in one of its fields."""
    fields = list(record)
    fields[field] = value
    return type(record)(*fields)


def back(*records):
    return data.decode(data.encode(1, list(records), 243)[0]).records


def test_usual_records_take_so_many_bytes():
    sizes = [len(data.encode(257, [record], 243)[0]) for record in ALL]
    assert sizes == [17, 13, 10, 9]


def test_each_comes_back_alone_and_among_others():
    for record in ALL:
        assert back(record) == [record]
    numbered = [changed(record, 0, i + 1) for i, record in enumerate(ALL)]
    assert back(*numbered) == numbered


def test_largest_and_smallest_values_come_back():
    for record in (
        status.Status(1, 0, 0, 0, -0x80000000, 0, 0, 0, 0, -127),
        status.Status(1, U32, 0xFFFF, U32, 0x7FFFFFFF, U32, U32, U32, U32, None),
        activity.Activity(U32, U32, U32, 255, 255, 0xFFFF, 0xFFFF),
        activity.Activity(1, 0, 0, 0, 0, 0, 0),
        alarm.Alarm(1, 0, 15, 255, U32),
        health.Health(1, 0, 255, U32),
    ):
        assert back(record) == [record]


def test_temperature_comes_back_or_is_none():
    for temperature_c in (-127, -1, 0, 1, 127, None):
        assert back(changed(STATUS, 9, temperature_c))[0].temperature_c == temperature_c


def test_values_out_of_range_are_refused():
    for record, bad in (
        (STATUS, (0, -1, 0x10000, -1, 0x80000000, 1 << 32, -1, 1 << 32, None, -128)),
        (ACTIVITY, (0, -1, 1 << 32, 256, 25, 0x10000, 0x10000)),
        (ALARM, (1 << 32, 1 << 32, 0, 256, 1 << 32)),
        (HEALTH, (0, -1, 256, 1 << 32)),
    ):
        for field, value in enumerate(bad):
            error = raised(BadValue, back, changed(record, field, value))
            assert error.value == value


def test_values_out_of_range_are_refused_when_read():
    def hurt(record, field, value):
        for codec in data._CODECS:
            if isinstance(record, codec.cls):
                kept, codec.module.check = codec.module.check, lambda item: None
                try:
                    return data.encode(1, [changed(record, field, value)], 243)[0]
                finally:
                    codec.module.check = kept

    for record, field, value in (
        (STATUS, 2, 0x10000),
        (ACTIVITY, 4, 25),
        (ALARM, 2, 0),
        (HEALTH, 2, 256),
    ):
        raised(BadValue, data.decode, hurt(record, field, value))
