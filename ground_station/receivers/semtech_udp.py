"""LoRa gateways that run Semtech's UDP packet forwarder, versions 1 and 2 of its protocol.

    byte 0 version 1 | 2    bytes 1-2 token    byte 3 type    then

    0x00  PUSH_DATA  gateway's EUI (8) | JSON with rxpk and stat     0x01  PUSH_ACK
    0x02  PULL_DATA  EUI                                             0x04  PULL_ACK
    0x03  PULL_RESP  JSON with txpk, to the gateway                  0x05  TX_ACK  EUI | JSON

A process of its own acknowledges PUSH_DATA before anybody reads what is in it (semtech_acks.py):
forwarders wait 100 ms and count later ones as lost. Nothing more hangs on it: they never send
twice, so what the station did not get is sent again by the collar, which was not acknowledged.

Downlink: the forwarder sends at `tmst` of the frame plus the delay, to the microsecond, and says
TOO_LATE otherwise; the collar's window is held as long as station and network take less than about
0.9 s. Version 1 knows no TX_ACK: what was handed over counts as sent. It goes to the address that
sent PULL_DATA last. There is no authentication: it listens on loopback unless told otherwise, and
may be given the list of gateways to listen to.

Source: Lora-net/sx1302_hal, packet_forwarder/PROTOCOL.md, version 1.6 (version byte 2);
Lora-net/packet_forwarder, PROTOCOL.TXT (version byte 1).
"""

import base64
import errno
import json
import socket
import struct
import subprocess
import sys
import threading
from typing import Any, NamedTuple

from firmware.wire.bridge import NOT_SENT, SENT, TOO_LATE, Transmit
from ground_station.errors import Malformed, PortBusy, PortLost, PortRefused
from ground_station.receivers import semtech_acks
from ground_station.receivers.gateway import GatewayReceiver, Uplink
from ground_station.receivers.radio_packet import Unwanted, load_object, read_packet
from ground_station.receivers.semtech_acks import HEAD, READY
from ground_station.receivers.table import Table

PUSH_DATA = 0
PULL_DATA = 2
PULL_RESP = 3
TX_ACK = 5
_FROM_GATEWAY = (PUSH_DATA, PULL_DATA, TX_ACK)
_VERSIONS = (1, 2)
_HEADER_BYTES = 12
_MAX_DATAGRAM = 65_535
_BUFFER_BYTES = 1 << 20
_GATEWAY_LIMIT = 1024
_START_S = 30.0
_TOO_LATE_WORDS = ("TOO_LATE", "TOO_EARLY", "COLLISION_PACKET", "COLLISION_BEACON")


class Datagram(NamedTuple):
    """The head of a datagram from a gateway."""

    version: int
    token: int
    kind: int
    gateway: str
    """EUI, 16 hexadecimal digits"""
    body: bytes


def parse(datagram: bytes) -> Datagram:
    """Read the head of a datagram.

    Raises:
        Malformed: it is none that a gateway sends.
    """
    if len(datagram) < _HEADER_BYTES:
        raise Malformed("datagram length", len(datagram), f"at least {_HEADER_BYTES}")
    version, token, kind = struct.unpack(">BHB", datagram[:4])
    if version not in _VERSIONS:
        raise Malformed("protocol version", version, "1 or 2")
    if kind not in _FROM_GATEWAY:
        raise Malformed("datagram type", kind, "PUSH_DATA, PULL_DATA or TX_ACK")
    return Datagram(version, token, kind, datagram[4:12].hex(), datagram[12:])


def read_packets(body: bytes, gateway: str) -> tuple[list[Uplink], list[Malformed]]:
    """Return the packets of a PUSH_DATA's JSON, and what was wrong with the others.

    Raises:
        Malformed: it is no JSON object, or `rxpk` no list.
    """
    packets = load_object(body).get("rxpk", [])
    if not isinstance(packets, list):
        raise Malformed("rxpk", packets, "a list")
    uplinks, faults = [], []
    for packet in packets:
        try:
            uplink, tmst = read_packet(packet, gateway)
        except Malformed as fault:
            faults.append(fault)
        else:
            uplinks.append(uplink._replace(context=tmst))
    return uplinks, faults


def read_refusal(body: bytes) -> str:
    """Return why a gateway did not transmit, empty if it did; warnings are no refusal.

    Raises:
        Malformed: it is not what a TX_ACK carries.
    """
    if not body.strip(b"\0\r\n "):
        return ""
    answer = load_object(body).get("txpk_ack", {})
    if not isinstance(answer, dict):
        raise Malformed("txpk_ack", answer, "a JSON object")
    error = answer.get("error", "NONE")
    if not isinstance(error, str):
        raise Malformed("txpk_ack.error", error, "a word")
    return "" if error.upper() == "NONE" else error.upper()[:32]


def make_txpk(message: Transmit, tmst: int, eirp_dbm: int) -> bytes:
    """Return the JSON of a PULL_RESP."""
    packet: dict[str, Any] = {
        "imme": False,
        "tmst": tmst,
        "freq": message.freq_hz / 1e6,
        "rfch": 0,
        "powe": eirp_dbm,
        "modu": "LORA",
        "datr": f"SF{message.sf}BW{message.bw_hz // 1000}",
        "codr": "4/5",
        "ipol": True,
        "prea": 8,
        "size": len(message.data),
        "data": base64.b64encode(message.data).decode(),
    }
    return json.dumps({"txpk": packet}, separators=(",", ":")).encode()


class SemtechUdpReceiver(GatewayReceiver):
    """A socket that any number of packet forwarders send to.

    Args:
        address: IP address and port to bind to.
        gateways: EUIs of the only gateways listened to, 16 hexadecimal digits; empty: all.
        antenna_gain_dbi: what forwarders take off the power asked for: that of their
            `antenna_gain`, 0 where they have none.
    """

    def __init__(
        self,
        address: tuple[str, int],
        gateways: frozenset[str] = frozenset(),
        antenna_gain_dbi: int = 0,
    ) -> None:
        super().__init__("udp://{}:{}".format(*address), "semtech_udp", gateways)
        self._address = address
        self._gain_dbi = antenna_gain_dbi
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: socket.socket | None = None
        self._closing = False
        self._pulls: dict[str, tuple[tuple[str, int], int]] = {}
        self._tokens: dict[int, int] = {}

    @classmethod
    def from_table(cls, table: Table) -> "SemtechUdpReceiver":
        """Read listen, gateways and gateway_antenna_gain_dbi."""
        address = table.address("listen", "127.0.0.1:1700")
        gain_dbi = table.integer("gateway_antenna_gain_dbi", -20, 30, 0)
        return cls(address, table.hexadecimals("gateways"), gain_dbi)

    @property
    def address(self) -> tuple[str, int]:
        """IP address and port it is bound to, or is to be bound to."""
        if self._socket is None:
            return self._address
        host, port = self._socket.getsockname()[:2]
        return host, port

    def open(self) -> None:
        """Bind, and start to listen."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            self._socket.bind(self._address)
        except OSError as error:
            self.close()
            reason = error.strerror or str(error)
            if error.errno == errno.EADDRINUSE:
                raise PortBusy(self.port, f"{reason}, by another program?") from error
            raise PortRefused(self.port, f"{reason}, expected an address of this host") from error
        self._greet()
        self._pipe, theirs = socket.socketpair()
        with theirs:
            fds = (self._socket.fileno(), theirs.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-I", semtech_acks.__file__, *map(str, fds), *self._gateways],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is the station's: it goes on until the pipe ends
            )
        self._pipe.settimeout(_START_S)
        try:
            started = self._pipe.recv(len(READY)) == READY
        except TimeoutError:
            started = False
        if not started:
            self.close()
            raise PortLost(self.port, "the process that acknowledges does not start")
        self._pipe.settimeout(None)
        self._thread = threading.Thread(
            target=self._listen, args=(self._pipe,), name="semtech-udp", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if self._pipe is not None and self._process is not None:
            self._closing = True
            self._pipe.shutdown(socket.SHUT_RDWR)
            if self._thread is not None:
                self._thread.join()
            self._process.wait()
            self._pipe.close()
            self._pipe = self._thread = self._process = None
            self._closing = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _listen(self, pipe: socket.socket) -> None:
        pending = bytearray()
        while chunk := pipe.recv(_MAX_DATAGRAM):
            pending += chunk
            while len(pending) >= HEAD.size:
                of_sender, of_datagram = HEAD.unpack_from(pending)
                end = HEAD.size + of_sender + of_datagram
                if len(pending) < end:
                    break
                sender = bytes(pending[HEAD.size : HEAD.size + of_sender]).decode()
                datagram = bytes(pending[HEAD.size + of_sender : end])
                del pending[:end]
                try:
                    self._take(datagram, sender)
                except Malformed as fault:
                    self._note_fault(fault)
        if not self._closing:
            self._note_lost(PortLost(self.port, "the process that acknowledges has ended"))

    def _take(self, datagram: bytes, sender: str) -> None:
        head = parse(datagram)
        if not self._admits(head.gateway):
            return
        if head.kind == PUSH_DATA:
            uplinks, faults = read_packets(head.body, head.gateway)
            for fault in faults:
                if isinstance(fault, Unwanted):
                    self._count(fault.kind)
                else:
                    self._note_fault(fault)
            for uplink in uplinks:
                self._hear(uplink)
        elif head.kind == PULL_DATA:
            self._note_pull(head, sender)
        else:
            self._take_report(head)

    def _note_pull(self, head: Datagram, sender: str) -> None:
        if head.gateway not in self._pulls:
            if len(self._pulls) >= _GATEWAY_LIMIT:  # EUIs may be made up: never grow for ever
                self._pulls.clear()
            self._throttle.log("new", "gateway connected", gateway=head.gateway, address=sender)
        host, port = sender.split()
        self._pulls[head.gateway] = ((host, int(port)), head.version)

    def _take_report(self, head: Datagram) -> None:
        transmission = self._tokens.pop(head.token, None)
        refusal = read_refusal(head.body)
        if transmission is None:
            return
        if not refusal:
            return self._note_sent(transmission, SENT)
        self._count(f"tx_{refusal.lower()}" if refusal.isidentifier() else "tx_refused")
        self._throttle.log(refusal, "gateway refused to send", gateway=head.gateway, fault=refusal)
        late = refusal in _TOO_LATE_WORDS
        return self._note_sent(transmission, TOO_LATE if late else NOT_SENT)

    def _send(self, way: Uplink, delay_us: int, message: Transmit) -> int | None:
        pull = self._pulls.get(way.gateway)
        if pull is None or way.context is None or self._socket is None:
            self._say_no_way(way, "no PULL_DATA came from it, or no tmst with the frame")
            return NOT_SENT
        address, version = pull
        tmst = (way.context + delay_us) & 0xFFFFFFFF
        body = make_txpk(message, tmst, message.power_dbm + self._gain_dbi)
        token = message.transmission & 0xFFFF
        try:
            self._socket.sendto(struct.pack(">BHB", version, token, PULL_RESP) + body, address)
        except OSError as error:
            self._say_no_way(way, error.strerror or str(error))
            return NOT_SENT
        if version == 1:
            return SENT
        self._tokens[token] = message.transmission
        return None

    def _say_no_way(self, way: Uplink, fault: str) -> None:
        self._throttle.log("way", "gateway cannot be answered", gateway=way.gateway, fault=fault)
