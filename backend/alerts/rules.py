"""The kinds of rules: what each can be told, and the episodes it finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import shapely
from psycopg import Connection
from psycopg.rows import namedtuple_row
from pydantic import BaseModel, ConfigDict, Field

from backend.alerts import episodes
from backend.alerts.episodes import Episode, Track
from backend.db.queries import query

_MORTALITY, _REVIVAL = 1, 2  # firmware.wire.alarm


class Settings(BaseModel):
    """What a rule can be told; anything else is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def lookback(self) -> timedelta:
        """How much before a new fix the past can change its meaning."""
        return timedelta(days=30)


class Fence(Settings):
    """An animal enters or leaves an area, or crosses a line."""

    event: str = Field(default="exit", pattern="^(enter|exit|crossed)$")


class Mortality(Settings):
    """A collar's own alarm: it lay still for as long as it was told to wait."""


class Immobility(Settings):
    """An animal stays at a place (the analyzer of EarthRanger and ecoscope)."""

    radius_m: float = Field(default=13, gt=0, le=10_000)
    hours: float = Field(default=5, gt=0, le=720)
    share: float = Field(default=0.8, gt=0, le=1)


class LowSpeed(Settings):
    """An animal's mean speed is lower than it should be."""

    speed_kmh: float = Field(default=0.05, gt=0, le=100)
    hours: float = Field(default=24, gt=0, le=720)


class Proximity(Settings):
    """Two animals are near each other."""

    distance_m: float = Field(default=100, gt=0, le=100_000)
    apart_minutes: float = Field(default=15, gt=0, le=1440)


class Silence(Settings):
    """A collar was not heard by any station."""

    hours: float = Field(default=48, gt=0, le=8760)


class LowEnergy(Settings):
    """A collar's storage runs low."""

    voltage_mv: float = Field(default=2500, gt=0, le=10_000)
    recovered_mv: float = Field(default=2600, gt=0, le=10_000)


class StationDown(Settings):
    """A station has heard no collar."""

    hours: float = Field(default=24, gt=0, le=8760)


KINDS: dict[str, type[Settings]] = {
    "fence": Fence,
    "mortality": Mortality,
    "immobility": Immobility,
    "low-speed": LowSpeed,
    "proximity": Proximity,
    "silence": Silence,
    "low-energy": LowEnergy,
    "station-down": StationDown,
}


class Found(NamedTuple):
    """The episodes of one subject of a rule, from `since` on."""

    subject: str
    """Whom it is about; with the rule the key under which alerts are compared"""
    since: datetime
    episodes: list[tuple[Episode, list[list[int]]]]
    """Each with the records it was concluded from: (collar, generation, record)"""
    collar: int | None = None
    animal: int | None = None
    station: str | None = None


def find(connection: Connection[Any], rule: Any, now: datetime) -> Iterator[Found]:
    """What a rule finds for each of its subjects that new data concern.

    Args:
        connection: only read from.
        rule: a row of `rules_of_arrivals` or its like.
        now: the present, for what lasts.
    """
    settings = KINDS[rule.kind].model_validate(rule.settings)
    since = rule.earliest - settings.lookback
    if isinstance(settings, Silence):
        yield from _silent_collars(connection, rule, settings, now)
    elif isinstance(settings, LowEnergy):
        yield from _low_collars(connection, rule, settings, since)
    elif isinstance(settings, StationDown):
        yield from _silent_stations(connection, rule, settings, now)
    elif isinstance(settings, Proximity):
        yield from _meetings(connection, rule, settings, since)
    else:
        for animal in _subjects(connection, rule):
            if isinstance(settings, Mortality):
                found, records = _mortality(connection, animal, since)
            else:
                track, records = _track(connection, animal, since)
                found = _of_track(track, settings, rule.geometry)
            named = [(e, _records(records, e)) for e in found]
            yield Found(f"animal {animal}", since, named, animal=animal)


def _of_track(track: Track, settings: Settings, geometry: Any) -> list[Episode]:
    if isinstance(settings, Immobility):
        return episodes.immobility(track, settings.radius_m, settings.hours, settings.share)
    if isinstance(settings, LowSpeed):
        return episodes.slow(track, settings.speed_kmh, settings.hours)
    assert isinstance(settings, Fence)
    shape = shapely.from_geojson(json.dumps(geometry))
    if settings.event == "crossed":
        return episodes.crossings(track, shape)
    stays = episodes.inside(track, shape)
    if settings.event == "enter":
        return [stay for stay in stays if stay.details["entered"]]
    return _absences(stays)


def _absences(stays: list[Episode]) -> list[Episode]:
    """From leaving an area to coming back."""
    found = []
    for stay, following in zip(stays, [*stays[1:], None], strict=False):
        if stay.ended_s is not None:
            back = following.began_s if following else None
            last = following.first + 1 if following else stay.last
            found.append(Episode(stay.ended_s, back, max(stay.last - 1, 0), last, {}))
    return found


def _meetings(
    connection: Connection[Any], rule: Any, settings: Proximity, since: datetime
) -> Iterator[Found]:
    """Of each animal that moved with every other of the rule."""
    everybody = _all_animals(connection, rule)
    moved = everybody if rule.moved is None else [a for a in everybody if a in rule.moved]
    tracks = {animal: _track(connection, animal, since) for animal in everybody}
    for a in everybody:
        for b in everybody:
            if a < b and (a in moved or b in moved):
                (track_a, records_a), (track_b, records_b) = tracks[a], tracks[b]
                found = episodes.proximity(
                    track_a, track_b, settings.distance_m, settings.apart_minutes * 60
                )
                named = [
                    (e._replace(details=e.details | {"other_animal": float(b)}),
                     [*_records(records_a, e), records_b[other]])
                    for e, other in found
                ]  # fmt: skip
                yield Found(f"animals {a} {b}", since, named, animal=a)


def _mortality(
    connection: Connection[Any], animal: int, since: datetime
) -> tuple[list[Episode], list[list[int]]]:
    rows = _rows(connection, "alert_alarms", animal=animal, since=since)
    times = np.array([row.at for row in rows], float)
    found = episodes.between(times, [row.alarm for row in rows], _MORTALITY, _REVIVAL)
    return found, [[row.collar, row.generation, row.record] for row in rows]


def _low_collars(
    connection: Connection[Any], rule: Any, settings: LowEnergy, since: datetime
) -> Iterator[Found]:
    for collar, animal in _collars(connection, rule):
        rows = _rows(connection, "alert_voltages", collar=collar, since=since)
        found = episodes.below(
            np.array([row.at for row in rows], float),
            np.array([row.voltage_mv for row in rows], float),
            settings.voltage_mv, max(settings.recovered_mv, settings.voltage_mv),
        )  # fmt: skip
        records = [[row.collar, row.generation, row.record] for row in rows]
        named = [(e, _records(records, e)) for e in found]
        yield Found(f"collar {collar}", since, named, collar, animal)


def _silent_collars(
    connection: Connection[Any], rule: Any, settings: Silence, now: datetime
) -> Iterator[Found]:
    since = rule.earliest - settings.lookback
    for collar, animal in _collars(connection, rule):
        rows = _rows(connection, "alert_heard_collar", collar=collar, since=since)
        if rows:
            heard, found = _silences(rows, settings.hours, now)
            yield Found(f"collar {collar}", heard, found, collar, animal)


def _silent_stations(
    connection: Connection[Any], rule: Any, settings: StationDown, now: datetime
) -> Iterator[Found]:
    since = rule.earliest - settings.lookback
    for row in _rows(connection, "alert_stations"):
        rows = _rows(connection, "alert_heard_station", station=row.station, since=since)
        if rows:
            heard, found = _silences(rows, settings.hours, now)
            yield Found(f"station {row.station}", heard, found, station=row.station)


def _silences(
    rows: list[Any], hours: float, now: datetime
) -> tuple[datetime, list[tuple[Episode, list[list[int]]]]]:
    """When something was first heard, and the silences since."""
    heard_s = np.array([row.at for row in rows], float)
    found = episodes.silences(heard_s, hours, now.timestamp())
    return datetime.fromtimestamp(rows[0].at, UTC), [(episode, []) for episode in found]


def _subjects(connection: Connection[Any], rule: Any) -> list[int]:
    animals = _all_animals(connection, rule)
    return animals if rule.moved is None else [a for a in animals if a in rule.moved]


def _all_animals(connection: Connection[Any], rule: Any) -> list[int]:
    rows = _rows(connection, "rule_animals", study=rule.study, animals=rule.animals)
    return [row.animal for row in rows]


def _collars(connection: Connection[Any], rule: Any) -> list[tuple[int, int | None]]:
    rows = _rows(
        connection, "rule_collars", study=rule.study, animals=rule.animals, collars=rule.collars
    )
    return [(row.collar, row.animal) for row in rows]


def _track(
    connection: Connection[Any], animal: int, since: datetime
) -> tuple[Track, list[list[int]]]:
    rows = _rows(connection, "alert_track", animal=animal, since=since)
    columns = [np.array([row[i] for row in rows], float) for i in range(3)]
    return Track(*columns), [[row.collar, row.generation, row.record] for row in rows]


def _records(records: list[list[int]], episode: Episode) -> list[list[int]]:
    """The first and the last record of an episode: enough to find the rest."""
    return [records[i] for i in dict.fromkeys((episode.first, episode.last)) if i < len(records)]


def _rows(connection: Connection[Any], name: str, **values: object) -> list[Any]:
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query(name), values).fetchall()
