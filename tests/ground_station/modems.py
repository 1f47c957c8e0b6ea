"""Modems on real pseudo-terminals, which answer as their recorded transcripts do."""

import contextlib
import os
import pty
import re
import select
import threading
import time
import tty
from collections.abc import Callable


class PtyModem:
    """One end of a pseudo-terminal with a thread that answers lines.

    Args:
        answer: takes a command, returns what the modem writes.
    """

    def __init__(self, answer: Callable[[str], bytes], end: bytes = b"\r\n") -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.commands: list[tuple[float, str]] = []
        self._answer = answer
        self._end = end
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        os.write(self._master, data)

    def said(self, pattern: str) -> list[str]:
        """The commands so far that fit."""
        return [text for _, text in self.commands if re.match(pattern, text)]

    def _serve(self) -> None:
        pending = b""
        while True:
            ready, _, _ = select.select([self._master, self._stop_r], [], [])
            if self._stop_r in ready:
                return
            pending += os.read(self._master, 4096)
            while self._end in pending:
                line, pending = pending.split(self._end, 1)
                if line:
                    self.commands.append((time.monotonic(), line.decode("latin-1")))
                    with contextlib.suppress(OSError):
                        os.write(self._master, self._answer(line.decode("latin-1")))

    def __enter__(self) -> "PtyModem":
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stop_w, b"x")
        self._thread.join()
        for fd in (self._master, self._slave, self._stop_r, self._stop_w):
            os.close(fd)


def transcript(*entries: tuple[str, str]) -> Callable[[str], bytes]:
    """Answers by the first pattern that fits a command; silence where none does."""

    def answer(command: str) -> bytes:
        for pattern, said in entries:
            if re.fullmatch(pattern, command):
                return said.encode()
        return b""

    return answer
