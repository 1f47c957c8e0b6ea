"""LoRaWAN gateways behind ChirpStack's gateway bridge or MQTT forwarder: frames before any server.

    [prefix/]gateway/ID/event/up       a frame that a gateway heard
    [prefix/]gateway/ID/event/ack      what became of an answer
    [prefix/]gateway/ID/command/down   an answer

The station needs no ChirpStack server and disturbs none: our frames are "proprietary" to it. The
session at the broker is kept while the station is away, and a message is acknowledged to the
broker only when the station is done with its frame: where gateways publish with QoS 1 the broker
keeps what comes meanwhile.

Downlink: the gateway sends at its own time stamp of the frame plus the delay, to the microsecond,
and says TOO_LATE otherwise; the window is held as long as broker, station and network take less
than about 0.9 s. Power is told as EIRP, the gateway takes off its antenna's gain.
"""

import contextlib
import re
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware.wire.bridge import NOT_SENT, SENT, Transmit
from ground_station.errors import Malformed, PortLost, PortMissing, PortRefused
from ground_station.receivers import chirpstack_frames as frames
from ground_station.receivers.gateway import GatewayReceiver, Held, Uplink
from ground_station.receivers.radio_packet import Unwanted
from ground_station.receivers.table import Table

_TOPIC = re.compile(r"(?:(.+)/)?gateway/([0-9a-fA-F]{16})/event/(up|ack)")
_SCHEMES = {"mqtt": 1883, "mqtts": 8883}
_KEEPALIVE_S = 15
_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Broker:
    """How to reach a broker."""

    host: str
    port: int
    tls: bool = False
    ca_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    client_id: str = ""
    """Unlike any other client's; empty: made from this host's name"""


class ChirpStackReceiver(GatewayReceiver):
    """A subscription at an MQTT broker.

    Args:
        broker: where it is.
        topic_prefix: of the topics, such as eu868; empty: none; None: any one level, or none.
        gateways: ids of the only gateways listened to; empty: all.
        antenna_gain_dbi: of the gateways' antennas; added to the power asked for.
    """

    def __init__(
        self,
        broker: Broker,
        topic_prefix: str | None = None,
        gateways: frozenset[str] = frozenset(),
        antenna_gain_dbi: int = 0,
    ) -> None:
        scheme = "mqtts" if broker.tls else "mqtt"
        super().__init__(f"{scheme}://{broker.host}:{broker.port}", "chirpstack_mqtt", gateways)
        self._broker = broker
        self._gain_dbi = antenna_gain_dbi
        prefixes = ("", "+/") if topic_prefix is None else (f"{topic_prefix}/".lstrip("/"),)
        self._topics = [(f"{one}gateway/+/event/+", 1) for one in prefixes]
        self._client: Client | None = None
        self._connected = threading.Event()
        self._refusal = ""
        self._prefixes: dict[str, str] = {}

    @classmethod
    def from_table(cls, table: Table) -> "ChirpStackReceiver":
        """Read broker, user, password_file, ca_file, topic_prefix, client_id, gateways, gain."""
        url = table.text("broker", "mqtt://127.0.0.1:1883")
        expected = "a URL such as mqtt://127.0.0.1:1883 or mqtts://broker.example"
        scheme = host = ""
        port = None
        with contextlib.suppress(ValueError):
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        if scheme not in _SCHEMES or not host:
            table.refuse("broker", expected)
        broker = Broker(
            host,
            port or _SCHEMES.get(scheme, 1883),
            scheme == "mqtts",
            table.path("ca_file"),
            table.optional_text("user"),
            table.path("password_file"),
            table.optional_text("client_id") or "",
        )
        prefix = table.optional_text("topic_prefix")
        gain_dbi = table.integer("gateway_antenna_gain_dbi", -20, 30, 0)
        return cls(broker, prefix, table.hexadecimals("gateways"), gain_dbi)

    def open(self) -> None:
        """Connect and subscribe."""
        self._connected.clear()
        self._refusal = ""
        self._greet()
        self._client = client = self._make_client()
        try:
            client.connect(self._broker.host, self._broker.port, _KEEPALIVE_S)
        except (OSError, ValueError) as error:
            self.close()
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            raise PortMissing(self.port, f"{reason}, expected an MQTT broker") from error
        client.loop_start()
        if not self._connected.wait(_CONNECT_S) or self._refusal:
            self.close()
            fault = self._refusal or f"no answer for {_CONNECT_S:.0f} s"
            raise PortRefused(self.port, f"{fault}, expected the broker to let the station in")

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""
        if self._client is not None:
            client, self._client = self._client, None
            client.disconnect()
            client.loop_stop()

    def _make_client(self) -> Client:
        broker = self._broker
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id or f"capra-{socket.gethostname()}",
            clean_session=False,
            manual_ack=True,
        )
        if broker.tls:
            client.tls_set(ca_certs=str(broker.ca_file) if broker.ca_file else None)
        if broker.user is not None:
            client.username_pw_set(broker.user, self._read_password())
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _read_password(self) -> str | None:
        path = self._broker.password_file
        if path is None:
            return None
        try:
            return path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise PortRefused(self.port, f"password file {path}: {error}") from error

    def _on_connect(
        self,
        client: Client,
        userdata: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refusal = f"the broker says {reason}"
        else:
            client.subscribe(self._topics)
        self._connected.set()

    def _on_disconnect(
        self,
        client: Client,
        userdata: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if client is self._client and self._connected.is_set() and not self._refusal:
            self._note_lost(PortLost(self.port, f"the broker went away: {reason}"))

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        """Take a message; in the thread of the client, which no fault may end."""
        wanted = False
        try:
            wanted = self._take(message)
        except Unwanted as fault:
            self._count(fault.kind)
        except Malformed as fault:
            self._note_fault(fault)
        if not wanted:
            client.ack(message.mid, message.qos)

    def _take(self, message: MQTTMessage) -> bool:
        """Queue what a message says; True if it is acknowledged when its frame is disposed of."""
        topic = _TOPIC.fullmatch(message.topic)
        if topic is None:
            return False
        prefix, gateway, event = topic[1] or "", topic[2].lower(), topic[3]
        if not self._admits(gateway):
            return False
        if event == "ack":
            self._take_report(bytes(message.payload), gateway)
            return False
        uplink = frames.read_uplink(bytes(message.payload), gateway)
        self._prefixes[gateway] = f"{prefix}/" if prefix else ""
        return self._hear(uplink, message if message.qos else None)

    def _take_report(self, payload: bytes, gateway: str) -> None:
        downlink, word = frames.read_report(payload)
        status = frames.status_of(word)
        if status != SENT:
            self._count("tx_refused")
            self._throttle.log(word, "gateway refused to send", gateway=gateway, fault=word)
        self._note_sent(downlink, status)

    def _send(self, way: Uplink, delay_us: int, message: Transmit) -> int | None:
        client = self._client
        if client is None:
            return NOT_SENT
        topic = f"{self._prefixes.get(way.gateway, '')}gateway/{way.gateway}/command/down"
        payload = frames.make_downlink(way, delay_us, message, message.power_dbm + self._gain_dbi)
        return NOT_SENT if client.publish(topic, payload, qos=0).rc else None

    def _dispose(self, held: Held) -> None:
        client = self._client
        if client is not None and isinstance(held.receipt, MQTTMessage):
            client.ack(held.receipt.mid, held.receipt.qos)
