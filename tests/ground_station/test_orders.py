"""Orders: queued, sent in the collar's window, taken back as results."""

from pathlib import Path

import pytest

from firmware import config as collar_config
from firmware.wire import command, config, frame, hello
from firmware.wire.settings import NAMES
from ground_station import orders
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
    assert (taken.sequence, taken.changes) == (1, [(0, 3600)])
    said = hello.Hello(0, 2, 0, 1, 1, hello.RESULT_DONE, 1, 3, [])
    greeting = collar.seal(hello.encode(said, 60), kind=frame.HELLO)
    receiver = Answered([make_received(greeting, 9)])
    serve(receiver, spool, keys)
    assert opened(collar, receiver.sent[0].data)[0].kind == frame.ACK
    capsys.readouterr()
    assert main(["order", "1", "--spool", str(spool)]) == 0
    assert capsys.readouterr().out == f"collar 1: order 1 (set {NAMES[0]}=3600): done\n"


def test_after_a_lost_disk_orders_go_on_behind_the_collars_last(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        spool.note_inventory(1, 41, hello.RESULT_DONE)
        assert spool.add_order(1, ["locate"], 7).sequence == 42
        assert spool.add_order(2, ["locate"], 7).sequence == 1


def test_records_that_a_new_disk_lacks_are_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    collar = Collar(1)
    keys = write_keys(tmp_path / "keys.json", collar)
    said = hello.Hello(0, 2, 0, 0, 0, 0, 5, 300, [])
    greeting = collar.seal(hello.encode(said, 60), kind=frame.HELLO)
    serve(Answered([make_received(greeting, 1)]), tmp_path / "spool", keys)
    assert "capra station order 1 send-again 5 300" in capfd.readouterr().err


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
        (["set", "colour=3"], "setting 'colour' does not exist"),
        (["set", f"{NAMES[0]}=much"], "'much' is no whole number"),
        (["send-again", "1", str(2**32)], "until is 4294967296"),
    ],
)
def test_words_that_are_no_order_are_told(words: list[str], expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        orders.compose(words, 1, 1_800_000_000)
