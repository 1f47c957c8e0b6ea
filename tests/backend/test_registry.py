"""The registry: numbers, names, and deployments that cannot overlap."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from backend.db import registry
from backend.db.errors import RegistryError
from tests.backend.factories import START

pytestmark = pytest.mark.db
Connection = psycopg.Connection[Any]
MONTH = timedelta(days=30)


@pytest.fixture
def pair(connection: Connection) -> tuple[int, int]:
    """A collar and an animal."""
    return registry.add_collar(connection, "first"), registry.add_animal(connection, "Flurina")


def test_a_collar_gets_the_lowest_free_number(connection: Connection) -> None:
    connection.execute("insert into collar (collar, name) values (1, 'a'), (2, 'b'), (4, 'd')")
    assert [registry.add_collar(connection, name) for name in "ce"] == [3, 5]


def test_number_one_is_given_when_it_is_free(connection: Connection) -> None:
    connection.execute("insert into collar (collar, name) values (2, 'b')")
    assert registry.add_collar(connection, "a") == 1


def test_no_collar_is_numbered_past_the_frame_header(connection: Connection) -> None:
    connection.execute(
        "insert into collar (collar, name) select n, 'full' from generate_series(1, 65535) as n"
    )
    with pytest.raises(RegistryError, match=r"all of 1\.\.65535 are taken"):
        registry.add_collar(connection, "one too many")


def test_a_taken_name_gets_a_number(connection: Connection) -> None:
    for _ in range(3):
        registry.add_animal(connection, "Gian")
    names = connection.execute("select name from animal order by animal").fetchall()
    assert names == [("Gian",), ("Gian (2)",), ("Gian (3)",)]


@pytest.mark.parametrize(("name", "sex"), [("", "f"), ("  ", "f"), ("Gian", "x")])
def test_an_animal_needs_a_name_and_a_known_sex(
    connection: Connection, name: str, sex: str
) -> None:
    with pytest.raises(RegistryError, match="expected"):
        registry.add_animal(connection, name, sex=sex)


def test_a_collar_is_on_one_animal_at_a_time(
    connection: Connection, pair: tuple[int, int]
) -> None:
    registry.deploy(connection, *pair, START, START + MONTH)
    with pytest.raises(RegistryError, match=r"collar 1 is on an animal already"):
        registry.deploy(connection, *pair, START + MONTH - timedelta(seconds=1))


def test_a_deployment_may_begin_when_another_ends(
    connection: Connection, pair: tuple[int, int]
) -> None:
    registry.deploy(connection, *pair, START, START + MONTH)
    registry.deploy(connection, *pair, START + MONTH)
    assert connection.execute("select count(*) from deployment").fetchone() == (2,)


def test_two_collars_may_be_on_one_animal(connection: Connection, pair: tuple[int, int]) -> None:
    registry.deploy(connection, *pair, START)
    second = registry.add_collar(connection, "second")
    assert registry.deploy(connection, second, pair[1], START) > 0


@pytest.mark.parametrize(
    ("begins", "ends", "message"),
    [
        (datetime(2026, 6, 1), None, "expected a time with its zone"),
        (START, START, "expected a time after 2026-06-01"),
        (START, START - MONTH, "expected a time after 2026-06-01"),
    ],
)
def test_an_impossible_period_is_named(
    connection: Connection, begins: datetime, ends: datetime | None, message: str
) -> None:
    with pytest.raises(RegistryError, match=message):
        registry.deploy(connection, 1, 1, begins, ends)


def test_an_unknown_animal_is_named(connection: Connection, pair: tuple[int, int]) -> None:
    with pytest.raises(RegistryError, match="collar 1 on animal 77: expected both"):
        registry.deploy(connection, pair[0], 77, START)


def test_a_station_may_be_moved(connection: Connection) -> None:
    registry.add_station(connection, "hut", 46.66, 10.2)
    registry.add_station(connection, "hut", 46.7, 10.3)
    assert connection.execute("select * from station").fetchall() == [("hut", 46.7, 10.3)]


def test_a_station_off_the_earth_is_refused(connection: Connection) -> None:
    with pytest.raises(RegistryError, match=r"lat 91: expected degrees from -90 to 90"):
        registry.add_station(connection, "hut", 91, 10.2)


def test_without_autocommit_each_entry_is_committed(migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as writer:
        registry.add_animal(writer, "Flurina")
        with psycopg.connect(migrated_url) as reader:
            assert reader.execute("select name from animal").fetchall() == [("Flurina",)]
