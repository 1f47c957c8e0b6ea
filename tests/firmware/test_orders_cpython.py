"""Orders through the whole firmware: from the window of a frame to the result in an inventory."""

from itertools import pairwise

from firmware import config, schedule, state
from firmware.app import step
from firmware.identity import hold_identity, read_identity
from firmware.wire import aes, frame, hello
from ground_station import orders

from .desk import COLLAR, EPOCH, KEY, Board, Desk
from .memory import cut_everywhere


def tell(on, *words):
    """Give an order in the collar's next window and wake until its result is told."""
    sequence = on.now_ms // 1000
    kind, payload, _, on.said = orders.compose(words, sequence, sequence)
    on.station.orders.append((kind, payload))
    told = len(on.station.hellos)
    for _ in range(300):
        on.wake()
        if len(on.station.hellos) > told and on.station.hellos[-1].order == sequence:
            return on.station.hellos[-1].order_result
    return None


def remembered(on):
    block = state.State()
    assert block.load(on.memory)
    return block


def in_contact():
    on = Desk().provision()
    while not on.station.records:
        on.wake()
    return on


def test_an_order_is_done_and_its_result_told_soon():
    on = in_contact()
    assert tell(on, "locate") == hello.RESULT_DONE
    assert tell(on, "set", "tx_power_dbm=99") == hello.RESULT_BAD_VALUE


def test_a_collar_set_to_a_bridges_channel_and_rate_keeps_to_them():
    on = in_contact()
    for order, freq_hz, sf in (
        (("channel=1", "sf=12"), 868_100_000, 12),
        (("channel=4", "sf=7"), 868_300_000, 7),
    ):
        assert tell(on, "set", *order) == hello.RESULT_DONE
        on.sent.clear()
        on.answers = False
        while len(on.sent) < 5:
            on.wake()
        on.answers = True
        assert {(one[1], one[2]) for one in on.sent} == {(freq_hz, sf)}
    assert remembered(on).errors == 0


def mistold(*words):
    """A collar in contact that takes an order under which nobody hears it."""
    on = in_contact()
    on.listens = lambda freq_hz, sf: 863_000_000 < freq_hz < 870_000_000 and sf > 7
    assert tell(on, "set", "send_records=2", "sf=9") == hello.RESULT_DONE
    sequence = on.now_ms // 1000
    kind, payload, _, _ = orders.compose(["set", *words], sequence, sequence)
    on.station.orders.append((kind, payload))
    while on.station.orders:
        on.wake()
    return on, sequence


def test_settings_that_cut_the_contact_are_undone_and_told():
    for words in (["region=2"], ["channel=1", "sf=7"]):
        on, sequence = mistold("send_records=3", *words)
        lost_ms, heard = on.now_ms, len(on.station.hellos)
        while len(on.station.hellos) == heard:
            on.wake()
        assert on.now_ms - lost_ms < 4 * 86_400_000
        told, settings = on.station.hellos[-1], config.load(on.memory)
        assert (told.order, told.order_result) == (sequence, hello.RESULT_UNDONE)
        assert told.settings == settings.order < sequence
        assert (settings.region, settings.sf, settings.send_records) == (1, 9, 2)


def test_settings_that_leave_the_link_alone_are_not_undone_by_silence():
    on, sequence = mistold("send_records=3")
    on.hears = False
    while len(on.sent) < 40:
        on.wake()
    assert config.load(on.memory).order == sequence


def test_a_power_cut_while_settings_are_undone_costs_no_contact():
    on, _ = mistold("region=2")
    while remembered(on).misses < 6:
        on.wake()

    def check(memory, whole):
        left = Desk(memory, on.station.copy())
        left.now_ms, left.clock_offset_s, left.cause = on.now_ms, on.clock_offset_s, on.cause
        left.fed_ms, left.listens = on.now_ms, on.listens
        until_ms = on.now_ms + 3 * 86_400_000
        while not left.station.hellos:
            left.wake()
            assert left.now_ms < until_ms
        assert left.station.hellos[-1].order_result == hello.RESULT_UNDONE

    cut_everywhere(on.memory, lambda memory: woken(on, memory), check, stride=37)


def woken(on, memory):
    """The next wake of a collar, in a copy of its memory."""
    copy = on.copy()
    copy.memory = memory
    step(Board(copy, on.cause))


def test_drop_off_is_armed_told_and_fired_within_its_day():
    on = in_contact()
    assert tell(on, "arm") == hello.RESULT_DONE
    armed_ms = on.now_ms
    assert tell(on, "fire", on.said.split()[-1]) == hello.RESULT_NO_PART  # this desk has none
    assert on.now_ms - armed_ms < 86_400_000
    assert tell(on, "fire", "1") == hello.RESULT_NOT_ARMED


def test_after_a_change_of_key_frames_come_under_the_new_one():
    on, key = in_contact(), bytes(reversed(KEY))
    hold_identity(on.memory, COLLAR, EPOCH + 1, key)
    sequence = on.now_ms // 1000
    kind, payload, _, _ = orders.compose(["next-epoch", str(EPOCH + 1)], sequence, sequence)
    on.station.orders.append((kind, payload))
    while on.station.orders:
        on.wake()
    assert read_identity(on.memory).epoch == EPOCH + 1
    heard = []
    on.station.hear = lambda sealed, now_s: heard.append(sealed)
    while not heard:
        on.wake()
    header, _ = frame.open_frame(aes.block_cipher(key), frame.UPLINK, EPOCH + 1, heard[0])
    assert header.counter not in on.station.nonces


def test_an_inventory_goes_up_once_a_week_in_a_wake_of_its_own():
    on = in_contact()
    until_ms, told = on.now_ms + 29 * 86_400_000, []
    while on.now_ms < until_ms:
        known = len(on.station.hellos)
        task = on.wake()
        assert (task == schedule.TASK_LISTEN) == (len(on.station.hellos) > known)
        if task == schedule.TASK_LISTEN:
            told.append(on.station.hellos[-1].time_s)
    assert all(7 * 86_400 <= b - a <= 8 * 86_400 for a, b in pairwise(told))
    assert len(told) in (4, 5)
