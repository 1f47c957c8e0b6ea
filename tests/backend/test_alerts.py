"""Alerts: the same whatever the order of arrival, once each, taken back where data refute them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from backend.alerts.evaluate import evaluate
from backend.db import ingest, registry
from backend.db.ingest import AlarmRow, FixRow
from backend.db.queries import query

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR_US = 3_600_000_000
LAT_M = 1 / 111_195
Connection = psycopg.Connection[Any]
FENCE = {
    "type": "Polygon",
    "coordinates": [[[10.1, 46.5], [10.3, 46.5], [10.3, 46.7], [10.1, 46.7], [10.1, 46.5]]],
}


def fix(hour: float, north_m: float = 0, collar: int = 1, east: float = 10.2) -> FixRow:
    at_us = int(START.timestamp()) * 1_000_000 + int(hour * HOUR_US)
    record = round(hour * 10) + 1
    return FixRow(collar, 0, record, at_us, 46.6 + north_m * LAT_M, east, None, 5.0, 0)


def later(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.fixture
def alva(connection: Connection) -> int:
    """An animal with collar 1."""
    return wear(connection, 1, "Alva")


def wear(connection: Connection, collar: int, name: str) -> int:
    assert registry.add_collar(connection, f"collar {collar}") == collar
    animal = registry.add_animal(connection, name, "Capra ibex", "f")
    registry.deploy(connection, collar, animal, START - timedelta(days=9), None)
    return animal


def rule(connection: Connection, kind: str, **settings: Any) -> int:
    fence = settings.pop("fence", None)
    if fence:
        row = connection.execute(
            "insert into fence (name, geometry) values ('park', %s) returning fence",
            (Jsonb(fence),),
        ).fetchone()
        fence = row and row[0]
    row = connection.execute(
        """insert into alert_rule (kind, name, fence, settings, deliver)
        values (%s, %s, %s, %s, '[{"kind": "webhook"}]') returning alert_rule""",
        (kind, kind, fence, Jsonb(settings)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def load(connection: Connection, *fixes: FixRow, now_h: float = 100) -> int | None:
    ingest.load(connection, ingest.Batch(fixes))
    return evaluate(connection, later(now_h), of_time=False)


def standing(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        """select kind, began_at, ended_at, fixes::text from alert
        where withdrawn_at is null order by kind, began_at"""
    ).fetchall()


def test_an_animal_that_leaves_the_fence_raises_one_alert_and_closes_it_on_return(
    connection: Connection, alva: int
) -> None:
    rule(connection, "fence", event="exit", fence=FENCE)
    load(connection, fix(0), fix(1), fix(2, 20_000))
    load(connection, fix(3, 21_000))
    load(connection, fix(4, 100))
    (alert,) = standing(connection)
    assert later(1) < alert[1] < later(2)
    assert alert[2] is not None and later(3) < alert[2] < later(4)


def test_an_alert_is_told_once_however_often_its_data_come(
    connection: Connection, alva: int
) -> None:
    rule(connection, "fence", event="enter", fence=FENCE)
    fixes = [fix(0, 20_000), fix(1), fix(2)]
    assert load(connection, *fixes) == 1
    assert load(connection, *fixes) == 0
    assert load(connection, fix(0.5, 100)) == 0
    row = connection.execute("select count(*) from alert_delivery").fetchone()
    assert row == (1,)


def test_a_late_fix_takes_back_what_it_refutes(connection: Connection, alva: int) -> None:
    rule(connection, "immobility")
    load(connection, *(fix(hour, hour % 2) for hour in (0, 6, 7, 8)))
    assert len(standing(connection)) == 1
    load(connection, *(fix(hour, 3000 + 500 * hour) for hour in (1, 2, 3, 4, 5)))
    load(connection, *(fix(hour + 0.5, 9000 + 700 * hour) for hour in range(9)))
    assert standing(connection) == []


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_arrival_ends_in_the_same_alerts(
    connection: Connection, alva: int, seed: int
) -> None:
    for kind, settings in (
        ("immobility", {}), ("low-speed", {"hours": 12}), ("fence", {"fence": FENCE}),
    ):  # fmt: skip
        rule(connection, kind, **settings)
    dice = random.Random(seed)
    north, fixes = 0.0, []
    for hour in range(90):
        north += 0 if dice.random() < 0.5 or 30 < hour < 45 else dice.uniform(-9000, 9000)
        fixes.append(fix(hour, north))
    load(connection, *fixes)
    expected = standing(connection)
    connection.execute("truncate fix, latest_fix, record_gate, alert cascade")
    dice.shuffle(fixes)
    while fixes:
        size = dice.randint(1, 20)
        load(connection, *fixes[:size])
        fixes = fixes[size:]
    assert standing(connection) == expected
    assert len(expected) > 2


def test_two_animals_that_meet_are_told_of_with_both_fixes(
    connection: Connection, alva: int
) -> None:
    wear(connection, 2, "Bruna")
    rule(connection, "proximity")
    load(connection, *(fix(hour, 1000 * hour) for hour in range(5)))
    load(connection, *(fix(hour + 0.1, 4000 - 1000 * hour, 2) for hour in range(5)))
    (alert,) = standing(connection)
    assert alert[1] == later(2)
    assert "[2, 0, 22]" in alert[3]


def test_a_collars_own_mortality_alarm_lasts_until_its_revival(
    connection: Connection, alva: int
) -> None:
    rule(connection, "mortality")
    start = int(START.timestamp()) * 1_000_000
    alarms = [AlarmRow(1, 0, 7, start, 1, 0, 86_400), AlarmRow(1, 0, 9, start + HOUR_US, 2, 0, 0)]
    ingest.load(connection, ingest.Batch(alarms=alarms[:1]))
    evaluate(connection, later(2))
    assert standing(connection)[0][2] is None
    ingest.load(connection, ingest.Batch(alarms=alarms[1:]))
    evaluate(connection, later(2))
    assert standing(connection)[0][:3] == ("mortality", START, later(1))


def test_what_ended_long_ago_is_recorded_and_told_to_nobody(
    connection: Connection, alva: int
) -> None:
    rule(connection, "fence", event="enter", fence=FENCE)
    load(connection, fix(0, 20_000), fix(1), fix(2, 20_000), now_h=24 * 300)
    assert len(standing(connection)) == 1
    assert connection.execute("select count(*) from alert_delivery").fetchone() == (0,)


def test_a_new_rule_can_look_at_the_past(connection: Connection, alva: int) -> None:
    load(connection, fix(0, 20_000), fix(1))
    rule(connection, "fence", event="enter", fence=FENCE)
    connection.execute(query("note_rule"), {"study": None, "animals": None, "since": START})
    assert evaluate(connection, later(3)) == 1


def test_a_fix_marked_as_an_outlier_causes_no_alert(connection: Connection, alva: int) -> None:
    rule(connection, "fence", event="exit", fence=FENCE)
    ingest.load(connection, ingest.Batch([fix(0), fix(1, 50_000), fix(2)]))
    connection.execute("update fix set outlier = 4 where record = 11")
    assert evaluate(connection, later(3)) == 0


def test_an_evaluation_that_fails_looks_again(
    connection: Connection, alva: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule(connection, "fence", event="exit", fence=FENCE)
    ingest.load(connection, ingest.Batch([fix(0), fix(1, 50_000)]))
    with monkeypatch.context() as broken:
        broken.setattr("backend.alerts.rules.find", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluate(connection, later(3))
    assert evaluate(connection, later(3)) == 1
