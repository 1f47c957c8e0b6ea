"""Does the database hold what the collars took? The check that decides the command's exit code."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString, NamedTuple

import psycopg

_NO_PLACE = "select generation, record, recorded_at, null, null from {} where collar = %s"
_QUERIES: dict[str, LiteralString] = {
    "fix": "select generation, record, recorded_at, lat, lon from fix where collar = %s",
    "status": _NO_PLACE.format("status"),
    "activity": _NO_PLACE.format("activity"),
    "alarm": _NO_PLACE.format("alarm"),
    "health": _NO_PLACE.format("health"),
}


class Taken(NamedTuple):
    """A record as the collar's own log has it; positions are None where the record has none."""

    generation: int
    record: int
    kind: str
    recorded_at_s: int
    lat_e5: int | None
    lon_e5: int | None


@dataclass(frozen=True)
class Verdict:
    """What the database holds of one collar.

    Attributes:
        fixes_loaded: fixes in the database.
        missing: records that should be there and are not.
        double: records that are there more than once.
        different: records there with another time or place than the collar's log has.
        unknown: records there that the collar never took.
    """

    fixes_loaded: int
    missing: list[int]
    double: list[int]
    different: list[int]
    unknown: list[int]

    @property
    def faults(self) -> list[str]:
        """One line per kind of fault, with the record numbers; empty when all is well."""
        named = {
            "missing": self.missing,
            "there twice": self.double,
            "there with other values": self.different,
            "there but never taken": self.unknown,
        }
        return [
            f"{len(records)} {what}: record {', '.join(map(str, records[:10]))}"
            for what, records in named.items()
            if records
        ]


def verify(
    connection: psycopg.Connection,
    collar: int,
    taken: Iterable[Taken],
    due_until_s: float,
) -> Verdict:
    """Compare a collar's log with the database.

    Args:
        connection: to the database the station loads.
        collar: the collar's number.
        taken: everything in the collar's log.
        due_until_s: Unix time up to which its records must be there.
    """
    truth = {(record.generation, record.record): record for record in taken}
    rows = [
        (kind, *row)
        for kind, query in _QUERIES.items()
        for row in connection.execute(query, (collar,)).fetchall()
    ]
    loaded = Counter((generation, record) for _, generation, record, *_ in rows)
    return Verdict(
        fixes_loaded=sum(row[0] == "fix" for row in rows),
        missing=[
            record.record
            for key, record in truth.items()
            if key not in loaded and record.recorded_at_s <= due_until_s
        ],
        double=[record for (_, record), count in loaded.items() if count > 1],
        different=[
            row[2] for row in rows if row[1:3] in truth and not _equal(truth[row[1:3]], *row)
        ],
        unknown=[record for (generation, record) in loaded if (generation, record) not in truth],
    )


def _equal(taken: Taken, kind: str, *row: object) -> bool:
    _, _, recorded_at, lat, lon = row
    place = [None if value is None else value / 1e5 for value in (taken.lat_e5, taken.lon_e5)]
    return (
        kind == taken.kind
        and int(recorded_at.timestamp()) == taken.recorded_at_s  # type: ignore[attr-defined]
        and [lat, lon] == place
    )
