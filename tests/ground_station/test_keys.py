"""The key file: made private, refused when it is not, every fault named, no key ever shown."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from firmware.wire import aes, seal
from ground_station.errors import KeyFileError
from ground_station.keys import add_key, block_cipher, load_keys, set_station_number
from tests.ground_station.scripted import Collar, write_keys

COMMAND = (sys.executable, "-m", "ground_station")
GOOD = {"epoch": 0, "key": "00112233445566778899aabbccddeeff"}


def faults_of(path: Path, document: object) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    path.chmod(0o600)
    with pytest.raises(KeyFileError) as caught:
        load_keys(path)
    return str(caught.value)


def test_added_key_is_private_and_random(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first, second = add_key(path, 1), add_key(path, 65_535)
    assert path.stat().st_mode & 0o777 == 0o600
    assert first.key != second.key and len(first.key) == 16
    assert load_keys(path).collars() == [1, 65_535]


def test_missing_folder_is_named_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "keys.json"
    with pytest.raises(KeyFileError, match=f"no folder {path.parent}, expected one"):
        add_key(path, 1)
    assert not path.parent.exists()


def test_folder_in_the_data_folder_is_made_for_us_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPRA_DATA", str(tmp_path / "data"))
    add_key(tmp_path / "data" / "station" / "valley" / "keys.json", 1)
    for folder in ("station", "station/valley"):
        assert (tmp_path / "data" / folder).stat().st_mode & 0o777 == 0o700
    with pytest.raises(KeyFileError, match="no folder"):
        add_key(tmp_path / "data" / ".." / "absent" / "keys.json", 1)


def test_second_key_needs_replace_and_keeps_the_first(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = add_key(path, 7)
    with pytest.raises(KeyFileError, match="collar 7 has a key already"):
        add_key(path, 7)
    new = add_key(path, 7, replace=True)
    ring = load_keys(path)
    assert (old.epoch, new.epoch, ring.epoch(7)) == (0, 1, 1)
    assert ring.cipher(7, 0)(bytes(16)) == block_cipher(old.key)(bytes(16))  # type: ignore[misc]
    assert add_key(path, 7, replace=True).epoch == 2 and len(path.read_text()) > 0


def test_epoch_has_room_for_its_generations(tmp_path: Path) -> None:
    path = write_keys(tmp_path / "keys.json", Collar(1, epoch=0x7FFFFF))
    with pytest.raises(KeyFileError, match="epoch 8388607 is the last"):
        add_key(path, 1, replace=True)
    assert "expected 0..8388607" in faults_of(path, {"collars": {"1": {**GOOD, "epoch": 2**23}}})


def test_station_number_is_written_beside_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = add_key(path, 7).key
    set_station_number(path, 4095)
    add_key(path, 8)
    ring = load_keys(path)
    assert (ring.station_number, ring.collars()) == (4095, [7, 8])
    assert ring.cipher(7, 0)(bytes(16)) == block_cipher(key)(bytes(16))  # type: ignore[misc]
    for number in (-1, 4096):
        with pytest.raises(KeyFileError, match=f"number {number}: expected 0..4095"):
            set_station_number(path, number)


@pytest.mark.parametrize("collar", [0, -1, 65_536])
def test_collar_number_must_fit_the_frame(tmp_path: Path, collar: int) -> None:
    with pytest.raises(KeyFileError, match=f"collar {collar}: expected 1..65535"):
        add_key(tmp_path / "keys.json", collar)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = write_keys(tmp_path / "keys.json", Collar(1))
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode is {mode:04o}, expected 0600"):
        load_keys(path)


def test_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"nowhere\.json: No such file"):
        load_keys(tmp_path / "nowhere.json")


def test_malformed_key_file_names_all_its_faults(tmp_path: Path) -> None:
    collars = {
        "0": GOOD,
        "x": GOOD,
        "3": {"epoch": -1, "key": GOOD["key"]},
        "4": {"epoch": 0, "key": "secret"},
        "5": {"epoch": 0, "key": GOOD["key"], "previous": [{"epoch": 1, "key": GOOD["key"]}]},
        "6": "nonsense",
    }
    text = faults_of(tmp_path / "keys.json", {"station_number": 5000, "collars": collars})
    for part in ("5000", "'0'", "'x'", "is -1", "is 6 characters", "previous epoch is 1", "None"):
        assert part in text
    assert "secret" not in text and "\n" not in text


@pytest.mark.parametrize("document", ["", "{", "[]", '{"collars": []}', '"x"', "\xff"])
def test_any_other_file_is_refused_in_one_line(tmp_path: Path, document: str) -> None:
    assert "\n" not in faults_of(tmp_path / "keys.json", document)


def test_keys_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    makers = [
        subprocess.Popen(
            [*COMMAND, "keys", "add", "--keys", str(path), "--collar", str(collar)],
            stdout=subprocess.DEVNULL,
        )
        for collar in (1, 2, 3, 4)
    ]
    assert [maker.wait(60) for maker in makers] == [0, 0, 0, 0]
    assert load_keys(path).collars() == [1, 2, 3, 4]
    assert os.listdir(tmp_path) == ["keys.json"]


def test_fast_cipher_seals_as_the_wire_and_as_ccm_do() -> None:
    key, nonce, head, text = bytes(range(16)), bytes(13), b"12345678", b"a fix or two, sealed"
    sealed = seal.seal(block_cipher(key), nonce, head, text, 8)
    assert sealed == seal.seal(aes.block_cipher(key), nonce, head, text, 8)
    assert sealed == AESCCM(key, tag_length=8).encrypt(nonce, text, head)
