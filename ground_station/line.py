"""One receiver in a running station: for every frame session, downlink, spool, then the answer.

Frames that are at hand together are written together, in one transaction: none of them is
answered before it. Several lines take turns at the spool and at what the station remembers.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from firmware.wire.bridge import (
    DUTY_CYCLE_REFUSED,
    NOT_SENT,
    RADIO_ERROR,
    SENT,
    TOO_LATE,
    Hello,
    Pong,
    Received,
    Transmitted,
)
from ground_station import inventory
from ground_station.clock import (
    SETTLED_UTC_US,
    BridgeClock,
    Clock,
    SystemClock,
    Vouching,
    error_us,
    observe,
)
from ground_station.downlink import Answer, Downlink, DownlinkRefused, station_number
from ground_station.errors import ReceiverError, SpoolError
from ground_station.events import Throttle, log
from ground_station.keys import KeyRing
from ground_station.memory import Change, Frame, Memory
from ground_station.metrics import Totals
from ground_station.orders import Order
from ground_station.receiver import Copy, Event, Noise, Receiver
from ground_station.session import Accepted, HeardAgain, Refusal, Session, reception
from ground_station.settings import Settings
from ground_station.spool import Spool

_POLL_S = 0.25
_FIRST_RETRY_S = 0.25
_LAST_RETRY_S = 30.0
_LAST_AWAY_S = 3.0  # what is plugged in again is in use within 5 s
_ANSWER_MEMORY = 256
_TOGETHER = 256
_STATUS_WORDS = {
    TOO_LATE: "too late",
    DUTY_CYCLE_REFUSED: "refused by the bridge's duty cycle",
    RADIO_ERROR: "radio error",
    NOT_SENT: "refused by the receiver",
}
# After a radio error part of it may be on the air.
_NOTHING_SENT = (TOO_LATE, DUTY_CYCLE_REFUSED, NOT_SENT)

_T = TypeVar("_T")


class Stopping(Exception):
    """The station was asked to stop while a line waited for the spool."""


@dataclass
class Shared:
    """What all lines of a station use; `turn` is held while any of it is touched."""

    settings: Settings
    spool: Spool
    keys: KeyRing
    totals: Totals
    on_spooled: threading.Event
    memory: Memory
    vouching: Vouching
    refresh_keys: Callable[[], None] = lambda: None
    turn: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)
    throttle: Throttle = field(default_factory=Throttle)
    heard: dict[int, tuple[int, float]] = field(default_factory=dict)
    """When each collar was heard last [us], and its SNR [dB]"""


class _Plan(NamedTuple):
    """What is to be done about one frame."""

    reception: int | None
    """To be released or answered; None for a copy"""
    change: Change | None = None
    answer: Answer | None = None


class Line:
    """Answers one receiver until its station stops.

    Args:
        shared: what the lines of the station share.
        receiver: open or closed.
        alone: whether the station has no other line.

    Attributes:
        beat_s: monotonic time at which it was last seen at work.
        ended: whether nothing will come from the receiver any more.
    """

    def __init__(self, shared: Shared, receiver: Receiver, *, alone: bool = True) -> None:
        self.receiver = receiver
        self.beat_s = time.monotonic()
        self.ended = False
        self._shared = shared
        self._alone = alone
        self._pending: dict[tuple[int, int, int], Frame] = {}
        self._clock: Clock = SystemClock()
        if shared.settings.clock == "bridge":
            self._clock = BridgeClock(self._clock)
        self.session = Session(
            shared.memory,
            shared.keys,
            self._find,
            heard_at_us=lambda one: self._clock.heard_at_us(one.ticks_us, one.utc_us),
        )
        self.downlink = Downlink(
            shared.memory, shared.settings.station, shared.settings.tx_power_dbm
        )
        self._bridge = ""
        self._turns: dict[int, int] = {}
        self._answers: dict[int, Answer] = {}
        self._answered: dict[int, int] = {}

    def run(self) -> None:
        """Serve until asked to stop; a receiver that goes away is opened again."""
        stop, retry_s = self._shared.stop, _FIRST_RETRY_S
        while not stop.is_set() and not self.ended:
            try:
                with self.receiver:
                    while not stop.is_set() and not self.ended:
                        self.beat_s = time.monotonic()
                        event = self.receiver.receive(_POLL_S)
                        if event is not None:
                            self._handle(event)
                            retry_s = _FIRST_RETRY_S
                        self.ended = event is None and self.receiver.ended
            except ReceiverError as error:
                self.beat_s = time.monotonic()
                self._shared.totals.add("receiver_errors")
                self._shared.throttle.log(
                    ("away", error.port, error.fault, retry_s),
                    "receiver away",
                    port=error.port,
                    fault=error.fault,
                    retry_s=retry_s,
                )
                stop.wait(retry_s)
                retry_s = min(2 * retry_s, _LAST_AWAY_S)

    def _handle(self, event: Event | None) -> None:
        frames: list[Received | Copy] = []
        while isinstance(event, Received | Copy):
            frames.append(event)
            gather = len(frames) < _TOGETHER and self.receiver.at_hand()
            event = self.receiver.receive(0.0) if gather else None
        if frames:
            with contextlib.suppress(Stopping):  # unanswered, the bridge keeps them
                self._take(frames)
        match event:
            case Hello():
                self._greet(event)
            case Pong():
                self._clock.observe(event.ticks_us, event.utc_us)
            case Transmitted():
                self._note_sent(event)
            case Noise():
                self._shared.totals.add("noise")
                self._shared.throttle.log(
                    ("noise", self.receiver.port),
                    "line noise",
                    port=self.receiver.port,
                    fault=event.fault,
                )

    def _take(self, frames: list[Received | Copy]) -> None:
        """Authenticate, write to the disk, and only then answer."""
        shared = self._shared
        with shared.turn:
            shared.refresh_keys()
            self.session.keys = shared.keys
            plans = [plan for one in frames if (plan := self._plan(one)) is not None]
            changes = [plan.change for plan in plans if plan.change is not None]
            if changes:
                self._insist(lambda: shared.spool.commit(changes, shared.totals.snapshot()))
            self._pending.clear()
        if changes:
            shared.on_spooled.set()
        for plan in plans:
            if plan.answer is not None:
                self._answers[plan.answer.transmit.transmission] = plan.answer
                _forget_oldest(self._answers)
                self.receiver.transmit(plan.answer.transmit)
            elif plan.reception is not None:
                self.receiver.release(plan.reception)

    def _plan(self, heard: Received | Copy) -> _Plan | None:
        """Decide about one frame, as if those decided about before were on the disk."""
        received = heard.received if isinstance(heard, Copy) else heard
        answered = None if isinstance(heard, Copy) else heard.reception
        who = self._who(heard)
        if answered is not None:
            if self._answered.get(answered) == received.ticks_us:
                return None  # told twice: on its way when the bridge was asked for all unanswered
            self._answered[answered] = received.ticks_us
            _forget_oldest(self._answered)
        verdict = self._insist(lambda: self.session.judge(received, who))
        if isinstance(verdict, Refusal):
            self._note_refused(verdict)
            return _Plan(answered)
        heard_at_us = self._clock.heard_at_us(received.ticks_us, received.utc_us)
        self._shared.heard[verdict.collar] = (heard_at_us, received.snr_qdb / 4)
        stretch = self._stretch(received)
        if isinstance(verdict, HeardAgain):
            self._shared.totals.add("heard_again")
            station = self._shared.settings.station
            again = reception(received, station, who, heard_at_us, stretch)
            change = Change(verdict.collar, verdict.epoch, again=(verdict.counter, again))
            return _Plan(answered, change)
        change = self.session.change_for(
            verdict, received, self._shared.settings.station, who, heard_at_us, stretch
        )
        change, answer = self._decide(verdict, received, change, heard_at_us, stretch)
        self.session.remember(change)
        if change.frame is not None:
            self._pending[change.frame[:3]] = change.frame
        if answer is not None:
            self.downlink.ledger.book(answer.airtime)
        return _Plan(answered, change, answer)

    def _decide(
        self,
        accepted: Accepted,
        received: Received,
        change: Change,
        heard_at_us: int,
        stretch: int,
    ) -> tuple[Change, Answer | None]:
        shared = self._shared
        shared.totals.add("frames" if change.frame is not None else "resent")
        if accepted.fault is not None:
            shared.totals.add("undecodable")
            log(
                "frame undecodable",
                collar=accepted.collar,
                counter=accepted.counter,
                fault=accepted.fault,
                kept="in the spool",
            )
            return change, None
        self._warn_of_older_generation(accepted)
        self._show_undated(accepted)
        self._note_inventory(accepted, heard_at_us)
        known = shared.memory.stretches.get(stretch)
        if stretch and accepted.newest_s is not None:
            known = observe(known, stretch, heard_at_us - accepted.newest_s * 1_000_000)
            change = change.with_stretch(known)
        if not self.receiver.sends:
            return change, None
        wrong_us = 0 if known is None else error_us(known)
        if wrong_us:
            shared.throttle.log(
                "clock", "clock is wrong", error_s=wrong_us // 1_000_000, told_by="collars",
                expected="a clock that is set; collars are not told this time",
            )  # fmt: skip
        right_us = heard_at_us - wrong_us
        time_known = self._clock.is_known() or right_us >= SETTLED_UTC_US
        try:
            order = self._order_for(accepted.collar, right_us if time_known else None)
            if order is not None:
                answer = self.downlink.compose(
                    order.kind, order.payload, accepted, received,
                    replace(change, order=order.number), self.session.keys, right_us,
                )  # fmt: skip
                shared.totals.add("orders_sent")
                log("order sent", collar=order.collar, order=order.words, times=order.sent + 1)
                return answer.change, answer
            answer = self.downlink.acknowledge(
                accepted,
                received,
                change,
                self.session.named_after(accepted),
                self.session.keys,
                right_us,
                time_known=time_known,
                tell_time=not wrong_us,
            )
        except DownlinkRefused as error:
            shared.totals.add("withheld")
            shared.throttle.log(
                "withheld", "acknowledgement withheld", collar=accepted.collar, fault=error
            )
            return change, None
        shared.totals.add("acknowledged")
        return answer.change, answer

    def _order_for(self, collar: int, now_us: int | None) -> Order | None:
        """The order to send in place of an acknowledgement: every second time, until a result."""
        self._turns[collar] = self._turns.get(collar, -1) + 1
        if now_us is None or self._turns[collar] % 2:
            return None
        for order in self._insist(lambda: self._shared.spool.orders(collar)):
            if order.kind and not order.result and now_us < order.expires_at_s * 1_000_000:
                return order
        return None

    def _note_inventory(self, accepted: Accepted, heard_at_us: int) -> None:
        """Keep what a collar says of its log and orders; tell which records are not here."""
        said = accepted.inventory
        if said is None:
            return
        shared, collar = self._shared, accepted.collar
        self._insist(lambda: shared.spool.note_inventory(collar, said, heard_at_us))
        lost = inventory.missing(said, shared.memory.held.get((collar, said.generation), []))
        if lost:
            first, last = lost[0]
            shared.throttle.log(
                ("inventory", collar), "records unknown here", collar=collar,
                records=inventory.count(lost), ranges=len(lost), first=first, last=last,
                expected=f"`capra station order {collar} send-again {first} {last}`, "
                "if no other station has them",
            )  # fmt: skip

    def _find(self, collar: int, epoch: int, counter: int) -> Frame | None:
        name = (collar, epoch, counter)
        return self._pending.get(name) or self._shared.spool.find(*name)

    def _who(self, heard: Received | Copy) -> str:
        if isinstance(heard, Copy):
            return heard.heard_by
        return self.receiver.heard_by(heard.reception) or self._bridge

    def _stretch(self, received: Received) -> int:
        """The stretch of the clock; 0 where the bridge itself told the time."""
        told = received.utc_us and self._shared.settings.clock == "bridge"
        return 0 if told or not self.receiver.sends else self._shared.vouching.stretch()

    def _greet(self, hello: Hello) -> None:
        shared = self._shared
        self._bridge = f"{hello.bridge:016x}"
        self._answered.clear()  # what comes again now has had no answer that the bridge could read
        self._clock.restart()
        self._clock.observe(hello.ticks_us, hello.utc_us)
        self.session.connect(hello.ticks_us)
        ledger = self.downlink.ledger
        with shared.turn:
            if not self._alone:  # the others' airtime is theirs
                ledger.airtimes = [one for one in ledger.airtimes if one.bridge == self._bridge]
            if ledger.connect(self._bridge, hello.ticks_us):
                with contextlib.suppress(SpoolError):  # else it is placed again at the next start
                    of = None if self._alone else self._bridge
                    shared.spool.replace_airtimes(ledger.airtimes, of)
        if shared.settings.clock == "bridge" and not hello.utc_us:
            log("bridge clock unknown", bridge=self._bridge, instead="system clock")
        elif not self._clock.is_known():
            log("system clock not set", expected="2026 or later")
        if shared.keys.station_number is None:
            log(
                "station number made from the name",
                number=station_number(shared.keys, shared.settings.station),
                expected="`capra station keys number`, if another station has the same keys",
            )
        log(
            "station ready",
            port=self.receiver.port,
            station=shared.settings.station,
            bridge=self._bridge,
            firmware=hello.firmware,
            clock=shared.settings.clock,
            collars=len(shared.keys.collars()),
        )

    def _note_refused(self, refusal: Refusal) -> None:
        self._shared.totals.add(f"refused_{refusal.reason}")
        kind = (refusal.reason, refusal.fields.get("collar"))
        self._shared.throttle.log(kind, "frame refused", reason=refusal.reason, **refusal.fields)

    def _show_undated(self, accepted: Accepted) -> None:
        """Say what a collar without the time has to say; it comes again, with its time."""
        for era, record in accepted.undated:
            self._shared.totals.add("undated")
            values = record._asdict()
            kept = {name: values[name] for name in ("alarm", "number", "value") if name in values}
            log(
                "record without a time",
                collar=accepted.collar,
                kind=type(record).__name__.lower(),
                record=record.record,
                era=era,
                **kept,
            )

    def _warn_of_older_generation(self, accepted: Accepted) -> None:
        """Say that a collar went back. Its records are kept and acknowledged all the same."""
        newest = self.session.newer_generation(accepted)
        if newest is None:
            return
        self._shared.totals.add("older_generation")
        self._shared.throttle.log(
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
            Stopping: the station was asked to stop meanwhile.
        """
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                return action()
            except SpoolError as error:
                self._shared.totals.add("spool_errors")
                log("spool refuses", path=error.path, fault=error.fault, retry_s=retry_s)
                if self._shared.stop.wait(retry_s):
                    raise Stopping from error
                retry_s = min(2 * retry_s, _LAST_RETRY_S)

    def _note_sent(self, event: Transmitted) -> None:
        answer = self._answers.pop(event.transmission, None)
        if event.status == SENT:
            return
        self._shared.totals.add("not_sent")
        if answer is not None and event.status in _NOTHING_SENT:
            with self._shared.turn:
                self.downlink.ledger.give_back(answer.airtime)
        status = _STATUS_WORDS.get(event.status, f"status {event.status}")
        self._shared.throttle.log(
            ("not sent", event.status), "acknowledgement not sent", fault=status
        )


def _forget_oldest(entries: dict[int, Any]) -> None:
    if len(entries) > _ANSWER_MEMORY:
        del entries[next(iter(entries))]
