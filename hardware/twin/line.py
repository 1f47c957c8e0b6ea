"""A real serial line: one end of a pseudo-terminal, with a thread that listens.

The twin keeps the other end open too, so that a station may close and open it as often as it likes
without the line going dead (a pseudo-terminal whose last opener leaves fails with EIO).
"""

import errno
import os
import select
import threading
import time
import tty
from collections.abc import Callable

_GRACE_S = 1.0  # how long a write waits for a reader before it gives up


class SerialLine:
    """Bytes to and from whoever opens `port`.

    Args:
        on_bytes: Called in the listening thread with what arrived.
        resync: Sent ahead of the first bytes after a loss.

    Attributes:
        port: Path of the other end.
        dropped: Writes given up because nobody read.
    """

    def __init__(self, on_bytes: Callable[[bytes], None], resync: bytes = b"") -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self.dropped = 0
        self._on_bytes = on_bytes
        self._resync = resync
        self._torn = self._stuck = False
        self._lock = threading.Lock()
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="twin-line", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> bool:
        """Send bytes; False when the reader did not make room in time and some are lost.

        After a loss nobody is waited for until there is room or the reader gives a sign of life,
        and what follows begins with `resync`.
        """
        with self._lock:
            deadline_s = time.monotonic() + (0.0 if self._stuck else _GRACE_S)
            rest = memoryview(self._resync + data if self._torn else data)
            while rest:
                left_s = max(deadline_s - time.monotonic(), 0.0)
                if not select.select([], [self._master], [], left_s)[1]:
                    self.dropped += 1
                    self._torn = self._stuck = True
                    return False
                try:
                    rest = rest[os.write(self._master, rest) :]
                except BlockingIOError:
                    continue
            self._torn = self._stuck = False
        return True

    def close(self) -> None:
        """Stop listening and close both ends."""
        if self._thread.is_alive():
            os.write(self._stop_write, b"x")
            self._thread.join()
            for end in (self._master, self._slave, self._stop_read, self._stop_write):
                os.close(end)

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            try:
                data = os.read(self._master, 4096)
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                continue
            self._stuck = False
            if data:
                self._on_bytes(data)
