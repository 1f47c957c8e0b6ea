"""The running station: its lines, its loader, and the one that watches both."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType

from ground_station import prometheus, receivers, watchdog
from ground_station.clock import Vouching
from ground_station.errors import (
    KeyFileError,
    LineFailed,
    LoaderFailed,
    SpoolError,
)
from ground_station.events import log
from ground_station.keys import KeyRing, load_keys
from ground_station.line import Line, Shared
from ground_station.loader import Loader
from ground_station.memory import State
from ground_station.metrics import Totals
from ground_station.receiver import Receiver
from ground_station.settings import Settings
from ground_station.spool import Spool, lock

_WATCH_S = 0.25
_SAVE_S = 20.0


class Station:
    """Answers its receivers until it is told to stop, or until all of them have ended.

    Args:
        settings: what to do.
        receivers: one or several.
        spool: the spool, held by this process.
        keys: the collars' keys.
        totals: counters.
        on_spooled: set after each frame that is on the disk.
        vouching: says which stretch of the clock it is.
    """

    def __init__(
        self,
        settings: Settings,
        receivers: Receiver | Sequence[Receiver],
        spool: Spool,
        keys: KeyRing,
        totals: Totals,
        on_spooled: threading.Event,
        vouching: Vouching | None = None,
    ) -> None:
        memory = spool.restore()
        vouching = vouching or Vouching(memory.stretches)
        self.shared = Shared(
            settings, spool, keys, totals, on_spooled, memory, vouching, self._refresh_keys
        )
        several = [receivers] if isinstance(receivers, Receiver) else list(receivers)
        self.lines = [Line(self.shared, one, alone=len(several) == 1) for one in several]
        self.failed = False
        self._key_file = _Stamp.of(settings)

    def stop(self) -> None:
        """Ask the station to stop; safe in a signal handler."""
        self.shared.stop.set()

    def run(self, loader: Loader | None = None) -> None:
        """Serve until asked to stop, telling systemd while everybody is seen at work."""
        threads = [
            threading.Thread(target=self._serve, args=(line,), name=f"line {n}", daemon=True)
            for n, line in enumerate(self.lines)
        ]
        for thread in threads:
            thread.start()
        workers: list[watchdog.Worker] = [*self.lines]
        guard = watchdog.Guard([*workers, loader] if loader is not None else workers)
        saved_s = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(_WATCH_S)
            if time.monotonic() - saved_s > _SAVE_S and self._save():
                saved_s = time.monotonic()
                guard.spool_wrote()
            guard.feed()
        self._save()

    def _serve(self, line: Line) -> None:
        try:
            line.run()
        except BaseException:
            self.failed = True
            self.stop()
            raise

    def _save(self) -> bool:
        """Write the totals, which also shows that the spool still writes."""
        with self.shared.turn, contextlib.suppress(SpoolError):
            self.shared.spool.save_totals(self.shared.totals.snapshot())
            return True
        return False

    def _refresh_keys(self) -> None:
        """Take in a key file that was changed; a faulty one changes nothing."""
        stamp = _Stamp.of(self.shared.settings)
        if stamp == self._key_file:
            return
        self._key_file = stamp
        try:
            self.shared.keys = load_keys(self.shared.settings.keys)
        except KeyFileError as error:
            log("keys kept", fault=error)
        else:
            log("keys read", collars=len(self.shared.keys.collars()))


@dataclass(frozen=True, slots=True)
class _Stamp:
    """Which state of the key file was read last."""

    inode: int = 0
    modified_ns: int = 0
    mode: int = field(default=0)

    @classmethod
    def of(cls, settings: Settings) -> "_Stamp":
        """Return the state of the key file now."""
        try:
            found = settings.keys.stat()
        except OSError:
            return cls()
        return cls(found.st_ino, found.st_mtime_ns, found.st_mode)


def run(settings: Settings) -> None:
    """Run a station until SIGTERM or SIGINT, then load what waits and return.

    Raises:
        PortImpossible: there never will be a port of that name.
        KeyFileError: the key file cannot be used.
        SpoolError: the spool cannot be used.
        LoaderFailed: the loader ended before its time.
        LineFailed: a receiver's line did.
    """
    lines = [
        receivers.open(table, f"receiver {n}") for n, table in enumerate(settings.tables(), 1)
    ]
    keys = load_keys(settings.keys)
    with lock(settings.spool), Spool(settings.spool) as spool:
        totals = Totals(spool.restore().totals)
        wake = threading.Event()
        station = Station(settings, lines, spool, keys, totals, wake)
        loader = Loader(settings, totals, wake, station.stop) if settings.load else None
        with _signals(station), prometheus.serving(station.shared):
            if loader is not None:
                loader.start()
            watchdog.notify("READY=1")
            station.run(loader)
            watchdog.notify("STOPPING=1")
            log("station stopping", frames=totals.get("frames"))
            if loader is not None:
                loader.drain(settings.drain_s)
        spool.save_totals(totals.snapshot())
        log("station stopped", loaded=totals.get("loaded"), waiting=spool.count(State.WAITING))
    if loader is not None and loader.failed:
        raise LoaderFailed("the loader ended by a fault of the program, see above")
    if station.failed:
        raise LineFailed("a receiver's line ended by a fault of the program, see above")


@contextlib.contextmanager
def _signals(station: Station) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        station.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
