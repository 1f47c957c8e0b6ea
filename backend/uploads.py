"""A body that is a file: onto disk as it comes, unpacked, never larger than allowed."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import AsyncIterator
from typing import IO

from fastapi import Request

from backend.errors import BadRequest, TooLarge

_IN_MEMORY = 4 << 20  # bytes; more goes to a file
_STEP = 1 << 20


async def receive(request: Request, most_bytes: int) -> IO[bytes]:
    """The body of a request, unpacked where `Content-Encoding` says gzip, read from its start.

    Raises:
        BadRequest: an encoding that is not known here, or not what it says.
        TooLarge: more than `most_bytes`, packed or unpacked.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise BadRequest("Content-Encoding", encoding, "gzip, or none")
    file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (the caller's)
    parts = request.stream()
    try:
        taken = 0
        async for part in _unpacked(parts, most_bytes) if encoding == "gzip" else parts:
            taken += len(part)
            if taken > most_bytes:
                raise TooLarge(most_bytes)
            file.write(part)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


async def _unpacked(parts: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
    """Members of gzip one after the other, a step at a time, so that a bomb is found early."""
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    begun = False
    try:
        async for part in parts:
            while part:
                begun = True
                yield unpack.decompress(part, _STEP)
                part = unpack.unconsumed_tail
                if unpack.eof:
                    part = unpack.unused_data
                    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                    begun = bool(part)
        if begun:
            raise BadRequest("body", "gzip that ends too early", "a whole gzip file")
    except zlib.error as error:
        raise BadRequest("body", str(error), "gzip, as Content-Encoding says") from error
