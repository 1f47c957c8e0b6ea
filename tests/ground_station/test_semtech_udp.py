"""Gateways with Semtech's packet forwarder: datagrams as they send them, on real sockets."""

import base64
import contextlib
import json
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import bridge as wire
from ground_station.errors import Malformed, PortBusy, PortLost, PortRefused
from ground_station.receiver import Copy, Noise
from ground_station.receivers import semtech_acks, semtech_udp
from ground_station.receivers.semtech_udp import SemtechUdpReceiver
from tests.ground_station.receiving import next_of

EUI = "b827ebfffe61bbaa"
DATA = b"\xe0\x21" + bytes(range(40, 75))
OTHER = b"\xe0\x21" + bytes(range(90, 120))
# As sx1302_hal's lora_pkt_fwd 2.1 writes them; `data` put in below.
RXPK = (
    '{"jver":1,"tmst":3512348611,"time":"2026-03-04T05:06:07.000008Z","tmms":1456635985000,'
    '"chan":2,"rfch":1,"freq":868.500000,"mid": 8,"stat":1,"modu":"LORA","datr":"SF7BW125",'
    '"codr":"4/5","rssis":-101,"lsnr":8.2,"foff":-1034,"rssi":-97,"size":%d,"data":"%s"}'
)
# As version 1 of the protocol has it: no GNSS time, no fine print.
RXPK_V1 = (
    '{"tmst":5000000,"chan":0,"rfch":1,"freq":868.100000,"stat":1,"modu":"LORA",'
    '"datr":"SF9BW125","codr":"4/5","lsnr":-12.5,"rssi":-119,"size":%d,"data":"%s"}'
)
STAT = (
    '{"stat":{"time":"2026-03-04 05:06:08 GMT","rxnb":2,"rxok":2,"rxfw":2,"ackr":100.0,"dwnb":0,'
    '"txnb":0,"temp":31.2}}'
)


def rxpk(frame: bytes = DATA, template: str = RXPK, **changes: object) -> str:
    text = template % (len(frame), base64.b64encode(frame).decode())
    return json.dumps({**json.loads(text), **changes}) if changes else text


def datagram(
    kind: int, body: str = "", *, version: int = 2, token: int = 7, eui: str = EUI
) -> bytes:
    head = bytes([version, token >> 8, token & 0xFF, kind])
    return head + bytes.fromhex(eui) + body.encode()


def push(*packets: str, **fields: object) -> bytes:
    return datagram(semtech_udp.PUSH_DATA, '{"rxpk":[' + ",".join(packets) + "]}", **fields)


class Gateway:
    """The two sockets of a forwarder."""

    def __init__(self, address: tuple[str, int], eui: str = EUI, version: int = 2) -> None:
        self.eui, self.version = eui, version
        self.up, self.down = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.up, self.down):
            one.connect(address)
            one.settimeout(5)

    def push(self, *packets: str) -> bytes:
        self.up.send(push(*packets, version=self.version, eui=self.eui))
        return self.up.recv(100)

    def pull(self) -> bytes:
        self.down.send(datagram(semtech_udp.PULL_DATA, version=self.version, eui=self.eui))
        return self.down.recv(100)

    def report(self, token: bytes, body: str) -> None:
        head = bytes([2]) + token + bytes([semtech_udp.TX_ACK])
        self.down.send(head + bytes.fromhex(self.eui) + body.encode())

    def close(self) -> None:
        self.up.close()
        self.down.close()


@pytest.fixture
def receiver() -> Iterator[SemtechUdpReceiver]:
    with SemtechUdpReceiver(("127.0.0.1", 0)) as receiver:
        assert isinstance(receiver.receive(1), wire.Hello)
        yield receiver


@pytest.fixture
def gateway(receiver: SemtechUdpReceiver) -> Iterator[Gateway]:
    gateway = Gateway(receiver.address)
    yield gateway
    gateway.close()


def answer(received: wire.Received, transmission: int = 1, **changes: object) -> wire.Transmit:
    at_us = received.ticks_us + 1_000_000
    message = wire.Transmit(
        transmission, received.reception, at_us, 869_525_000, 7, 125_000, 14, b"ack"
    )
    return message._replace(**changes)


def test_packet_is_acknowledged_at_once_and_given_whole(
    receiver: SemtechUdpReceiver, gateway: Gateway
) -> None:
    assert gateway.push(rxpk()) == bytes([2, 0, 7, semtech_acks.PUSH_ACK])
    received = next_of(receiver, wire.Received)
    assert received[2:] == (1_772_600_767_000_008, 868_500_000, 7, 125_000, -97, 33, DATA)
    assert receiver.heard_by(received.reception) == EUI


def test_version_1_is_spoken_as_well(receiver: SemtechUdpReceiver) -> None:
    gateway = Gateway(receiver.address, version=1)
    assert gateway.pull() == bytes([1, 0, 7, semtech_acks.PULL_ACK])
    assert gateway.push(rxpk(template=RXPK_V1)) == bytes([1, 0, 7, semtech_acks.PUSH_ACK])
    received = next_of(receiver, wire.Received)
    assert (received.utc_us, received.sf, received.snr_qdb) == (0, 9, -50)
    receiver.transmit(answer(received))
    assert gateway.down.recv(1000)[0] == 1
    assert next_of(receiver, wire.Transmitted).status == wire.SENT  # nobody would tell
    gateway.close()


def test_statistics_alone_are_acknowledged(gateway: Gateway) -> None:
    gateway.up.send(datagram(semtech_udp.PUSH_DATA, STAT))
    assert gateway.up.recv(100)[3] == semtech_acks.PUSH_ACK


def test_answer_goes_to_the_pulling_socket_timed_by_the_frames_own_stamp(
    receiver: SemtechUdpReceiver, gateway: Gateway
) -> None:
    gateway.pull()
    gateway.push(rxpk(tmst=0xFFFFFFFF))
    receiver.transmit(answer(next_of(receiver, wire.Received)))
    request = gateway.down.recv(1000)
    assert request[0] == 2 and request[3] == semtech_udp.PULL_RESP
    assert json.loads(request[4:])["txpk"] == {
        "imme": False, "tmst": 999_999, "freq": 869.525, "rfch": 0, "powe": 14, "modu": "LORA",
        "datr": "SF7BW125", "codr": "4/5", "ipol": True, "prea": 8, "size": 3, "data": "YWNr",
    }  # fmt: skip
    gateway.report(request[1:3], "")
    assert next_of(receiver, wire.Transmitted)[:2] == (1, wire.SENT)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ('{"txpk_ack":{"error":"NONE"}}', wire.SENT),
        ('{"txpk_ack":{"warn":"TX_POWER","value":20}}', wire.SENT),
        ('{"txpk_ack":{"error":"TOO_LATE"}}', wire.TOO_LATE),
        ('{"txpk_ack":{"error":"COLLISION_PACKET"}}', wire.TOO_LATE),
        ('{"txpk_ack":{"error":"TX_FREQ"}}', wire.NOT_SENT),
        ('{"txpk_ack":{"error":"GPS_UNLOCKED"}}', wire.NOT_SENT),
    ],
)
def test_gateways_report_becomes_a_status(
    receiver: SemtechUdpReceiver, gateway: Gateway, said: str, status: int
) -> None:
    gateway.pull()
    gateway.push(rxpk())
    receiver.transmit(answer(next_of(receiver, wire.Received)))
    gateway.report(gateway.down.recv(1000)[1:3], said)
    assert next_of(receiver, wire.Transmitted).status == status


def test_gateway_that_never_pulled_cannot_be_answered(
    receiver: SemtechUdpReceiver, gateway: Gateway
) -> None:
    gateway.push(rxpk())
    receiver.transmit(answer(next_of(receiver, wire.Received)))
    assert next_of(receiver, wire.Transmitted).status == wire.NOT_SENT


def test_second_and_late_answers_are_too_late(
    receiver: SemtechUdpReceiver, gateway: Gateway
) -> None:
    gateway.pull()
    gateway.push(rxpk())
    received = next_of(receiver, wire.Received)
    receiver.transmit(answer(received))
    receiver.transmit(answer(received, 2))
    assert next_of(receiver, wire.Transmitted)[:2] == (2, wire.TOO_LATE)
    gateway.push(rxpk(OTHER))
    late = answer(next_of(receiver, wire.Received), 3, at_ticks_us=0)
    receiver.transmit(late)
    assert next_of(receiver, wire.Transmitted)[:2] == (3, wire.TOO_LATE)


def test_frame_heard_by_two_gateways_is_answered_by_the_better_one(
    receiver: SemtechUdpReceiver,
) -> None:
    far, near = Gateway(receiver.address), Gateway(receiver.address, "00000000000000aa")
    far.pull(), near.pull()
    far.push(rxpk(lsnr=-9.0))
    near.push(rxpk(lsnr=6.0))
    received = next_of(receiver, wire.Received)
    copy = next_of(receiver, Copy)
    assert isinstance(copy, Copy) and copy.heard_by == near.eui
    assert (copy.received.reception, copy.received.snr_qdb) == (received.reception, 24)
    receiver.transmit(answer(received))
    assert near.down.recv(1000)[3] == semtech_udp.PULL_RESP
    far.close(), near.close()


@pytest.mark.parametrize(
    ("packet", "kind"),
    [
        (rxpk(stat=-1), "bad_crc"),
        (rxpk(stat=0), "no_crc"),
        (rxpk(modu="FSK", datr=50000), "other_modulation"),
        (rxpk(b"\x40" + bytes(20)), "foreign"),
        (rxpk(b"\xe0" + bytes(10)), "short"),
        (rxpk(size=9), "malformed"),
        (rxpk(datr="SF13BW125"), "malformed"),
        (rxpk(freq="868"), "malformed"),
        ("7", "malformed"),
    ],
)
def test_what_is_no_frame_of_ours_is_counted_and_its_neighbour_kept(
    receiver: SemtechUdpReceiver, gateway: Gateway, packet: str, kind: str
) -> None:
    gateway.push(packet, rxpk())
    assert next_of(receiver, wire.Received).data == DATA
    assert receiver.counts == {kind: 1}


def test_base64_of_the_field_is_read_padded_or_not_and_of_either_alphabet() -> None:
    data = b"\xe0\xfb\xff\xfe" + bytes(10)
    for text in ("4Pv//gAAAAAAAAAAAAA=", "4Pv//gAAAAAAAAAAAAA", "4Pv__gAAAAAAAAAAAAA"):
        (uplink,), _ = semtech_udp.read_packets(push(rxpk(data, data=text))[12:], EUI)
        assert uplink.data == data


def test_of_several_antennas_the_best_counts() -> None:
    text = json.loads(rxpk())
    del text["lsnr"], text["rssi"]
    text["rsig"] = [
        {"ant": 0, "lsnr": -3.0, "rssic": -110},
        {"ant": 1, "lsnr": 2.5, "rssic": -104},
    ]
    (uplink,), _ = semtech_udp.read_packets(push(json.dumps(text))[12:], EUI)
    assert (uplink.rssi_dbm, uplink.snr_qdb) == (-104, 10)


def test_only_listed_gateways_are_listened_to() -> None:
    with SemtechUdpReceiver(("127.0.0.1", 0), frozenset({"00000000000000aa"})) as receiver:
        stranger = Gateway(receiver.address)
        stranger.up.send(push(rxpk()))
        listed = Gateway(receiver.address, "00000000000000aa")
        listed.push(rxpk())
        assert receiver.heard_by(next_of(receiver, wire.Received).reception) == listed.eui
        assert receiver.counts["unknown_gateway"] == 1
        stranger.close(), listed.close()


def test_unanswered_frames_come_again_after_reopening(
    receiver: SemtechUdpReceiver, gateway: Gateway
) -> None:
    gateway.push(rxpk(), rxpk(OTHER))
    first = next_of(receiver, wire.Received)
    second = next_of(receiver, wire.Received)
    receiver.release(first.reception)
    receiver.close()
    receiver.open()
    assert isinstance(receiver.receive(1), wire.Hello)
    assert receiver.receive(1) == second
    assert receiver.receive(0.01) is None


def test_process_that_acknowledges_is_missed_when_it_ends(
    receiver: SemtechUdpReceiver, gateway: Gateway
) -> None:
    assert receiver._process is not None
    receiver._process.kill()
    with pytest.raises(PortLost, match="the process that acknowledges has ended"):
        next_of(receiver, wire.Received)
    receiver.close()
    with receiver:
        again = Gateway(receiver.address)
        again.push(rxpk())
        assert next_of(receiver, wire.Received).data == DATA
        again.close()


def test_port_in_use_and_foreign_address_are_told_apart(receiver: SemtechUdpReceiver) -> None:
    with pytest.raises(PortBusy, match="another program"):
        SemtechUdpReceiver(receiver.address).open()
    with pytest.raises(PortRefused, match="expected an address of this host"):
        SemtechUdpReceiver(("192.0.2.1", 1700)).open()


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (b"", "datagram length is 0, expected at least 12"),
        (b"\x03" + bytes(11), "protocol version is 3, expected 1 or 2"),
        (
            b"\x02\0\0\x01" + bytes(8),
            "datagram type is 1, expected PUSH_DATA",
        ),
        (push()[:-1], "JSON is b'{\"rxpk\":[]', expected a JSON object"),
        (push("[" * 5000), "JSON is b'{"),
    ],
)
def test_malformed_datagram_is_noise_and_the_next_is_whole(
    receiver: SemtechUdpReceiver, gateway: Gateway, bad: bytes, fault: str
) -> None:
    gateway.up.send(bad)
    gateway.down.send(push(rxpk()))
    noise = next_of(receiver, Noise)
    assert isinstance(noise, Noise) and noise.fault.startswith(fault)
    assert next_of(receiver, wire.Received).data == DATA


def read(data: bytes) -> None:
    head = semtech_udp.parse(data)
    if head.kind == semtech_udp.TX_ACK:
        semtech_udp.read_refusal(head.body)
    else:
        semtech_udp.read_packets(head.body, head.gateway)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from([*json.loads(RXPK % (0, "")), "rsig"]), JSON))
def test_any_json_in_a_packets_fields_is_read_or_refused(changes: dict[str, object]) -> None:
    with contextlib.suppress(Malformed):
        read(push(rxpk(**changes)))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.integers(0, 400))
def test_any_bytes_in_a_datagram_are_read_or_refused(bad: bytes, at: int) -> None:
    whole = push(rxpk())
    for data in (bad, whole[:at] + bad + whole[at + len(bad) :]):
        with contextlib.suppress(Malformed):
            read(data)
