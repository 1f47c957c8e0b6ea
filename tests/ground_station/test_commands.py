"""The commands: help for strangers, exit codes, one line per fault, no key ever printed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ground_station.__main__ import main
from ground_station.errors import SettingsError
from ground_station.events import Throttle, format_line
from ground_station.keys import load_keys
from ground_station.memory import Change, Frame, Held, Reception
from ground_station.settings import Settings
from ground_station.spool import Spool
from tests.ground_station.scripted import Collar, write_keys

RUN = ["run", "--port", "/dev/none", "--no-load"]


def run(folder: Path, *more: str) -> int:
    files = ["--keys", str(folder / "keys.json"), "--spool", str(folder / "spool")]
    return main([*RUN, *files, *more])


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert text.count("\n") == 1 and text.startswith("capra station: ")
    return text


COMMANDS = ["run", "status", "keys", "keys add", "keys list", "keys number"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert f"example:\n  capra station {command}" in text
    assert text.split("\n\n")[1][0].isupper()  # a description stands before the arguments


def test_help_says_that_the_list_of_processes_shows_a_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "in the list of processes: give a password by CAPRA_DATABASE_URL" in text
    assert "PGPASSFILE" in text


def test_keys_are_added_and_listed_but_never_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.json"
    assert main(["keys", "add", "--keys", str(path), "--collar", "17"]) == 0
    assert main(["keys", "list", "--keys", str(path)]) == 0
    out = capsys.readouterr().out
    assert "collar 17: epoch 0" in out
    assert json.loads(path.read_text())["collars"]["17"]["key"] not in out
    assert "key" not in repr(load_keys(path)._keys[17, 0]).replace("CollarKey", "")


def test_station_number_is_set_by_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_keys(tmp_path / "keys.json", Collar(1)))
    assert main(["keys", "number", "--keys", path, "17"]) == 0
    assert load_keys(Path(path)).station_number == 17
    assert "station number 17" in capsys.readouterr().out
    assert main(["keys", "number", "--keys", path, "5000"]) == 2
    assert "station number 5000: expected 0..4095" in one_line(capsys)


def test_help_says_that_another_board_needs_another_key(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["keys", "add", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "whose memory chip or board was replaced" in text and "needs --replace" in text


@pytest.mark.parametrize(
    ("power_dbm", "gain_dbi", "erp"),
    [("28", "2", "2785"), ("22", "7.151", "2701"), ("127", "0", "12485")],
)
def test_power_beyond_the_law_ends_the_station_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], power_dbm: str, gain_dbi: str, erp: str
) -> None:
    write_keys(tmp_path / "keys.json", Collar(1))
    given = ("--tx-power-dbm", power_dbm, "--antenna-gain-dbi", gain_dbi)
    assert run(tmp_path, *given) == 2
    line = one_line(capsys)
    assert f"transmit power {power_dbm} dBm into an antenna of {gain_dbi} dBi" in line
    assert f"{erp}, expected at most 2700" in line


@pytest.mark.parametrize(("power_dbm", "gain_dbi"), [(27, 2.15), (22, 7.15), (-9, 38.15)])
def test_power_up_to_the_law_may_be_set(power_dbm: int, gain_dbi: float) -> None:
    legal = Settings("p", Path("k"), Path("s"), "hut", None, "system", True, 60.0, 400, power_dbm)
    assert replace(legal, antenna_gain_dbi=gain_dbi).tx_power_dbm == power_dbm


def test_double_key_ends_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_keys(tmp_path / "keys.json", Collar(1))
    add = ["keys", "add", "--keys", str(tmp_path / "keys.json"), "--collar", "1"]
    assert main(add) == 2
    assert "collar 1 has a key already (epoch 0)" in one_line(capsys)


def test_unusable_key_file_ends_the_station_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 2
    assert "No such file" in one_line(capsys)
    write_keys(tmp_path / "keys.json", Collar(1)).chmod(0o644)
    assert run(tmp_path) == 2
    assert "mode is 0644, expected 0600" in one_line(capsys)
    write_keys(tmp_path / "keys.json").write_text("{")
    assert run(tmp_path) == 2
    assert "not JSON" in one_line(capsys)


@pytest.mark.parametrize("source", ["--database", "CAPRA_DATABASE_URL"])
def test_hopeless_database_url_ends_the_station_and_its_password_is_not_shown(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    write_keys(tmp_path / "keys.json", Collar(1))
    url = "postgresql://capra:s3cretpw@[bad/x"
    files = ["--keys", str(tmp_path / "keys.json"), "--spool", str(tmp_path / "spool")]
    command = ["run", "--port", "/dev/none", *files]
    if source == "--database":
        command += ["--database", url]
    else:
        monkeypatch.setenv(source, url)
    assert main(command) == 2
    line = one_line(capsys)
    assert "the database URL cannot be used: an address in [ ]" in line and "cret" not in line


@pytest.mark.parametrize("port", ["bogus://x", __file__])
def test_what_can_never_be_a_port_ends_the_station_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    write_keys(tmp_path / "keys.json", Collar(1))
    assert run(tmp_path, "--port", port) == 2
    assert f"port {port}: " in one_line(capsys)


def test_folder_that_is_missing_is_named_and_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = tmp_path / "absent"
    assert main(["keys", "add", "--keys", str(absent / "k.json"), "--collar", "1"]) == 2
    assert f"no folder {absent}" in one_line(capsys)
    write_keys(tmp_path / "keys.json", Collar(1))
    assert run(tmp_path, "--spool", str(absent / "spool")) == 2
    assert f"no folder {absent}" in one_line(capsys)
    assert not absent.exists()


def test_unusable_spool_ends_the_station_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_keys(tmp_path / "keys.json", Collar(1))
    (tmp_path / "spool").write_text("a letter")
    assert run(tmp_path) == 2
    assert f"spool {tmp_path / 'spool'}: file is not a database" in one_line(capsys)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65])
def test_unusable_settings_are_all_named(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings("", Path("k"), Path("s"), name, clock="sun")
    for part in ("port is empty", repr(name), "'sun'"):
        assert part in str(caught.value)


def test_status_shows_who_was_heard_and_what_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = Reception("hut", "b", 1, 10, 1_772_000_000_000_000, 868_100_000, 9, 125_000, -99, -9)
    with Spool(tmp_path / "spool") as spool:
        change = Change(17, 0, Frame(17, 0, 5, b"x", heard), held=(Held(17, 0, 1, 30),))
        spool.commit([change], {"frames": 1, "refused_tag": 4})
        assert main(["status", "--spool", str(tmp_path / "spool")]) == 0  # while it is in use
    text = capsys.readouterr().out
    assert "17  2026-02-25T06:13:20Z" in text and "1 waiting" in text and "refused_tag: 4" in text
    assert main(["status", "--json", "--spool", str(tmp_path / "spool")]) == 0
    assert json.loads(capsys.readouterr().out)["collars"][0]["records_held"] == 30


def test_status_of_no_spool_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--spool", str(tmp_path / "none")]) == 2
    assert "no such file" in one_line(capsys)
    (tmp_path / "none").write_bytes(b"{}" * 600)
    assert main(["status", "--spool", str(tmp_path / "none")]) == 2
    assert "not a database" in one_line(capsys)


def test_event_line_quotes_what_is_not_one_word() -> None:
    line = format_line("port lost", port="/dev/ttyACM0", fault='gone "now"\n', n=3, empty="")
    assert line == r'port lost port=/dev/ttyACM0 fault="gone \"now\"\n" n=3 empty=""'


def test_repeated_event_is_told_once_per_pause() -> None:
    now, lines = [0.0], []
    throttle = Throttle(60.0, lambda: now[0], lambda event, **fields: lines.append(fields))
    for second in range(0, 130, 10):
        now[0] = float(second)
        throttle.log("kind", "event", at=second)
    assert lines == [{"at": 0}, {"at": 60, "suppressed": 5}, {"at": 120, "suppressed": 5}]
