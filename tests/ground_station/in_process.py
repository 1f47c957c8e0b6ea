"""A station in this process, over a receiver whose events are written down before."""

import threading
from collections.abc import Iterable
from pathlib import Path

from firmware.wire import bridge as wire
from ground_station.keys import load_keys
from ground_station.metrics import Totals
from ground_station.receiver import Event, Receiver
from ground_station.settings import Settings
from ground_station.spool import Spool
from ground_station.station import Station
from tests.ground_station.scripted import BRIDGE


class Answered(Receiver):
    """Gives some events, notes the answers, stops the station at the end."""

    def __init__(self, events: Iterable[Event]) -> None:
        super().__init__("scripted")
        self.events = [wire.Hello(1, BRIDGE, 1, 0, 0), *events]
        self.sent: list[wire.Transmit] = []
        self.released: list[int] = []
        self.station: Station

    def open(self) -> None: ...

    def close(self) -> None: ...

    def receive(self, timeout_s: float) -> Event | None:
        if not self.events:
            self.station.stop()
            return None
        return self.events.pop(0)

    def transmit(self, message: wire.Transmit) -> None:
        self.sent.append(message)

    def release(self, reception: int) -> None:
        self.released.append(reception)


def serve(receiver: Answered, spool: Path, keys: Path) -> None:
    """Run a station over a receiver until its events end."""
    settings = Settings(receiver.port, keys, spool, "hut")
    with Spool(spool) as opened:
        receiver.station = Station(
            settings, receiver, opened, load_keys(keys), Totals(), threading.Event()
        )
        receiver.station.run()
