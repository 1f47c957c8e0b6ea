"""The serial line to the bridge, on a real pseudo-terminal and on a socket."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.wire import bridge as wire
from ground_station.errors import (
    BridgeSilent,
    PortBusy,
    PortImpossible,
    PortLost,
    PortMissing,
    PortRefused,
    ReceiverError,
)
from ground_station.receiver import Noise
from ground_station.receivers import bridge as module
from ground_station.receivers.bridge import BridgeReceiver
from ground_station.receivers.serial_line import refuse_impossible
from tests.ground_station.modems import PtyModem
from tests.ground_station.receiving import next_of
from tests.ground_station.scripted import BRIDGE, Collar, PtyBridge


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[PtyBridge]:
    with PtyBridge(tmp_path / "port") as bridge:
        yield bridge


def test_first_event_is_the_bridges_hello(bridge: PtyBridge) -> None:
    with BridgeReceiver(str(bridge.link)) as receiver:
        hello = receiver.receive(0.5)
        assert isinstance(hello, wire.Hello) and hello.bridge == BRIDGE


def test_frames_come_whole_and_answers_reach_the_bridge(bridge: PtyBridge) -> None:
    data = Collar(1).send(1, 30)
    with BridgeReceiver(str(bridge.link)) as receiver:
        first, second = bridge.hear(data), bridge.hear(bytes(255))
        received = next_of(receiver, wire.Received)
        assert (received.reception, received.data) == (first, data)
        receiver.transmit(wire.Transmit(1, first, 77, 869_525_000, 7, 125_000, 14, b"ack"))
        assert next_of(receiver, wire.Received).data == bytes(255)
        receiver.release(second)
        bridge.wait_answered()
        assert next_of(receiver, wire.Transmitted).status == wire.SENT
    assert bridge.answers == [(first, b"ack")] and bridge.released == [second]


def test_unanswered_frames_come_again_after_reopening(bridge: PtyBridge) -> None:
    receiver = BridgeReceiver(str(bridge.link))
    with receiver:
        bridge.hear(b"one")
        assert next_of(receiver, wire.Received).data == b"one"
    with receiver:
        assert next_of(receiver, wire.Received).data == b"one"


@pytest.mark.parametrize(
    "noise",
    [
        b"MicroPython v1.25 on 2026-01-01\r\n>>> \x00",
        wire.encode(wire.Ping(1))[:-3] + b"\x07\x07\x00",
        b"\x05\x01\x00",
        wire.encode(wire.Release(5))[2:],
        b"x" * 5000 + b"\x00",
    ],
)
def test_damaged_bytes_are_noise_and_the_next_message_is_whole(
    bridge: PtyBridge, noise: bytes
) -> None:
    with BridgeReceiver(str(bridge.link)) as receiver:
        receiver.receive(0.5)
        writer = threading.Thread(target=lambda: [bridge.write(noise), bridge.hear(b"after")])
        writer.start()
        fault = next_of(receiver, Noise)
        assert isinstance(fault, Noise) and "expected" in fault.fault
        if len(noise) < 4000:  # else the line of the terminal was full and lost the frame as well
            assert next_of(receiver, wire.Received).data == b"after"
        writer.join()


def test_second_program_finds_the_port_busy(bridge: PtyBridge) -> None:
    port = str(bridge.link)
    with BridgeReceiver(port), pytest.raises(PortBusy, match=f"port {port}: .*another program"):
        BridgeReceiver(port).open()


def test_missing_port_and_refused_socket_are_missing(tmp_path: Path) -> None:
    with pytest.raises(PortMissing, match="No such file or directory"):
        BridgeReceiver(str(tmp_path / "ttyACM9")).open()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(PortMissing, match="refused"):
            BridgeReceiver(f"socket://127.0.0.1:{unused.getsockname()[1]}").open()


@pytest.mark.parametrize("port", ["/dev/null", "nonsense://x"])
def test_what_is_no_serial_port_is_refused(port: str) -> None:
    with pytest.raises(PortRefused, match="expected a"):
        BridgeReceiver(port).open()


@pytest.mark.parametrize(
    ("port", "fault"),
    [
        ("bogus://x", "invalid URL, protocol 'bogus' not known"),
        ("socket://bridge.example", "a URL without a host and a port number"),
        ("socket://bridge.example:99999", "Port out of range 0-65535"),
        ("rfc2217://:4000", "a URL without a host and a port number"),
        (__file__, "a file that is no device"),
        ("/dev", "a folder"),
        ("/dev/null", "a device of the kind 'mem'"),
    ],
)
def test_what_can_never_be_a_port_is_told_from_one_that_is_away(port: str, fault: str) -> None:
    with pytest.raises(PortImpossible) as caught:
        refuse_impossible(port)
    assert str(caught.value).startswith(f"port {port}: {fault}, expected a device path ")


@pytest.mark.parametrize(
    "port", ["/dev/ttyACM99", "/dev/absent/port", "/dev/ptmx", "socket://h:1", "hwgrep://absent"]
)
def test_port_that_may_yet_come_is_let_through(port: str) -> None:
    refuse_impossible(port)


def test_pseudo_terminal_is_a_port(bridge: PtyBridge) -> None:
    refuse_impossible(str(bridge.link))


def test_port_that_does_not_answer_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HELLO_WAIT_S", 0.05)
    master, slave = os.openpty()
    with pytest.raises(BridgeSilent, match="nothing there answers"):
        BridgeReceiver(os.ttyname(slave)).open()
    os.close(master)
    os.close(slave)


def test_bridge_that_falls_silent_is_noticed(
    bridge: PtyBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PING_S", 0.05)
    monkeypatch.setattr(module, "_SILENT_S", 0.3)
    with BridgeReceiver(str(bridge.link)) as receiver:
        assert next_of(receiver, wire.Pong).held == 0
        bridge.mute = True
        with pytest.raises(BridgeSilent, match="no answer for"):
            next_of(receiver, wire.Received)


def test_bridge_that_started_anew_is_greeted_again(
    bridge: PtyBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PING_S", 0.05)
    with BridgeReceiver(str(bridge.link)) as receiver:
        next_of(receiver, wire.Pong)
        bridge.write(wire.DELIMITER + wire.encode(wire.Pong(0, 5, 0, 0, 0)))
        with pytest.raises(PortLost, match="started anew"):
            next_of(receiver, wire.Received)


def test_frame_damaged_on_the_line_is_asked_for_again(
    bridge: PtyBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PING_S", 0.05)
    with BridgeReceiver(str(bridge.link)) as receiver:
        bridge.write(b"\x07half a message")  # swallows the frame that follows
        bridge.hear(b"frame")
        assert next_of(receiver, Noise)
        received = next_of(receiver, wire.Received)
        assert received.data == b"frame" and bridge.configured == 2
        receiver.release(received.reception)
        bridge.wait_answered()
        for _ in range(4):
            next_of(receiver, wire.Pong)
        assert bridge.configured == 2


def test_bridge_of_another_protocol_is_named(tmp_path: Path) -> None:
    with PtyBridge(tmp_path / "port", protocol=9) as bridge, pytest.raises(BridgeSilent) as error:
        BridgeReceiver(str(bridge.link)).open()
    assert "protocol 9, expected 1" in str(error.value)


def test_pulled_plug_is_lost_on_reading_and_on_writing(bridge: PtyBridge) -> None:
    receiver = BridgeReceiver(str(bridge.link))
    receiver.open()
    receiver.receive(0.5)
    bridge.unplug()
    with pytest.raises(ReceiverError, match=str(bridge.link)):
        receiver.receive(5.0)
    with contextlib.suppress(ReceiverError):
        receiver.release(1)
    receiver.close()
    with pytest.raises(ReceiverError):
        receiver.open()
    bridge.plug()
    with receiver:
        assert isinstance(receiver.receive(0.5), wire.Hello)


def test_bridge_behind_a_network_socket_serves_as_well() -> None:
    def serve() -> None:
        line, _ = listener.accept()
        with line:
            splitter, chunks = wire.Splitter(), []
            while not chunks:
                chunks = splitter.feed(line.recv(100))
            assert wire.decode(chunks[0]) == wire.Configure(1, 0)
            line.sendall(wire.encode(wire.Hello(wire.PROTOCOL, 5, 1, 0, 0)))
            line.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        port = f"socket://127.0.0.1:{listener.getsockname()[1]}"
        with BridgeReceiver(port) as receiver:
            hello = receiver.receive(0.5)
            assert isinstance(hello, wire.Hello) and hello.bridge == 5
        thread.join()


def test_bridge_is_found_by_its_number_among_ports_that_fit_a_pattern(tmp_path: Path) -> None:
    with PtyBridge(tmp_path / "port1", number=1), PtyBridge(tmp_path / "port2", number=2):
        with BridgeReceiver(str(tmp_path / "port*"), bridge=2) as receiver:
            hello = receiver.receive(0.5)
            assert isinstance(hello, wire.Hello) and hello.bridge == 2
        with pytest.raises(BridgeSilent, match="2 answers, expected 0000000000000003"):
            BridgeReceiver(str(tmp_path / "port*"), bridge=3).open()


def test_names_that_fit_no_port_are_missing(tmp_path: Path) -> None:
    with pytest.raises(PortMissing, match="no port fits this pattern"):
        BridgeReceiver(str(tmp_path / "ttyACM*")).open()
    with pytest.raises(PortMissing, match="no USB serial device of this number; there are: "):
        BridgeReceiver("usb:E6614C311B4A9B2F").open()


def at_another_rate(data: bytes, rate: int, read_at: int) -> bytes:
    """What a UART reads at one rate (8N1) of bytes sent at another."""
    bits = [bit for byte in data for bit in (0, *(byte >> i & 1 for i in range(8)), 1)]
    samples = [bits[i * rate // read_at] for i in range(len(bits) * read_at // rate)]
    found, i = bytearray(), 0
    while i + 9 < len(samples):
        if samples[i]:
            i += 1
            continue
        found.append(sum(samples[i + 1 + n] << n for n in range(8)))
        i += 10
    return bytes(found)


def test_uart_model_reads_what_is_sent_at_the_same_rate() -> None:
    assert at_another_rate(b"Hello", 9600, 9600) == b"Hello"


HELLO = wire.encode(wire.Hello(wire.PROTOCOL, 5, 1, 0, 0))


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (
            at_another_rate(HELLO * 4, 57_600, 115_200),
            "none was a message: another device",
        ),
        (at_another_rate(HELLO * 4, 230_400, 115_200), "another baud rate than 115200"),
        (b"MicroPython v1.25.0\r\n>>> ", "a MicroPython prompt answers, expected the bridge's"),
        (b"\0\0\0\0", "bytes came and none was a message"),
        (b"", "nothing there answers as a bridge does"),
    ],
    ids=["slow line", "fast line", "prompt", "zeros", "silence"],
)
def test_operator_is_told_why_nothing_says_hello(
    monkeypatch: pytest.MonkeyPatch, said: bytes, fault: str
) -> None:
    monkeypatch.setattr(module, "_HELLO_WAIT_S", 0.1)
    with PtyModem(lambda _: said, end=b"\0") as device, pytest.raises(BridgeSilent) as error:
        BridgeReceiver(device.port).open()
    assert fault in str(error.value)


def test_zero_length_frames_and_a_banner_change_nothing(bridge: PtyBridge) -> None:
    with BridgeReceiver(str(bridge.link)) as receiver:
        bridge.write(b"\0\0\0MPY: soft reboot\r\n>>> \0\0")
        bridge.hear(b"after")
        assert next_of(receiver, Noise)
        assert next_of(receiver, wire.Received).data == b"after"
        assert receiver.counts == {"noise": 1}


def test_channel_and_antenna_are_told_before_the_bridge_is_configured() -> None:
    listen = wire.Listen(868_500_000, 9, 125_000, 200)
    told = []

    def answer(text: str) -> bytes:
        told.append(wire.decode(text.encode("latin-1")))
        return HELLO if isinstance(told[-1], wire.Configure) else b""

    with PtyModem(answer, end=b"\0") as device, BridgeReceiver(device.port, listen=listen):
        assert told[:2] == [listen, wire.Configure(1, 0)]


def test_dtr_and_rts_stay_low(monkeypatch: pytest.MonkeyPatch, bridge: PtyBridge) -> None:
    with BridgeReceiver(str(bridge.link)) as receiver:
        assert receiver._line is not None
        handle = receiver._line._serial
        assert (handle.dtr, handle.rts, handle.exclusive) == (False, False, True)
