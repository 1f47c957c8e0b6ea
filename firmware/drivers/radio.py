"""The collar's use of micropython-lib's `lora` driver: one frame out, one window in, then sleep.

The modem object comes by the constructor (`lora.SX1261` of the packages lora-sync and
lora-sx126x), so this file runs, and is tested, without the driver.
"""

from ..wire.airtime import header_ms

_SYNC_WORD = 0x34  # public LoRa networks: stock gateways hear it
_CODING_RATE = 5
_PREAMBLE = 8
_BANDWIDTHS = {125000: "125", 250000: "250", 500000: "500"}


class Radio:
    """A LoRa modem, asleep outside the two calls."""

    def __init__(self, modem) -> None:  # type: ignore[no-untyped-def]
        self._modem = modem
        modem.sleep()

    def send(self, freq_hz: int, sf: int, bw_hz: int, power_dbm: int, data: bytes) -> None:
        """Send one frame (explicit header, CRC, 4/5, 8 symbols); return when it has ended."""
        settings = lora_settings(freq_hz, sf, bw_hz)
        settings["output_power"] = power_dbm
        settings["invert_iq_tx"] = False
        try:
            self._modem.configure(settings)
            self._modem.send(data)
        finally:
            self._modem.sleep()

    def receive(
        self, freq_hz: int, sf: int, bw_hz: int, window_ms: int
    ) -> "tuple[bytes, int, int] | None":
        """Listen with IQ inverted for a preamble that begins within `window_ms`.

        The chip stops its timeout at a valid header only (SX1261/2 datasheet, 13.1.4 and 13.1.6),
        so the timeout is the window and the symbols up to there.

        Returns:
            (data, rssi_dbm, snr_qdb); None when nothing came, or it came damaged.
        """
        settings = lora_settings(freq_hz, sf, bw_hz)
        settings["invert_iq_rx"] = True
        try:
            self._modem.configure(settings)
            packet = self._modem.recv(window_ms + header_ms(sf, bw_hz))
        finally:
            self._modem.sleep()
        if packet is None or packet.crc_error:
            return None
        return bytes(packet), packet.rssi, packet.snr

    def close(self) -> None:
        """Enter the deepest sleep; the modem forgets its settings and this object ends."""
        self._modem.sleep(False)


def lora_settings(freq_hz: int, sf: int, bw_hz: int) -> "dict[str, object]":
    """Return the driver's settings of a channel: collars and bridges differ in none.

    Raises:
        ValueError: a bandwidth the link does not use.
    """
    if bw_hz not in _BANDWIDTHS:
        raise ValueError("bandwidth is %d Hz, expected 125000, 250000 or 500000" % bw_hz)
    return {
        "freq_khz": freq_hz // 1000,
        "sf": sf,
        "bw": _BANDWIDTHS[bw_hz],
        "coding_rate": _CODING_RATE,
        "preamble_len": _PREAMBLE,
        "crc_en": True,
        "implicit_header": False,
        "syncword": _SYNC_WORD,
    }
