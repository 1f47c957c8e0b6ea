"""Files through the API: what goes in comes out again, and every row is accounted for."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator

import psycopg
import pytest
from httpx import Client

from tests.backend.factories import bearer, key_for, serving

# The header of a published study of oystercatchers, its columns in its order.
HEADER = (
    "event-id,visible,timestamp,location-long,location-lat,bar:barometric-pressure,"
    "external-temperature,gps:dop,gps:satellite-count,gps-time-to-fix,ground-speed,heading,"
    "height-above-msl,import-marked-outlier,location-error-numerical,manually-marked-outlier,"
    "vertical-error-numerical,sensor-type,individual-taxon-canonical-name,tag-local-identifier,"
    "individual-local-identifier,study-name"
)
ROWS = [
    f"{7000 + hour},true,2019-05-{1 + hour // 24:02d} {hour % 24:02d}:00:00.000,"
    f"{3.1 + hour / 1000:.4f},{51.2 + hour / 2000:.5f},0,22.{hour % 10},1.{hour % 7},8,30.2,0.3,"
    f"{hour},1{hour},false,3.{hour % 10},,4.5,gps,Haematopus ostralegus,T{hour % 2},"
    f"Bird {hour % 2},Oyster"
    for hour in range(60)
]
ROWS[7] = ROWS[7].replace(",true,", ",false,").replace(",false,3", ",true,3")
ROWS[9] = ",".join([*ROWS[9].split(",")[:3], "", "", *ROWS[9].split(",")[5:]])
FILE = "\n".join([HEADER, *ROWS]) + "\n"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def study(client: Client) -> int:
    answer = client.post("/api/v1/studies", json={"name": "Oyster", "sensitivity": "medium"})
    return int(answer.json()["study"])


def post(client: Client, study: int, text: str, **params: str) -> dict[str, object]:
    answer = client.post(
        f"/api/v1/studies/{study}/events", content=text, headers=CSV, params=params
    )
    assert answer.status_code == 200, answer.text
    report: dict[str, object] = answer.json()
    return report


def test_what_goes_in_comes_out_again_to_the_word(client: Client, study: int) -> None:
    report = post(client, study, FILE)
    assert (report["rows_in"], report["accepted"], report["without_position"]) == (60, 60, 1)
    again = client.get(f"/api/v1/studies/{study}/events.csv").text
    assert again.splitlines()[0] == HEADER
    assert canonical(again) == canonical(FILE)


def canonical(text: str) -> list[dict[str, str]]:
    """Rows with numbers in one form."""
    return sorted(
        (
            {k: str(float(v)) if v.replace(".", "").isdigit() else v for k, v in row.items()}
            for row in csv.DictReader(io.StringIO(text))
        ),
        key=lambda row: row["event-id"],
    )


BARE = (
    "timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier\n"
    "2019-05-01 00:00:00,3.1,51.2,T,Bird\n2019-05-01 01:00:00,3.2,51.3,T,Bird\n"
)


@pytest.mark.parametrize("text", [FILE, BARE], ids=["full", "bare"])
def test_an_export_that_is_imported_again_adds_nothing(
    client: Client, study: int, text: str
) -> None:
    post(client, study, text)
    again = client.get(f"/api/v1/studies/{study}/events.csv").text
    report = post(client, study, again)
    counts = (report["accepted"], report["duplicate"], report["rejected"])
    assert counts == (0, text.count("\n") - 1, 0)


def test_a_packed_file_is_unpacked(client: Client, study: int) -> None:
    answer = client.post(
        f"/api/v1/studies/{study}/events",
        content=gzip.compress(FILE.encode()),
        headers=CSV | {"Content-Encoding": "gzip"},
    )
    assert answer.json()["accepted"] == 60


def test_a_packed_file_that_is_cut_off_is_refused(client: Client, study: int) -> None:
    answer = client.post(
        f"/api/v1/studies/{study}/events",
        content=gzip.compress(FILE.encode())[:-20],
        headers=CSV | {"Content-Encoding": "gzip"},
    )
    assert (answer.status_code, "ends too early" in answer.json()["detail"]) == (400, True)


def test_a_dry_run_reports_and_stores_nothing(client: Client, study: int) -> None:
    report = post(client, study, FILE, dry_run="true")
    assert (report["accepted"], report["dry_run"]) == (60, True)
    assert client.get("/api/v1/animals").json()["animals"] == []


def test_dates_in_two_ways_refuse_the_file_and_name_the_line(client: Client, study: int) -> None:
    text = "\n".join([HEADER, ROWS[0], ROWS[1].replace("2019-05-01", "01/05/2019")])
    answer = client.post(f"/api/v1/studies/{study}/events", content=text, headers=CSV)
    assert answer.status_code == 400
    assert "line 3: timestamp" in answer.json()["detail"]


def test_rejected_rows_are_named_with_their_lines(client: Client, study: int) -> None:
    report = post(client, study, FILE.replace(",51.20500,", ",91.205,"))
    assert report["rejections"] == [
        {"reason": "location-lat: expected -90 to 90", "rows": 1, "lines": "12"}
    ]


def test_lines_of_json_are_taken(client: Client, study: int) -> None:
    line = (
        '{"timestamp": "2019-05-01T00:00:00Z", "location_long": 3.1, "location_lat": 51.2,'
        ' "tag_local_identifier": "T9", "individual_local_identifier": "Bird 9"}'
    )
    answer = client.post(
        f"/api/v1/studies/{study}/events",
        content=line, headers={"Content-Type": "application/x-ndjson"},
    )  # fmt: skip
    assert answer.json()["accepted"] == 1


def test_a_guest_may_not_import(client: Client, study: int, migrated_url: str) -> None:
    guest = bearer(key_for(migrated_url, "guest", study))
    answer = client.post(f"/api/v1/studies/{study}/events", content=FILE, headers=CSV | guest)
    assert answer.status_code == 403


def test_a_guest_gets_cells_and_no_words_beyond(
    client: Client, study: int, migrated_url: str
) -> None:
    post(client, study, FILE)
    guest = bearer(key_for(migrated_url, "guest", study))
    text = client.get(f"/api/v1/studies/{study}/events.csv", headers=guest).text
    found = list(csv.DictReader(io.StringIO(text)))
    assert all(float(row["location-long"]) * 1000 % 1 == 0 for row in found)
    assert all(row["capra:cell-deg"] and not row.get("gps:dop") for row in found)


def test_reference_data_goes_in_and_comes_out(client: Client, study: int) -> None:
    text = (
        "tag-id,animal-id,animal-taxon,deploy-on-date,deploy-off-date,animal-mass,animal-ring-id,"
        "deployment-end-type\n"
        "T0,Bird 0,Haematopus ostralegus,2019-04-01 00:00:00.000,2019-09-01 00:00:00.000,540,R7,"
        "removal\n"
    )
    answer = client.post(f"/api/v1/studies/{study}/reference-data", content=text, headers=CSV)
    assert answer.json()["accepted"] == 1
    back = client.get(f"/api/v1/studies/{study}/reference-data.csv").text
    (row,) = csv.DictReader(io.StringIO(back))
    wanted = next(csv.DictReader(io.StringIO(text)))
    assert {name: row[name] for name in wanted} == wanted


def test_an_import_is_in_the_audit(client: Client, study: int, migrated_url: str) -> None:
    post(client, study, FILE)
    with psycopg.connect(migrated_url) as connection:
        found = connection.execute(
            "select what -> 'rows' ->> 'accepted' from audit where what ->> 'path' like %s",
            ("%/events",),
        ).fetchall()
    assert ("60",) in found


def test_who_sends_a_file_slowly_keeps_nobody_else_waiting(migrated_url: str) -> None:
    codes: list[int] = []
    with (
        serving(migrated_url, pool_size=1, pool_wait_s=0.2) as sender,
        Client(base_url=sender.base_url, headers=sender.headers, trust_env=False) as other,
    ):
        study = sender.post("/api/v1/studies", json={"name": "Slow"}).json()["study"]

        def body() -> Iterator[bytes]:
            yield "\n".join([HEADER, *ROWS[:2], ""]).encode()
            codes.extend(other.get("/api/v1/latest").status_code for _ in range(5))
            yield "\n".join([*ROWS[2:], ""]).encode()

        answer = sender.post(f"/api/v1/studies/{study}/events", content=body(), headers=CSV)
    assert answer.json()["accepted"] == len(ROWS)
    assert set(codes) == {200}
