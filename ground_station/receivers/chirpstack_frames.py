"""Frames as ChirpStack's gateway bridge and MQTT forwarder write them: Protocol Buffers or JSON.

    UplinkFrame      1 phy_payload  4 tx_info (1 frequency, 2 modulation (3 lora: 1 bandwidth,
                     2 spreading_factor))  5 rx_info (3 gw_time (1 s, 2 ns), 6 rssi, 7 snr float,
                     13 context, 16 crc_status)
    DownlinkFrame    3 downlink_id  5 items (1 phy_payload, 3 tx_info (1 frequency, 2 power,
                     3 modulation (3 lora: 1, 2, 4 polarization_inversion, 5 code_rate,
                     6 preamble), 6 timing (2 delay (1 delay (1 s, 2 ns))), 7 context))
                     7 gateway_id
    DownlinkTxAck    2 downlink_id  5 items (1 status)

JSON has the same in camel case, bytes as base64, durations such as "1s". Which of the two a
payload is, is told by its first byte: no field of these messages begins with "{".

Source: chirpstack/chirpstack, api/proto/gw/gw.proto, version 4.
"""

import base64
import json
import math
from typing import Any, NamedTuple

from firmware.wire.bridge import NOT_SENT, SENT, TOO_LATE, Transmit
from ground_station.errors import Malformed
from ground_station.receivers import protobuf
from ground_station.receivers.gateway import Uplink
from ground_station.receivers.radio_packet import (
    Unwanted,
    from_base64,
    load_object,
    number,
    read_time,
)

_STATUSES = (
    "IGNORED",
    "OK",
    "TOO_LATE",
    "TOO_EARLY",
    "COLLISION_PACKET",
    "COLLISION_BEACON",
    "TX_FREQ",
    "TX_POWER",
    "GPS_UNLOCKED",
    "QUEUE_FULL",
    "INTERNAL_ERROR",
    "DUTY_CYCLE_OVERFLOW",
)
_TOO_LATE = ("TOO_LATE", "TOO_EARLY", "COLLISION_PACKET", "COLLISION_BEACON")
_BAD_CRC = 1
_CR_4_5 = 1
_MAX_DATA = 255


class Context(NamedTuple):
    """What an answer has to bring back."""

    context: bytes
    in_json: bool


def read_uplink(payload: bytes, gateway: str) -> Uplink:
    """Return the frame in an `up` event.

    Raises:
        Unwanted: no LoRa, or a wrong CRC.
        Malformed: it is no such event.
    """
    uplink = _uplink_json(payload, gateway) if _is_json(payload) else _uplink(payload, gateway)
    if not 5 <= uplink.sf <= 12:
        raise Malformed("spreading factor", uplink.sf, "5 to 12")
    if len(uplink.data) > _MAX_DATA:
        raise Malformed("frame length", len(uplink.data), f"at most {_MAX_DATA}")
    return uplink


def read_report(payload: bytes) -> tuple[int, str]:
    """Return the downlink id of an `ack` event, and the word that tells what became of it.

    Raises:
        Malformed: it is no such event.
    """
    if _is_json(payload):
        values = load_object(payload)
        items = values.get("items")
        downlink = int(number({"downlinkId": 0, **values}, "downlinkId", 0, 0xFFFFFFFF))
        if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
            raise Malformed("items", items, "a list of statuses")
        words = [str(one.get("status", "IGNORED"))[:32] for one in items]
    else:
        fields = protobuf.decode(payload)
        downlink = protobuf.unsigned(fields, 2)
        words = []
        for item in fields.get(5, []):
            if not isinstance(item, bytes):
                raise Malformed("items", item, "a message")
            status = protobuf.unsigned(protobuf.decode(item), 1)
            words.append(_STATUSES[status] if status < len(_STATUSES) else f"STATUS_{status}")
    told = [word for word in words if word != "IGNORED"]
    return downlink, told[0] if told else "IGNORED"


def status_of(word: str) -> int:
    """Return the bridge's status that says the same."""
    if word == "OK":
        return SENT
    return TOO_LATE if word in _TOO_LATE else NOT_SENT


def make_downlink(way: Uplink, delay_us: int, message: Transmit, eirp_dbm: int) -> bytes:
    """Return the `down` command that answers a frame, in the form the frame came in."""
    context: Context = way.context
    make = _downlink_json if context.in_json else _downlink
    return make(way.gateway, context.context, delay_us, message, eirp_dbm)


def _is_json(payload: bytes) -> bool:
    return payload[:1] == b"{"


def _uplink(payload: bytes, gateway: str) -> Uplink:
    fields = protobuf.decode(payload)
    tx_info = protobuf.message(fields, 4)
    modulation = protobuf.message(tx_info, 2)
    if 3 not in modulation:
        raise Unwanted("other_modulation")
    lora = protobuf.message(modulation, 3)
    rx_info = protobuf.message(fields, 5)
    if protobuf.unsigned(rx_info, 16) == _BAD_CRC:
        raise Unwanted("bad_crc")
    gw_time = protobuf.message(rx_info, 3)
    utc_us = protobuf.signed(gw_time, 1) * 1_000_000 + protobuf.signed(gw_time, 2) // 1000
    return Uplink(
        gateway,
        protobuf.octets(fields, 1),
        _within("frequency", protobuf.unsigned(tx_info, 1), 0, 0xFFFFFFFF),
        protobuf.unsigned(lora, 2),
        _within("bandwidth", protobuf.unsigned(lora, 1), 1, 1_000_000),
        _within("rssi", protobuf.signed(rx_info, 6), -32768, 32767),
        _quarters(protobuf.single(rx_info, 7)),
        utc_us if 0 < utc_us < 1 << 62 else 0,
        Context(protobuf.octets(rx_info, 13), False),
    )


def _uplink_json(payload: bytes, gateway: str) -> Uplink:
    values = load_object(payload)
    tx_info, rx_info = _object(values, "txInfo"), _object(values, "rxInfo")
    modulation = _object(tx_info, "modulation")
    if "lora" not in modulation:
        raise Unwanted("other_modulation")
    lora = _object(modulation, "lora")
    if rx_info.get("crcStatus") == "BAD_CRC":
        raise Unwanted("bad_crc")
    return Uplink(
        gateway,
        from_base64(values.get("phyPayload")),
        int(number(tx_info, "frequency", 0, 0xFFFFFFFF)),
        int(number(lora, "spreadingFactor", 0, 255)),
        int(number(lora, "bandwidth", 1, 1_000_000)),
        int(number({"rssi": 0, **rx_info}, "rssi", -32768, 32767)),
        _quarters(number({"snr": 0, **rx_info}, "snr", -1000, 1000)),
        read_time(rx_info.get("gwTime", rx_info.get("time"))),
        Context(from_base64(rx_info.get("context", "")), True),
    )


def _downlink(
    gateway: str, context: bytes, delay_us: int, message: Transmit, eirp_dbm: int
) -> bytes:
    encode = protobuf.encode
    lora = (
        encode(1, message.bw_hz)
        + encode(2, message.sf)
        + encode(4, 1)
        + encode(5, _CR_4_5)
        + encode(6, 8)
    )
    seconds, rest_us = divmod(delay_us, 1_000_000)
    delay = encode(1, seconds) + encode(2, rest_us * 1000)
    tx_info = (
        encode(1, message.freq_hz)
        + encode(2, eirp_dbm)
        + encode(3, encode(3, lora))
        + encode(6, encode(2, encode(1, delay)))
        + encode(7, context)
    )
    item = encode(1, message.data) + encode(3, tx_info)
    return encode(3, message.transmission) + encode(5, item) + encode(7, gateway)


def _downlink_json(
    gateway: str, context: bytes, delay_us: int, message: Transmit, eirp_dbm: int
) -> bytes:
    lora = {
        "bandwidth": message.bw_hz,
        "spreadingFactor": message.sf,
        "codeRate": "CR_4_5",
        "polarizationInversion": True,
        "preamble": 8,
    }
    tx_info = {
        "frequency": message.freq_hz,
        "power": eirp_dbm,
        "modulation": {"lora": lora},
        "timing": {"delay": {"delay": f"{delay_us / 1e6:.6f}s"}},
        "context": base64.b64encode(context).decode(),
    }
    item = {"phyPayload": base64.b64encode(message.data).decode(), "txInfo": tx_info}
    command = {"downlinkId": message.transmission, "items": [item], "gatewayId": gateway}
    return json.dumps(command, separators=(",", ":")).encode()


def _object(values: dict[str, Any], key: str) -> dict[str, Any]:
    value = values.get(key)
    if not isinstance(value, dict):
        raise Malformed(key, value, "a JSON object")
    return value


def _within(what: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise Malformed(what, value, f"{low} to {high}")
    return value


def _quarters(snr_db: float) -> int:
    if not math.isfinite(snr_db):
        raise Malformed("snr", snr_db, "a number")
    return max(-128, min(127, round(4 * snr_db)))
