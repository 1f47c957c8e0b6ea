"""Tells systemd that the station lives: only while every part of it was seen at work lately."""

import os
import socket
import time
from collections.abc import Sequence
from typing import Protocol


class Worker(Protocol):
    """A part that notes when it was last at work."""

    beat_s: float
    ended: bool


def notify(message: str) -> None:
    """Send a message to systemd (sd_notify(3)); nothing where it did not start us."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        try:
            line.sendto(message.encode(), address)
        except OSError:  # systemd is restarting itself: it asks again
            pass


class Guard:
    """Feeds systemd's watchdog.

    Args:
        workers: the lines and the loader.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._limit_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
        self._fed_s = 0.0
        self._spool_s = time.monotonic()

    def spool_wrote(self) -> None:
        """Note that something was written to the spool."""
        self._spool_s = time.monotonic()

    def feed(self) -> bool:
        """Feed the watchdog if it is time and all were at work lately; returns whether it was."""
        now_s = time.monotonic()
        if not self._limit_s or now_s - self._fed_s < self._limit_s / 4:
            return False
        beats = [one.beat_s for one in self._workers if not one.ended]
        if now_s - min([self._spool_s, *beats]) > self._limit_s / 2:
            return False
        self._fed_s = now_s
        notify("WATCHDOG=1")
        return True
