"""Orders: queued, sent in the collar's window, taken back as results."""

from pathlib import Path

import pytest

from firmware import config as collar_config
from firmware.wire import command, config, frame, hello
from firmware.wire.settings import NAMES
from ground_station import inventory, orders
from ground_station.__main__ import main
from ground_station.errors import SettingsError
from ground_station.keys import block_cipher
from ground_station.spool import Spool
from tests.ground_station.in_process import Answered, serve
from tests.ground_station.scripted import Collar, make_received, write_keys


def opened(collar: Collar, sealed: bytes) -> tuple[frame.Header, bytes]:
    encrypt = block_cipher(collar.key)
    return frame.open_frame(encrypt, frame.DOWNLINK, collar.epoch, sealed)


def test_names_of_settings_are_those_of_the_collar() -> None:
    assert tuple(row[0] for row in collar_config.TABLE)[: len(NAMES)] == NAMES


def test_an_order_goes_out_in_the_window_until_its_result_comes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collar, spool = Collar(1), tmp_path / "spool"
    keys = write_keys(tmp_path / "keys.json", collar)
    serve(Answered([]), spool, keys)
    words = ["order", "1", "set", f"{NAMES[0]}=3600", "--spool", str(spool)]
    assert main(words) == 0
    receiver = Answered([make_received(collar.send(n, n), n) for n in (1, 2, 3)])
    serve(receiver, spool, keys)
    kinds = [opened(collar, one.data)[0].kind for one in receiver.sent]
    assert kinds == [frame.CONFIG, frame.ACK, frame.CONFIG]
    taken = config.decode(opened(collar, receiver.sent[0].data)[1])
    assert taken.changes == [(0, 3600)]
    assert taken.sequence == taken.expires_at_s - 7 * 86400
    said = hello.Hello(0, 2, 0, taken.sequence, taken.sequence, hello.RESULT_DONE, 1, 3, [])
    greeting = collar.seal(hello.encode(said, 60), kind=frame.HELLO)
    receiver = Answered([make_received(greeting, 9)])
    serve(receiver, spool, keys)
    assert opened(collar, receiver.sent[0].data)[0].kind == frame.ACK
    capsys.readouterr()
    assert main(["order", "1", "--spool", str(spool)]) == 0
    assert (
        capsys.readouterr().out
        == f"collar 1: order {taken.sequence} (set {NAMES[0]}=3600): done\n"
    )


def done(sequence: int) -> hello.Hello:
    return hello.Hello(0, 2, 0, 0, sequence, hello.RESULT_DONE, 1, 1, [])


def test_orders_go_on_behind_the_collars_last(tmp_path: Path) -> None:
    ahead = orders.now_s() + 1000
    with Spool(tmp_path / "s") as spool:
        spool.note_inventory(1, done(ahead), 0)
        assert spool.add_order(1, ["locate"], 7).sequence == ahead + 1
        assert spool.add_order(2, ["locate"], 7).sequence < ahead


def test_an_order_of_another_station_is_not_taken_for_ours(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        ours = spool.add_order(1, ["locate"], 7)
        spool.note_inventory(1, done(ours.sequence + 60), ours.sequence * 1_000_000)
        assert spool.orders(1)[0].result == orders.OVERTAKEN


def test_records_that_are_not_here_are_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    collar, spool = Collar(1), tmp_path / "spool"
    keys = write_keys(tmp_path / "keys.json", collar)
    said = hello.Hello(0, 2, 0, 0, 0, 0, 5, 300, [(290, 300)])
    heard = [collar.send(20, 20), collar.seal(hello.encode(said, 60), kind=frame.HELLO)]
    serve(Answered([make_received(one, n) for n, one in enumerate(heard, 1)]), spool, keys)
    assert "capra station order 1 send-again 5 19" in capfd.readouterr().err
    assert main(["status", "--spool", str(spool)]) == 0
    line = "records 5 to 300, 11 wait in it, 284 are not here: `capra station order 1 send-again"
    assert line in capfd.readouterr().out


@pytest.mark.parametrize(
    ("waiting", "held", "expected"),
    [
        ([], [], [(5, 30)]),
        ([(5, 30)], [], []),
        ([(9, 10)], [(1, 6), (20, 99)], [(7, 8), (11, 19)]),
        ([], [(1, 4), (31, 40)], [(5, 30)]),
    ],
)
def test_missing_is_what_neither_waits_nor_is_held(
    waiting: inventory.Ranges, held: inventory.Ranges, expected: inventory.Ranges
) -> None:
    said = hello.Hello(0, 2, 0, 0, 0, 0, 5, 30, waiting)
    assert inventory.missing(said, held) == expected
    assert inventory.missing(said._replace(oldest=31), held) == []


def test_a_number_no_collar_has_is_refused(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool, pytest.raises(SettingsError, match=r"1\.\.65535"):
        spool.add_order(70_000, ["locate"], 7)


def test_arming_draws_a_number_for_firing() -> None:
    kind, payload, _, said = orders.compose(["arm"], 3, 1_800_000_000)
    made = command.decode(payload)
    assert kind == frame.COMMAND and said == f"arm, then fire {made.argument}"
    assert made.expires_at_s == 1_800_000_000 + 7 * 86400


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dance"], "expected locate, mortality-clear"),
        (["fire"], "expected locate"),
        (["hibernate", "-5"], "seconds from now on"),
        (["set", "colour=3"], "setting 'colour' does not exist"),
        (["set", f"{NAMES[0]}=much"], "'much' is no whole number"),
        (["send-again", "1", str(2**32)], "until is 4294967296"),
    ],
)
def test_words_that_are_no_order_are_told(words: list[str], expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        orders.compose(words, 1, 1_800_000_000)
