"""COMMAND payload: an order to do something.

sequence       u32, from 1: Unix time it was made at, in seconds; rises with every order to this
               collar, settings or command, whichever station it comes from
expires_at_s   u32, Unix time, UTC: not to be taken after it
code           u8
argument       unsigned varint, 0 .. 2^32 - 1
until          unsigned varint, 0 .. 2^32 - 1; only of SEND_AGAIN

code
1  LOCATE            search for a position at the next wake
2  MORTALITY_CLEAR   the animal lives: end the alarm
3  DROP_OFF_ARM      argument: a number, 0..65535, drawn at random
4  DROP_OFF_FIRE     open the collar; argument: the same number, at most 24 h after
5  HIBERNATE         neither search nor send before the Unix time in the argument
6  NEXT_EPOCH        use the next key, held since provisioning; argument: its epoch
7  SEND_AGAIN        send records `argument` to `until` again: a station has lost them
"""

import struct
from collections import namedtuple

from . import varint
from .errors import BadValue, Truncated, check_range

Command = namedtuple("Command", ("sequence", "expires_at_s", "code", "argument", "until"))

LOCATE = 1
MORTALITY_CLEAR = 2
DROP_OFF_ARM = 3
DROP_OFF_FIRE = 4
HIBERNATE = 5
NEXT_EPOCH = 6
SEND_AGAIN = 7

ARMED_S = 86400

_HEAD = "<IIB"
_HEAD_BYTES = 9


def encode(command: Command) -> bytes:
    """Return the payload; `until` is 0 but for SEND_AGAIN.

    Raises:
        BadValue: a field out of range.
    """
    check_range("sequence", command.sequence, 1, 0xFFFFFFFF)
    check_range("expires_at_s", command.expires_at_s, 0, 0xFFFFFFFF)
    check_range("code", command.code, 1, 0xFF)
    check_range("argument", command.argument, 0, 0xFFFFFFFF)
    check_range("until", command.until, 0, 0xFFFFFFFF if command.code == SEND_AGAIN else 0)
    out = bytearray(struct.pack(_HEAD, *command[:3]))
    varint.append_unsigned(out, command.argument)
    if command.code == SEND_AGAIN:
        varint.append_unsigned(out, command.until)
    return bytes(out)


def decode(payload: bytes) -> Command:
    """Return the order in a COMMAND payload; its code may be one this firmware does not know.

    Raises:
        WireError: the bytes are no such payload, whole or in part.
    """
    if len(payload) < _HEAD_BYTES:
        raise Truncated("COMMAND payload", len(payload), f"at least {_HEAD_BYTES} bytes")
    sequence, expires_at_s, code = struct.unpack(_HEAD, payload[:_HEAD_BYTES])
    check_range("sequence", sequence, 1, 0xFFFFFFFF)
    check_range("code", code, 1, 0xFF)
    argument, pos = varint.read_unsigned(payload, _HEAD_BYTES)
    check_range("argument", argument, 0, 0xFFFFFFFF)
    until = 0
    if code == SEND_AGAIN:
        until, pos = varint.read_unsigned(payload, pos)
        check_range("until", until, 0, 0xFFFFFFFF)
    if pos != len(payload):
        raise BadValue("payload length", len(payload), pos)
    return Command(sequence, expires_at_s, code, argument, until)
