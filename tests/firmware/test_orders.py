from firmware import config, orders
from firmware.identity import hold_identity, pack_identity, read_identity, write_copies
from firmware.wire import command, hello
from firmware.wire.command import Command
from firmware.wire.config import Config

from .light import Log, State
from .memory import Memory

NOW = 1790000000
LATER = NOW + 600


class Collar:
    """A memory for settings and, if wanted, a drop-off."""

    def __init__(self, release=False):
        self.fram = Memory()
        self.state = State()
        self.log = Log()
        self.counter = 1 << 20
        self.released = 0
        if release:
            self.release = self._release

    def _release(self):
        self.released += 1

    def take(self, order, now_s=NOW, counter=None):
        """Give an order; returns what became of it, None for one not taken."""
        self.counter = counter or self.counter + 1
        taken = orders.take(order, self.counter, now_s, self.state, self.log, self)
        return self.state.order_result if taken else None

    def command(self, sequence, code, argument=0, until=0, now_s=NOW):
        return self.take(Command(sequence, LATER, code, argument, until), now_s)


def test_settings_change_all_or_none():
    collar = Collar()
    names = [row[0] for row in config.TABLE]
    age, least = names.index("send_age_s"), names.index("fix_interval_min_s")
    assert collar.take(Config(1, LATER, [(age, 3600), (least, 120)])) == hello.RESULT_DONE
    assert collar.take(Config(2, LATER, [(age, 7200), (least, 1)])) == hello.RESULT_BAD_VALUE
    assert collar.take(Config(3, LATER, [(age, 7200), (200, 1)])) == hello.RESULT_UNKNOWN
    settings = config.load(collar.fram)
    assert (settings.send_age_s, settings.fix_interval_min_s) == (3600, 120)
    assert collar.state.settings_order == 1


def test_a_least_year_that_is_still_to_come_is_refused():
    assert config.TABLE[config.YEAR_LEAST][0] == "year_least"
    collar = Collar()
    wrong = collar.take(Config(1, LATER, [(config.YEAR_LEAST, 2027)]))
    right = collar.take(Config(2, LATER, [(config.YEAR_LEAST, 2026)]))
    assert (wrong, right) == (hello.RESULT_BAD_VALUE, hello.RESULT_DONE)


def test_a_changed_fence_forgets_where_the_animal_was():
    collar = Collar()
    collar.state.fence_known, collar.state.fence_inside = 3, 3
    fence = config.FIRST_FENCE + 33
    assert collar.take(Config(1, LATER, [(fence + 1, 4660000)])) == hello.RESULT_DONE
    assert (collar.state.fence_known, collar.state.fence_inside) == (1, 1)


def test_order_is_taken_once_and_never_an_older_one():
    collar = Collar()
    assert collar.command(5, command.LOCATE) == hello.RESULT_DONE
    collar.state.locate = 0
    assert collar.command(5, command.LOCATE) is None
    assert collar.command(4, command.LOCATE) is None
    assert collar.state.locate == 0


def test_counter_of_a_station_must_rise_too():
    collar = Collar()
    assert collar.command(1, command.LOCATE) == hello.RESULT_DONE
    same = collar.counter
    assert collar.take(Command(2, LATER, command.LOCATE, 0, 0), counter=same) is None
    assert collar.take(Command(2, LATER, command.LOCATE, 0, 0), counter=same + 1) is not None
    assert collar.take(Command(3, LATER, command.LOCATE, 0, 0), counter=7) is not None


def test_expired_order_is_told_but_not_done():
    collar = Collar()
    assert collar.command(1, command.LOCATE, now_s=LATER) == hello.RESULT_DONE
    collar.state.locate = 0
    assert collar.command(2, command.LOCATE, now_s=LATER + 1) == hello.RESULT_EXPIRED
    assert (collar.state.locate, collar.state.order) == (0, 2)


def test_drop_off_needs_both_orders_with_one_number_within_a_day():
    collar = Collar(release=True)
    fire = command.DROP_OFF_FIRE
    assert collar.command(1, fire, 77) == hello.RESULT_NOT_ARMED
    collar.command(2, command.DROP_OFF_ARM, 77)
    assert collar.command(3, fire, 78) == hello.RESULT_NOT_ARMED
    assert collar.command(4, fire, 77) == hello.RESULT_NOT_ARMED
    collar.command(5, command.DROP_OFF_ARM, 77)
    late = Command(6, NOW + 200_000, fire, 77, 0)
    assert collar.take(late, NOW + command.ARMED_S + 1) == hello.RESULT_NOT_ARMED
    assert collar.released == 0
    collar.command(7, command.DROP_OFF_ARM, 77)
    assert collar.command(8, fire, 77) == hello.RESULT_DONE
    assert collar.released == 1


def test_collar_without_a_drop_off_says_so():
    collar = Collar()
    collar.command(1, command.DROP_OFF_ARM, 77)
    assert collar.command(2, command.DROP_OFF_FIRE, 77) == hello.RESULT_NO_PART


def test_lost_records_are_sent_again():
    collar = Collar()
    assert collar.command(1, command.SEND_AGAIN, 3, 9) == hello.RESULT_DONE
    assert collar.command(2, command.SEND_AGAIN, 15, 1 << 31) == hello.RESULT_DONE
    assert collar.command(3, command.SEND_AGAIN, 9, 3) == hello.RESULT_BAD_VALUE
    assert collar.log.again == [(3, 9), (15, 1 << 31)]


def test_hibernation_and_mortality_are_kept_in_the_state():
    collar = Collar()
    collar.state.mortal = 1
    assert collar.command(1, command.MORTALITY_CLEAR) == hello.RESULT_DONE
    assert collar.command(2, command.HIBERNATE, NOW + 86400) == hello.RESULT_DONE
    assert collar.command(3, command.HIBERNATE, NOW - 1) == hello.RESULT_BAD_VALUE
    assert (collar.state.mortal, collar.state.sleep_until_s) == (0, NOW + 86400)


def test_next_key_is_put_in_force_by_its_epoch():
    collar = Collar()
    write_copies(collar.fram, pack_identity(7, 3, bytes(16)))
    assert collar.command(1, command.NEXT_EPOCH, 4) == hello.RESULT_NO_PART
    hold_identity(collar.fram, 7, 4, b"k" * 16)
    assert collar.command(2, command.NEXT_EPOCH, 5) == hello.RESULT_NO_PART
    assert collar.command(3, command.NEXT_EPOCH, 4) == hello.RESULT_DONE
    assert read_identity(collar.fram) == (7, 4, b"k" * 16)


def test_result_is_told_at_once():
    collar = Collar()
    collar.state.answered, collar.state.order_told, collar.state.hello_at_s = 1, 1, NOW - 60
    assert orders.hello_at_s(collar.state, NOW) == NOW - 60 + 7 * 86400
    collar.command(1, command.LOCATE)
    assert orders.hello_at_s(collar.state, NOW) == NOW


def test_unknown_command_is_told():
    assert Collar().command(1, 99) == hello.RESULT_UNKNOWN


def test_inventory_tells_of_log_and_order():
    collar = Collar()
    collar.command(9, command.SEND_AGAIN, 3, 9)
    item = hello.decode(orders.inventory(collar.state, collar.log, NOW, 48))
    assert (item.order, item.order_result, item.waiting) == (9, hello.RESULT_DONE, [(3, 9)])
    assert (item.oldest, item.newest, item.time_s) == (1, 20, NOW)


def test_inventory_is_due_in_contact_and_daily_while_a_result_is_not_told():
    state = State()
    assert orders.hello_at_s(state, NOW) == 0
    state.answered = 1
    assert orders.hello_at_s(state, NOW) == NOW
    state.hello_at_s = NOW
    assert orders.hello_at_s(state, NOW + 2 * 86400) == NOW + 7 * 86400
    state.order_told = 0
    assert orders.hello_at_s(state, NOW + 3600) == NOW + 86400
    assert orders.hello_at_s(state, NOW + 2 * 86400) == NOW + 2 * 86400
    state.arm_at_s = NOW
    assert orders.hello_at_s(state, NOW + 60) == NOW + 3600
    state.misses = 1
    assert orders.hello_at_s(state, NOW + 2 * 86400) == 0
