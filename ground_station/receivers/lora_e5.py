"""Seeed LoRa-E5 (Wio-E5) modules in test mode.

    +TEST: LEN:25, RSSI:-42, SNR:9     first the signal,
    +TEST: RX "E021..."                then the frame

Test mode is set up by `RFCFG`: frequency, spreading factor, bandwidth, preambles, power, CRC, IQ
and the public sync word. The module leaves reception to send, and is told to receive again.

Timing: see modem.py. At the 9600 baud it has from the factory, the lines of a frame of 222 bytes
take half a second and an answer of 64 bytes 0.16 s, besides 0.3 s for changing over: the window
is met after frames up to about 100 bytes, later answers are not sent. Set it to 115200
(`AT+UART=BR,115200`, kept by the module) and any frame is answered in time.

Source: Seeed, LoRa-E5 AT command specification, test mode.
"""

import re

from firmware.wire.bridge import Transmit
from ground_station.receivers.attached import Channel, read_channel
from ground_station.receivers.modem import Line, ModemReceiver
from ground_station.receivers.serial_line import read_port
from ground_station.receivers.table import Table

_SIGNAL = re.compile(r"\+TEST: ?LEN:(\d{1,3}), ?RSSI:(-?\d{1,4}), ?SNR:(-?\d{1,3})")
_DATA = re.compile(r'\+TEST: ?RX "([0-9A-Fa-f ]*)"')
_ERROR = r"\+\w+: ?ERROR\(-?\d+\)"
_TUNED = (r"\+TEST: ?RFCFG.*", "module in test mode")
_LEAST_DBM, _MOST_DBM = -1, 22


class LoraE5Receiver(ModemReceiver):
    """One module on a serial line."""

    def __init__(self, port: str, channel: Channel, baud: int = 9600) -> None:
        super().__init__("lora_e5", port, baud, channel)
        self._signal: tuple[int, int, int, int] | None = None

    @classmethod
    def from_table(cls, table: Table) -> "LoraE5Receiver":
        """Read port, baud, freq_hz, sf and bw_hz."""
        port = read_port(table)
        return cls(port, read_channel(table), table.integer("baud", 9600, 230_400, 9600))

    def _set_up(self) -> None:
        self._signal = None
        self._insist("AT", r"\+AT: ?OK", "LoRa-E5 module")
        self._insist("AT+MODE=TEST", r"\+MODE: ?TEST", "LoRa-E5 module")
        self._insist(self._configuration(*self.channel, 14, "OFF"), *_TUNED)
        self._insist("AT+TEST=RXLRPKT", r"\+TEST: ?RXLRPKT", "module in test mode")

    def _configuration(
        self, freq_hz: int, sf: int, bw_hz: int, power_dbm: int, inverted: str
    ) -> str:
        return (
            f"AT+TEST=RFCFG,{freq_hz / 1e6:.3f},SF{sf},{bw_hz // 1000},8,8,"
            f"{min(power_dbm, _MOST_DBM)},ON,{inverted},ON"
        )

    def _probe(self) -> None:
        self._insist("AT", r"\+AT: ?OK", "module")

    def _take_line(self, line: Line) -> None:
        if signal := _SIGNAL.fullmatch(line.text):
            length, rssi_dbm, snr_db = (int(one) for one in signal.groups())
            self._signal = (line.at_us, length, rssi_dbm, snr_db)
        elif data := _DATA.fullmatch(line.text):
            self._take_frame(data[1].replace(" ", ""))
        elif "RX" in line.text and '"' in line.text:
            self._noise(f"reception is {line.text[:40]!r}, expected hexadecimals in quotes")

    def _take_frame(self, digits: str) -> None:
        signal, self._signal = self._signal, None
        if signal is None or len(digits) != 2 * signal[1]:
            expected = "none announced" if signal is None else f"{2 * signal[1]} digits"
            self._noise(f"a frame of {len(digits)} hexadecimal digits, expected {expected}")
        else:
            self._hear(bytes.fromhex(digits), signal[0], signal[2], 4 * signal[3])

    def _prepare(self, message: Transmit) -> bool:
        if message.power_dbm < _LEAST_DBM:
            return False
        command = self._configuration(
            message.freq_hz, message.sf, message.bw_hz, message.power_dbm, "ON"
        )
        stopped = self._ask("AT+TEST=STOP", r"\+TEST: ?STOP", _ERROR)
        return stopped is not None and self._ask(command, _TUNED[0], _ERROR) is not None

    def _command_for(self, data: bytes) -> str:
        return f'AT+TEST=TXLRPKT,"{data.hex().upper()}"'

    def _await_sent(self, timeout_s: float) -> bool:
        return self._await(r"\+TEST: ?TX DONE", timeout_s, _ERROR) is not None

    def _resume(self) -> None:
        self._ask("AT+TEST=STOP", r"\+TEST: ?STOP", _ERROR)
        self._insist(self._configuration(*self.channel, 14, "OFF"), *_TUNED)
        self._insist("AT+TEST=RXLRPKT", r"\+TEST: ?RXLRPKT", "module in test mode")
