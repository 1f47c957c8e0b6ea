"""Waiting for what a receiver has to say."""

import time

from ground_station.receiver import Event, Receiver


def next_of(receiver: Receiver, kind: type, wait_s: float = 30.0) -> Event:
    """The next event of a kind; others are passed over."""
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        event = receiver.receive(0.5)
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__}")
