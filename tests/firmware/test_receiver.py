from firmware.drivers import gnss, receiver
from firmware.navigation import Reader, Writer

from .memory import Memory, cut_everywhere
from .test_gnss import NOW, message

DONE = gnss.pack(0x05, 0x01, b"\x06\x8a")
NOBODY = gnss.pack(0x01, 0x07, bytes(92))


def satellites(count, cno=40):
    one = bytes((0, 1, cno)) + bytes(9)
    return gnss.pack(0x01, 0x35, bytes(8) + one * count)


def orbits(quarters):
    rows = [bytes((0, n, 0, 1 << 5 | quarters, 0, 0)) for n in range(8)]
    return gnss.pack(0x01, 0x34, bytes(8) + b"".join(rows))


class Port:
    """A receiver that answers polls by its own clock; also clock and switch."""

    renewed_ms = 50000

    def __init__(self, answer, heard=9, baud=9600, deaf=False):
        self.answer, self.heard, self.baud, self.deaf = answer, heard, baud, deaf
        self.now_ms, self.line, self.out, self.on = 0, 9600, b"", None
        self.written, self.fed_ms, self.looks, self.read_ms = [], 0, [], 0

    def power(self, on):
        self.on = on

    def set_baud(self, baud):
        self.line = baud

    def write(self, data):
        self.written.append((self.now_ms, data))
        self.read_ms = self.now_ms
        if self.line != self.baud:
            return
        if data == gnss.pack_baud(38400) and not self.deaf:
            self.baud = 38400
        elif data.endswith(gnss.pack(*gnss.PVT)):
            self.out += self.answer(self.now_ms)
        elif data.endswith(gnss.pack(*gnss.SAT)):
            self.looks.append(self.now_ms)
            self.out += self.heard(self.now_ms) if callable(self.heard) else satellites(self.heard)
        elif data == gnss.pack(*gnss.ORB):
            self.out += orbits(16 if self.now_ms >= self.renewed_ms else 6)
        elif data == gnss.pack(*gnss.DBD):
            self.out += b"".join(gnss.pack(0x13, 0x80, bytes((n,)) * 96) for n in range(8))

    def read(self):
        """What has come over the line since, as much of it as the buffer keeps."""
        count = (self.now_ms - self.read_ms) * self.line // 10000
        out, self.out = self.out[:count][:512], self.out[count:]
        self.read_ms = self.now_ms
        return out if self.line == self.baud else bytes(b ^ 0x5A for b in out)

    def ticks_ms(self):
        return self.now_ms

    def sleep_ms(self, ms):
        assert self.on is not False
        self.now_ms += ms

    def stop_ms(self, ms):
        self.now_ms += ms
        self.out = b""

    def feed(self):
        assert self.now_ms - self.fed_ms <= 21000, "watchdog"
        self.fed_ms = self.now_ms


LIMITS = {"timeout": 40000, "accuracy": 50000, "pdop": 600, "first": 1000, "settle": 7000}
LIMITS["likely"] = 40000


def search(port, clock_s=NOW, bound_s=2, **changes):
    limits = dict(LIMITS)
    limits.update(changes)
    session = receiver.Session(port, port, port.feed)
    outcome = session.run(
        receiver.Limits(
            limits["timeout"],
            limits["accuracy"],
            limits["pdop"],
            2025,
            limits["first"],
            limits["settle"],
            limits["likely"],
        ),
        clock_s,
        bound_s,
    )
    session.close()
    return outcome


def fixes_at(ms, **fields):
    """A receiver whose fix comes after `ms`; it knows the time all along."""

    def answer(now_ms):
        known = dict(fields)
        if now_ms < ms:
            known["fix_type"] = 0
        known.setdefault("unix_s", NOW + now_ms // 1000)
        return message(**known)

    return answer


def test_the_search_ends_within_a_second_of_the_fix():
    port = Port(fixes_at(5000))
    outcome = search(port)
    assert outcome.solution.unix_s == outcome.unix_s
    assert 5000 <= outcome.duration_ms <= 6300
    assert port.on is False


def test_the_processor_is_in_stop_until_a_fix_is_likely():
    port = Port(fixes_at(20000))
    search(port, first=12000, settle=30000)
    polls = [at for at, data in port.written if data.endswith(gnss.pack(*gnss.PVT))]
    assert 12000 <= polls[0] <= 12400
    assert len(polls) <= 10


def test_sentences_are_switched_off_until_the_receiver_says_so():
    port = Port(lambda now_ms: (DONE if now_ms > 3000 else b"") + NOBODY)
    search(port, timeout=8000)
    quiet = [data.startswith(gnss.QUIET) for _, data in port.written[1:]]
    assert quiet[0] and not quiet[-1]


def test_a_closed_sky_ends_the_search_early():
    port = Port(lambda now_ms: NOBODY, heard=3)
    outcome = search(port)
    assert outcome.solution is None and outcome.answered
    assert 7000 <= outcome.duration_ms <= 9500


def test_a_sky_that_opens_is_waited_for():
    for heard in (
        lambda now_ms: satellites(now_ms // 1500),  # more at every look
        lambda now_ms: satellites(4, 10 + now_ms // 1000),  # the same, ever stronger
    ):
        assert search(Port(lambda now_ms: NOBODY, heard)).duration_ms >= 40000


def test_a_sky_that_closes_ends_the_search_at_the_next_look():
    port = Port(lambda now_ms: NOBODY, lambda now_ms: satellites(9 if now_ms < 12000 else 2))
    assert 12000 <= search(port).duration_ms <= 24000
    assert len(port.looks) <= 4


def test_signals_too_weak_to_be_read_count_only_while_there_is_nothing_to_read():
    def weak(now_ms):
        return satellites(9, 20)

    assert search(Port(lambda now_ms: NOBODY, weak)).duration_ms >= 40000
    assert search(Port(lambda now_ms: NOBODY, weak), likely=15000).duration_ms < 25000


def test_sixty_satellites_are_more_than_the_buffer_and_still_a_look():
    assert len(satellites(60)) > 512
    assert len(satellites(255)) > 3000
    for count in (60, 255):
        strong, weak = satellites(count), satellites(count, 5)
        assert search(Port(lambda now_ms: NOBODY, lambda now_ms, s=strong: s)).duration_ms >= 40000
        assert search(Port(lambda now_ms: NOBODY, lambda now_ms, w=weak: w)).duration_ms <= 9500


def test_an_open_sky_is_searched_to_the_end():
    outcome = search(Port(lambda now_ms: NOBODY, heard=9))
    assert outcome.solution is None
    assert 40000 <= outcome.duration_ms <= 41500


def test_coarse_solutions_are_waited_out():
    def answer(now_ms):
        good = now_ms > 6000
        return message(
            unix_s=NOW + now_ms // 1000,
            accuracy_mm=50000 if good else 50001,
            pdop_e2=600 if good else 601,
        )

    assert 6000 <= search(Port(answer)).duration_ms <= 7400


def test_one_bad_epoch_is_no_time():
    def answer(now_ms):
        return message(unix_s=NOW + 86400, fix_type=0) if now_ms < 2000 else NOBODY

    assert search(Port(answer), timeout=6000).unix_s is None


def test_an_epoch_off_by_more_than_the_clock_may_be_needs_others_that_agree():
    def answer(now_ms):
        late_s = 20 if now_ms < 2000 else 0
        return message(unix_s=NOW + now_ms // 1000 + late_s)

    for bound_s, epochs in ((2, 2), (30, 1)):
        port = Port(answer)
        outcome = search(port, bound_s=bound_s)
        off_s = outcome.unix_s - NOW - outcome.ticks_ms // 1000
        assert abs(off_s - (20 if epochs == 1 else 0)) <= 1
        polls = [at for at, data in port.written if data.endswith(gnss.pack(*gnss.PVT))]
        assert len(polls) == epochs


def test_an_epoch_asked_for_twice_agrees_with_nothing():
    def answer(now_ms):
        return message(unix_s=NOW + 500 + now_ms // 1000 // 60)  # the receiver's clock stands

    assert search(Port(answer), timeout=15000).unix_s is None


def test_epochs_that_agree_are_believed_against_the_clock():
    outcome = search(Port(fixes_at(2000)), clock_s=NOW - 5000000)
    assert outcome.solution is not None
    assert abs(outcome.unix_s - NOW - outcome.ticks_ms // 1000) <= 1
    assert search(Port(fixes_at(2000)), clock_s=0).solution is not None


def test_epochs_that_jump_about_are_never_believed():
    def answer(now_ms):
        return message(unix_s=NOW + now_ms * 7)

    outcome = search(Port(answer), clock_s=0, timeout=15000)
    assert (outcome.solution, outcome.unix_s) == (None, None)


def test_a_receiver_at_any_rate_is_found_and_one_that_can_is_asked_for_a_fast_one():
    for baud in (9600, 38400, 115200):
        port = Port(fixes_at(0), baud=baud)
        assert search(port).solution is not None
        assert port.baud == (115200 if baud == 115200 else 38400)
    assert search(Port(fixes_at(0), deaf=True)).solution is not None


def test_a_silent_receiver_is_given_up_at_every_rate():
    outcome = search(Port(lambda now_ms: b""), timeout=120000)
    assert (outcome.solution, outcome.unix_s, outcome.answered) == (None, None, False)
    assert outcome.duration_ms < 13000


def test_garbage_and_pieces_of_messages_are_no_fix():
    noise = bytes(i * 31 & 0xFF for i in range(300)) + b"\xb5\x62\x01\x07\x5c\x00" + bytes(40)
    assert search(Port(lambda now_ms: noise), timeout=9000).solution is None
    cut = Port(lambda now_ms: message()[: 40 + now_ms % 50])
    assert search(cut, timeout=9000).solution is None


def test_it_stays_on_until_its_ephemerides_are_new_or_time_is_over():
    for timeout_ms, renewed in ((90000, True), (45000, False)):
        port = Port(lambda now_ms: NOBODY)
        session = receiver.Session(port, port, port.feed)
        assert session.renew(40000, timeout_ms, 180) == renewed
        assert port.written[2][0] >= 40000
        assert min(50000, timeout_ms) <= port.now_ms <= min(50000, timeout_ms) + 1000


def test_its_own_data_come_back_as_they_were():
    port, memory = Port(fixes_at(0)), Memory()
    session = receiver.Session(port, port, port.feed)
    kept = Writer(memory)
    session.save(kept.keep)
    assert kept.end(NOW)
    session.restore(Reader(memory).next)
    told = b"".join(data for _, data in port.written[2:])
    frames = gnss.Reader().feed(told)
    assert [payload[0] for _, _, payload in frames] == list(range(8))


def test_data_cut_at_any_byte_are_the_old_ones_or_none_or_the_new():
    def save(memory, byte):
        kept = Writer(memory)
        for _ in range(3):
            kept.keep(bytes((byte,)) * 60)
        kept.end(NOW)

    def check(copy, whole):
        data = Reader(copy)
        found = data.next() + data.next() + data.next()
        assert found in ((b"\x02" * 180,) if whole else (b"\x01" * 180, b"", b"\x02" * 180))

    memory = Memory()
    save(memory, 1)
    assert cut_everywhere(memory, lambda copy: save(copy, 2), check) > 180


def test_noise_in_the_memory_is_no_data():
    memory = Memory()
    memory.write(0x3000, bytes(i * 37 & 0xFF for i in range(400)))
    assert Reader(memory).next() == b""
