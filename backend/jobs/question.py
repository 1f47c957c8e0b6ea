"""What can be computed of fixes, asked once: a question, the data it is about, a stored answer.

The hash of both is the key of a result: the same question on the same fixes is answered from the
store, and new, late or flagged fixes, another deployment or another version make another result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection, IsolationLevel
from psycopg.types.json import Jsonb

from analytics.clean import Rules
from analytics.results import Estimate, software_version
from analytics.selection import Selection
from analytics.steps import part
from backend.db.queries import query
from backend.errors import NotFound

KindName = Literal["home-range", "overlap", "corridor"]
KINDS: tuple[KindName, ...] = get_args(KindName)

Tables = Mapping[int, NDArray[np.float64]]
"""By animal, ascending: (n, 5) Unix time [s], latitude, longitude [deg], accuracy [m] or NaN,
reason; oldest first, n at least 1"""

# changes with every fix that comes, goes or is flagged: two hashes of 64 bits, summed
_VERSION: tuple[LiteralString, LiteralString] = (
    "select animal, count(*), sum(hash_record_extended(f, 1)), sum(hash_record_extended(f, 2))"
    " from (",
    ") f group by animal order by animal",
)


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        kind: of result.
        asked: how to compute it, complete, as JSON.
        animals: whose fixes, ascending; None: of all there are, or of a study.
        study: whose animals, where none are named.
        from_utc: use fixes from this time.
        to_utc: use fixes before this time.
    """

    kind: KindName
    asked: Mapping[str, Any]
    animals: tuple[int, ...] | None = None
    study: int | None = None
    from_utc: datetime | None = None
    to_utc: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is kept while it waits."""
        times = {name: getattr(self, name) for name in ("from_utc", "to_utc")}
        told = {name: time and time.isoformat() for name, time in times.items()}
        return {**asdict(self), **told}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Question:
        """The same again."""
        times = {name: kept[name] for name in ("from_utc", "to_utc")}
        read = {name: time and datetime.fromisoformat(time) for name, time in times.items()}
        animals = kept["animals"]
        return cls(**{**kept, **read, "animals": None if animals is None else tuple(animals)})

    @property
    def selection(self) -> Selection:
        """Which of the fixes are used."""
        wanted = self.asked["selection"]
        return Selection(wanted["backbone_only"], Rules(**wanted["rules"]))


def selection_json(wanted: Selection) -> dict[str, Any]:
    """A selection as part of what is asked."""
    return {"backbone_only": wanted.backbone_only, "rules": asdict(wanted.rules)}


class Stored(NamedTuple):
    """A result in the database."""

    number: int
    created: bool
    """False: the same question had been answered on the same fixes before"""


class Posed(NamedTuple):
    """A question and the data as they are now."""

    input_hash: str
    animals: list[int]
    """Whose fixes it uses: whoever may see all of theirs exactly may have the result"""


class Kind(NamedTuple):
    """How one kind of question is answered."""

    by_hash: str
    """Query that finds a stored result"""
    compute: Callable[[Question, Tables], Any]
    store: Callable[[Connection[Any], Question, str, Any], int | None]
    """Within a transaction; None: another has stored the same meanwhile"""


def pose(connection: Connection[Any], question: Question) -> Posed:
    """What a question is about, without reading the fixes themselves.

    Raises:
        NotFound: it names an animal that does not exist.
    """
    for animal in question.animals or ():
        if connection.execute(query("has_animal"), {"value": animal}).fetchone() is None:
            raise NotFound("animal", animal)
    rows = connection.execute(_VERSION[0] + query("used_fixes") + _VERSION[1], _about(question))
    versions = [[str(value) for value in row] for row in rows]
    asked = {**question.to_json(), "from_utc": None, "to_utc": None}
    told = [asked, software_version(), versions]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    used = {int(version[0]) for version in versions} | set(question.animals or ())
    return Posed(digest.hexdigest(), sorted(used))


def known(connection: Connection[Any], by_hash: str, input_hash: str) -> int | None:
    """The number of a stored result."""
    row = connection.execute(query(by_hash), {"input_hash": input_hash}).fetchone()
    return None if row is None else int(row[0])


def answer(
    connection: Connection[Any],
    kind: Kind,
    question: Question,
    finish: Callable[[Posed, int], object] = lambda posed, number: None,
) -> Stored:
    """Answer a question from the store, or compute the answer and store it.

    Args:
        connection: an open connection in autocommit, not inside a transaction.
        kind: how.
        question: what is asked.
        finish: is called with the number of the result in the transaction that stores it.

    Raises:
        NotFound: no such animal.
        CannotCompute: the fixes do not allow it; the message says why.
    """
    with part(0, 0.05, "reading fixes"), _snapshot(connection):
        posed = pose(connection, question)
        stored = known(connection, kind.by_hash, posed.input_hash)
        tables = {} if stored else _read(connection, question)
    if stored is None:
        with part(0.05, 0.95):
            found = kind.compute(question, tables)
    with part(0.95, 1, "storing"), connection.transaction():
        created = stored is None
        if stored is None:
            stored = kind.store(connection, question, posed.input_hash, found)
        if stored is None:  # the insert waited for the one that stored the same
            stored, created = known(connection, kind.by_hash, posed.input_hash), False
        assert stored is not None
        finish(posed, stored)
    return Stored(stored, created)


class _snapshot:
    """A transaction in which all queries see the same data."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.isolation_level = IsolationLevel.REPEATABLE_READ
        self._transaction = self._connection.transaction()
        self._transaction.__enter__()

    def __exit__(self, *error: Any) -> None:
        try:
            self._transaction.__exit__(*error)
        finally:
            self._connection.isolation_level = None


def _about(question: Question) -> dict[str, Any]:
    animals = None if question.animals is None else list(question.animals)
    return {
        "animals": animals,
        "study": question.study,
        "from_time": question.from_utc,
        "to_time": question.to_utc,
    }


def _read(connection: Connection[Any], question: Question) -> Tables:
    rows = connection.execute(query("used_fixes"), _about(question)).fetchall()
    table = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 5)
    owners = np.array([row[0] for row in rows], dtype=np.int64)
    animals, first = np.unique(owners, return_index=True)
    parts = np.split(table, first[1:]) if len(animals) else []
    return {int(animal): one for animal, one in zip(animals, parts, strict=True)}


def provenance(made: Estimate, input_hash: str, **parameters: Any) -> dict[str, Any]:
    """What is stored with every result: of what it was made, and how."""
    projection = made.projection.crs if made.projection else None
    told = {"estimator": made.method, **made.parameters, "projection": projection, **parameters}
    return {
        "parameters": Jsonb(told),
        "from_time_s": made.from_time_s,
        "to_time_s": made.to_time_s,
        "fixes": made.fixes,
        "software_version": made.software_version,
        "input_hash": input_hash,
    }
