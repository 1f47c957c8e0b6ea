"""A file of receptions, one JSON object a line, instead of a radio.

    {"gatewayEui": "b827ebfffe61bbaa", "rxpk": {"time": "2026-03-04T05:06:07.000008Z",
     "tmst": 7000008, "freq": 868.5, "datr": "SF7BW125", "rssi": -97, "lsnr": 8.25,
     "data": "4CER..."}}

`rxpk` is Semtech's (radio_packet.py). It is the form of OpenCollar's offload stations, so their
files are read too; those have no `time` and tell Unix seconds as `tmst`. (Their firmware prints
868.05 MHz as 868.50000: the channel of such a line may be wrong, nothing hangs on it.)

It only receives; at the end it has nothing more to say, and `ended` is true.
"""

import base64
import json
from collections import deque
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from pathlib import Path

from firmware.wire.bridge import NOT_SENT, PROTOCOL, Hello, Received, Transmit, Transmitted
from ground_station.errors import Malformed, PortMissing
from ground_station.receiver import Event, Noise, Receiver, number_of, strange
from ground_station.receivers.gateway import Uplink
from ground_station.receivers.radio_packet import Unwanted, load_object, read_packet
from ground_station.receivers.table import Table

_MAX_LINE = 4096
_SECONDS = range(1_600_000_000, 2_200_000_000)  # 2020 to 2039
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_line(line: bytes) -> Uplink:
    """Return the reception in a line.

    Raises:
        Unwanted: no LoRa, or no right CRC.
        Malformed: it is none.
    """
    values = load_object(line)
    gateway = values.get("gatewayEui", "")
    if not isinstance(gateway, str):
        raise Malformed("gatewayEui", gateway, "a text")
    uplink, tmst = read_packet(values.get("rxpk"), gateway[:64])
    if not uplink.utc_us and tmst is not None and tmst in _SECONDS:
        uplink = uplink._replace(utc_us=tmst * 1_000_000)
    return uplink


def write_line(received: Received, gateway: str, heard_at_us: int) -> str:
    """Return the line of a reception.

    Args:
        received: the frame and how it was heard.
        gateway: who heard it.
        heard_at_us: Unix time at its end [us].
    """
    time = (_EPOCH + timedelta(microseconds=heard_at_us)).isoformat(timespec="microseconds")
    packet = {
        "time": time.replace("+00:00", "Z"),
        "tmst": received.ticks_us & 0xFFFFFFFF,
        "freq": received.freq_hz / 1e6,
        "stat": 1,
        "modu": "LORA",
        "datr": f"SF{received.sf}BW{received.bw_hz // 1000}",
        "codr": "4/5",
        "rssi": received.rssi_dbm,
        "lsnr": received.snr_qdb / 4,
        "size": len(received.data),
        "data": base64.b64encode(received.data).decode(),
    }
    return json.dumps({"gatewayEui": gateway, "rxpk": packet}, separators=(",", ":"))


class ReplayReceiver(Receiver):
    """Gives the receptions of a file, as fast as they are asked for.

    Attributes:
        ended: whether the whole file was given.
    """

    sends = False

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.ended = False
        self._path = path
        self._number = number_of("replay", str(path.absolute()))
        self._file: BufferedReader | None = None
        self._events: deque[Event] = deque()
        self._gateways: dict[int, str] = {}
        self._line = 0

    @classmethod
    def from_table(cls, table: Table) -> "ReplayReceiver":
        """Read file."""
        return cls(Path(table.text("file", expected="a path of a JSONL file")))

    def open(self) -> None:
        """Open the file, at its beginning."""
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise PortMissing(self.port, f"{error.strerror}, expected a JSONL file") from error
        self._line = 0
        self.ended = False
        self._events.clear()
        self._events.append(Hello(PROTOCOL, self._number, 0, 0, 0))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def receive(self, timeout_s: float) -> Event | None:
        """Return the next event, None at the end of the file."""
        while not self._events and not self.ended:
            self._read()
        return self._events.popleft() if self._events else None

    def at_hand(self) -> bool:
        """Return whether anything is left."""
        return not self.ended

    def transmit(self, message: Transmit) -> None:
        """Send nothing, and say so."""
        self.release(message.in_reply_to)
        self._events.append(
            Transmitted(message.transmission, NOT_SENT, max(message.at_ticks_us, 0), 0)
        )

    def release(self, reception: int) -> None:
        """Forget a frame."""
        self._gateways.pop(reception, None)

    def heard_by(self, reception: int) -> str:
        """Return the gateway of a line."""
        return self._gateways.get(reception, "")

    def _read(self) -> None:
        assert self._file is not None
        line = self._file.readline(_MAX_LINE)
        if not line:
            self.ended = True
            return
        self._line += 1
        if len(line) == _MAX_LINE and not line.endswith(b"\n"):
            while (rest := self._file.readline(_MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            line = b"over-long"
        if line.strip():
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            uplink = read_line(line)
        except Unwanted as fault:
            self.counts[fault.kind] += 1
            return
        except Malformed as fault:
            self.counts["malformed"] += 1
            self._events.append(Noise(f"line {self._line}: {fault}"))
            return
        strangeness = strange(uplink.data)
        if strangeness is not None:
            self.counts[strangeness] += 1
            return
        self._gateways[self._line] = uplink.gateway
        self._events.append(
            Received(
                self._line,
                uplink.utc_us,  # the only time a file has; a station never answers it
                uplink.utc_us,
                uplink.freq_hz,
                uplink.sf,
                uplink.bw_hz,
                uplink.rssi_dbm,
                uplink.snr_qdb,
                uplink.data,
            )
        )
