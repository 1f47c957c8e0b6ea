"""CONFIG payload: an order that changes settings of the collar, all of them or none.

    sequence       u32, as in a command (command.py)
    expires_at_s   u32, Unix time, UTC: not to be taken after it
    changes        one or more, to the end:
      setting      u8: its number in the table of firmware/config.py
      value        signed varint

A setting may stand there once.
"""

import struct
from collections import namedtuple

from . import varint
from .errors import BadValue, Truncated, check_range

# changes: list of (setting, value)
Config = namedtuple("Config", ("sequence", "expires_at_s", "changes"))

_HEAD = "<II"
_HEAD_BYTES = 8


def encode(config: Config) -> bytes:
    """Return the payload.

    Raises:
        BadValue: a field out of range, no change, or a setting twice.
    """
    check_range("sequence", config.sequence, 1, 0xFFFFFFFF)
    check_range("expires_at_s", config.expires_at_s, 0, 0xFFFFFFFF)
    out = bytearray(struct.pack(_HEAD, config.sequence, config.expires_at_s))
    for setting, value in config.changes:
        check_range("setting", setting, 0, 0xFF)
        out.append(setting)
        varint.append_signed(out, value)
    _check(config)
    return bytes(out)


def decode(payload: bytes) -> Config:
    """Return the order in a CONFIG payload.

    Raises:
        WireError: the bytes are no such payload, whole or in part.
    """
    if len(payload) < _HEAD_BYTES:
        raise Truncated("CONFIG payload", len(payload), f"at least {_HEAD_BYTES} bytes")
    sequence, expires_at_s = struct.unpack(_HEAD, payload[:_HEAD_BYTES])
    check_range("sequence", sequence, 1, 0xFFFFFFFF)
    changes = []
    pos = _HEAD_BYTES
    while pos < len(payload):
        setting = payload[pos]
        value, pos = varint.read_signed(payload, pos + 1)
        changes.append((setting, value))
    config = Config(sequence, expires_at_s, changes)
    _check(config)
    return config


def _check(config: Config) -> None:
    settings = [setting for setting, _ in config.changes]
    if not settings or len(set(settings)) < len(settings):
        raise BadValue("changes", config.changes, "at least one, each setting once")
