from firmware.drivers import gnss, receiver
from firmware.navigation import Reader, Writer

from .memory import Memory, cut_everywhere
from .port import DONE, NOBODY, Port, fixes_at, search
from .test_gnss import NOW, message


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


def test_coarse_solutions_are_waited_out():
    def answer(now_ms):
        good = now_ms > 6000
        return message(
            unix_s=NOW + now_ms // 1000,
            accuracy_mm=50000 if good else 50001,
            pdop_e2=600 if good else 601,
        )

    assert 6000 <= search(Port(answer)).duration_ms <= 7400


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
