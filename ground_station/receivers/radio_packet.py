"""Semtech's JSON of one received packet (`rxpk`), as forwarders send and OpenCollar stores it.

    freq   868.1            MHz          datr   "SF7BW125"       modu   "LORA"
    rssi   -97              dBm          lsnr   8.2              dB
    stat   1 CRC right, -1 wrong, 0 none  size   bytes of data    data   base64
    tmst   u32, us, wraps   time   ISO 8601, with GNSS only      rsig   one entry per antenna

Base64 with or without padding, of either alphabet: both are on the air. The values are of whoever
sent them: each is checked before use.

Source: Lora-net/sx1302_hal, packet_forwarder/PROTOCOL.md, version 1.6.
"""

import base64
import binascii
import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from ground_station.errors import Malformed
from ground_station.receivers.gateway import Uplink

_DATR = re.compile(r"SF(\d{1,2})BW(\d{1,4})", re.ASCII)
_MAX_DATA = 255


class Unwanted(Malformed):
    """A packet that is well-formed and no LoRa frame with a CRC that held; `kind` is counted."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__("packet", kind, "a LoRa frame with its CRC right")


def load_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object in a text.

    Raises:
        Malformed: there is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("JSON", bytes(text[:40]), "a JSON object") from error
    if not isinstance(value, dict):
        raise Malformed("JSON", value, "a JSON object")
    return value


def number(values: dict[str, Any], key: str, low: float, high: float) -> float:
    """Return a number of a JSON object.

    Raises:
        Malformed: it is missing, no number, or out of range.
    """
    value = values.get(key)
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    ):
        return value
    raise Malformed(key, value, f"a number from {low:g} to {high:g}")


def from_base64(text: object) -> bytes:
    """Return the bytes of a base64 text.

    Raises:
        Malformed: it is none.
    """
    if isinstance(text, str) and text.isascii():
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except binascii.Error:
            pass
    raise Malformed("base64", text, "base64 of the frame")


def read_packet(packet: object, gateway: str) -> tuple[Uplink, int | None]:
    """Return what an `rxpk` object says, and its `tmst`, if any.

    Raises:
        Unwanted: no LoRa, a wrong CRC, none.
        Malformed: a value is missing or cannot be.
    """
    if not isinstance(packet, dict):
        raise Malformed("rxpk entry", packet, "a JSON object")
    if packet.get("modu", "LORA") != "LORA":
        raise Unwanted("other_modulation")
    stat = packet.get("stat", 1)
    if stat != 1:
        raise Unwanted("no_crc" if stat == 0 else "bad_crc")
    data = from_base64(packet.get("data"))
    if len(data) > _MAX_DATA or packet.get("size", len(data)) != len(data):
        raise Malformed("size", packet.get("size"), f"{len(data)} as in data, at most {_MAX_DATA}")
    sf, bw_hz = _read_datr(packet.get("datr"))
    signal = _best_antenna(packet)
    uplink = Uplink(
        gateway,
        data,
        round(number(packet, "freq", 0, 4294.0) * 1e6),
        sf,
        bw_hz,
        round(number(signal, "rssi" if "rssi" in signal else "rssic", -32768, 32767)),
        max(-128, min(127, round(4 * number(signal, "lsnr", -1000, 1000)))),
        read_time(packet.get("time")),
    )
    tmst = None
    if "tmst" in packet:
        tmst = int(number(packet, "tmst", 0, 0xFFFFFFFF))
    return uplink, tmst


def _read_datr(datr: object) -> tuple[int, int]:
    match = _DATR.fullmatch(datr) if isinstance(datr, str) else None
    if match is None or not 5 <= int(match[1]) <= 12:
        raise Malformed("datr", datr, "such as SF7BW125")
    return int(match[1]), int(match[2]) * 1000


def _best_antenna(packet: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the antenna that heard best: the packet's own, or one of `rsig`."""
    signals = packet.get("rsig")
    if "lsnr" in packet or not isinstance(signals, list):
        return packet
    found = [one for one in signals if isinstance(one, dict) and "lsnr" in one]
    if not found:
        raise Malformed("rsig", signals, "an antenna with lsnr")
    return max(found, key=lambda one: number(one, "lsnr", -1000, 1000))


def read_time(text: object) -> int:
    """Return Unix time [us], 0 where there is none to be read."""
    if not isinstance(text, str):
        return 0
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return 0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(round(when.timestamp() * 1e6), 0)
