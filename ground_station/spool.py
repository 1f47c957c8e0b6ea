"""The station's memory: one SQLite file from which nothing that was acknowledged is ever lost.

Frames lie here sealed, as received: no position stands on the disk in clear, and the keys are in
another file. One `Change` is one transaction is one fsync (WAL, synchronous=FULL); only after
it may an acknowledgement leave.

```
frame          one sealed frame: collar, epoch, counter, bytes, state; each counter once
reception      where and when it was heard, once per bridge or gateway that heard it
clock          stretches of a clock nobody vouches for, and how wrong it seems
replay_window  per (collar, epoch): highest counter and the 64 counters up to it
held           per (collar, generation): ranges of records that this station has
downlink       per (collar, epoch, station number): next counter for a downlink, taken before use
transmission   airtime of the last hour, in the bridge's ticks: the station's own duty cycle
counter        totals for people
collar_order   orders to collars, and what became of them
inventory      what each collar said last of its log (a HELLO payload), and when
```
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from firmware.wire import hello, ranges
from firmware.wire.identity import MAX_COLLAR
from ground_station import orders
from ground_station.errors import SettingsError, SpoolBusy, SpoolError
from ground_station.folders import need_folder
from ground_station.memory import (
    Airtime,
    Change,
    Frame,
    Memory,
    Reception,
    State,
    Stretch,
    Waiting,
    Window,
)
from ground_station.orders import Order

APPLICATION_ID = 0x43415052  # "CAPR", in the file's header
VERSION = 4
# How a commit waits for the disk, and after how many pages the log is folded into the file: of
# the side that receives, and of the loader.
SYNCHRONOUS = ("full", "normal")
CHECKPOINT_PAGES = (40_000, 4_000)
_SMALLEST_BYTES = 512

_DOWNLINK = """
create table downlink (
    collar integer not null,
    epoch integer not null,
    station_number integer not null,
    next_counter integer not null,
    primary key (collar, epoch, station_number)
) strict, without rowid;
"""
_RECEPTION = """
create table reception (
    frame integer not null references frame on delete cascade,
    station text not null,
    bridge text not null,
    reception integer not null,
    ticks_us integer not null,
    received_at_us integer not null,
    freq_hz integer not null,
    sf integer not null,
    bw_hz integer not null,
    rssi_dbm integer not null,
    snr_qdb integer not null,
    clock integer not null default 0,
    clock_error_us integer,
    primary key (frame, bridge)
) strict, without rowid;
create table clock (
    clock integer primary key,
    least_delay_us integer not null,
    frames integer not null
) strict;
"""
_ORDERS = """
create table collar_order (
    number integer primary key,
    collar integer not null,
    sequence integer not null,
    words text not null,
    kind integer not null,
    content blob not null,
    expires_at_s integer not null,
    sent integer not null default 0,
    result integer not null default 0,
    unique (collar, sequence)
) strict;
"""
_INVENTORY = """
create table inventory (
    collar integer primary key,
    heard_at_us integer not null,
    content blob not null
) strict;
"""
_SCHEMA = f"""
create table frame (
    frame integer primary key,
    collar integer not null,
    epoch integer not null,
    counter integer not null,
    sealed blob not null,
    spooled_at_us integer not null,
    state integer not null,
    note text,
    unique (collar, epoch, counter)
) strict;
create index frame_by_state on frame (state, frame);
{_RECEPTION}
create table replay_window (
    collar integer not null,
    epoch integer not null,
    highest integer not null,
    seen blob not null,
    primary key (collar, epoch)
) strict, without rowid;
create table held (
    collar integer not null,
    generation integer not null,
    first integer not null,
    last integer not null,
    primary key (collar, generation, first)
) strict, without rowid;
{_DOWNLINK}
create table transmission (
    at_us integer not null,
    airtime_us integer not null,
    bridge text not null default ''
) strict;
create table counter (
    name text primary key,
    total integer not null
) strict, without rowid;
{_ORDERS}
{_INVENTORY}
"""
_FROM_VERSION_1 = f"""
alter table transmission add column bridge text not null default '';
alter table downlink rename to downlink_1;
{_DOWNLINK}
insert into downlink
    select collar, epoch, (next_counter - 1) >> 20, next_counter from downlink_1;
drop table downlink_1;
"""
_FROM_VERSION_2 = f"""
alter table reception rename to reception_2;
{_RECEPTION}
insert into reception select *, 0, 0 from reception_2;
drop table reception_2;
{_ORDERS}
"""
_FROM_VERSION_3 = _INVENTORY
_STEPS = (_SCHEMA, _FROM_VERSION_1, _FROM_VERSION_2, _FROM_VERSION_3)


_MERGE = (
    """insert into clock select clock + :clocks, least_delay_us, frames from other.clock""",
    f"""insert or ignore into frame
        select null, collar, epoch, counter, sealed, spooled_at_us,
            case state when {State.LOADED} then {State.WAITING} else state end, note
        from other.frame order by frame""",
    """insert or ignore into reception
        select ours.frame, station, bridge, reception, ticks_us, received_at_us, freq_hz, sf,
            bw_hz, rssi_dbm, snr_qdb, case clock when 0 then 0 else clock + :clocks end,
            clock_error_us
        from other.reception join other.frame theirs using (frame)
        join main.frame ours using (collar, epoch, counter)
        where ours.sealed = theirs.sealed""",
)
Name = tuple[int, str]
"""A reception: number of the frame and who heard it"""

_COLUMNS = (
    "frame.frame, collar, epoch, counter, sealed, station, bridge, reception, ticks_us, "
    "received_at_us, freq_hz, sf, bw_hz, rssi_dbm, snr_qdb, clock"
)


class Spool:
    """One connection to the spool file, for one thread at a time.

    Args:
        path: the file; made, with mode 0600, if there is none.
        durable: whether each commit waits for the disk. The receiving side needs it; the
            loader, whose marks
            may be lost because loading twice is harmless, does not, and leaves the disk to the
            other.

    Raises:
        SpoolError: the file is no spool, is of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        _make_private(path)
        with self._translated():
            self._db = sqlite3.connect(
                path, isolation_level=None, timeout=30.0, check_same_thread=False
            )
            try:
                self._open(durable)
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the last one to close folds the log into the file."""
        self._db.close()

    def restore(self) -> Memory:
        """Return what a starting station needs to know.

        Raises:
            SpoolError: it cannot be read, or holds what no station wrote.
        """
        with self._translated(TypeError, ValueError):
            memory = Memory()
            for collar, epoch, highest, seen in self._db.execute("select * from replay_window"):
                memory.windows[collar, epoch] = Window(highest, int.from_bytes(seen, "little"))
            query = "select * from held order by collar, generation, first"
            for collar, generation, first, last in self._db.execute(query):
                memory.held.setdefault((collar, generation), []).append((first, last))
            for *name, following in self._db.execute("select * from downlink"):
                collar, epoch, number = name
                memory.counters[collar, epoch, number] = following
            query = "select at_us, airtime_us, bridge from transmission"
            memory.airtimes = [Airtime(*row) for row in self._db.execute(query)]
            memory.stretches = self.stretches()
            memory.totals = dict(self._db.execute("select name, total from counter"))
            return memory

    def stretches(self) -> dict[int, Stretch]:
        """Return what is known of the clock's stretches."""
        with self._translated():
            query = "select clock, least_delay_us, frames from clock"
            return {row[0]: Stretch(*row) for row in self._db.execute(query)}

    def commit(self, changes: Iterable[Change], totals: dict[str, int]) -> None:
        """Write some changes, all or none, and return when they are on the disk.

        Raises:
            SpoolError: they could not be written; nothing of them was.
        """
        with self._transaction() as db:
            for change in changes:
                self._write(db, change)
            self._save_totals(db, totals)

    def _write(self, db: sqlite3.Connection, change: Change) -> None:
        key = (change.collar, change.epoch)
        if change.frame is not None:
            self._insert(db, change.frame)
        if change.again is not None:
            self._insert_again(db, key, *change.again)
        if change.window is not None:
            seen = change.window.seen.to_bytes(8, "little")
            db.execute(
                "insert or replace into replay_window values (?, ?, ?, ?)",
                (*key, change.window.highest, seen),
            )
        for held in change.held:  # takes the place of every range it has grown over
            db.execute(
                "delete from held where (collar, generation) = (?, ?) and first between ? and ?",
                held,
            )
            db.execute("insert into held values (?, ?, ?, ?)", held)
        if change.next_counter is not None:
            db.execute(
                "insert or replace into downlink values (?, ?, ?, ?)",
                (*key, *change.next_counter),
            )
        if change.airtime is not None:
            db.execute(
                "delete from transmission where bridge = ? and at_us < ?",
                (change.airtime.bridge, change.airtime.at_us - 2 * 3_600_000_000),
            )
            db.execute("insert into transmission values (?, ?, ?)", change.airtime)
        if change.order is not None:
            query = "update collar_order set sent = sent + 1 where number = ?"
            db.execute(query, (change.order,))
        if change.stretch is not None:
            db.execute("insert or replace into clock values (?, ?, ?)", change.stretch)

    def replace_airtimes(self, airtimes: list[Airtime], bridge: str | None = None) -> None:
        """Write all airtime, or that of one bridge, anew: it was placed among other ticks."""
        with self._transaction() as db:
            db.execute("delete from transmission where ? in (bridge, '*')", (bridge or "*",))
            db.executemany("insert into transmission values (?, ?, ?)", airtimes)

    def save_totals(self, totals: dict[str, int]) -> None:
        """Write the counters for people."""
        with self._transaction() as db:
            self._save_totals(db, totals)

    def find(self, collar: int, epoch: int, counter: int) -> Frame | None:
        """Return the frame of this counter, None if it was never spooled or is no longer kept."""
        where = "frame = (select frame from frame where (collar, epoch, counter) = (?, ?, ?))"
        found = self._read(where, (collar, epoch, counter))
        if not found:
            return None
        _, collar, epoch, counter, sealed, heard, again = found[0]
        return Frame(collar, epoch, counter, sealed, heard, again=again)

    def peek(self, limit: int) -> list[Waiting]:
        """Return the oldest frames that wait to be loaded, in the order they came."""
        oldest = f"select frame from frame where state = {State.WAITING} order by frame limit ?"
        return self._read(f"frame in ({oldest})", (limit,))

    def _read(self, where: str, parameters: tuple[int, ...]) -> list[Waiting]:
        query = f"select {_COLUMNS} from frame join reception using (frame) where {where}"
        order = " order by frame, received_at_us"
        found: dict[int, Waiting] = {}
        with self._translated():
            for row in self._db.execute(query + order, parameters):
                number, collar, epoch, counter, sealed, *rest = row
                known, heard = found.get(number), Reception(*rest)
                if known is None:
                    found[number] = Waiting(number, collar, epoch, counter, sealed, heard)
                else:
                    found[number] = known._replace(again=(*known.again, heard))
        return list(found.values())

    def clock_errors(self, frames: Iterable[Waiting], error_us: dict[int, int]) -> dict[Name, int]:
        """Return how wrong the clock was at receptions [us]; once told, it stays.

        Args:
            frames: whose receptions.
            error_us: by stretch of the clock, how wrong it seems now.
        """
        wrong = [one.number for one in frames if one.heard.clock or one.again]
        if not wrong:
            return {}
        told: dict[Name, int] = {}
        with self._transaction() as db:
            db.executemany(
                "update reception set clock_error_us = ? "
                "where clock = ? and clock_error_us is null and frame between ? and ?",
                [(error, clock, wrong[0], wrong[-1]) for clock, error in error_us.items()],
            )
            query = (
                "select frame, bridge, clock_error_us from reception "
                "where frame between ? and ? and clock_error_us != 0"
            )
            for number, bridge, error in db.execute(query, (wrong[0], wrong[-1])):
                told[number, bridge] = error
        return told

    def mark(self, numbers: Iterable[int], state: State, note: str | None = None) -> None:
        """Set what has become of some frames."""
        with self._transaction() as db:
            db.executemany(
                "update frame set state = ?, note = ? where frame = ?",
                [(state, note, number) for number in numbers],
            )

    def retry_set_aside(self) -> int:
        """Let all frames wait again that could not be loaded, or not wholly; returns how many.

        A key may have been added since, or a version installed that can read or store more.
        """
        with self._transaction() as db:
            query = "update frame set state = ?, note = null where state in (?, ?, ?)"
            aside = (State.UNDECODABLE, State.NO_KEY, State.REJECTED)
            return db.execute(query, (State.WAITING, *aside)).rowcount

    def prune(self, before_us: int) -> int:
        """Drop loaded frames spooled before a Unix time [us]; returns how many."""
        query = "delete from frame where state = ? and spooled_at_us < ?"
        with self._transaction() as db:
            return db.execute(query, (State.LOADED, before_us)).rowcount

    def merge(self, source: Path) -> tuple[int, int]:
        """Add frames, receptions and held ranges of another spool of this version.

        Returns:
            How many frames and how many receptions were new.
        """
        with self._translated():
            self._db.execute("attach ? as other", (str(source),))
        try:
            with self._transaction() as db:
                (version,) = db.execute("pragma other.user_version").fetchone()
                if version != VERSION:
                    raise SpoolError(source, f"is of version {version}, expected {VERSION}")
                (clocks,) = db.execute("select coalesce(max(clock), 0) from clock").fetchone()
                counts = []
                for statement in _MERGE:
                    counts.append(db.execute(statement, {"clocks": clocks}).rowcount)
                for collar, generation, first, last in db.execute(
                    "select * from other.held"
                ).fetchall():
                    self._hold(db, collar, generation, first, last)
                for row in db.execute("select * from other.replay_window").fetchall():
                    self._merge_window(db, *row)
        finally:
            with self._translated():
                self._db.execute("detach other")
        return counts[1], counts[2]

    def _merge_window(
        self, db: sqlite3.Connection, collar: int, epoch: int, highest: int, seen: bytes
    ) -> None:
        query = "select highest, seen from replay_window where (collar, epoch) = (?, ?)"
        found = db.execute(query, (collar, epoch)).fetchone() or (highest, seen)
        newest = max(highest, found[0])
        both = 0
        for top, bits in ((highest, seen), found):
            both |= int.from_bytes(bits, "little") << min(newest - top, 64)
        db.execute(
            "insert or replace into replay_window values (?, ?, ?, ?)",
            (collar, epoch, newest, (both & (1 << 64) - 1).to_bytes(8, "little")),
        )

    def _hold(
        self, db: sqlite3.Connection, collar: int, generation: int, first: int, last: int
    ) -> None:
        name = (collar, generation)
        query = "select first, last from held where (collar, generation) = (?, ?) order by first"
        known = [(int(low), int(high)) for low, high in db.execute(query, name)]
        db.execute("delete from held where (collar, generation) = (?, ?)", name)
        db.executemany(
            "insert into held values (?, ?, ?, ?)",
            [(*name, *one) for one in ranges.add(known, first, last)],
        )

    def add_order(self, collar: int, words: Sequence[str], days: float) -> Order:
        """Queue an order; the running station sends it in the collar's next window.

        Raises:
            SettingsError: the words are no order, or there can be no such collar.
        """
        if not 1 <= collar <= MAX_COLLAR:
            raise SettingsError(f"collar {collar}: expected 1..{MAX_COLLAR}")
        now_s = orders.now_s()
        with self._transaction() as db:
            query = "select max(coalesce(max(sequence), 0) + 1, ?) from collar_order "
            (sequence,) = db.execute(query + "where collar = ?", (now_s, collar)).fetchone()
            kind, payload, until_s, said = orders.compose(words, sequence, now_s, days)
            number = db.execute(
                "insert into collar_order values (null, ?, ?, ?, ?, ?, ?, 0, 0)",
                (collar, sequence, said, kind, payload, until_s),
            ).lastrowid
        assert number is not None
        return Order(number, collar, sequence, said, kind, payload, until_s, 0, 0)

    def orders(self, collar: int | None = None) -> list[Order]:
        """Return all orders, or those to one collar, the oldest first."""
        query = "select * from collar_order where ? in (collar, -1) order by number"
        with self._translated():
            found = self._db.execute(query, (-1 if collar is None else collar,)).fetchall()
        return [Order(*row) for row in found]

    def note_inventory(self, collar: int, said: hello.Hello, heard_at_us: int) -> None:
        """Note what a collar says of its log and its last order: those before it are over, too.

        An order that is not of this spool came from another station, or before a disk was lost.
        """
        with self._transaction() as db:
            db.execute(
                "insert or replace into inventory values (?, ?, ?)",
                (collar, heard_at_us, hello.encode(said, 255)),
            )
            if not said.order:
                return
            db.execute(
                "update collar_order set result = ? where (collar, sequence) = (?, ?)",
                (said.order_result, collar, said.order),
            )
            db.execute(
                "update collar_order set result = ? where collar = ? and sequence < ? "
                "and result = 0 and expires_at_s > ?",
                (orders.OVERTAKEN, collar, said.order, heard_at_us // 1_000_000),
            )
            db.execute(
                "insert or ignore into collar_order values (null, ?, ?, 'by another', 0, x'', 0, "
                "0, ?)",
                (collar, said.order, said.order_result),
            )

    def count(self, state: State) -> int:
        """Return how many frames are in a state."""
        with self._translated():
            query = "select count(*) from frame where state = ?"
            return int(self._db.execute(query, (state,)).fetchone()[0])

    def _open(self, durable: bool) -> None:
        (application,) = self._db.execute("pragma application_id").fetchone()
        (version,) = self._db.execute("pragma user_version").fetchone()
        (tables,) = self._db.execute("select count(*) from sqlite_schema").fetchone()
        if application != APPLICATION_ID and (application or version or tables):
            raise SpoolError(self.path, "is a database of another program, not a spool")
        if version > VERSION:
            raise SpoolError(
                self.path, f"version {version} was written by a newer station, expected {VERSION}"
            )
        self._db.execute("pragma page_size = 1024")  # of a new file: rows are small, cards wear
        self._db.execute("pragma journal_mode = wal")
        self._db.execute(f"pragma synchronous = {SYNCHRONOUS[not durable]}")
        # Folding the log back costs fsyncs of its own: left to the loader, so that no answer
        # waits for it.
        self._db.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES[not durable]}")
        self._db.execute("pragma foreign_keys = on")
        if version < VERSION:
            with self._transaction() as db:  # another connection may be faster
                (version,) = db.execute("pragma user_version").fetchone()
                steps = _STEPS[:1] if version == 0 else _STEPS[version:]
                for statement in "".join(steps).split(";") if version < VERSION else ():
                    db.execute(statement)
                db.execute(f"pragma application_id = {APPLICATION_ID}")
                db.execute(f"pragma user_version = {VERSION}")

    def _insert(self, db: sqlite3.Connection, frame: Frame) -> None:
        state = State.WAITING if frame.fault is None else State.UNDECODABLE
        now_us = time.time_ns() // 1000
        number = db.execute(
            "insert into frame values (null, ?, ?, ?, ?, ?, ?, ?)",
            (*frame[:4], now_us, state, frame.fault),
        ).lastrowid
        self._insert_reception(db, number, frame.heard)

    def _insert_again(
        self, db: sqlite3.Connection, key: tuple[int, int], counter: int, heard: Reception
    ) -> None:
        """Note who else has heard a frame; it is loaded once more, with that."""
        query = "select frame, state from frame where (collar, epoch, counter) = (?, ?, ?)"
        number, state = db.execute(query, (*key, counter)).fetchone()
        self._insert_reception(db, number, heard)
        if state == State.LOADED:
            db.execute("update frame set state = ? where frame = ?", (State.WAITING, number))

    def _insert_reception(
        self, db: sqlite3.Connection, number: int | None, heard: Reception
    ) -> None:
        db.execute(
            "insert or ignore into reception values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, *heard, None if heard.clock else 0),
        )

    def _save_totals(self, db: sqlite3.Connection, totals: dict[str, int]) -> None:
        db.executemany("insert or replace into counter values (?, ?)", totals.items())

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._translated():
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    @contextmanager
    def _translated(self, *damage: type[Exception]) -> Iterator[None]:
        """Errors of SQLite, and those that values of the wrong kind bring, told as the spool's."""
        try:
            yield
        except sqlite3.Error as error:
            raise SpoolError(self.path, str(error)) from error
        except damage as error:
            raise SpoolError(self.path, f"damaged: {error}") from error


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the spool for one station: what it keeps in memory must be true.

    Raises:
        SpoolBusy: another station holds it.
        SpoolError: the lock file beside the spool cannot be made.
    """
    lock_path = path.with_name(path.name + ".lock")
    try:
        need_folder(path)
        file = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SpoolError(path, f"{error.strerror or error}") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip()
            raise SpoolBusy(path, f"is used by another station (process {holder})") from error
        os.truncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _make_private(path: Path) -> None:
    """Make the file, or close it to others, without opening it: that would drop SQLite's locks."""
    try:
        if path.exists():
            if 0 < path.stat().st_size < _SMALLEST_BYTES:  # SQLite would take it for an empty file
                raise SpoolError(path, "file is not a database")
            os.chmod(path, 0o600)
        else:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:  # another thread was faster
        pass
    except OSError as error:
        raise SpoolError(path, f"{error.strerror or error}") from error
