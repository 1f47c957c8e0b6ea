"""Gateways behind ChirpStack's bridge: its events through a real broker, and its bytes."""

import base64
import contextlib
import json
import queue
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from firmware.wire import bridge as wire
from ground_station.errors import Malformed, PortLost, PortMissing, PortRefused, ReceiverError
from ground_station.receivers import chirpstack_frames as frames
from ground_station.receivers import protobuf
from ground_station.receivers.chirpstack_mqtt import Broker, ChirpStackReceiver
from ground_station.receivers.gateway import Uplink
from tests.fixtures.mosquitto import Mosquitto
from tests.ground_station.receiving import next_of

GATEWAY = "0016c001ff10a235"
DATA = bytes.fromhex("e021110005000000a1a2a3a4a5a6a7a8")
UP = "eu868/gateway/0016c001ff10a235/event/up"
ACK = "eu868/gateway/0016c001ff10a235/event/ack"
DOWN = "eu868/gateway/0016c001ff10a235/command/down"

# As the bridge writes with `marshaler="json"`.
UP_JSON = {
    "phyPayload": base64.b64encode(DATA).decode(),
    "txInfo": {
        "frequency": 868300000,
        "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 7, "codeRate": "CR_4_5"}},
    },
    "rxInfo": {
        "gatewayId": GATEWAY,
        "uplinkId": 4217106255,
        "gwTime": "2026-03-04T05:06:07.000008123Z",
        "timeSinceGpsEpoch": "1456635985s",
        "rssi": -97,
        "snr": 8.2,
        "channel": 6,
        "rfChain": 1,
        "location": {},
        "context": "XvqJkA==",
        "crcStatus": "CRC_OK",
    },
}
UPLINK = Uplink(
    GATEWAY, DATA, 868_300_000, 7, 125_000, -97, 33, 1_772_600_767_000_008,
    frames.Context(bytes.fromhex("5efa8990"), True),
)  # fmt: skip

# Written by ChirpStack's own Python library, chirpstack-api 4.20.
UP_PROTOBUF = bytes.fromhex(
    "0a10e021110005000000a1a2a3a4a5a6a7a8221208e0e9849e03120a1a0808c8d007100728012a670a103030"
    "313663303031666631306132333510cfdeefda0f1a0908bffb9ecd0610bb3f220608d180cab605309fffffff"
    "ffffffffff013d333303414006480162006a045efa89907a1b0a12726567696f6e5f636f6d6d6f6e5f6e616d"
    "6512054555383638800102"
)
DOWN_PROTOBUF = bytes.fromhex(
    "184d2a310a0361636b1a2a0888cccf9e0310101a0e1a0c08c8d0071009200128013008320a12080a06080110"
    "90a10f3a045efa89903a1030303136633030316666313061323335"
)
ACK_PROTOBUF = bytes.fromhex("104d2a020802321030303136633030316666313061323335")


def up_json(**changes: object) -> bytes:
    return json.dumps({**UP_JSON, **changes}).encode()


def test_json_and_protobuf_say_the_same() -> None:
    assert frames.read_uplink(up_json(), GATEWAY) == UPLINK
    in_protobuf = UPLINK._replace(context=frames.Context(bytes.fromhex("5efa8990"), False))
    assert frames.read_uplink(UP_PROTOBUF, GATEWAY) == in_protobuf


def test_answer_is_what_chirpstacks_own_library_writes() -> None:
    message = wire.Transmit(77, 1, 0, 869_525_000, 9, 125_000, 14, b"ack")
    way = UPLINK._replace(context=frames.Context(bytes.fromhex("5efa8990"), False))
    assert frames.make_downlink(way, 1_000_250, message, 16) == DOWN_PROTOBUF


def test_report_is_read_in_both_forms() -> None:
    assert frames.read_report(ACK_PROTOBUF) == (77, "TOO_LATE")
    said = b'{"gatewayId":"%s","downlinkId":77,"items":[{"status":"IGNORED"},{"status":"OK"}]}'
    assert frames.read_report(said) == (77, "OK")
    assert frames.status_of("TX_FREQ") == wire.NOT_SENT


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"txInfo": {"frequency": 1, "modulation": {"fsk": {}}}}, "other_modulation"),
        ({"rxInfo": {"crcStatus": "BAD_CRC"}}, "bad_crc"),
    ],
)
def test_other_modulations_and_wrong_crcs_are_named(changes: dict[str, object], kind: str) -> None:
    with pytest.raises(frames.Unwanted) as caught:
        frames.read_uplink(up_json(**changes), GATEWAY)
    assert caught.value.kind == kind


class Bridge:
    """The gateway bridge's side of the broker."""

    def __init__(self, broker: Mosquitto) -> None:
        self.commands: queue.Queue[bytes] = queue.Queue()
        ready: queue.Queue[int] = queue.Queue()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda c, u, message: self.commands.put(message.payload)
        self.client.on_connect = lambda c, u, f, r, p: c.subscribe(DOWN)
        self.client.on_subscribe = lambda *_: ready.put(1)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        ready.get(timeout=10)

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None:
        self.client.publish(topic, payload, qos).wait_for_publish(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def receiver(mosquitto: Mosquitto) -> Iterator[ChirpStackReceiver]:
    with ChirpStackReceiver(Broker("127.0.0.1", mosquitto.port)) as receiver:
        assert isinstance(receiver.receive(1), wire.Hello)
        yield receiver


@pytest.fixture
def bridge(mosquitto: Mosquitto, receiver: ChirpStackReceiver) -> Iterator[Bridge]:
    bridge = Bridge(mosquitto)
    yield bridge
    bridge.close()


def answer(received: wire.Received) -> wire.Transmit:
    at_us = received.ticks_us + 1_000_250
    return wire.Transmit(77, received.reception, at_us, 869_525_000, 9, 125_000, 14, b"ack")


@pytest.mark.parametrize("in_json", [True, False])
def test_frame_and_answer_go_through_the_broker_in_the_form_of_the_gateway(
    receiver: ChirpStackReceiver, bridge: Bridge, in_json: bool
) -> None:
    bridge.publish(UP, up_json() if in_json else UP_PROTOBUF)
    received = next_of(receiver, wire.Received)
    assert received.data == DATA and receiver.heard_by(received.reception) == GATEWAY
    receiver.transmit(answer(received))
    command = bridge.commands.get(timeout=10)
    if in_json:
        item = json.loads(command)["items"][0]
        assert item["txInfo"]["timing"] == {"delay": {"delay": "1.000250s"}}
        assert item["phyPayload"] == "YWNr" and item["txInfo"]["context"] == "XvqJkA=="
    else:
        assert protobuf.unsigned(protobuf.decode(command), 3) == 77
    bridge.publish(ACK, b'{"downlinkId":77,"items":[{"status":"OK"}]}')
    assert next_of(receiver, wire.Transmitted)[:2] == (77, wire.SENT)


def test_what_is_no_event_of_ours_is_counted(receiver: ChirpStackReceiver, bridge: Bridge) -> None:
    lorawan = base64.b64encode(b"\x40" + bytes(20)).decode()
    bridge.publish(UP, up_json(phyPayload=lorawan))
    bridge.publish(UP, b"\xff\xff\xff")
    bridge.publish(UP, up_json())
    assert next_of(receiver, wire.Received).data == DATA
    assert receiver.counts == {"foreign": 1, "malformed": 1}


def test_what_came_while_the_station_was_away_is_delivered_by_the_broker(
    receiver: ChirpStackReceiver, bridge: Bridge
) -> None:
    receiver.close()
    bridge.publish(UP, up_json(), qos=1)
    receiver.open()
    assert next_of(receiver, wire.Received).data == DATA


def test_frame_not_disposed_of_stays_at_the_broker_for_the_next_process(
    mosquitto: Mosquitto, receiver: ChirpStackReceiver, bridge: Bridge
) -> None:
    bridge.publish(UP, up_json(), qos=1)
    next_of(receiver, wire.Received)
    receiver.close()
    with ChirpStackReceiver(Broker("127.0.0.1", mosquitto.port)) as again:
        again.release(next_of(again, wire.Received).reception)
    with ChirpStackReceiver(Broker("127.0.0.1", mosquitto.port)) as once_more:
        next_of(once_more, wire.Hello)
        assert once_more.receive(0.2) is None


def test_broker_that_goes_away_is_lost_and_found_again(
    mosquitto: Mosquitto, receiver: ChirpStackReceiver
) -> None:
    mosquitto.stop()
    with pytest.raises(PortLost, match="the broker went away"):
        next_of(receiver, wire.Received)
    receiver.close()
    with pytest.raises(PortMissing, match="expected an MQTT broker"):
        receiver.open()
    mosquitto.start()
    with receiver:
        assert isinstance(receiver.receive(1), wire.Hello)


def test_password_file_that_is_missing_is_named(mosquitto: Mosquitto, tmp_path) -> None:
    path = tmp_path / "absent"
    broker = Broker("127.0.0.1", mosquitto.port, user="hut", password_file=path)
    with pytest.raises(ReceiverError, match=f"password file {path}: .*No such file"):
        ChirpStackReceiver(broker).open()


def test_broker_that_wants_a_password_refuses_with_its_reason(tmp_path) -> None:
    closed = Mosquitto(tmp_path, anonymous=False)
    with pytest.raises(PortRefused, match="the broker says Not authorized, expected"):
        ChirpStackReceiver(Broker("127.0.0.1", closed.port)).open()
    closed.stop()


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.binary(max_size=40), st.integers(0, 120), st.booleans())
def test_any_bytes_are_an_event_or_refused(bad: bytes, at: int, in_json: bool) -> None:
    whole = up_json() if in_json else UP_PROTOBUF
    for payload in (bad, whole[:at] + bad + whole[at + len(bad) :]):
        with contextlib.suppress(Malformed):
            frames.read_uplink(payload, GATEWAY)
        with contextlib.suppress(Malformed):
            frames.read_report(payload)
