from firmware import config, health, layout, link, log, schedule, state
from firmware.board import Costs
from firmware.wire import ack, data, frame
from firmware.wire.fix import Fix

from .desk import COLLAR, EPOCH, GENERATION, KEY, START_S, Desk, pvt
from .memory import Memory

FIX, SEND, SLEEP, HALT = (
    schedule.TASK_FIX,
    schedule.TASK_SEND,
    schedule.TASK_SLEEP,
    schedule.TASK_HALT,
)


def desk():
    return Desk().provision()


def remembered(on):
    block = state.State()
    assert block.load(on.memory)
    return block


def log_of(on):
    return log.Log(on.memory, GENERATION)


def test_a_collar_without_identity_only_sleeps():
    blank = Desk()
    assert blank.wake() == HALT
    assert blank.armed_s == 21600
    assert not blank.sent


def test_first_wake_fixes_logs_and_sets_the_clock():
    on = desk()
    assert on.wake() == FIX
    assert abs(on.clock_offset_s) <= 1
    record = log.decode(log_of(on).read(1))
    assert isinstance(record, Fix)
    assert record.reason == 1
    assert START_S <= record.recorded_at_s <= START_S + 40


def test_first_record_reaches_the_station_at_once():
    on = desk()
    on.wakes(3)
    assert (GENERATION, 1) in on.station.records
    assert 1 not in log_of(on).pending(9)


def test_window_opens_five_ms_before_the_answer():
    on = desk()
    on.wakes(3)
    assert on.opened_ms == 995


def test_every_record_of_a_month_is_delivered():
    on = desk()
    while on.now_ms < (START_S + 30 * 86400) * 1000:
        on.wake()
    block = remembered(on)
    on.until_empty(lambda: log_of(on))
    assert block.fixes > 30
    assert len(on.station.records) == log_of(on).newest
    assert block.errors == 0


def test_status_is_logged_daily():
    on = desk()
    while on.now_ms < (START_S + 5 * 86400) * 1000:
        on.wake()
    held = log_of(on)
    kinds = [held.read(r).kind for r in range(1, held.newest + 1)]
    assert 4 <= kinds.count(2) <= 6


def test_silence_backs_off_and_slows_the_rate():
    on = desk()
    on.hears = False
    while on.now_ms < (START_S + 4 * 86400) * 1000:
        on.wake()
    gaps = [on.sent[i + 1][0] - on.sent[i][0] for i in range(len(on.sent) - 1)]
    assert 5 <= len(on.sent) <= 15
    assert gaps[0] >= 300000 and gaps[-1] >= 3600000
    assert [row[2] for row in on.sent[:5]] == [9, 9, 10, 10, 11]


def test_a_station_that_comes_back_gets_everything():
    on = desk()
    on.hears = False
    while on.now_ms < (START_S + 20 * 86400) * 1000:
        on.wake()
    on.hears = True
    while on.now_ms < (START_S + 25 * 86400) * 1000:
        on.wake()
    waiting = log_of(on).pending(99)
    assert len(waiting) < config.Settings().send_records
    assert len(on.station.records) == log_of(on).newest - len(waiting)


def test_a_lost_answer_sends_the_same_records_again():
    on = desk()
    on.answers = False
    on.wakes(3)
    assert len(on.sent) >= 1
    on.answers = True
    on.until_empty(lambda: log_of(on))
    assert len(on.station.nonces) == len(on.sent)


def test_silent_receiver_backs_off_and_logs_nothing():
    on = desk()
    on.sky = lambda now_s, since_s: b""
    assert on.wakes(3) == [FIX, FIX, FIX]
    assert 1100 <= on.armed_s < 1200  # counted from the start of the search
    assert remembered(on).faults == 1 << health.RECEIVER
    assert [log_of(on).read(r).kind for r in range(1, log_of(on).newest + 1)] == [5]
    assert remembered(on).failed_fixes == 3


def test_garbage_from_the_receiver_is_only_a_failed_fix():
    on = desk()
    on.sky = lambda now_s, since_s: bytes(i * 31 & 0xFF for i in range(200)) + b"\xb5\x62\x01"
    assert on.wake() == FIX
    assert remembered(on).failed_fixes == 1
    assert remembered(on).errors == 0


def test_a_coarse_position_is_not_logged_but_sets_the_clock():
    on = desk()
    on.sky = lambda now_s, since_s: pvt(now_s, 1, 1, accuracy_mm=200000)
    on.wake()
    assert abs(on.clock_offset_s) <= 1
    assert log_of(on).newest == 0


def test_a_wrong_clock_is_corrected():
    on = desk()
    on.set_s(START_S - 5000000)
    on.wake()
    assert abs(on.clock_offset_s) <= 1


def test_a_correction_of_the_clock_frees_no_airtime():
    for wrong_s in (-5000000, 5000000):
        on = desk()
        on.set_s(START_S + wrong_s)
        link.Ledger(on.memory, 868100000).charge(START_S + wrong_s, 36000000)
        on.wake()
        assert abs(on.clock_offset_s) <= 1
        assert link.Ledger(on.memory, 868100000).free_us(START_S + 60) == 0


def test_a_full_ledger_silences_the_collar_for_the_hour():
    on = desk()
    on.set_s(START_S)
    link.Ledger(on.memory, 868100000).charge(START_S, 36000000)
    while on.now_ms < (START_S + 3600) * 1000:
        on.wake()
    assert not on.sent
    on.wakes(3)
    assert on.sent


def test_power_above_the_limit_is_never_sent():
    on = desk()
    on.costs = Costs(*(on.costs[:-1] + (216,)))  # antenna_gain_cdbi
    assert on.costs.antenna_gain_cdbi == 216
    on.wakes(5)
    assert not on.sent
    assert remembered(on).error_name.rstrip(b"\x00") == b"BadValue"


def test_a_foreign_frame_in_the_window_is_only_counted():
    on = desk()
    on.station.hear = lambda sealed, now_s: bytes(40)
    on.wakes(3)
    assert remembered(on).misses >= 1
    assert log_of(on).pending(9)


def test_an_answer_for_another_generation_acknowledges_nothing():
    on = desk()
    hear = on.station.hear

    def other(sealed, now_s):
        hear(sealed, now_s)
        answer = ack.encode(ack.Ack(9, now_s, 10, [(1, 1000)]), 48)
        head = frame.Header(frame.VERSION, frame.ACK, COLLAR, 500)
        return frame.seal_frame(on.station.encrypt, frame.DOWNLINK, EPOCH, head, answer)

    on.station.hear = other
    on.wakes(3)
    assert 1 in log_of(on).pending(9)


def test_a_raising_radio_becomes_a_number():
    on = desk()
    on.radio_error = RuntimeError("busy")
    assert SEND in on.wakes(3)
    assert remembered(on).error_name.rstrip(b"\x00") == b"RuntimeError"
    assert remembered(on).errors >= 1
    assert on.armed_s >= 60


def test_a_raising_receiver_becomes_a_number():
    on = desk()

    def broken(now_s, since_s):
        raise OSError("uart")

    on.sky = broken
    assert on.wake() == FIX
    assert remembered(on).errors == 1
    assert 280 <= on.armed_s <= 300


def test_memory_that_fails_leaves_the_safe_wake_up():
    on = desk()

    def broken(address, count):
        raise OSError("spi")

    on.memory.read = broken
    assert on.wake() == SLEEP
    assert on.armed_s == 3600


def test_an_empty_storage_takes_no_task():
    on = desk()
    on.voltage = 2220000
    assert on.wake() == SLEEP
    assert on.armed_s == 21600
    assert not on.sent


def test_below_the_reserve_only_the_alarm_of_it_goes_out():
    on = desk()
    on.wakes(5)
    on.until_empty(lambda: log_of(on))
    on.voltage, frames = 2500000, len(on.sent)
    on.wakes(40)
    assert len(on.sent) == frames + 1
    low = log.decode(log_of(on).read(max(key[1] for key in on.station.records)))
    assert (type(low).__name__, low.alarm) == ("Alarm", 5)


def test_another_generation_starts_its_log_at_one():
    on = desk()
    on.wakes(3)
    first = log_of(on).newest
    state.write_identity(on.memory, COLLAR + 1, EPOCH, KEY)
    on.wakes(3)
    assert first >= 1
    assert {key[0] for key in on.station.records} == {GENERATION, GENERATION + 1}
    assert (GENERATION + 1, 1) in on.station.records


def test_a_log_nobody_can_name_halts_the_collar_until_it_has_a_new_key():
    on = desk()
    on.wakes(3)
    on.memory.write(layout.ADDRESS_GENERATION, bytes(32))
    on.memory.write(layout.ADDRESS_GENERATION_AGAIN, bytes(32))
    on.memory.write(layout.ADDRESS_STATE, bytes(800))
    assert on.wakes(2) == [HALT, HALT]
    assert on.armed_s == 21600
    state.write_identity(on.memory, COLLAR, EPOCH + 1, KEY)
    assert on.wake() == FIX


def test_a_lost_counter_silences_the_collar_but_not_its_log():
    on = desk()
    on.memory.write(layout.ADDRESS_COUNTER, bytes(28))
    on.wakes(4)
    assert not on.sent
    assert log_of(on).newest >= 1
    assert remembered(on).error_name.rstrip(b"\x00") == b"NoCounter"


def test_wakes_that_keep_breaking_thin_out():
    on = desk()
    on.wakes(3)
    waits = []
    for _ in range(8):
        on.memory.cut_after = 1
        waits.append((on.wake(), on.armed_s))
    assert waits.count((SLEEP, 21600)) == 3
    assert waits.count((None, 3600)) == 5


def test_settings_in_memory_are_obeyed():
    on = desk()
    config.store(on.memory, config.Settings(gnss_timeout_s=10))
    assert on.wake() == FIX
    assert 10000 <= on.now_ms - START_S * 1000 - on.armed_s * 1000 <= 11500


def test_a_fresh_memory_reads_as_zeros():
    assert Memory().read(262140, 4) == bytes(4)


def test_a_record_this_firmware_does_not_know_stops_nothing():
    on = desk()
    config.store(on.memory, config.Settings(send_records=1, fix_interval_max_s=3600))
    on.wakes(4)
    held = log_of(on)
    unknown = held.append(9, START_S, bytes(13))
    on.wakes(150)
    assert log_of(on).newest > unknown + 5
    assert set(log_of(on).pending(9)) <= {unknown, log_of(on).newest}
    assert remembered(on).errors == 0


def test_a_record_the_station_cannot_read_stops_nothing():
    on = desk()
    config.store(on.memory, config.Settings(send_records=4, fix_interval_max_s=3600))
    hear = on.station.hear

    def unreadable(sealed, now_s):
        _, payload = frame.open_frame(on.station.encrypt, frame.UPLINK, EPOCH, sealed)
        if any(record.record == 3 for record in data.decode(payload)[1]):
            return None
        return hear(sealed, now_s)

    on.station.hear = unreadable
    while on.now_ms < (START_S + 4 * 86400) * 1000:
        on.wake()
    assert log_of(on).newest > 40
    assert log_of(on).pending(99)[0] == 3
    assert len(log_of(on).pending(99)) <= 1 + 4
    tries = len(on.sent) - len(on.station.nonces)
    assert 5 <= tries <= 5 + 4 * 3
