"""RAK modules (RAK3172, RAK4631-R ...) with RUI3 in P2P mode, or the firmware before it (1.0.4).

    +EVT:RXP2P:-60:11:E021...                 RUI3: RSSI dBm, SNR dB, frame; some put its length
    +EVT:RXP2P:RSSI -60:SNR 11:E021...        before the frame, or name the values
    +EVT:RXP2P, RSSI -60, SNR 11              before RUI3: the frame follows on a line of its own
    +EVT:E021...
    +EVT:TXP2P DONE

Collars use the public sync word and listen with IQ inverted: AT+SYNCWORD and AT+IQINVER are there
from RUI3 4.0 on. A module without the first hears collars only if their sync word is the private
one; without the second it only receives. RUI3's encryption must be off. Timing: see modem.py; at
115200 baud an answer of 64 bytes needs 12 ms of line.

Source: docs.rakwireless.com, RUI3 AT command manual, and RAK3172's for firmware up to 1.0.4.
"""

import re

from firmware.wire.bridge import Transmit
from ground_station.errors import BridgeSilent
from ground_station.events import log
from ground_station.receivers.attached import Channel, read_channel
from ground_station.receivers.modem import Line, ModemReceiver
from ground_station.receivers.serial_line import read_port
from ground_station.receivers.table import Table

_NEW = re.compile(
    r"\+EVT:RXP2P:(?:RSSI )?(-?\d{1,4}):(?:SNR )?(-?\d{1,3})(?::(\d{1,3}))?:([0-9A-Fa-f]+)"
)
_OLD = re.compile(r"\+EVT:RXP2P, ?RSSI (-?\d{1,4}), ?SNR (-?\d{1,3})")
_OLD_DATA = re.compile(r"\+EVT:([0-9A-Fa-f]+)")
_FOREVER = 65534
_LEAST_DBM, _MOST_DBM = 5, 22
_RESTART_S = 3.0
_REPLY_S = 1.0
_CODES = {125_000: 0, 250_000: 1, 500_000: 2}


class Rui3Receiver(ModemReceiver):
    """One module on a serial line."""

    def __init__(self, port: str, channel: Channel, baud: int = 115_200) -> None:
        super().__init__("rui3", port, baud, channel)
        self._signal: tuple[int, int, int] | None = None
        self._coded = False  # whether the bandwidth is told as a code

    @classmethod
    def from_table(cls, table: Table) -> "Rui3Receiver":
        """Read port, baud, freq_hz, sf and bw_hz."""
        port = read_port(table)
        return cls(port, read_channel(table), table.integer("baud", 4800, 921_600, 115_200))

    def _set_up(self) -> None:
        self._signal = None
        self._insist("AT", "OK", "RUI3 module")
        self._ask("AT+PRECV=0", "OK")
        if not self._is_p2p():
            self._write("AT+NWM=0")  # it may start anew, with a banner
            self._await("OK", _RESTART_S)
            if not self._is_p2p() and not self._is_p2p():
                raise BridgeSilent(self.port, "the module stays in LoRaWAN mode, expected P2P")
        if self._ask("AT+SYNCWORD=3444", "OK") is None:
            log("module hears only the private sync word", port=self.port, expected="RUI3 4.0")
        self.sends = self._ask("AT+IQINVER=0", "OK") is not None
        if not self.sends:
            log("module only receives", port=self.port, expected="RUI3 4.0, for AT+IQINVER")
        self._listen()

    def _is_p2p(self) -> bool:
        value = self._ask("AT+NWM=?", r"(AT\+NWM=)?\d")
        self._await("OK", _REPLY_S)  # follows a value
        return value is not None and value.endswith("0")

    def _listen(self) -> None:
        freq_hz, sf, bw_hz = self.channel
        if not self._tune(freq_hz, sf, bw_hz, 14):
            self._coded = not self._coded
            if not self._tune(freq_hz, sf, bw_hz, 14):
                log("module refuses the channel", port=self.port, freq_hz=freq_hz, sf=sf)
        self._insist(f"AT+PRECV={_FOREVER}", "OK", "module in P2P mode")

    def _tune(self, freq_hz: int, sf: int, bw_hz: int, power_dbm: int) -> bool:
        bandwidth = _CODES.get(bw_hz, 0) if self._coded else bw_hz // 1000
        command = f"AT+P2P={freq_hz}:{sf}:{bandwidth}:0:8:{min(power_dbm, _MOST_DBM)}"
        return self._ask(command, "OK") is not None

    def _probe(self) -> None:
        self._insist("AT", r"OK|AT_BUSY_ERROR", "module")

    def _take_line(self, line: Line) -> None:
        if new := _NEW.fullmatch(line.text):
            self._take_frame(line.at_us, int(new[1]), int(new[2]), new[4])
        elif old := _OLD.fullmatch(line.text):
            self._signal = (line.at_us, int(old[1]), int(old[2]))
        elif (data := _OLD_DATA.fullmatch(line.text)) and self._signal is not None:
            at_us, rssi_dbm, snr_db = self._signal
            self._signal = None
            self._take_frame(at_us, rssi_dbm, snr_db, data[1])
        elif "RECEIVE TIMEOUT" in line.text:
            self._write(f"AT+PRECV={_FOREVER}")
        elif "RXP2P" in line.text:
            self._noise(f"reception is {line.text[:40]!r}, expected RSSI, SNR and hexadecimals")

    def _take_frame(self, at_us: int, rssi_dbm: int, snr_db: int, digits: str) -> None:
        if len(digits) % 2:
            self._noise(f"a frame of {len(digits)} hexadecimal digits, expected an even number")
        else:
            self._hear(bytes.fromhex(digits), at_us, rssi_dbm, 4 * snr_db)

    def _prepare(self, message: Transmit) -> bool:
        return (
            message.power_dbm >= _LEAST_DBM
            and self._ask("AT+PRECV=0", "OK") is not None
            and self._ask("AT+IQINVER=1", "OK") is not None
            and self._tune(message.freq_hz, message.sf, message.bw_hz, message.power_dbm)
        )

    def _command_for(self, data: bytes) -> str:
        return f"AT+PSEND={data.hex().upper()}"

    def _await_sent(self, timeout_s: float) -> bool:
        return self._await(r"\+EVT:TXP2P DONE", timeout_s) is not None

    def _resume(self) -> None:
        self._ask("AT+IQINVER=0", "OK")
        self._listen()
