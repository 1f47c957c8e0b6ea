"""Mapbox Vector Tiles, version 2.1: features of integer coordinates as protocol buffers.

Written here: an encoder that takes shapes would spend its time on making them.
Source: https://github.com/mapbox/vector-tile-spec/tree/master/2.1
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

EXTENT = 4096
MEDIA_TYPE = "application/vnd.mapbox-vector-tile"

Value = str | int | float
Part = NDArray[np.int64]
"""(n, 2) x to the east and y to the south, 0 to `EXTENT` within the tile"""
_POINT, _LINE = 1, 2
_MOVE_TO, _LINE_TO = 1, 2
_VARINT, _BYTES, _DOUBLE = 0, 2, 1
_BYTE = [bytes([n]) for n in range(128)]


class Feature(NamedTuple):
    """Points (parts of one position) or lines, and what is known of them."""

    kind: Literal["point", "line"]
    parts: Sequence[Part]
    properties: dict[str, Value]


def layer(name: str, features: Iterable[Feature]) -> bytes:
    """A layer of a tile; a tile is its layers one behind the other."""
    keys: dict[str, int] = {}
    values: dict[Value, int] = {}
    content = [_field(15, 2), _field(1, name.encode())]
    for kind, parts, properties in features:
        tags = []
        for key, value in properties.items():
            tags += [keys.setdefault(key, len(keys)), values.setdefault(value, len(values))]
        told = [
            _field(2, _packed(tags)),
            _field(3, _POINT if kind == "point" else _LINE),
            _field(4, _packed(_commands(parts))),
        ]
        content.append(_field(2, b"".join(told)))
    content += [_field(3, key.encode()) for key in keys]
    content += [_field(4, _value(value)) for value in values]
    content.append(_field(5, EXTENT))
    return _field(3, b"".join(content))


def _commands(parts: Sequence[Part]) -> list[int]:
    """To the first position of each part, then on from each to the next."""
    found: list[int] = []
    x, y = 0, 0
    for part in parts:
        from_before = np.diff(part, axis=0, prepend=[[x, y]])
        steps = ((from_before << 1) ^ (from_before >> 63)).ravel().tolist()  # zigzag
        found += [1 << 3 | _MOVE_TO, *steps[:2]]
        if len(part) > 1:
            found += [(len(part) - 1) << 3 | _LINE_TO, *steps[2:]]
        x, y = part[-1].tolist()
    return found


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return _field(1, value.encode())
    if isinstance(value, float):
        return _varint(3 << 3 | _DOUBLE) + struct.pack("<d", value)
    return _field(5, value)


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3 | _VARINT) + _varint(content)
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _packed(numbers: Iterable[int]) -> bytes:
    return b"".join(map(_varint, numbers))


def _varint(number: int) -> bytes:
    if number < 128:
        return _BYTE[number]
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)
