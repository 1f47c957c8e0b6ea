"""The whole station as a process behind other receivers than its own bridge."""

import base64
import json
from pathlib import Path

import pytest

from ground_station.receivers import replay, semtech_acks
from tests.bench.link_receivers import STATION, _free_port
from tests.ground_station.scripted import Collar, StationProcess, make_received, write_keys
from tests.ground_station.test_semtech_udp import Gateway, rxpk


def test_collar_heard_by_a_gateway_gets_its_acknowledgement_at_the_frames_own_time(
    tmp_path: Path,
) -> None:
    collar, port = Collar(7), _free_port()
    write_keys(tmp_path / "keys.json", collar)
    with StationProcess(tmp_path, command=("-c", STATION.format(tmp_path, port))) as station:
        station.wait_log("station ready")
        gateway = Gateway(("127.0.0.1", port))
        gateway.pull()
        gateway.push(rxpk(collar.send(1, 20), tmst=4_000_000_000))
        txpk = json.loads(gateway.down.recv(1000)[4:])["txpk"]
        gateway.close()
        assert station.stop() == 0
    assert (txpk["tmst"], txpk["freq"]) == ((4_000_000_000 + 1_000_000) % 2**32, 869.525)
    assert collar.hear(base64.b64decode(txpk["data"])).ranges == [(1, 20)]


def test_replayed_file_ends_the_station_with_every_frame_in_the_spool(tmp_path: Path) -> None:
    collar = Collar(7)
    write_keys(tmp_path / "keys.json", collar)
    lines = [
        replay.write_line(make_received(collar.send(n, n)), "aa", 1_772_600_000_000_000 + n)
        for n in range(1, 31)
    ]
    (tmp_path / "heard.jsonl").write_text("\n".join(lines))
    command = STATION.replace(
        '"semtech_udp", "listen": "127.0.0.1:{1}"', '"replay", "file": "{1}"'
    )
    path = tmp_path / "heard.jsonl"
    with StationProcess(tmp_path, command=("-c", command.format(tmp_path, path))) as station:
        assert station.process.wait(60) == 0
        assert "frames=30" in station.log


@pytest.mark.parametrize("datagram", [b"", b"\x02\0\0\0", b"\xff" * 2000])
def test_station_outlives_what_is_no_datagram(tmp_path: Path, datagram: bytes) -> None:
    write_keys(tmp_path / "keys.json", Collar(7))
    port = _free_port()
    with StationProcess(tmp_path, command=("-c", STATION.format(tmp_path, port))) as station:
        station.wait_log("station ready")
        gateway = Gateway(("127.0.0.1", port))
        gateway.up.send(datagram)
        station.wait_log("line noise")
        assert gateway.pull()[3] == semtech_acks.PULL_ACK
        gateway.close()
