"""Corridors of a herd: computed from its fixes, stored once per question and data."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
from shapely.geometry import Point, shape

from analytics.corridors.observed import default_shares
from backend import schemas
from backend.db import ingest
from backend.errors import CannotCompute, NotFound
from backend.jobs import corridor
from backend.jobs.fixes import selection
from backend.jobs.question import Stored
from tests.backend.factories import HOUR_US, START, START_US, march, settle_marchers, walk

pytestmark = pytest.mark.db
Connection = psycopg.Connection[Any]
URL = "/api/v1/corridors"
HERD = [1, 2, 3]
LATER_US = START_US + 97 * HOUR_US
PASS_LON_LAT = (10.26, 46.66)  # where all ways of `march` meet


def scatter(collar: int) -> list[ingest.FixRow]:
    """Fixes that say nothing of each other."""
    rng = np.random.default_rng(collar)
    return [
        row._replace(record=row.record + 10, lat_deg=float(lat), lon_deg=float(lon))
        for row, (lat, lon) in zip(
            march(collar)[10:], rng.normal((46.66, 10.26), 0.01, (86, 2)), strict=True
        )
    ]


@pytest.fixture
def marchers(migrated_url: str) -> None:
    """Three ibex that cross one pass, and one without fixes."""
    settle_marchers(migrated_url, animals=3)


def post(client: httpx.Client, status: int = 201, **body: Any) -> list[dict[str, Any]]:
    """The features of a computation."""
    response = client.post(URL, json=body)
    assert response.status_code == status, response.text
    return list(schemas.Corridors.model_validate(response.json()).model_dump()["features"])


@pytest.mark.usefixtures("marchers")
def test_the_shared_land_leads_over_the_pass(client: httpx.Client) -> None:
    levels = post(client)
    lands = [shape(one["geometry"]) for one in levels]
    assert [one["properties"]["animals"] for one in levels] == [1, 2, 3]
    assert all(land.is_valid and land.contains(Point(PASS_LON_LAT)) for land in lands)
    areas = [one["properties"]["area_km2"] for one in levels]
    assert areas == sorted(areas, reverse=True)
    assert areas[-1] > 0


@pytest.mark.usefixtures("marchers")
def test_every_level_has_its_widths(client: httpx.Client) -> None:
    for one in post(client):
        level = one["properties"]
        widths = [level[f"width_{name}_m"] for name in ("narrowest", "median", "widest")]
        assert widths == sorted(widths)
        assert widths[0] > 10
        bottleneck = Point(level["width_bottleneck_lon_lat"])
        assert shape(one["geometry"]).buffer(1e-6).contains(bottleneck)


@pytest.mark.usefixtures("marchers")
def test_what_was_used_is_stored_with_the_result(client: httpx.Client) -> None:
    level = post(client, animals=[2, 1], error_m=12, motion_variance="dynamic")[0]["properties"]
    assert level["herd"] == [1, 2]
    assert level["fixes"] == 2 * 96
    assert level["software_version"].startswith("capra ")
    assert level["parameters"]["error_m"] == 12
    assert level["parameters"]["error_source"] == "given"
    assert level["parameters"]["motion_variance_m2_per_s"] == "dynamic"
    assert level["parameters"]["projection"].startswith("+proj=aeqd")


@pytest.mark.usefixtures("marchers")
def test_the_error_is_the_median_accuracy_of_the_fixes(client: httpx.Client) -> None:
    parameters = post(client)[0]["properties"]["parameters"]
    assert parameters["error_m"] == pytest.approx(8 / 2**0.5)
    assert parameters["error_source"] == "median of the fixes' accuracies, over root 2"


@pytest.mark.usefixtures("marchers")
def test_fixes_without_accuracy_need_an_error(connection: Connection) -> None:
    connection.execute("update fix set accuracy_m = null")
    with pytest.raises(CannotCompute, match="none of 288 fixes has an accuracy: give error_m"):
        corridor.compute(connection)


@pytest.mark.usefixtures("marchers")
def test_only_fixes_of_the_time_range_are_used(client: httpx.Client) -> None:
    body: dict[str, Any] = {"from": "2026-06-01T12:00:00Z", "to": "2026-06-03T00:00:00Z"}
    level = post(client, **body)[0]["properties"]
    assert level["fixes"] == 3 * 36
    first, last = level["from_time"], level["to_time"]
    assert datetime(2026, 6, 1, 12, tzinfo=UTC) <= first < last
    assert last < datetime(2026, 6, 3, tzinfo=UTC)


@pytest.mark.usefixtures("marchers")
def test_the_same_question_is_answered_by_the_stored_result(client: httpx.Client) -> None:
    first = client.post(URL, json={"animals": HERD})
    again = client.post(URL, json={"animals": [3, 2, 1, 1]})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["features"] == again.json()["features"]
    assert client.get(again.headers["location"]).json()["features"] == again.json()["features"]


@pytest.mark.usefixtures("marchers")
def test_new_fixes_or_another_question_make_a_new_row(connection: Connection) -> None:
    first = corridor.compute(connection)
    other = corridor.compute(connection, asked=corridor.Asked(error_m=30))
    ingest.load(
        connection, ingest.Batch([march(1)[-1]._replace(record=97, recorded_at_us=LATER_US)])
    )
    later = corridor.compute(connection)
    assert len({first.number, other.number, later.number}) == 3


@pytest.mark.usefixtures("marchers")
def test_two_at_once_store_one(migrated_url: str) -> None:
    def compute(_: int) -> Stored:
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            return corridor.compute(connection, HERD)

    with ThreadPoolExecutor(2) as pool:
        stored = list(pool.map(compute, range(2)))
    assert stored[0].number == stored[1].number
    assert sorted(one.created for one in stored) == [False, True]


@pytest.mark.usefixtures("marchers")
def test_animals_without_a_usable_track_are_left_out_and_named(client: httpx.Client) -> None:
    parameters = post(client)[0]["properties"]["parameters"]
    assert parameters["animals"] == 3
    ((animal, reason),) = [tuple(one.values()) for one in parameters["left_out"]]
    assert (animal, reason) == (4, "2 fixes, at least 5 are needed")


@pytest.mark.usefixtures("marchers")
def test_animals_asked_for_are_never_left_out(connection: Connection) -> None:
    with pytest.raises(CannotCompute, match=r"animal 4: 2 fixes, at least 5 are needed"):
        corridor.compute(connection, [1, 2, 4])


@pytest.mark.usefixtures("marchers")
def test_one_animal_is_no_herd(connection: Connection) -> None:
    with pytest.raises(CannotCompute, match="1 of at least 2 animals have a usable track"):
        corridor.compute(connection, [1, 1])


def test_no_fixes_at_all_are_refused_with_the_reason(connection: Connection) -> None:
    with pytest.raises(CannotCompute, match="0 of at least 2 animals have a usable track"):
        corridor.compute(connection, to_utc=START)


@pytest.mark.usefixtures("marchers")
def test_an_unknown_animal_is_refused(connection: Connection) -> None:
    with pytest.raises(NotFound, match="no animal 99"):
        corridor.compute(connection, [1, 99])


@pytest.mark.usefixtures("marchers")
def test_a_track_too_sparse_for_bridges_is_refused_by_name(connection: Connection) -> None:
    ingest.load(connection, ingest.Batch(scatter(4)))
    with pytest.raises(CannotCompute, match="animal 4: too sparse for bridges"):
        corridor.compute(connection, [1, 2, 3, 4])
    stored = corridor.compute(connection)
    sql = "select herd, parameters->'left_out'->0 from corridor where corridor = %s"
    row = connection.execute(sql, (stored.number,)).fetchone()
    assert row is not None
    assert row[0] == [1, 2, 3]
    assert row[1]["animal"] == 4
    assert row[1]["reason"].startswith("too sparse for bridges")


@pytest.mark.usefixtures("marchers")
def test_what_analytics_warns_of_is_stored(connection: Connection) -> None:
    way = walk(4, 60, seed=4)
    gap = way[-1]._replace(record=61, recorded_at_us=way[-1].recorded_at_us + 48 * HOUR_US)
    ingest.load(connection, ingest.Batch([*way, gap]))
    stored = corridor.compute(connection)
    sql = "select parameters->'warnings' from corridor where corridor = %s"
    row = connection.execute(sql, (stored.number,)).fetchone()
    assert row is not None
    triggered, gaps = row[0]
    assert triggered.startswith("animal 4: movement-triggered sample: 21 of 61 fixes")
    assert gaps.startswith("animal 4: 1 gaps of 172800 s or more")


@pytest.mark.usefixtures("marchers")
def test_the_backbone_alone_is_used_where_asked_for(connection: Connection) -> None:
    connection.execute("update fix set reason = 2 where record % 2 = 0")
    stored = corridor.compute(connection, wanted=selection(backbone_only=True))
    sql = "select fixes, parameters->'warnings' from corridor where corridor = %s"
    assert connection.execute(sql, (stored.number,)).fetchone() == (144, [])


def test_a_share_that_nobody_has_is_a_level_without_land(
    client: httpx.Client, migrated_url: str
) -> None:
    settle_marchers(migrated_url, animals=2, apart_deg=0.1)
    single, both = post(client)
    assert single["properties"]["area_km2"] > 0
    assert both["properties"]["animals"] == 2
    assert both["properties"]["area_km2"] == 0
    assert both["properties"]["width_narrowest_m"] is None
    assert both["geometry"] is None


def test_small_herds_are_shown_by_one_two_and_three_animals() -> None:
    def counts(animals: int) -> list[float]:
        return [round(share * animals / 100, 6) for share in default_shares(animals)]

    assert counts(2) == [1, 2]
    assert counts(5) == [1, 2, 3]
    assert counts(100) == [1, 10, 20]


@pytest.mark.usefixtures("marchers")
def test_pages_lead_from_the_newest_to_the_oldest(client: httpx.Client) -> None:
    for error_m in (5, 10, 15):
        post(client, animals=[1, 2], error_m=error_m)
    numbers, place = [], f"{URL}?limit=2"
    while place:
        answer = client.get(place).json()
        numbers.append([one["id"] for one in answer["features"]])
        place = next((one["href"] for one in answer["links"] if one["rel"] == "next"), "")
    assert numbers == [["3-1", "3-2", "2-1", "2-2"], ["1-1", "1-2"]]


@pytest.mark.usefixtures("marchers")
def test_computations_are_found_by_an_animal_of_the_herd(client: httpx.Client) -> None:
    post(client, animals=[1, 2])
    assert len(client.get(URL, params={"animal": 2}).json()["features"]) == 2
    assert client.get(URL, params={"animal": 3}).json()["features"] == []


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"animals": [1]}, "animals = [1]: expected List should have at least 2 items"),
        ({"animals": [1, 0]}, "animals.1 = 0: expected greater than or equal to 1"),
        ({"error_m": 0}, "error_m = 0: expected greater than or equal to 0.01"),
        ({"shares_percent": [101]}, "shares_percent.0 = 101: expected less than or equal to 100"),
        ({"motion_variance": "guess"}, "expected 'likelihood' or 'dynamic'"),
        ({"herd": [1, 2]}, "herd = [1, 2]: expected no member of this name"),
        ({"from": "2026-06-02T00:00:00Z", "to": "2026-06-01T00:00:00Z"}, "a time before 'to'"),
    ],
)
def test_a_bad_member_of_a_body_is_named(
    reader: httpx.Client, body: dict[str, Any], detail: str
) -> None:
    response = reader.post(URL, json=body)
    assert response.status_code == 400
    assert detail in response.json()["detail"]
