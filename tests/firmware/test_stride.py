from firmware import stride
from firmware.block import State

NOW = 1790000000


def walker(metres, mg, hours=24):
    """A collar that has learned `metres` an hour from an animal of this mean intensity."""
    block = State()
    block.fix_at_s = block.felt_at_s = NOW - hours * 3600
    block.mean_mg = mg
    for hour in range(1, hours + 1):
        now_s = NOW + (hour - hours) * 3600
        stride.feel(block, now_s, True, mg)
        stride.learn(block, now_s, metres)
        block.fix_at_s = now_s
    return block


def test_motion_counts_for_as_long_as_it_was_felt():
    block = walker(100, 60)
    stride.feel(block, NOW + 1800, True, 60)
    assert block.motion_since == 60 * 30


def test_an_interval_without_the_flag_had_no_motion():
    block = walker(100, 60)
    stride.feel(block, NOW + 1800, False, 60)
    assert block.motion_since == 0


def test_motion_that_was_not_felt_counts_as_the_mean_animals():
    block = walker(100, 60)
    block.mean_mg = 0
    stride.feel(block, NOW + 1800, True, 0)
    assert block.motion_since == 60 * 30


def test_displacement_is_expected_by_what_motion_was_worth_before():
    for metres in (50, 400):
        block = walker(metres, 60)
        stride.feel(block, NOW + 3600, True, 60)
        assert abs(stride.expected_m(block) - metres) <= 1
        stride.feel(block, NOW + 4 * 3600, True, 60)
        assert abs(stride.expected_m(block) - 2 * metres) <= 1


def test_a_mean_animals_minute_is_a_minute():
    block = walker(100, 60)
    stride.feel(block, NOW + 7200, True, 60)
    assert 118 <= stride.due_min(block, NOW + 7200) <= 120


def test_a_moving_animal_makes_a_fix_due_sooner_than_a_calm_one():
    due = []
    for mg in (15, 60, 240):
        block = walker(100, 60)
        block.mean_mg = mg
        stride.feel(block, NOW + 3600, True, mg)
        due.append(stride.due_min(block, NOW + 3600))
    assert [round(one, -1) for one in due] == [30, 60, 120]


def test_an_animal_that_has_hardly_moved_makes_no_fix_due():
    block = walker(100, 60)
    block.motion_since = 20
    assert stride.expected_m(block) < 10
    assert stride.due_min(block, NOW + 3600) == 0


def test_a_collar_that_has_learned_nothing_goes_by_the_clock():
    block = State()
    block.fix_at_s = NOW
    assert stride.due_min(block, NOW + 3600) == 60


def test_what_lies_days_apart_teaches_no_stride():
    block = walker(100, 60)
    before = list(block.walk)
    stride.learn(block, NOW + 86400, 5000)
    assert (block.walk, block.motion_since) == (before, 0)


def test_old_strides_fade_and_the_sums_stay_bounded():
    block = walker(100, 60, 400)
    assert block.walk[2] <= 14400
    quick = walker(9000000, 60000, 400)
    assert max(quick.walk) < 1 << 31


def test_a_clock_that_was_set_counts_no_motion():
    block = walker(100, 60)
    stride.feel(block, NOW + 400 * 86400, True, 60)
    stride.feel(block, NOW, True, 60)
    assert block.motion_since == 0
