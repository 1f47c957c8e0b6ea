"""The operator's commands: configuration, doctor, copies of a spool, metrics, watchdog."""

import dataclasses
import os
import re
import socket
import threading
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from rich.console import Console

from ground_station import config, keep, live, prometheus, report, watchdog
from ground_station.__main__ import main
from ground_station.errors import SettingsError, SpoolError
from ground_station.keys import load_keys
from ground_station.memory import Change, Frame, Reception
from ground_station.metrics import Totals
from ground_station.settings import Settings
from ground_station.spool import Spool
from ground_station.station import Station
from tests.ground_station.in_process import Answered, serve
from tests.ground_station.scripted import Collar, make_received, write_keys


def heard(folder: Path, *collars: Collar, frames: int = 3) -> Path:
    """A spool in which each collar was heard."""
    folder.mkdir(exist_ok=True)
    keys = write_keys(folder / "keys.json", *collars)
    sealed = [c.send(3 * n + 1, 3 * n + 3) for n in range(frames) for c in collars]
    serve(Answered(make_received(s, n) for n, s in enumerate(sealed, 1)), folder / "spool", keys)
    return folder / "spool"


def test_every_key_of_the_settings_is_documented_and_read(tmp_path: Path) -> None:
    fields = {one.name for one in dataclasses.fields(Settings)} - {"port", "receivers"}
    assert fields == {key.name for key in config.KEYS}
    text = re.sub(r"^# (\w+ = )", r"\1", config.default_text(), flags=re.MULTILINE)
    (tmp_path / "all.toml").write_text(text)
    read = config.read(tmp_path / "all.toml")
    assert set(read) == fields | {"receivers"} and read["receivers"][0]["kind"] == "bridge"
    defaults = {
        one.name: one.default for one in dataclasses.fields(Settings) if one.name in fields
    }
    optional = [
        key for key in config.KEYS if defaults[key.name] not in (None, dataclasses.MISSING)
    ]
    assert all(read[key.name] == defaults[key.name] for key in optional)


def test_a_faulty_configuration_names_every_fault(tmp_path: Path) -> None:
    (tmp_path / "c").write_text('spol = "x"\nload = 1\nkeep_days = "long"\nreceiver = 3\n')
    with pytest.raises(SettingsError) as caught:
        config.read(tmp_path / "c")
    for part in ("spol is not known", "load is 1", "keep_days is 'long'", "expected tables"):
        assert part in str(caught.value)


def test_printed_configuration_is_toml(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["receiver"][0]["kind"] == "bridge"


def test_replay_of_no_file_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, spool = ["--keys", str(tmp_path / "k")], ["--spool", str(tmp_path / "s")]
    assert main(["replay", str(tmp_path / "none.jsonl"), *keys, *spool]) == 2
    assert "none.jsonl: no such file, expected receptions" in capsys.readouterr().err


def test_a_stick_carries_frames_to_another_station_once(tmp_path: Path) -> None:
    one, two = heard(tmp_path / "a", Collar(1)), heard(tmp_path / "b", Collar(2))
    assert keep.export(one, tmp_path / "stick") == 3
    assert keep.take_in(two, tmp_path / "stick") == (3, 3)
    assert keep.take_in(two, tmp_path / "stick") == (0, 0)
    with Spool(two) as spool:
        assert {frame.collar for frame in spool.peek(99)} == {1, 2}
        memory = spool.restore()
        assert memory.held[1, 0] == [(1, 9)] and memory.windows[1, 0].highest == 2


def test_frame_that_came_by_stick_is_not_taken_again_from_the_air(tmp_path: Path) -> None:
    collar = Collar(1)
    one, two = heard(tmp_path / "a", collar), heard(tmp_path / "b", Collar(2))
    with Spool(one) as spool:
        sealed = spool.peek(1)[0].sealed
    keep.export(one, tmp_path / "stick")
    keep.take_in(two, tmp_path / "stick")
    receiver = Answered([make_received(sealed, 77)])
    serve(receiver, two, write_keys(tmp_path / "keys.json", collar))
    assert receiver.sent == [] and receiver.released == [77]


def test_backup_comes_back_without_its_counters(tmp_path: Path) -> None:
    spool = heard(tmp_path / "a", Collar(1))
    keep.backup(spool, tmp_path / "a" / "keys.json", tmp_path / "backup")
    (tmp_path / "new").mkdir()
    restored = tmp_path / "new" / "spool"
    assert keep.restore(tmp_path / "backup", restored, tmp_path / "new" / "keys.json") == 3
    with Spool(spool) as before, Spool(restored) as after:
        assert [one.sealed for one in before.peek(9)] == [one.sealed for one in after.peek(9)]
        assert before.restore().counters and not after.restore().counters
    assert load_keys(tmp_path / "new" / "keys.json").collars() == [1]


def test_restoring_over_a_spool_is_refused(tmp_path: Path) -> None:
    spool = heard(tmp_path / "a", Collar(1))
    keep.backup(spool, tmp_path / "a" / "keys.json", tmp_path / "backup")
    with pytest.raises(SpoolError, match="is there already, expected none"):
        keep.restore(tmp_path / "backup", spool, tmp_path / "k")


def test_the_same_transmission_through_two_bridges_is_two_receptions(tmp_path: Path) -> None:
    sealed = Collar(1).send(1, 3)
    keys = write_keys(tmp_path / "keys.json", Collar(1))
    at_us = int(time.time() * 1e6)
    other = Answered([make_received(sealed, 9, ticks_us=123, utc_us=at_us)])
    other.events[0] = other.events[0]._replace(bridge=0xBEEF)
    serve(Answered([make_received(sealed, utc_us=at_us)]), tmp_path / "spool", keys)
    serve(other, tmp_path / "spool", keys)
    with Spool(tmp_path / "spool") as spool:
        (frame,) = spool.peek(9)
        assert [one.bridge[-4:] for one in (frame.heard, *frame.again)] == ["ffee", "beef"]
    assert other.sent == []


def test_late_clock_is_repaired_and_stays_repaired(tmp_path: Path) -> None:
    heard = Reception("hut", "b", 1, 10, 20_000_000, 868_100_000, 7, 125_000, -100, -8, 4)
    with Spool(tmp_path / "s") as spool:
        spool.commit([Change(1, 0, Frame(1, 0, 0, b"sealed", heard))], {})
        waiting = spool.peek(9)
        assert spool.clock_errors(waiting, {4: -5_000_000}) == {(1, "b"): -5_000_000}
        assert spool.clock_errors(waiting, {4: -9_000_000}) == {(1, "b"): -5_000_000}


def test_metrics_tell_what_is_heard(tmp_path: Path) -> None:
    spool = heard(tmp_path / "a", Collar(1))
    settings = Settings("p", tmp_path / "a/keys.json", spool, "hut", metrics="127.0.0.1:0")
    with Spool(spool) as opened:
        keys = load_keys(settings.keys)
        station = Station(settings, Answered([]), opened, keys, Totals(), threading.Event())
        station.shared.totals.add("frames", 3)
        station.shared.heard[1] = (1_800_000_000_000_000, -2.5)
        with prometheus.serving(station.shared) as port:
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    assert 'capra_station_events_total{kind="frames"} 3.0' in text
    assert 'capra_station_snr_db{collar="1"} -2.5' in text
    assert 'capra_station_frames{state="waiting"} 3.0' in text


def test_watchdog_is_fed_only_while_all_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Worker:
        beat_s, ended = time.monotonic(), False

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        lazy = Worker()
        assert watchdog.Guard([Worker(), lazy]).feed()
        assert systemd.recv(64) == b"WATCHDOG=1"
        lazy.beat_s -= 40
        assert not watchdog.Guard([Worker(), lazy]).feed()


def test_live_view_shows_collars_backlog_and_duty_cycle(tmp_path: Path) -> None:
    spool = heard(tmp_path / "a", Collar(1), Collar(700))
    with (tmp_path / "seen").open("w") as out:
        console = Console(file=out, width=100, force_terminal=True)
        live.watch(spool, console, turns=2)
    seen = (tmp_path / "seen").read_text()
    assert "700" in seen and "backlog 6 frames" in seen and "of what the rules allow" in seen


def test_doctor_names_what_is_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_keys(tmp_path / "keys.json", Collar(1)).chmod(0o644)
    text = f'keys = "{tmp_path}/keys.json"\nspool = "{tmp_path}/s"\nload = false\n'
    (tmp_path / "c.toml").write_text(
        text + f'[[receiver]]\nkind = "replay"\nfile = "{tmp_path}/no"'
    )
    assert main(["doctor", "--config", str(tmp_path / "c.toml")]) == 2
    out, err = capsys.readouterr()
    assert "BAD   keys: " in out and "mode is 0644, expected 0600" in out
    assert "BAD   receiver 1: " in out and "good  disk: " in out
    assert "2 of 6 checks are bad" in err and not os.path.exists(tmp_path / "s")


def test_no_key_and_no_position_is_in_any_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    collar = Collar(1, key=bytes(range(16)))
    keys = write_keys(tmp_path / "keys.json", collar)
    bad = [collar.seal(b"\xff"), Collar(1, key=b"x" * 16).send(1, 2), b"\x40lorawan"]
    sealed = [*bad, *(collar.send(n, n + 2) for n in range(1, 20, 3))]
    events = [make_received(s, n) for n, s in enumerate(sealed, 1)]
    serve(Answered(events), tmp_path / "spool", keys)
    print(report.format_status(report.read_status(tmp_path / "spool")))
    said = "".join(capfd.readouterr())
    assert collar.key.hex() not in said and str(list(collar.key)) not in said
    assert not re.search(r"46[.]?6\d|10[.]?199|466\d{4}|1019\d{3}", said)
