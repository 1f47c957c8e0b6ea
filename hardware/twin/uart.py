"""A receiver's serial line: bytes wait for it, arrive at its rate, and are lost in two ways.

What waits too long is dropped by the sender, what is not read in time by the collar's UART. Bytes
sent at one rate and read at another are noise. Times are microseconds of the scenario.
"""

from collections import deque

_BITS_PER_BYTE = 10  # with start and stop bit


class Uart:
    """The line of a receiver.

    Args:
        baud: After power on.
        latency_s: From an epoch or a poll to the first byte of the answer on an idle line [s].
        backlog_bytes: Output that may wait for the line before messages are dropped.
        buffer_bytes: What the collar's UART keeps between two reads.

    Attributes:
        baud: Of the receiver's side.  line_baud: of the collar's.
    """

    def __init__(self, baud: int, latency_s: float, backlog_bytes: int, buffer_bytes: int) -> None:
        self._first_baud = self.baud = self.line_baud = baud
        self._latency_us = round(latency_s * 1e6)
        self._backlog_bytes, self._buffer_bytes = backlog_bytes, buffer_bytes
        self._queue: deque[tuple[int, int, bytes]] = deque()  # start on the line, its rate, what
        self._free_us = 0

    def power(self, on: bool, now_us: int) -> None:
        """The receiver starts at its first rate; the collar's side goes back to it at the end."""
        self._queue.clear()
        if on:
            self.baud, self._free_us = self._first_baud, now_us
        else:
            self.line_baud = self._first_baud

    def line_us(self, count: int) -> int:
        """How long the collar takes to send so many bytes."""
        return count * _BITS_PER_BYTE * 1_000_000 // self.line_baud

    def heard(self, data: bytes) -> bytes:
        """What the receiver understands of the collar's bytes."""
        return data if self.line_baud == self.baud else _noise(data)

    def emit(self, at_us: int, message: bytes, paced: bool = False) -> None:
        """Put a message on the line, behind what is already on it; what is `paced` can wait."""
        byte_us = _byte_us(self.baud)
        start_us = max(at_us + self._latency_us, self._free_us)
        if paced or start_us - at_us <= self._backlog_bytes * byte_us:
            self._queue.append((start_us, self.baud, message))
            self._free_us = start_us + len(message) * byte_us

    def read(self, now_us: int) -> bytes:
        """Bytes to the collar since the last read."""
        arrived = b""
        while self._queue and self._queue[0][0] <= now_us:
            start_us, baud, data = self._queue.popleft()
            byte_us = _byte_us(baud)
            count = (now_us - start_us) // byte_us
            arrived += data[:count] if baud == self.line_baud else _noise(data[:count])
            if count < len(data):
                self._queue.appendleft((start_us + count * byte_us, baud, data[count:]))
                break
        return arrived[: self._buffer_bytes]


def _byte_us(baud: int) -> int:
    return _BITS_PER_BYTE * 1_000_000 // baud


def _noise(data: bytes) -> bytes:
    """What is read from a line at another rate."""
    return bytes(byte ^ 0x55 for byte in data)
