"""The serial line as MicroPython has it: standard input and output, on the board those of USB."""

import select
import sys

_MOST_BYTES = 256  # at a time, so that the radio is looked at in between


class Line:
    """Reads without waiting."""

    def __init__(self) -> None:
        self._input = sys.stdin.buffer
        self._output = sys.stdout.buffer
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def read(self) -> bytes:
        """Return what is there, possibly nothing.

        Raises:
            EOFError: there is nobody any more; never on a board.
        """
        data = bytearray()
        while len(data) < _MOST_BYTES and self._poll.poll(0):
            byte = self._input.read(1)
            if not byte:
                raise EOFError
            data += byte
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Send bytes; what nobody reads is lost, and asked for again."""
        self._output.write(data)
