"""AT modems and RNodes: transcripts as the devices write them, on real pseudo-terminals."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import bridge as wire
from ground_station.errors import BridgeSilent
from ground_station.receiver import Noise, Receiver
from ground_station.receivers import modem, rnode
from ground_station.receivers.attached import Channel
from ground_station.receivers.lora_e5 import LoraE5Receiver
from ground_station.receivers.modem import LineSplitter
from ground_station.receivers.rnode import KissSplitter, RnodeReceiver
from ground_station.receivers.rui3 import Rui3Receiver
from tests.ground_station.modems import PtyModem, transcript
from tests.ground_station.receiving import next_of

DATA = bytes.fromhex("e021110005000000a1a2a3a4c0dba7a8")
HEX = DATA.hex().upper()
CHANNEL = Channel(868_100_000, 7, 125_000)

OK = "\r\nOK\r\n"
RUI3 = transcript(  # RUI_4.0.6_RAK3172-E
    ("AT", OK),
    (r"AT\+NWM=\?", "AT+NWM=0\r\n" + OK),
    (r"AT\+PSEND=[0-9A-F]+", OK + "+EVT:TXP2P DONE\r\n"),
    (r"AT\+.*", OK),
)
RUI3_OLD = transcript(  # RAK3172 V1.0.4: no sync word, no IQ inversion, bandwidth as a code
    ("AT", OK),
    (r"AT\+NWM=\?", "0\r\n" + OK),
    (r"AT\+(SYNCWORD|IQINVER)=.*", "\r\nAT_ERROR\r\n"),
    (r"AT\+P2P=\d+:7:125:.*", "\r\nAT_PARAM_ERROR\r\n"),
    (r"AT\+.*", OK),
)
LORA_E5 = transcript(  # LoRa-E5 4.0.11
    ("AT", "+AT: OK\r\n"),
    (r"AT\+MODE=TEST", "+MODE: TEST\r\n"),
    (
        r"AT\+TEST=RFCFG,.*",
        "+TEST: RFCFG F:868100000, SF7, BW125K, TXPR:8, RXPR:8, POW:14dBm, CRC:ON, IQ:OFF, "
        "NET:ON\r\n",
    ),
    (r"AT\+TEST=RXLRPKT", "+TEST: RXLRPKT\r\n"),
    (r"AT\+TEST=STOP", "+TEST: STOP\r\n"),
    (r'AT\+TEST=TXLRPKT,"[0-9A-F]+"', '+TEST: TXLRPKT "..."\r\n+TEST: TX DONE\r\n'),
)


def answer(received: wire.Received, after_us: int = 1_000_000) -> wire.Transmit:
    at_us = received.ticks_us + after_us
    return wire.Transmit(5, received.reception, at_us, 869_525_000, 7, 125_000, 14, b"ack")


def rui3(port: str) -> Rui3Receiver:
    return Rui3Receiver(port, CHANNEL)


def lora_e5(port: str) -> LoraE5Receiver:
    return LoraE5Receiver(port, CHANNEL)


RECEPTIONS = [
    (rui3, RUI3, f"+EVT:RXP2P:-60:11:{HEX}\r\n", (-60, 44)),
    (rui3, RUI3, f"+EVT:RXP2P:-60:-11:16:{HEX}\r\n", (-60, -44)),
    (rui3, RUI3, f"+EVT:RXP2P:RSSI -45:SNR 8:{HEX}\r\n", (-45, 32)),
    (rui3, RUI3_OLD, f"+EVT:RXP2P, RSSI -60, SNR 11\r\n+EVT:{HEX}\r\n", (-60, 44)),
    (lora_e5, LORA_E5, f'+TEST: LEN:16, RSSI:-42, SNR:9\r\n+TEST: RX "{HEX}"\r\n', (-42, 36)),
]


@pytest.mark.parametrize(("make", "device", "said", "signal"), RECEPTIONS)
def test_reception_is_read_in_each_form(
    make: Callable[[str], Receiver],
    device: Callable[[str], bytes],
    said: str,
    signal: tuple[int, int],
) -> None:
    with PtyModem(device) as modem, make(modem.port) as receiver:
        assert isinstance(receiver.receive(1), wire.Hello)
        modem.write(said.encode())
        received = next_of(receiver, wire.Received)
        assert received[3:] == (868_100_000, 7, 125_000, *signal, DATA)


@pytest.mark.parametrize(
    ("make", "device", "command", "receiving", "said"),
    [
        (rui3, RUI3, r"AT\+PSEND=61636B", r"AT\+PRECV=65534", RECEPTIONS[0][2]),
        (lora_e5, LORA_E5, r'AT\+TEST=TXLRPKT,"61636B"', r"AT\+TEST=RXLRPKT", RECEPTIONS[4][2]),
    ],
)
def test_answer_is_told_to_the_modem_before_its_time_and_reception_goes_on(
    make: Callable[[str], Receiver],
    device: Callable[[str], bytes],
    command: str,
    receiving: str,
    said: str,
) -> None:
    with PtyModem(device) as modem, make(modem.port) as receiver:
        modem.write(said.encode())
        received = next_of(receiver, wire.Received)
        receiver.transmit(answer(received))
        assert next_of(receiver, wire.Transmitted)[:2] == (5, wire.SENT)
        (sent,) = modem.said(command)
        at_s = next(at_s for at_s, text in modem.commands if text == sent)
        assert at_s * 1e6 >= received.ticks_us + 1_000_000 - 60_000  # never long before
        assert modem.said(receiving) and modem.commands[-1][1] == modem.said(receiving)[-1]


def test_inverted_iq_is_set_only_while_sending() -> None:
    with PtyModem(RUI3) as modem, rui3(modem.port) as receiver:
        modem.write(RECEPTIONS[0][2].encode())
        receiver.transmit(answer(next_of(receiver, wire.Received)))
        next_of(receiver, wire.Transmitted)
        order = modem.said(r"AT\+(IQINVER|PSEND|P2P)")
    assert order == [
        "AT+IQINVER=0", "AT+P2P=868100000:7:125:0:8:14", "AT+IQINVER=1",
        "AT+P2P=869525000:7:125:0:8:14", "AT+PSEND=61636B", "AT+IQINVER=0",
        "AT+P2P=868100000:7:125:0:8:14",
    ]  # fmt: skip


def test_answer_whose_time_has_passed_is_not_sent() -> None:
    with PtyModem(RUI3) as modem, rui3(modem.port) as receiver:
        modem.write(RECEPTIONS[0][2].encode())
        receiver.transmit(answer(next_of(receiver, wire.Received), after_us=0))
        time.sleep(0.1)
        assert next_of(receiver, wire.Transmitted)[:2] == (5, wire.TOO_LATE)
        assert not modem.said(r"AT\+PSEND")


@pytest.mark.parametrize(
    ("make", "device", "said"), [(rui3, RUI3, 0), (lora_e5, LORA_E5, 4)], ids=["rui3", "lora_e5"]
)
def test_less_power_than_the_modem_has_is_not_sent_with_more(
    make: Callable[[str], Receiver], device: Callable[[str], bytes], said: int
) -> None:
    with PtyModem(device) as modem, make(modem.port) as receiver:
        modem.write(RECEPTIONS[said][2].encode())
        message = answer(next_of(receiver, wire.Received), after_us=400_000)
        receiver.transmit(message._replace(power_dbm=-9))
        assert next_of(receiver, wire.Transmitted)[:2] == (5, wire.NOT_SENT)
        assert not modem.said(r"AT\+(PSEND|TEST=TXLRPKT)")


def test_old_firmware_only_receives_and_is_told_the_bandwidth_as_a_code() -> None:
    with PtyModem(RUI3_OLD) as modem, rui3(modem.port) as receiver:
        assert not receiver.sends
        assert modem.said(r"AT\+P2P")[-1] == "AT+P2P=868100000:7:0:0:8:14"
        modem.write(RECEPTIONS[3][2].encode())
        receiver.transmit(answer(next_of(receiver, wire.Received)))
        assert next_of(receiver, wire.Transmitted).status == wire.NOT_SENT


@pytest.mark.parametrize(
    ("make", "device", "bad", "fault"),
    [
        (rui3, RUI3, "+EVT:RXP2P:-60:11:E02\r\n", "a frame of 3 hexadecimal digits, expected an"),
        (rui3, RUI3, "+EVT:RXP2P:-60:quack\r\n", "reception is '+EVT:RXP2P:-60:quack', expected"),
        (rui3, RUI3, "x" * 5000 + "\r\n", "no line in 1200 bytes, expected its end"),
        (lora_e5, LORA_E5, '+TEST: RX "E021"\r\n', "a frame of 4 hexadecimal digits"),
        (
            lora_e5, LORA_E5, '+TEST: LEN:9, RSSI:-42, SNR:9\r\n+TEST: RX "E0"\r\n',
            "a frame of 2 hexadecimal digits, expected 18 digits",
        ),
    ],
)  # fmt: skip
def test_damaged_line_is_noise_and_the_next_frame_is_whole(
    make: Callable[[str], Receiver], device: Callable[[str], bytes], bad: str, fault: str
) -> None:
    good = RECEPTIONS[0 if make is rui3 else 4][2]
    with PtyModem(device) as modem, make(modem.port) as receiver:
        modem.write(bad.encode())
        modem.write(good.encode())
        noise = next_of(receiver, Noise)
        assert isinstance(noise, Noise) and noise.fault.startswith(fault)
        assert next_of(receiver, wire.Received).data == DATA


def test_foreign_frames_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with PtyModem(RUI3) as modem, rui3(modem.port) as receiver:
        modem.write(f"+EVT:RXP2P:-60:11:{'40' * 20}\r\n{RECEPTIONS[0][2]}".encode())
        next_of(receiver, wire.Received)
        assert receiver.counts == {"foreign": 1}


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (rui3, "no RUI3 module answers AT at 115200 baud, expected OK"),
        (lora_e5, "no LoRa-E5 module answers AT at 9600 baud"),
        (lambda port: RnodeReceiver(port, CHANNEL), "an RNode answers nothing to command 0x08"),
    ],
)
def test_what_does_not_answer_as_the_device_does_is_named(
    make: Callable[[str], Receiver], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modem.ModemReceiver._ask, "__defaults__", (r"AT_\w+", 0.05))
    monkeypatch.setattr(rnode, "_REPLY_S", 0.05)
    with PtyModem(lambda command: b"\x00garbled") as device, pytest.raises(BridgeSilent) as error:
        make(device.port).open()
    assert fault in str(error.value)


def answer_as_rnode(frame: str) -> bytes:
    command, data = ord(frame[0]), frame[1:].encode("latin-1")
    return rnode.encode(command, b"\x46" if command == 0x08 else _unescape(data))


def _unescape(data: bytes) -> bytes:
    return data.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")


# RSSI, SNR and then the packet, its C0 and DB escaped.
RNODE_PACKET = (
    b"\xc0\x23\x3c\xc0\xc0\x24\x21\xc0"
    b"\xc0\x00" + DATA.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"
)


def test_rnode_gives_whole_packets_and_sends_nothing() -> None:
    with (
        PtyModem(answer_as_rnode, end=b"\xc0") as device,
        RnodeReceiver(device.port, CHANNEL) as receiver,
    ):
        device.write(b"\xc0\x00\xdb\x01\xc0")
        noise = next_of(receiver, Noise)
        assert isinstance(noise, Noise) and "damaged KISS frame" in noise.fault
        device.write(RNODE_PACKET)
        received = next_of(receiver, wire.Received)
        assert (received.rssi_dbm, received.snr_qdb, received.data) == (-97, 33, DATA)
        receiver.transmit(answer(received))
        assert next_of(receiver, wire.Transmitted).status == wire.NOT_SENT


def frames_of(stream: bytes) -> list[bytes]:
    return KissSplitter().feed(stream)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=700), st.binary(max_size=300))
def test_kiss_is_back_in_step_with_the_frame_after_any_bytes(noise: bytes, data: bytes) -> None:
    splitter = KissSplitter()
    splitter.feed(noise)
    splitter.feed(rnode.encode(0, b"lost, if the noise ends inside a frame"))
    assert splitter.feed(rnode.encode(0, data))[-1:] == [b"\x00" + data]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=1500), st.sampled_from(RECEPTIONS))
def test_line_after_any_bytes_is_read(noise: bytes, reception: tuple) -> None:
    make, _, said, _ = reception
    receiver = make("never opened")
    splitter = LineSplitter()
    for line in splitter.feed(noise + b"\r\n" + said.encode(), 0):
        receiver._take_line(line)
    assert receiver._events[-1].data == DATA
