"""The whole station on a pseudo-terminal: bad input, clear lines, disk before answer."""

import resource
import threading
import time
from pathlib import Path

import pytest

from firmware.wire import bridge as wire
from ground_station.errors import PortLost, SpoolError
from ground_station.keys import load_keys
from ground_station.memory import Frame
from ground_station.metrics import Totals
from ground_station.receiver import Event, Receiver
from ground_station.settings import Settings
from ground_station.spool import Spool
from ground_station.station import Station
from tests.ground_station.scripted import (
    BRIDGE,
    Collar,
    PtyBridge,
    StationProcess,
    make_received,
    running,
    write_keys,
)


class WatchedReceiver(Receiver):
    """Gives some events, looks into the spool whenever an answer leaves, stops the station."""

    def __init__(self, events: list[Event], spool: Path) -> None:
        super().__init__("watched")
        self.events = [wire.Hello(1, BRIDGE, 1, 0, 0), *events]
        self.seen_on_disk: list[int] = []
        self.sent: list[wire.Transmit] = []
        self.released: list[int] = []
        self.cut_next = False
        self._spool = spool
        self.station: Station

    def open(self) -> None: ...

    def close(self) -> None: ...

    def receive(self, timeout_s: float) -> Event | None:
        if not self.events:
            self.station.stop()
            return None
        return self.events.pop(0)

    def transmit(self, message: wire.Transmit) -> None:
        if self.cut_next:
            self.cut_next = False
            raise PortLost(self.port, "pulled out")
        with Spool(self._spool) as spool:
            self.seen_on_disk.append(len(spool.peek(1000)))
        self.sent.append(message)

    def release(self, reception: int) -> None:
        self.released.append(reception)


def serve(tmp_path: Path, collar: Collar, *events: Event, cut: bool = False) -> WatchedReceiver:
    """Run a station over some events, in this process."""
    path = tmp_path / "spool.sqlite"
    keys = write_keys(tmp_path / "keys.json", collar)
    receiver = WatchedReceiver(list(events), path)
    receiver.cut_next = cut
    settings = Settings("watched", keys, path, "hut")
    with Spool(path) as spool:
        receiver.station = Station(
            settings, receiver, spool, load_keys(keys), Totals(), threading.Event()
        )
        receiver.station.run()
    return receiver


def test_frame_is_on_the_disk_when_its_answer_leaves(tmp_path: Path) -> None:
    collar = Collar(1)
    heard = [make_received(collar.send(n, n), n) for n in range(1, 6)]
    assert serve(tmp_path, collar, *heard).seen_on_disk == [1, 2, 3, 4, 5]


def test_answer_cut_off_after_the_commit_is_given_again_under_a_new_counter(
    tmp_path: Path,
) -> None:
    collar = Collar(1)
    received = make_received(collar.send(1, 3))
    first = serve(tmp_path, collar, received, cut=True)
    assert first.sent == []
    hello = wire.Hello(1, BRIDGE, 1, 0, 0)
    again = serve(tmp_path, collar, received, hello, received)
    assert again.seen_on_disk == [1, 1]  # stored once, answered whenever it is asked
    assert again.sent[0].data[:8] != again.sent[1].data[:8]
    assert collar.hear(again.sent[0].data).ranges == [(1, 3)]


def test_frame_told_twice_is_answered_once(tmp_path: Path) -> None:
    collar = Collar(1)
    received = make_received(collar.send(1, 3))
    assert len(serve(tmp_path, collar, received, received).sent) == 1


def test_replayed_frame_is_released_without_an_answer(tmp_path: Path) -> None:
    collar = Collar(1)
    data = collar.send(1, 3)
    result = serve(tmp_path, collar, make_received(data, 1), make_received(data, 2))
    assert len(result.sent) == 1 and result.released == [2]


def test_undecodable_frame_is_kept_but_not_acknowledged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    collar = Collar(1)
    result = serve(tmp_path, collar, make_received(collar.seal(b"\xff"), 1))
    assert result.sent == [] and result.released == [1]
    assert "frame undecodable collar=1 counter=0" in capfd.readouterr().err
    with Spool(tmp_path / "spool.sqlite") as spool:
        assert spool.find(1, 0, 0) is not None and spool.peek(9) == []


def test_answer_that_was_not_sent_costs_no_airtime(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    collar = Collar(1)
    late = wire.Transmitted(1, wire.TOO_LATE, 0, 0)
    result = serve(tmp_path, collar, make_received(collar.send(1, 1)), late)
    assert result.station.lines[0].downlink.ledger.used_us(0) == 0
    assert "acknowledgement not sent" in capfd.readouterr().err


def test_radio_error_may_have_cost_airtime(tmp_path: Path) -> None:
    collar = Collar(1)
    failed = wire.Transmitted(1, wire.RADIO_ERROR, 0, 0)
    result = serve(tmp_path, collar, make_received(collar.send(1, 1)), failed)
    assert result.station.lines[0].downlink.ledger.used_us(0) > 0


def test_airtime_is_remembered_over_a_restart_of_station_and_bridge(tmp_path: Path) -> None:
    collar = Collar(1)
    first = serve(tmp_path, collar, make_received(collar.send(1, 1), ticks_us=10**15))
    used_us = first.station.lines[0].downlink.ledger.used_us(10**15)
    again = serve(tmp_path, collar)  # its Hello says that the bridge has just started
    assert 0 < used_us == again.station.lines[0].downlink.ledger.used_us(0)
    assert again.station.lines[0].downlink.ledger.used_us(2 * 3_600_000_000) == 0
    with Spool(tmp_path / "spool.sqlite") as spool:
        assert spool.restore().airtimes == again.station.lines[0].downlink.ledger.airtimes


def test_damaged_read_of_the_spool_delays_the_answer_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    collar, faults = Collar(1), [SpoolError(tmp_path, "disk I/O error")]
    received = make_received(collar.send(1, 3))
    find = Spool.find

    def find_at_the_second_try(spool: Spool, *name: int) -> Frame | None:
        if faults:
            raise faults.pop()
        return find(spool, *name)

    monkeypatch.setattr(Spool, "find", find_at_the_second_try)
    hello = wire.Hello(1, BRIDGE, 1, 0, 0)
    result = serve(tmp_path, collar, received, hello, received)
    assert len(result.sent) == 2 and faults == []
    assert "spool refuses" in capfd.readouterr().err


def test_collar_that_went_back_to_an_older_generation_is_told_and_answered(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    collar = Collar(1)
    frames = [collar.send(1, 3, generation=gen) for gen in (257, 1, 1)]
    heard = [make_received(data, n) for n, data in enumerate(frames, 1)]
    assert len(serve(tmp_path, collar, *heard).sent) == 3
    log = capfd.readouterr().err
    assert log.count("generation went back collar=1 generation=1 held=257") == 1
    assert "keys add --replace" in log


def test_station_without_a_number_says_which_one_it_takes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    serve(tmp_path, Collar(1))
    assert "station number made from the name number=" in capfd.readouterr().err


def test_every_bad_frame_gets_one_clear_line_and_harms_nothing(tmp_path: Path) -> None:
    collar, liar = Collar(1), Collar(1, key=bytes(16))
    write_keys(tmp_path / "keys.json", collar)
    old = bytearray(collar.send(1, 1))
    old[1] = 0x01
    good = collar.send(1, 5)
    with running(tmp_path, "--no-load") as (bridge, station):
        bridge.write(b"Traceback (most recent call last):\r\n\x00" + b"\x03\x11\x22\x00")
        station.wait_log("line noise port=")
        bridge.hear(good)
        bridge.wait_answered()
        for data in (b"\x40lorawan", Collar(77).send(1, 1), liar.send(1, 1), bytes(old), good):
            bridge.hear(data)
        bridge.wait_answered()
        for line in (
            "reason=foreign first_byte=0x40 expected=0xe0",
            "reason=unknown_collar collar=77",
            "reason=tag collar=1 counter=0 epoch=0",
            "reason=version version=0 expected=2",
            "reason=replayed collar=1 counter=1 highest=1",
        ):
            assert station.log.count(f"frame refused {line}") == 1, station.log
        bridge.hear(collar.send(6, 9))
        bridge.wait_answered()
        assert collar.hear(bridge.answers[-1][1]).ranges == [(1, 9)]
        assert station.stop() == 0 and collar.key.hex() not in station.log


def test_flood_of_foreign_frames_gets_one_line(tmp_path: Path) -> None:
    write_keys(tmp_path / "keys.json", Collar(1))
    with running(tmp_path, "--no-load") as (bridge, station):
        for _ in range(50):
            bridge.hear(b"\x40noise")
            bridge.wait_answered()
        assert station.log.count("frame refused") == 1
        assert len(bridge.released) == 50


def test_full_disk_delays_the_answer_and_loses_nothing(tmp_path: Path) -> None:
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with running(tmp_path, "--no-load") as (bridge, station):
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        process, limit = station.process.pid, resource.RLIMIT_FSIZE
        resource.prlimit(process, limit, (4096, resource.RLIM_INFINITY))
        bridge.hear(collar.send(1, 9))
        station.wait_log("spool refuses", times=2)
        assert not bridge.answers
        resource.prlimit(process, limit, unlimited)
        bridge.wait_answered()
        assert collar.hear(bridge.answers[0][1]).ranges == [(1, 9)]


def test_second_station_on_a_port_says_so_and_takes_over_when_it_is_free(tmp_path: Path) -> None:
    write_keys(tmp_path / "keys.json", Collar(1))
    port = tmp_path / "port"
    with running(tmp_path, "--no-load") as (_, first):
        other = ("--no-load", "--spool", str(tmp_path / "other.sqlite"))
        with StationProcess(tmp_path, *other, log="second.log") as second:
            second.wait_log(f"receiver away port={port} fault=")
            assert "is used by another program" in second.log
            assert first.stop() == 0
            second.wait_log("station ready")
            assert second.stop() == 0


def test_second_station_on_a_spool_ends_with_one_line(tmp_path: Path) -> None:
    write_keys(tmp_path / "keys.json", Collar(1))
    with (
        running(tmp_path, "--no-load") as (_, first),
        StationProcess(tmp_path, "--no-load", log="second.log") as second,
    ):
        assert second.process.wait(60) == 2
        assert second.log.strip().endswith(
            f"is used by another station (process {first.process.pid})"
        )


def test_missing_port_is_tried_again_until_it_appears(tmp_path: Path) -> None:
    write_keys(tmp_path / "keys.json", Collar(1))
    with StationProcess(tmp_path, "--no-load") as station:
        station.wait_log("No such file or directory", times=2)
        assert f"receiver away port={tmp_path / 'port'}" in station.log
        with PtyBridge(tmp_path / "port"):
            station.wait_log("station ready")
            assert station.stop() == 0


def test_collar_added_while_running_is_heard_at_once(tmp_path: Path) -> None:
    old, new = Collar(1), Collar(2)
    write_keys(tmp_path / "keys.json", old)
    with running(tmp_path, "--no-load") as (bridge, station):
        bridge.hear(new.send(1, 1))
        bridge.wait_answered()
        (tmp_path / "keys.json").write_text("half a f")
        bridge.hear(old.send(1, 1))
        bridge.wait_answered()
        assert "keys kept" in station.log and len(bridge.answers) == 1
        write_keys(tmp_path / "keys.json", old, new)
        bridge.hear(new.send(2, 2))
        bridge.wait_answered()
        assert new.hear(bridge.answers[-1][1]).ranges == [(2, 2)]


def test_bridges_utc_is_told_to_the_collar(tmp_path: Path) -> None:
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with running(tmp_path, "--no-load", "--clock", "bridge") as (bridge, _):
        bridge.hear(collar.send(1, 1), utc_us=1_000_000_000_000_000)  # 2001, replayed
        bridge.wait_answered()
        assert collar.hear(bridge.answers[0][1]).station_time_s == 1_000_000_001


def test_hundred_frames_in_a_row_are_all_answered(tmp_path: Path) -> None:
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with running(tmp_path, "--no-load") as (bridge, _):
        delays_ms = []
        for record in range(1, 101):
            start_s = time.perf_counter()
            bridge.hear(collar.send(record, record))
            bridge.wait_answered()
            delays_ms.append(1000 * (time.perf_counter() - start_s))
        assert len(bridge.answers) == 100
        print(f"answer: median {sorted(delays_ms)[50]:.1f} ms, worst {max(delays_ms):.1f} ms")
