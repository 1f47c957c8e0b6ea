"""Receivers from their tables of settings; those that are a file or a program."""

import contextlib
import json
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import bridge as wire
from ground_station import receivers
from ground_station.errors import Malformed, PortMissing, SettingsError
from ground_station.receiver import Noise, Receiver
from ground_station.receivers import replay, virtual
from ground_station.receivers.replay import ReplayReceiver
from ground_station.receivers.virtual import VirtualReceiver

DATA = bytes.fromhex("e021110005000000a1a2a3a4a5a6a7a8")
BASE64 = "4CERAAUAAAChoqOkpaanqA=="
RECEIVED = wire.Received(1, 7_000_008, 0, 868_500_000, 7, 125_000, -97, 33, DATA)
# As OpenCollar's offload station writes it: seconds as tmst, no time, the channel without zeros.
OPENCOLLAR = (
    '{"gatewayEui":"0102030405060708","rxpk":{"tmst":1772600767,"chan":0,"rfch":0,'
    '"freq":868.50000,"stat":1,"modu":"LORA","datr":"SF7BW250","codr":"4/5","rssi":-88,'
    f'"lsnr":7,"size":16,"data":"{BASE64}"}}}}\n'
)


@pytest.mark.parametrize(
    ("table", "port"),
    [
        ({"kind": "bridge", "port": "/dev/serial/by-id/usb-x"}, "/dev/serial/by-id/usb-x"),
        ({"kind": "bridge", "port": "usb:E661"}, "usb:E661"),
        ({"kind": "semtech_udp"}, "udp://127.0.0.1:1700"),
        ({"kind": "semtech_udp", "listen": "[::1]:17"}, "udp://::1:17"),
        ({"kind": "chirpstack_mqtt"}, "mqtt://127.0.0.1:1883"),
        ({"kind": "chirpstack_mqtt", "broker": "mqtts://b.example"}, "mqtts://b.example:8883"),
        ({"kind": "rui3", "port": "/dev/ttyUSB0", "sf": 9}, "/dev/ttyUSB0"),
        ({"kind": "lora_e5", "port": "/dev/ttyUSB0", "baud": 115200}, "/dev/ttyUSB0"),
        ({"kind": "rnode", "port": "/dev/ttyACM*"}, "/dev/ttyACM*"),
        ({"kind": "replay", "file": "heard.jsonl"}, "heard.jsonl"),
        ({"kind": "virtual"}, "udp://127.0.0.1:1701"),
    ],
)
def test_table_makes_its_receiver_and_opens_nothing(table: dict[str, object], port: str) -> None:
    receiver = receivers.open(table)
    assert isinstance(receiver, Receiver) and receiver.port == port


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({}, "receiver.kind is None, expected one of bridge, semtech_udp, "),
        ({"kind": "bridge"}, "receiver.port is missing, expected a serial port"),
        (
            {"kind": "bridge", "port": "x", "bridge": "12"},
            "receiver.bridge is '12', expected 16 hexadecimal digits",
        ),
        (
            {"kind": "semtech_udp", "listen": "1700", "gateways": ["AA"]},
            "receiver.listen is '1700', expected ADDRESS:PORT such as 127.0.0.1:1700; "
            "receiver.gateways is ['AA'], expected a list of 16 hexadecimal digits each",
        ),
        (
            {"kind": "semtech_udp", "listn": "127.0.0.1:1"},
            "receiver.listn is not known, expected gateway_antenna_gain_dbi, gateways, kind",
        ),
        (
            {"kind": "chirpstack_mqtt", "broker": "tcp://x"},
            "receiver.broker is 'tcp://x', expected a URL such as mqtt://127.0.0.1:1883",
        ),
        (
            {"kind": "rui3", "port": "x", "sf": 13},
            "receiver.sf is 13, expected an integer from 7 to 12",
        ),
        ({"kind": "lora_e5", "port": "x", "baud": True}, "receiver.baud is True, expected an int"),
    ],
)
def test_fault_names_key_value_and_what_was_expected(table: dict[str, object], fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        receivers.open(table)
    assert str(caught.value).startswith(fault)


def events(receiver: Receiver) -> list[object]:
    return list(iter(lambda: receiver.receive(0.01), None))


def test_what_is_written_is_replayed_with_its_time(tmp_path: Path) -> None:
    path = tmp_path / "heard.jsonl"
    line = replay.write_line(RECEIVED, "c0ffee", 1_772_600_767_000_008)
    path.write_text(line + "\n\n" + line + "\n")
    with ReplayReceiver(path) as receiver:
        hello, first, second = events(receiver)
        assert isinstance(hello, wire.Hello) and receiver.ended and not receiver.sends
        assert receiver.heard_by(first.reception) == "c0ffee"
    time_us = 1_772_600_767_000_008
    assert first == RECEIVED._replace(ticks_us=time_us, utc_us=time_us)
    assert second == first._replace(reception=3)


def test_file_of_an_opencollar_station_is_read(tmp_path: Path) -> None:
    path = tmp_path / "offload.jsonl"
    path.write_text(OPENCOLLAR)
    with ReplayReceiver(path) as receiver:
        _, received = events(receiver)
    assert (received.utc_us, received.bw_hz, received.snr_qdb) == (
        1_772_600_767_000_000,
        250_000,
        28,
    )


def test_bad_lines_are_told_by_number_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "heard.jsonl"
    foreign = OPENCOLLAR.replace(BASE64, "QCERAAUAAAChoqOkpaanqA==")
    path.write_text("{\n" + "x" * 9000 + "\n" + foreign + OPENCOLLAR)
    with ReplayReceiver(path) as receiver:
        _, broken, over_long, received = events(receiver)
        assert isinstance(broken, Noise) and broken.fault.startswith("line 1: JSON is b'{")
        assert isinstance(over_long, Noise) and over_long.fault.startswith("line 2: ")
        assert received.data == DATA and receiver.counts["foreign"] == 1


def test_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortMissing, match=r"absent.jsonl: No such file.*expected a JSONL file"):
        ReplayReceiver(tmp_path / "absent.jsonl").open()


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.integers(0, 250))
def test_any_line_is_read_or_refused(bad: bytes, at: int) -> None:
    whole = OPENCOLLAR.encode()
    for line in (bad, whole[:at] + bad + whole[at + len(bad) :]):
        with contextlib.suppress(Malformed):
            replay.read_line(line)


def test_virtual_bridge_hears_its_answers_under_its_own_numbers() -> None:
    with (
        VirtualReceiver(("127.0.0.1", 0)) as receiver,
        socket.socket(type=socket.SOCK_DGRAM) as one,
    ):
        one.connect(receiver.address)
        one.settimeout(5)
        one.send(virtual.pack(RECEIVED._replace(reception=41)))
        one.send(b"garbage")
        _, received, noise = events(receiver)
        assert received == RECEIVED and isinstance(noise, Noise)
        at_us = received.ticks_us + 1_000_000
        receiver.transmit(wire.Transmit(9, 1, at_us, 869_525_000, 7, 125_000, 14, b"ack"))
        told = virtual.unpack(one.recv(1000))
        assert isinstance(told, wire.Transmit) and (told.in_reply_to, told.data) == (41, b"ack")


def test_virtual_receiver_in_one_process_keeps_what_was_not_answered() -> None:
    receiver = VirtualReceiver()
    with receiver:
        receiver.hear(RECEIVED)
        second = receiver.hear(RECEIVED)
        assert len(events(receiver)) == 3
        receiver.release(second)
    with receiver:
        _, again = events(receiver)
        receiver.transmit(wire.Transmit(9, again.reception, 5, 869_525_000, 7, 125_000, 14, b"a"))
        assert [one.data for one in receiver.take_answers()] == [b"a"]
        assert next(iter(events(receiver))).status == wire.SENT


def test_lines_are_json_of_semtechs_fields() -> None:
    packet = json.loads(replay.write_line(RECEIVED, "aa", 0))["rxpk"]
    assert packet["freq"] == 868.5 and packet["datr"] == "SF7BW125" and packet["lsnr"] == 8.25
