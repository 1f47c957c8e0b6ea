"""The running station: for every frame receiver, session, downlink, spool, and then the answer."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

from firmware.wire.bridge import (
    DUTY_CYCLE_REFUSED,
    RADIO_ERROR,
    SENT,
    TOO_LATE,
    Hello,
    Pong,
    Received,
    Transmitted,
)
from ground_station.clock import BridgeClock, Clock, SystemClock, system_utc_us
from ground_station.downlink import Answer, Downlink, DownlinkRefused, station_number
from ground_station.errors import KeyFileError, LoaderFailed, ReceiverError, SpoolError
from ground_station.events import Throttle, log
from ground_station.keys import KeyRing, load_keys
from ground_station.loader import Loader
from ground_station.memory import Change, State
from ground_station.metrics import Totals
from ground_station.receiver import Event, Noise, Receiver
from ground_station.receivers.bridge import BridgeReceiver
from ground_station.receivers.serial_line import refuse_impossible
from ground_station.session import Accepted, Refusal, Session
from ground_station.settings import Settings
from ground_station.spool import Spool, lock

_POLL_S = 0.25
_FIRST_RETRY_S = 0.25
_LAST_RETRY_S = 30.0
_ANSWER_MEMORY = 256
_STATUS_WORDS = {
    TOO_LATE: "too late",
    DUTY_CYCLE_REFUSED: "refused by the bridge's duty cycle",
    RADIO_ERROR: "radio error",
}
_NOTHING_SENT = (TOO_LATE, DUTY_CYCLE_REFUSED)  # after a radio error part of it may be on the air

_T = TypeVar("_T")


class _Stopping(Exception):
    """The station was asked to stop while it waited for the spool."""


class Station:
    """Answers one receiver until it is told to stop.

    Args:
        settings: what to do.
        receiver: the open or closed receiver.
        spool: the spool, held by this process.
        keys: the collars' keys.
        totals: counters.
        on_spooled: called after each frame that is on the disk.
    """

    def __init__(
        self,
        settings: Settings,
        receiver: Receiver,
        spool: Spool,
        keys: KeyRing,
        totals: Totals,
        on_spooled: threading.Event,
    ) -> None:
        self._settings = settings
        self._receiver = receiver
        self._spool = spool
        self._totals = totals
        self._on_spooled = on_spooled
        self._stop = threading.Event()
        self._throttle = Throttle()
        memory = spool.restore()
        self._session = Session(memory, keys, spool.find)
        self._downlink = Downlink(memory, settings.station, settings.tx_power_dbm)
        self._key_file = _Stamp.of(settings)
        self._clock: Clock = SystemClock()
        if settings.clock == "bridge":
            self._clock = BridgeClock(self._clock)
        self._bridge = ""
        self._answers: dict[int, Answer] = {}
        self._answered: dict[int, int] = {}

    def stop(self) -> None:
        """Ask the station to stop; safe in a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Serve until asked to stop; a receiver that goes away is opened again."""
        retry_s = _FIRST_RETRY_S
        while not self._stop.is_set():
            try:
                with self._receiver:
                    while not self._stop.is_set():
                        event = self._receiver.receive(_POLL_S)
                        if event is not None:
                            self._handle(event)
                            retry_s = _FIRST_RETRY_S
            except ReceiverError as error:
                self._totals.add("receiver_errors")
                log("receiver away", port=error.port, fault=error.fault, retry_s=retry_s)
                self._stop.wait(retry_s)
                retry_s = min(2 * retry_s, _LAST_RETRY_S)
        with contextlib.suppress(SpoolError):
            self._spool.save_totals(self._totals.snapshot())

    def _handle(self, event: Event) -> None:
        match event:
            case Received():
                self._answer(event)
            case Hello():
                self._greet(event)
            case Pong():
                self._clock.observe(event.ticks_us, event.utc_us)
            case Transmitted():
                self._note_sent(event)
            case Noise():
                self._totals.add("noise")
                self._throttle.log(
                    "noise", "line noise", port=self._receiver.port, fault=event.fault
                )

    def _greet(self, hello: Hello) -> None:
        self._bridge = f"{hello.bridge:016x}"
        self._answered.clear()  # what comes again now has had no answer that the bridge could read
        self._clock.restart()
        self._clock.observe(hello.ticks_us, hello.utc_us)
        self._session.connect(hello.ticks_us)
        if self._downlink.ledger.connect(self._bridge, hello.ticks_us):
            with contextlib.suppress(SpoolError):  # else it is placed again at the next start
                self._spool.replace_airtimes(self._downlink.ledger.airtimes)
        if self._settings.clock == "bridge" and not hello.utc_us:
            log("bridge clock unknown", bridge=self._bridge, instead="system clock")
        elif not self._clock.is_known():
            log("system clock not set", utc_us=system_utc_us(), expected="2026 or later")
        keys = self._session.keys
        if keys.station_number is None:
            log(
                "station number made from the name",
                number=station_number(keys, self._settings.station),
                expected="`capra station keys number`, if another station has the same keys",
            )
        log(
            "station ready",
            port=self._receiver.port,
            station=self._settings.station,
            bridge=self._bridge,
            firmware=hello.firmware,
            clock=self._settings.clock,
            collars=len(keys.collars()),
        )

    def _answer(self, received: Received) -> None:
        """Authenticate, write to the disk, and only then answer."""
        with contextlib.suppress(_Stopping):  # unanswered, the bridge keeps it
            self._answer_once(received)

    def _answer_once(self, received: Received) -> None:
        if self._answered.get(received.reception) == received.ticks_us:
            return  # told twice: it was on its way when the bridge was asked for all unanswered
        self._answered[received.reception] = received.ticks_us
        _forget_oldest(self._answered)
        self._refresh_keys()
        verdict = self._insist(lambda: self._session.judge(received, self._bridge))
        if isinstance(verdict, Refusal):
            self._totals.add(f"refused_{verdict.reason}")
            kind = (verdict.reason, verdict.fields.get("collar"))
            self._throttle.log(kind, "frame refused", reason=verdict.reason, **verdict.fields)
            self._receiver.release(received.reception)
            return
        change, answer = self._plan(verdict, received)
        self._insist(lambda: self._spool.commit(change, self._totals.snapshot()))
        self._on_spooled.set()
        self._session.remember(change)
        if answer is None:
            self._receiver.release(received.reception)
            return
        self._downlink.ledger.book(answer.airtime)
        self._answers[answer.transmit.transmission] = answer
        _forget_oldest(self._answers)
        self._receiver.transmit(answer.transmit)

    def _plan(self, accepted: Accepted, received: Received) -> tuple[Change, Answer | None]:
        heard_at_us = self._clock.heard_at_us(received.ticks_us, received.utc_us)
        change = self._session.change_for(
            accepted, received, self._settings.station, self._bridge, heard_at_us
        )
        self._totals.add("frames" if change.frame is not None else "resent")
        if accepted.fault is not None:
            self._totals.add("undecodable")
            log(
                "frame undecodable",
                collar=accepted.collar,
                counter=accepted.counter,
                fault=accepted.fault,
                kept="in the spool",
            )
            return change, None
        self._warn_of_older_generation(accepted)
        try:
            answer = self._downlink.acknowledge(
                accepted,
                received,
                change,
                self._session.held_after(accepted),
                self._session.keys,
                heard_at_us,
                time_known=self._clock.is_known(),
            )
        except DownlinkRefused as error:
            self._totals.add("withheld")
            self._throttle.log(
                "withheld", "acknowledgement withheld", collar=accepted.collar, fault=error
            )
            return change, None
        self._totals.add("acknowledged")
        return answer.change, answer

    def _warn_of_older_generation(self, accepted: Accepted) -> None:
        """Say that a collar went back. Its records are kept and acknowledged all the same."""
        newest = self._session.newer_generation(accepted)
        if newest is None:
            return
        self._totals.add("older_generation")
        self._throttle.log(
            ("older generation", accepted.collar),
            "generation went back",
            collar=accepted.collar,
            generation=accepted.generation,
            held=newest,
            expected="`capra station keys add --replace` for a collar with another board",
        )

    def _insist(self, action: Callable[[], _T]) -> _T:
        """Use the spool until it lets us: a full disk delays answers, loses none.

        Raises:
            _Stopping: the station was asked to stop meanwhile.
        """
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                return action()
            except SpoolError as error:
                self._totals.add("spool_errors")
                log("spool refuses", path=error.path, fault=error.fault, retry_s=retry_s)
                if self._stop.wait(retry_s):
                    raise _Stopping from error
                retry_s = min(2 * retry_s, _LAST_RETRY_S)

    def _note_sent(self, event: Transmitted) -> None:
        answer = self._answers.pop(event.transmission, None)
        if event.status == SENT:
            return
        self._totals.add("not_sent")
        if answer is not None and event.status in _NOTHING_SENT:
            self._downlink.ledger.give_back(answer.airtime)
        status = _STATUS_WORDS.get(event.status, f"status {event.status}")
        self._throttle.log(("not sent", event.status), "acknowledgement not sent", fault=status)

    def _refresh_keys(self) -> None:
        """Take in a key file that was changed; a faulty one changes nothing."""
        stamp = _Stamp.of(self._settings)
        if stamp == self._key_file:
            return
        self._key_file = stamp
        try:
            self._session.keys = load_keys(self._settings.keys)
        except KeyFileError as error:
            log("keys kept", fault=error)
        else:
            log("keys read", collars=len(self._session.keys.collars()))


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


def _forget_oldest(entries: dict[int, Any]) -> None:
    if len(entries) > _ANSWER_MEMORY:
        del entries[next(iter(entries))]


def run(settings: Settings) -> None:
    """Run a station until SIGTERM or SIGINT, then load what waits and return.

    Raises:
        PortImpossible: there never will be a port of that name.
        KeyFileError: the key file cannot be used.
        SpoolError: the spool cannot be used.
        LoaderFailed: the loader ended before its time.
    """
    refuse_impossible(settings.port)
    keys = load_keys(settings.keys)
    with lock(settings.spool), Spool(settings.spool) as spool:
        totals = Totals(spool.restore().totals)
        wake = threading.Event()
        receiver = BridgeReceiver(settings.port)
        station = Station(settings, receiver, spool, keys, totals, wake)
        loader = Loader(settings, totals, wake, station.stop) if settings.load else None
        with _signals(station):
            if loader is not None:
                loader.start()
            station.run()
            log("station stopping", frames=totals.get("frames"))
            if loader is not None:
                loader.drain(settings.drain_s)
        spool.save_totals(totals.snapshot())
        log("station stopped", loaded=totals.get("loaded"), waiting=spool.count(State.WAITING))
    if loader is not None and loader.failed:
        raise LoaderFailed("the loader ended by a fault of the program, see above")


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
