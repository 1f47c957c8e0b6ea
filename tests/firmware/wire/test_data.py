from firmware.wire import data
from firmware.wire.errors import BadValue

from .raising import raised
from .records import fix, status


def test_payload_bytes_are_as_documented():
    payload, used = data.encode(257, [fix(5)], 39)
    assert used == 1
    # Epoch and log 1, record 5, dated; a section of fixes, of one; model: altitude, accuracy from
    # class 4 with order 0, no reasons, only one fix.
    opening = "111100000001000110001101000000"
    assert bin(int.from_bytes(payload, "big"))[2:].startswith(opening)


def test_records_come_back():
    records = [fix(1), fix(2), status(3), fix(4), status(5), status(6), fix(7)]
    payload, used = data.encode(9, records, 210)
    assert used == 7
    assert data.decode(payload) == (9, records, [])


def test_gaps_come_back():
    records = [fix(1), fix(2), fix(4), status(5), status(500), fix(70_000)]
    payload, used = data.encode(0, records, 210)
    assert used == 6
    assert data.decode(payload) == (0, records, [])


def test_undated_records_are_kept_apart_with_their_era():
    for era in (0, 3, 0xFFFFFFFF):
        payload, used = data.encode(9, [status(3), fix(4)], 210, era)
        assert used == 2
        assert data.decode(payload) == (9, [], [(era, status(3)), (era, fix(4))])


def test_more_fixes_fit_than_the_model_was_made_for():
    still = fix(1)
    fixes = [type(still)(n, *still[1:]) for n in range(1, 50)]
    payload, used = data.encode(1, fixes, 40)
    assert used > 8 * 40 // 26
    assert data.decode(payload).records == fixes[:used]


def test_gap_costs_a_few_bits():
    near = len(data.encode(0, [fix(n) for n in range(1, 21)], 210)[0])
    apart = len(data.encode(0, [fix(n) for n in range(1, 22) if n != 9], 210)[0])
    assert near < apart <= near + 4


def test_fixes_with_and_without_altitude_come_back():
    records = [fix(1), fix(2, None), fix(3, None), fix(4)]
    payload, _ = data.encode(0, records, 210)
    assert data.decode(payload) == (0, records, [])


def test_fixes_with_and_without_quality_come_back():
    for classes in ((15, 15), (4, 15), (15, 4), (15, 15, 4), (4, 15, 15, 4)):
        records = [fix(i + 1, accuracy_class=value) for i, value in enumerate(classes)]
        payload, used = data.encode(0, records, 210)
        assert used == len(records)
        assert data.decode(payload) == (0, records, [])


def test_every_limit_is_kept_and_used():
    records = [fix(n) if n % 5 else status(n) for n in range(1, 60)]
    before = 0
    for limit in range(0, 244):
        payload, used = data.encode(2, records, limit)
        assert len(payload) <= limit
        if used:
            assert data.decode(payload) == (2, records[:used], [])
        before = max(before, used)
    assert before > 20


def test_nothing_that_fits_is_nothing_packed():
    assert data.encode(0, [fix(1)], 10) == (b"", 0)
    assert data.encode(0, [], 210) == (b"", 0)


def test_highest_numbers_come_back():
    records = [fix(1), status(0xFFFFFFFF - 1), fix(0xFFFFFFFF)]
    payload, _ = data.encode(0x7FFFFFFF, records, 210)
    assert data.decode(payload) == (0x7FFFFFFF, records, [])


def test_every_usual_generation_comes_back():
    for generation in (0, 1, 255, 256, 257, 511, 512, 513, 0x7FFFFFFF):
        assert data.decode(data.encode(generation, [fix(1)], 99)[0]).generation == generation


def test_numbers_must_ascend():
    error = raised(BadValue, data.encode, 0, [fix(5), fix(5)], 210)
    assert (error.what, error.value) == ("record", 5)
    raised(BadValue, data.encode, 0, [fix(5), fix(4)], 210)


def test_generation_or_era_out_of_range_is_refused():
    raised(BadValue, data.encode, -1, [fix(1)], 210)
    raised(BadValue, data.encode, 1 << 31, [fix(1)], 210)
    raised(BadValue, data.encode, 1, [fix(1)], 210, 1 << 32)


def test_something_that_is_no_record_is_refused():
    raised(BadValue, data.encode, 0, [fix(1), None], 210)
    raised(BadValue, data.encode, 0, [None], 210)
