"""Parts that fail, animals that die, clocks that are lost: the collar does what it can."""

import random

from firmware import config, layout, learning, log, moment, schedule, state
from firmware.board import RESET_BROWNOUT
from firmware.wire import kind
from firmware.wire.alarm import Alarm
from firmware.wire.fix import Fix
from firmware.wire.health import Health
from firmware.wire.status import Status

from .desk import COLLAR, EPOCH, GENERATION, KEY, START_S, Desk, Sky, pvt

DAY = 86400


def log_of(on):
    return log.Log(on.memory, GENERATION)


def records(on, cls=None):
    held = log_of(on)
    found = [log.decode(held.read(number)) for number in range(1, held.newest + 1)]
    return [record for record in found if cls is None or isinstance(record, cls)]


def remembered(on):
    block = state.State()
    assert block.load(on.memory)
    return block


def live(on, days):
    until_ms = on.now_ms + int(days * DAY * 1000)
    while on.now_ms < until_ms:
        on.wake()


def desk():
    on = Desk().provision()
    live(on, 0.5)
    return on


# --- parts ---------------------------------------------------------------------------------------


def test_a_stuck_converter_is_noted_once_and_fixes_go_on_by_the_book():
    for stuck_uv in (0, 65535 * 100, -1):
        on = desk()
        live(on, 2)
        on.voltage, before = stuck_uv, remembered(on).fixes
        live(on, 3)
        codes = [record.code for record in records(on, Health)]
        assert codes == [3]
        assert remembered(on).fixes > before


def test_a_converter_stuck_at_a_voltage_that_could_be_is_noted_once_and_fixes_go_on():
    on = desk()
    live(on, 2)
    working, before = on.voltage_uv, remembered(on).fixes
    on.voltage_uv = lambda long=False: 2950000
    live(on, 6)
    assert [record.code for record in records(on, Health)] == [3]
    assert remembered(on).fixes > before
    on.voltage_uv = working
    live(on, 1)
    assert not remembered(on).faults


def test_months_without_a_converter_leave_a_collar_that_fixes_and_sends():
    on = desk()
    live(on, 5)
    on.voltage = 0
    live(on, 80)
    fixes, frames = remembered(on).fixes, len(on.sent)
    live(on, 10)
    assert remembered(on).fixes > fixes + 10
    assert len(on.sent) > frames + 5


def test_a_collar_that_has_never_measured_its_voltage_begins_with_what_it_was_charged_to():
    on = Desk().provision()
    on.voltage = 0
    live(on, 5)
    assert remembered(on).fixes > 0
    assert [record.code for record in records(on, Health)] == [3]


def test_a_brown_out_without_a_converter_makes_the_book_humble():
    on = desk()
    live(on, 5)
    on.voltage, income_uj = 0, remembered(on).income_uj
    live(on, 1)
    on.clock_offset_s, on.cause, fixes = None, RESET_BROWNOUT, remembered(on).fixes
    live(on, 1)
    block = remembered(on)
    assert block.income_uj == income_uj // 2
    assert learning.estimate_uj(block, on.costs, config.Settings(), on.now_s()) < 10000000
    assert block.fixes == fixes


def test_a_broken_thermometer_does_not_silence_the_status():
    on = desk()

    def broken():
        raise OSError("converter")

    on.temperature_c = broken
    live(on, 2)
    told = records(on, Status)[-1]
    assert told.temperature_c is None
    assert told.recorded_at_s > START_S + DAY


def test_a_missing_accelerometer_is_noted_once_and_kills_nobody():
    on = desk()
    on.missing = True
    live(on, 4)
    assert [record.code for record in records(on, Health)] == [4]
    assert records(on, Alarm) == []
    assert remembered(on).fixes > 5


def test_a_receiver_that_never_answers_is_noted_once_and_backs_off():
    on = desk()
    on.sky = lambda now_s, since_s: b""
    before = remembered(on).failed_fixes
    live(on, 10)
    assert [record.code for record in records(on, Health)] == [5]
    assert remembered(on).failed_fixes - before < 60


def test_a_receiver_that_cannot_be_switched_on_is_noted_once_and_backs_off(monkeypatch):
    on = desk()

    def broken(receiver, switched_on):
        raise OSError("rail")

    monkeypatch.setattr(Sky, "power", broken)
    before = remembered(on).failed_fixes
    live(on, 10)
    assert [record.code for record in records(on, Health)] == [5]
    assert remembered(on).failed_fixes - before < 60


def test_a_gauge_that_fails_after_a_search_costs_no_fix(monkeypatch):
    on, off_ms = desk(), [0]
    fixes, working, power = remembered(on).fixes, on.voltage_uv, Sky.power

    def switched(receiver, switched_on):
        off_ms[0] = 0 if switched_on else on.now_ms
        power(receiver, switched_on)

    def failing():
        if on.now_ms - off_ms[0] < 1000:
            raise OSError("converter")
        return working()

    monkeypatch.setattr(Sky, "power", switched)
    on.voltage_uv = failing
    live(on, 3)
    assert remembered(on).fixes == len(records(on, Fix)) > fixes


def test_a_memory_full_of_noise_still_wakes_and_waits_for_a_new_key():
    source = random.Random(5)
    on = Desk()
    for address in range(0, layout.ADDRESS_LOG + 4096, 64):
        on.memory.write(address, bytes(source.randrange(256) for _ in range(64)))
    assert on.wakes(8).count(schedule.TASK_FIX) == 0
    state.write_identity(on.memory, COLLAR, EPOCH, KEY)
    live(on, 2)
    assert remembered(on).fixes > 1
    assert len(on.station.records) > 3


def test_a_state_lost_in_both_copies_is_told_and_the_log_goes_on():
    on = desk()
    newest = log_of(on).newest
    on.memory.write(layout.ADDRESS_STATE, bytes(1120))
    live(on, 0.5)
    assert records(on, Health)[0].code == 6
    assert log_of(on).newest > newest
    assert records(on)[newest].record == newest + 1


def test_brown_outs_are_told_with_their_number():
    on = desk()
    on.cause = RESET_BROWNOUT
    on.wake()
    told = records(on, Health)[-1]
    assert (told.code, told.value) == (1, 1)


def test_settings_that_break_wakes_are_rolled_back():
    on = desk()
    config.apply(on.memory, [(5, 3)])
    on.wake()
    config.apply(on.memory, [(5, 7)])
    for _ in range(3):
        on.memory.cut_after = 1
        on.wake()
    on.wakes(2)
    assert config.load(on.memory).send_records == 3
    assert (7, 2) in [(record.code, record.value) for record in records(on, Health)]


# --- the clock -----------------------------------------------------------------------------------


def test_records_of_a_lost_clock_are_dated_when_the_time_is_known_again():
    on = desk()
    newest = log_of(on).newest
    on.clock_offset_s = None
    on.cause = RESET_BROWNOUT
    lost_at_s = on.now_ms // 1000
    on.sky = lambda now_s, since_s: b""
    on.wakes(3)
    slot = log_of(on).read(newest + 1)
    assert (slot.kind, slot.payload[0]) == (kind.KIND_HEALTH, 8)
    assert moment.date(remembered(on), slot.recorded_at_s) is None
    del on.sky
    live(on, 2)
    assert abs(moment.date(remembered(on), slot.recorded_at_s) - lost_at_s) <= 2
    assert on.station.records[(GENERATION, newest + 1)].recorded_at_s >= lost_at_s - 2


def test_the_collar_does_not_take_one_bad_epoch_for_the_time():
    on = desk()
    right = on.sky

    def odd(now_s, since_s):
        return right(now_s + (5 * DAY if since_s % 7 == 1 else 0), since_s)

    on.sky = odd
    live(on, 2)
    assert abs(on.clock_offset_s) <= 2


def test_a_clock_set_back_by_less_than_the_search_took_makes_no_second_search():
    on = desk()
    on.clock_offset_s += 55
    while on.wake() != schedule.TASK_FIX:
        pass
    while on.armed_s < 600:
        assert on.wake() != schedule.TASK_FIX


def test_a_collar_that_knows_no_time_and_lies_wakes_for_its_searches_alone():
    on = Desk().provision()
    on.sky, on.moves = lambda now_s, since_s: b"", False
    live(on, 2)
    wakes = 0
    until_ms = on.now_ms + 4 * DAY * 1000
    while on.now_ms < until_ms:
        on.wake()
        wakes += 1
    assert wakes < 4 * 8


def test_a_crystal_that_drifts_is_corrected_between_fixes():
    on = desk()
    plain = on.now_s
    on.now_s = lambda: plain() + (on.now_ms // 1000 - START_S) * 60 // 1000000
    live(on, 12)
    block = remembered(on)
    assert abs(block.drift_ppb - 60000) < 6000
    assert abs(moment.now_s(block, on) - on.now_ms // 1000) <= 2


# --- the animal ----------------------------------------------------------------------------------


def test_a_dead_animal_is_told_within_six_hours_of_a_still_day_and_located_for_six():
    on = desk()
    died_s = on.now_ms // 1000
    on.wake()  # the flag of its last motion
    on.moves = False
    live(on, 2)
    (told,) = records(on, Alarm)
    assert told.alarm == 1 and told.value >= DAY
    assert DAY <= told.recorded_at_s - died_s <= DAY + 6 * 3600
    assert (GENERATION, told.record) in on.station.records
    after = [one for one in records(on, Fix) if one.reason == 4]
    assert len(after) == 12
    assert after[-1].recorded_at_s - after[0].recorded_at_s < 7 * 3600


def test_an_animal_that_rises_revokes_its_alarm():
    on = desk()
    on.moves = False
    live(on, 2)
    on.moves = True
    live(on, 0.5)
    assert [one.alarm for one in records(on, Alarm)] == [1, 2]
    assert remembered(on).mortal == 0


def test_the_alarm_goes_out_even_from_the_reserve():
    on = desk()
    live(on, 1)
    on.voltage = 2420000  # 20 J: below the reserve
    live(on, 1)
    frames = len(on.sent)
    on.moves = False
    live(on, 1.5)
    assert len(on.sent) > frames
    told = [one for one in records(on, Alarm) if one.alarm == 1]
    assert (GENERATION, told[0].record) in on.station.records


def test_a_death_after_months_of_silence_is_told_at_once_even_below_the_reserve():
    on = desk()
    on.hears = False
    live(on, 40)
    assert remembered(on).misses > 100
    on.wake()
    on.moves, on.voltage = False, 2420000
    live(on, 0.9)
    on.hears = True
    live(on, 0.5)
    (told,) = [one for one in records(on, Alarm) if one.alarm == 1]
    assert (GENERATION, told.record) in on.station.records
    tried_ms = next(one[0] for one in on.sent if one[0] >= told.recorded_at_s * 1000 - 2000)
    assert tried_ms < (told.recorded_at_s + 600) * 1000


def test_an_alarm_older_than_the_loss_of_the_clock_is_told_without_it():
    on = desk()
    on.hears = on.moves = False
    live(on, 1.4)
    (told,) = records(on, Alarm)
    on.clock_offset_s, on.cause, on.hears = None, RESET_BROWNOUT, True
    on.sky = lambda now_s, since_s: b""
    live(on, 0.5)
    assert on.station.records[(GENERATION, told.record)] == told


def test_an_alarm_without_a_clock_is_sent_undated_and_once_more_with_its_date():
    on = desk()
    plain = on.sky
    on.clock_offset_s, on.sky, on.moves = None, lambda now_s, since_s: b"", False
    live(on, 1.6)
    era, told = on.station.shown[0]
    assert (era, told.alarm) == (remembered(on).era, 1)
    assert (GENERATION, told.record) not in on.station.records
    on.sky = plain
    live(on, 1)
    dated = on.station.records[(GENERATION, told.record)]
    assert dated.value == told.value and dated.recorded_at_s > START_S


def test_leaving_a_fence_is_an_alarm_and_coming_back_another():
    on = desk()
    north, east = 4660000, 1020000
    square = [(64, 4)]
    for n, (dy, dx) in enumerate(((-900, -900), (900, -900), (900, 900), (-900, 900))):
        square += [(65 + 2 * n, north + dy), (66 + 2 * n, east + dx)]
    config.apply(on.memory, square)
    for shift_e7 in (0, 30000000, 0):
        on.sky = lambda now_s, since_s, e7=shift_e7: pvt(now_s, 466000000 + e7, 102000000)
        live(on, 2)
    assert [(one.alarm, one.number) for one in records(on, Alarm)] == [(3, 0), (4, 0)]


def test_a_hibernating_collar_wakes_only_to_look_at_the_clock():
    on = desk()
    block = remembered(on)
    block.sleep_until_s = on.now_ms // 1000 + 10 * DAY
    block.commit(on.memory)
    tasks = []
    while on.now_ms // 1000 < block.sleep_until_s - 10:
        tasks.append(on.wake())
    assert set(tasks) == {schedule.TASK_SLEEP} and len(tasks) <= 41
    live(on, 2)
    assert remembered(on).fixes > block.fixes


def test_a_calendar_that_went_back_ten_years_does_not_hibernate_for_them():
    on = desk()
    block = remembered(on)
    block.sleep_until_s = on.now_ms // 1000 + DAY
    block.commit(on.memory)
    on.clock_offset_s = -3650 * DAY
    live(on, 3)
    assert remembered(on).fixes > block.fixes
    assert abs(on.clock_offset_s) <= 2
