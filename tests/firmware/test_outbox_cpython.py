from firmware import block, log, outbox
from firmware.wire import data
from firmware.wire.kind import KIND_FIX

from .memory import Memory

NOW = 1790000000
DAY = 86400


class Talk:
    """A log, its outbox, and a station that reads all records but `unreadable`."""

    def __init__(self, records, unreadable=()):
        self.memory = Memory()
        self.state = block.State()
        self.state.generation = 1
        self.log = log.Log(self.memory, 1, slots=64)
        self.outbox = outbox.Outbox(self.log, self.state)
        self.unreadable = unreadable
        self.hears = True
        self.now_s = NOW
        self.frames = []
        self.add(records)

    def add(self, count, kind=KIND_FIX):
        for _ in range(count):
            self.log.append(kind, NOW, log.pack_fix(self.log.newest, 0, None, 0, 0))

    def send(self, room=40):
        """One frame; returns the numbers of its records."""
        first, alone = self.outbox.choose(self.now_s)
        self.state.misses += 1
        payload = self.outbox.pack(first, alone, room) if first else b""
        sent = [record.record for record in data.decode(payload)[1]] if payload else []
        self.frames.append(sent)
        if sent and self.hears and not any(record in self.unreadable for record in sent):
            self.log.acknowledge([(record, record) for record in sent])
            self.state.misses = 0
            self.outbox.answered(first, alone, self.now_s)
        return sent

    def sends(self, count, room=40):
        return [self.send(room) for _ in range(count)]

    def left(self):
        return self.log.pending(64)


def test_the_oldest_records_go_first():
    talk = Talk(20)
    first, second = talk.sends(2, room=20)
    assert first[0] == 1 and second[0] == first[-1] + 1
    assert talk.state.send_from == 0


def test_after_silence_the_next_records_go_and_an_answer_tells_what_is_missing():
    talk = Talk(40)
    talk.hears = False
    lost = talk.sends(2, room=20)
    talk.hears = True
    third = talk.send(20)
    assert lost[0][0] == 1 and lost[1][0] == lost[0][-1] + 1 and third[0] == lost[1][-1] + 1
    assert talk.send(20) == lost[0]


def test_the_newest_records_go_first_while_energy_is_short():
    talk = Talk(40)
    assert talk.outbox.choose(NOW, True) == (33, False)
    talk.log.acknowledge([(30, 38)])
    assert talk.outbox.choose(NOW, True) == (24, False)
    talk.log.acknowledge([(4, 40)])
    assert talk.outbox.choose(NOW, True) == (1, False)


def test_a_lost_frame_is_sent_again_as_it_was():
    talk = Talk(5)
    talk.hears = False
    assert talk.sends(4) == 4 * [[1, 2, 3, 4, 5]]


def test_a_fifth_frame_begins_to_go_round_one_by_one():
    talk = Talk(5)
    talk.hears = False
    assert talk.sends(8)[4:] == [[1], [2], [3], [4]]


def test_an_answer_in_the_round_is_followed_by_whole_frames():
    talk = Talk(5)
    talk.hears = False
    talk.sends(6)
    talk.hears = True
    assert talk.sends(2) == [[3], [4, 5]]
    talk.now_s += DAY
    assert talk.send() == [1, 2]
    assert talk.left() == [] and talk.state.send_from == 0


def test_a_record_nobody_can_read_stops_no_other():
    for victim in (1, 4, 7, 12):
        talk = Talk(12, unreadable=(victim,))
        talk.sends(30)
        assert talk.left() == [victim]


def test_many_records_nobody_can_read_stop_no_other():
    victims = (1, 2, 5, 9, 12)
    talk = Talk(12, unreadable=victims)
    talk.sends(30)
    talk.now_s += DAY
    talk.sends(30)
    assert talk.left() == list(victims)


def test_what_nobody_can_read_is_tried_again_once_a_day():
    talk = Talk(3, unreadable=(1,))
    talk.sends(12)
    assert talk.left() == [1]
    assert talk.sends(3) == [[], [], []]
    talk.now_s += DAY
    talk.unreadable = ()
    assert talk.send() == [1]
    assert talk.left() == [] and talk.state.send_from == 0


def test_new_records_do_not_wait_for_what_nobody_can_read():
    talk = Talk(3, unreadable=(1,))
    talk.sends(12)
    talk.state.misses = 0
    talk.add(3)
    assert talk.outbox.waiting(9, NOW) == [4, 5, 6]
    assert talk.send() == [4, 5, 6]


def test_a_kind_this_firmware_does_not_know_is_passed_over_and_kept():
    talk = Talk(2)
    talk.add(20, kind=9)
    talk.add(2)
    assert talk.outbox.waiting(9, NOW) == [1, 2, 23, 24]
    assert talk.send() == [1, 2, 23, 24]
    assert talk.left() == list(range(3, 23))
    assert talk.outbox.waiting(9, NOW) == []
    assert talk.state.lost_records == 0


def test_a_damaged_record_is_given_up_and_counted():
    talk = Talk(3)
    talk.memory.spoil(0x10000 + 12)
    assert talk.send() == [2, 3]
    assert talk.left() == [] and talk.state.lost_records == 1


def test_a_clock_that_went_back_does_not_stop_the_round():
    talk = Talk(3, unreadable=(1,))
    talk.sends(12)
    talk.now_s -= 100
    assert talk.outbox.waiting(9, talk.now_s) == [1]
