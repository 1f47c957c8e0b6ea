"""From the spool to the database: a thread that may be late, be killed, and load twice."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from backend.db.embedded import EmbeddedError, resolve
from backend.db.errors import BadRow, DatabaseError, describe
from backend.db.ingest import Batch, load
from backend.db.migrate import migrate
from backend.db.queries import query
from backend.db.rows import ActivityRow, AlarmRow, FixRow, HealthRow, ReceptionRow, StatusRow
from firmware.wire import activity, alarm, fix, frame, health, status
from firmware.wire.errors import WireError
from ground_station.clock import error_us, system_utc_us
from ground_station.errors import KeyFileError, SpoolError
from ground_station.events import Throttle, log
from ground_station.keys import KeyRing, load_keys
from ground_station.memory import Reception, State, Waiting
from ground_station.metrics import Totals
from ground_station.session import read_payload
from ground_station.settings import Settings
from ground_station.spool import Name, Spool

_BATCH_FRAMES = 4000
_GATHER_S = 0.2
_IDLE_S = 30.0
_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 30.0
_DRAIN_TRIES = 4
_PRUNE_S = 3600.0
_DAY_US = 86_400_000_000
_UNSTORABLE = (BadRow, psycopg.DataError, psycopg.IntegrityError)


class Rows(NamedTuple):
    """What one frame brings to the database."""

    number: int
    """Of the frame in the spool"""
    collar: int
    kinds: tuple[list[Any], ...]
    """In the order of Batch"""


class Unreadable(NamedTuple):
    """A frame that brings nothing, or not all that is in it, and why."""

    number: int
    state: State
    note: str


class Loader(threading.Thread):
    """Loads what waits in the spool, in batches, whenever it is woken.

    A database that is away is tried again, ever more slowly; meanwhile frames wait in the spool.

    Args:
        settings: spool, keys and database.
        totals: counters.
        wake: set by others when a frame came to the spool.
        on_failure: called if the thread ends by a fault of the program.
    """

    def __init__(
        self,
        settings: Settings,
        totals: Totals,
        wake: threading.Event,
        on_failure: Callable[[], None],
    ) -> None:
        super().__init__(name="loader", daemon=True)
        self.wake = wake
        self.failed = False
        self.ended = False
        self.beat_s = time.monotonic()
        self._on_failure = on_failure
        self._settings = settings
        self._totals = totals
        self._draining = threading.Event()
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._refused: set[int] = set()  # collars that have dead letters
        self._retry_s = _FIRST_RETRY_S
        self._throttle = Throttle(pause_s=30.0)
        self._delayed = False
        self._last_tries = _DRAIN_TRIES
        self._pruned_s = float("-inf")

    def drain(self, limit_s: float) -> None:
        """Load what waits and end; what is left after the limit [s] waits for the next start."""
        self._draining.set()
        self.wake.set()
        self.join(limit_s)

    def run(self) -> None:
        """Load until drained."""
        done = False
        try:
            while not done:
                done = self._work()
        finally:
            self._disconnect()
            self.ended = True
            self.failed = not done
            if self.failed:
                self._on_failure()

    def _work(self) -> bool:
        """Load until drained; returns early, and not done, if the spool cannot be read."""
        try:
            with Spool(self._settings.spool, durable=False) as spool:
                spool.retry_set_aside()
                while not self._step(spool):
                    pass
        except SpoolError as error:
            log("loading delayed", fault=error, retry_s=_LAST_RETRY_S)
            return self._draining.wait(_LAST_RETRY_S)
        return True

    def _step(self, spool: Spool) -> bool:
        """Load one batch; returns whether the loader is done."""
        self.beat_s = time.monotonic()
        self.wake.clear()
        waiting = spool.peek(_BATCH_FRAMES)
        if not waiting:
            if self._draining.is_set():
                return True
            if self._connection is not None:
                self._prune(spool)
                if self.wake.wait(_IDLE_S):
                    self._draining.wait(_GATHER_S)  # more often follow: one transaction for all
                return False
        fault = self._load(spool, waiting)
        if fault is None:
            self._retry_s = _FIRST_RETRY_S
            return False
        log(
            "loading delayed",
            fault=fault,
            waiting=spool.count(State.WAITING),
            retry_s=self._retry_s,
        )
        self._delayed = True
        self._disconnect()
        if self._draining.is_set():
            self._last_tries -= 1
            time.sleep(_FIRST_RETRY_S)
            return self._last_tries == 0
        self._draining.wait(self._retry_s)
        self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
        return False

    def _load(self, spool: Spool, waiting: list[Waiting]) -> str | None:
        """Load frames and mark them; returns why that has to wait."""
        try:
            self._store(spool, self._read(spool, waiting))
        except KeyFileError as error:
            return str(error)
        except psycopg.errors.UndefinedTable as error:
            return f"database: {describe(error)}; expected the tables of `capra migrate`"
        except (psycopg.Error, DatabaseError, EmbeddedError) as error:
            return f"database: {describe(error)}"
        if self._delayed:
            self._delayed = False
            log("loading resumed")
        return None

    def _store(self, spool: Spool, rows: list[Rows]) -> None:
        """Load rows, all at once if that can be, and mark their frames."""
        try:
            report = load(self._connect(), _joined(rows))
        except _UNSTORABLE:
            for one in rows:
                self._store_apart(spool, one)
            return
        duplicates = report.fixes_duplicate + report.statuses_duplicate + report.others_duplicate
        self._totals.add("duplicate_records", duplicates)
        self._mark_loaded(spool, rows)

    def _store_apart(self, spool: Spool, rows: Rows) -> None:
        """Load of one frame all that can be stored, row by row if need be, and mark it.

        The frame was acknowledged, so this is the only copy: a value that cannot be stored may
        cost its own row alone. Such a row goes to the dead letters, with the reason.
        """
        if self._fault(Batch(*rows.kinds)) is None:
            return self._mark_loaded(spool, [rows])
        faults = []
        for kind, row, batch in _batches_by_row(rows):
            fault = self._fault(batch)
            if fault is not None:
                faults.append(fault)
                letter = {**_letter(rows, kind, row), "station": self._settings.station}
                self._connect().execute(query("add_dead_letter"), {**letter, "reason": fault})
                self._refused.add(rows.collar)
        if not faults:
            return self._mark_loaded(spool, [rows])
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        self._set_aside(spool, Unreadable(rows.number, State.REJECTED, faults[0] + more))

    def _fault(self, batch: Batch) -> str | None:
        """Load a batch; returns why it can never be stored, without the value: half a position."""
        try:
            load(self._connect(), batch)
        except BadRow as error:
            return f"{error.field}: expected {error.expected}"
        except _UNSTORABLE as error:
            return describe(error)
        return None

    def _mark_loaded(self, spool: Spool, rows: list[Rows]) -> None:
        for one in rows:
            if one.collar in self._refused:
                for kind, row, _ in _batches_by_row(one):
                    self._connect().execute(query("remove_dead_letter"), _letter(one, kind, row))
        if rows:
            spool.mark([one.number for one in rows], State.LOADED)
            self._totals.add("loaded", len(rows))
            self._throttle.log("loaded", "loaded", frames=self._totals.get("loaded"))

    def _read(self, spool: Spool, waiting: list[Waiting]) -> list[Rows]:
        """Open and decode frames; those that cannot be are set aside."""
        keys = load_keys(self._settings.keys)
        told = {number: error_us(one) for number, one in spool.stretches().items()}
        errors = spool.clock_errors(waiting, told)
        rows = []
        for one in waiting:
            result = read_frame(one, keys, errors)
            if isinstance(result, Rows):
                rows.append(result)
            else:
                self._set_aside(spool, result)
        return rows

    def _set_aside(self, spool: Spool, frame: Unreadable) -> None:
        state = frame.state.name.lower()
        self._totals.add(state)
        self._throttle.log(
            frame.state, "frame set aside", frame=frame.number, state=state, fault=frame.note
        )
        spool.mark([frame.number], frame.state, frame.note)

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._connection is not None:
            return self._connection
        dsn = resolve(self._settings.database)
        if self._settings.database is None:  # our own server: nobody else will make the tables
            migrate(dsn)
        # A dead line shows within half a minute, not after the system's two hours.
        self._connection = psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=10,
            keepalives=1,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=4,
            tcp_user_timeout=30_000,
            application_name="capra station",
        )
        collars = self._connection.execute("select distinct collar from dead_letter")
        self._refused = {int(str(row[0])) for row in collars}
        version = self._connection.info.server_version
        log("database ready", server=f"{version // 10_000}.{version % 10_000}")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _prune(self, spool: Spool) -> None:
        now_s = time.monotonic()
        if now_s - self._pruned_s < _PRUNE_S:
            return
        self._pruned_s = now_s
        dropped = spool.prune(system_utc_us() - self._settings.keep_days * _DAY_US)
        if dropped:
            log("spool pruned", frames=dropped, keep_days=self._settings.keep_days)


def read_frame(
    waiting: Waiting, keys: KeyRing, clock_error_us: Mapping[Name, int] = MappingProxyType({})
) -> Rows | Unreadable:
    """Open a spooled frame and return its rows, or why there are none.

    Args:
        waiting: the frame.
        keys: the collars' keys.
        clock_error_us: how wrong the clock was, by frame and who heard it [us].
    """
    encrypt: Callable[[bytes], bytes] | None = keys.cipher(waiting.collar, waiting.epoch)
    if encrypt is None:
        note = f"no key of collar {waiting.collar} epoch {waiting.epoch} in the key file"
        return Unreadable(waiting.number, State.NO_KEY, note)
    try:
        header, payload = frame.open_frame(encrypt, frame.UPLINK, waiting.epoch, waiting.sealed)
        found = read_payload(header.kind, payload)
    except WireError as error:
        note = f"collar {waiting.collar}: {error.what}: expected {error.expected}"
        return Unreadable(waiting.number, State.UNDECODABLE, note)
    kinds: tuple[list[Any], ...] = ([], [], [], [], [], [])
    for record in found.records:
        name = (waiting.collar, found.generation, record.record, record.recorded_at_s * 1_000_000)
        kind, make = _ROWS[type(record)]
        kinds[kind].append(make(name, record))
    for heard in (waiting.heard, *waiting.again):
        error_us = clock_error_us.get((waiting.number, heard.bridge), 0)
        kinds[2].append(_reception(waiting, heard, error_us))
    return Rows(waiting.number, waiting.collar, kinds)


def _fix_row(name: tuple[int, int, int, int], one: fix.Fix) -> FixRow:
    accuracy_m = fix.ACCURACY_M[one.accuracy_class]
    altitude_m = None if one.altitude_m is None else float(one.altitude_m)
    known_m = None if accuracy_m is None else float(accuracy_m)
    return FixRow(*name, one.lat_e5 / 1e5, one.lon_e5 / 1e5, altitude_m, known_m, one.reason)


# By class of a record: which kind of Batch its row is, and how it is made.
_ROWS: dict[type, tuple[int, Callable[[Any, Any], Any]]] = {
    fix.Fix: (0, _fix_row),
    status.Status: (1, lambda name, one: StatusRow(*name, *one[2:])),
    activity.Activity: (3, lambda name, one: ActivityRow(*name, *one[2:])),
    alarm.Alarm: (4, lambda name, one: AlarmRow(*name, *one[2:])),
    health.Health: (5, lambda name, one: HealthRow(*name, *one[2:])),
}


def _reception(waiting: Waiting, heard: Reception, error_us: int) -> ReceptionRow:
    return ReceptionRow(
        heard.station, waiting.collar, heard.received_at_us - error_us, waiting.epoch,
        waiting.counter, heard.freq_hz, heard.sf, float(heard.rssi_dbm), heard.snr_qdb / 4,
        len(waiting.sealed), error_us / 1e6,
    )  # fmt: skip


def _joined(rows: list[Rows]) -> Batch:
    kinds = zip(*(one.kinds for one in rows), strict=True)
    return Batch(*(list(chain.from_iterable(kind)) for kind in kinds))


def _letter(rows: Rows, kind: str, row: Any) -> dict[str, object]:
    return {"kind": kind, "collar": rows.collar, "content": Jsonb(row._asdict())}


def _batches_by_row(rows: Rows) -> Iterator[tuple[str, Any, Batch]]:
    """Each row by itself, with the name of its kind."""
    for i, name in enumerate(Batch._fields):
        for row in rows.kinds[i]:
            yield name, row, Batch()._replace(**{name: [row]})
