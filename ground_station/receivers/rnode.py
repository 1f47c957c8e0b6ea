"""RNode boards (T-Beam, Heltec, RAK4631 ... with the open RNode firmware) as raw receivers.

KISS frames at 115200 baud: FEND, command, data with FEND and FESC escaped, FEND. A received packet
comes as RSSI (byte - 157 dBm), SNR (int8, dB * 4) and then the data. In promiscuous mode the data
are the whole packet.

It only receives: the firmware cannot invert IQ, so that a collar does not hear what it sends. And
it hears the private sync word 0x12 only (0x1424 of an SX126x, fixed in its source): collars of the
public one need a firmware built with 0x3444.

Source: markqvist/RNode_Firmware, Framing.h, Config.h and sx126x.h.
"""

import struct
import time

from ground_station.errors import BridgeSilent
from ground_station.receiver import ticks_us
from ground_station.receivers.attached import AttachedReceiver, Channel, read_channel
from ground_station.receivers.serial_line import read_port
from ground_station.receivers.table import Table

_FEND, _FESC, _TFEND, _TFESC = 0xC0, 0xDB, 0xDC, 0xDD
_DATA, _FREQ, _BW, _TXPOWER, _SF, _CR, _RADIO = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
_DETECT, _PROMISC, _STAT_RSSI, _STAT_SNR, _ERROR = 0x08, 0x0E, 0x23, 0x24, 0x90
_ASK, _ANSWER = 0x73, 0x46
_RSSI_OFFSET = 157
_BAUD = 115_200
_MAX_FRAME = 600
_REPLY_S = 2.0
_PROBE_S = 60.0
_SILENT_S = 70.0


def encode(command: int, data: bytes = b"") -> bytes:
    """Return a KISS frame."""
    plain = bytes([command]) + data
    escaped = plain.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return b"\xc0" + escaped + b"\xc0"


class KissSplitter:
    """Cuts a stream into KISS frames of at most `_MAX_FRAME` bytes, unescaped.

    Attributes:
        dropped: frames that were longer, or escaped what is never escaped.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._pending = bytearray()
        self._inside = False
        self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; return the frames it completed, none empty."""
        frames = []
        for byte in data:
            if byte == _FEND:
                if self._inside and self._pending and not self._escaped:
                    frames.append(bytes(self._pending))
                elif self._escaped:
                    self.dropped += 1
                self._restart(inside=True)
            elif not self._inside:
                continue
            elif self._escaped:
                if byte not in (_TFEND, _TFESC):
                    self._drop()
                    continue
                self._pending.append(_FEND if byte == _TFEND else _FESC)
                self._escaped = False
            elif byte == _FESC:
                self._escaped = True
            else:
                self._pending.append(byte)
            if len(self._pending) > _MAX_FRAME:
                self._drop()
        return frames

    def _drop(self) -> None:
        self.dropped += 1
        self._restart(inside=False)

    def _restart(self, inside: bool) -> None:
        self._pending.clear()
        self._escaped = False
        self._inside = inside


class RnodeReceiver(AttachedReceiver):
    """One board on a serial line."""

    sends = False

    def __init__(self, port: str, channel: Channel) -> None:
        super().__init__("rnode", port, _BAUD, channel)
        self._splitter = KissSplitter()
        self._replies: dict[int, bytes] = {}
        self._rssi_dbm = self._snr_qdb = 0
        self._asked_at_s = 0.0

    @classmethod
    def from_table(cls, table: Table) -> "RnodeReceiver":
        """Read port, freq_hz, sf and bw_hz."""
        return cls(read_port(table), read_channel(table))

    def _set_up(self) -> None:
        freq_hz, sf, bw_hz = self.channel
        self._splitter = KissSplitter()
        self._insist(_DETECT, bytes([_ASK]), bytes([_ANSWER]))
        for command, data in (
            (_FREQ, struct.pack(">I", freq_hz)),
            (_BW, struct.pack(">I", bw_hz)),
            (_TXPOWER, b"\x00"),
            (_SF, bytes([sf])),
            (_CR, b"\x05"),
            (_PROMISC, b"\x01"),
            (_RADIO, b"\x01"),
        ):
            self._insist(command, data, data)

    def _insist(self, command: int, data: bytes, reply: bytes) -> None:
        self._replies.clear()
        self._write_bytes(encode(command, data))
        end_s = time.monotonic() + _REPLY_S
        while time.monotonic() < end_s:
            self._take_input(0.1)
            if self._replies.get(command) == reply:
                return
        said = self._replies.get(command)
        got = "nothing" if said is None else said.hex()
        raise BridgeSilent(
            self.port, f"an RNode answers {got} to command 0x{command:02x}, expected {reply.hex()}"
        )

    def _work(self) -> float:
        """Ask now and then whether the board lives."""
        now_s = time.monotonic()
        if now_s - self._heard_at_s > _SILENT_S:
            raise BridgeSilent(self.port, f"no answer for {_SILENT_S:.0f} s")
        if now_s - max(self._heard_at_s, self._asked_at_s) > _PROBE_S:
            self._asked_at_s = now_s
            self._write_bytes(encode(_DETECT, bytes([_ASK])))
        return _PROBE_S

    def _take_input(self, timeout_s: float) -> None:
        dropped = self._splitter.dropped
        for frame in self._splitter.feed(self._read_bytes(timeout_s)):
            self._heard_at_s = time.monotonic()
            self._take(frame[0], frame[1:])
        if self._splitter.dropped > dropped:
            self._noise("a damaged KISS frame, expected escapes and an end")

    def _take(self, command: int, data: bytes) -> None:
        if command == _DATA:
            self._hear(data, ticks_us(), self._rssi_dbm, self._snr_qdb)
        elif command == _STAT_RSSI and data:
            self._rssi_dbm = data[0] - _RSSI_OFFSET
        elif command == _STAT_SNR and data:
            self._snr_qdb = int.from_bytes(data[:1], "big", signed=True)
        elif command == _ERROR:
            code = data[:8].hex()
            self._throttle.log("error", "RNode reports an error", port=self.port, code=code)
        else:
            self._replies[command] = data
