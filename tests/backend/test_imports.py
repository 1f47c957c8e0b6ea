"""Files into the database: once, whole, and every row accounted for."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from backend.db import imports, references
from backend.movebank import events, reference
from backend.movebank.columns import Events
from backend.movebank.report import Report
from backend.movebank.rows import FileRefused

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = (
    "event-id,timestamp,location-long,location-lat,gps:hdop,tag-local-identifier,"
    "individual-local-identifier\n"
)
READ = "select sum(seq_tup_read + idx_tup_fetch)::integer from pg_stat_xact_user_tables"
Connection = psycopg.Connection[Any]


@pytest.fixture
def study(connection: Connection) -> int:
    row = connection.execute("insert into study (name) values ('Ibex') returning study").fetchone()
    assert row is not None
    return int(row[0])


def line(
    hour: int, tag: str = "T1", animal: str = "Alva", lon: float = 10.2, event: int = 0
) -> str:
    time = datetime(2019, 5, 1, tzinfo=UTC) + timedelta(hours=hour)
    place = f"{lon},46.6" if lon else ","
    return f"{event or hour},{time:%Y-%m-%d %H:%M:%S.000},{place},1.5,{tag},{animal}\n"


def store(connection: Connection, study: int, text: str, dry_run: bool = False) -> Report:
    report = Report()
    imports.store(connection, study, blocks(text, report), report, dry_run)
    assert report.balanced
    return report


def blocks(text: str, report: Report) -> Iterator[Events]:
    return events.read_csv(io.BytesIO((HEADER + text).encode()), report, NOW)


def reasons(report: Report) -> dict[str, str]:
    found = report.as_json()["rejections"]
    assert isinstance(found, list)
    return {one["reason"]: one["lines"] for one in found}


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_a_file_is_stored_once_however_often_it_comes(connection: Connection, study: int) -> None:
    text = "".join(line(hour) for hour in range(50))
    assert store(connection, study, text).accepted == 50
    again = store(connection, study, text)
    assert (again.accepted, again.duplicate) == (0, 50)
    assert count(connection, "fix") == 50


@pytest.mark.parametrize("analyzed", [False, True])
def test_rows_that_come_again_are_looked_up_by_their_keys(
    connection: Connection, study: int, analyzed: bool
) -> None:
    rows = 2000
    text = "".join(line(hour, tag) for tag in ("T1", "T2") for hour in range(rows // 2))
    store(connection, study, text)
    if analyzed:
        connection.execute("analyze")
    report, read = Report(), list[Any]()

    def note_reads(_: Report) -> None:
        read.extend(connection.execute(READ).fetchall())

    imports.store(connection, study, blocks(text, report), report, note=note_reads)
    assert report.duplicate == rows
    assert 2 * rows <= read[0][0] <= 3 * rows


def test_rows_of_one_time_that_come_in_two_parts_are_all_kept(
    connection: Connection, study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_BATCH_ROWS", 1)
    report = Report()
    parts = (line(1), line(1, lon=10.3) + line(1, lon=10.4), line(1) + line(1, lon=10.5))
    found = itertools.chain.from_iterable(blocks(part, report) for part in parts)
    imports.store(connection, study, found, report)
    assert (report.accepted, report.duplicate) == (4, 1)


def test_a_dry_run_reports_the_same_and_leaves_nothing(connection: Connection, study: int) -> None:
    assert store(connection, study, line(1) + line(2), dry_run=True).accepted == 2
    assert [count(connection, name) for name in ("fix", "animal", "collar", "deployment")] == [
        0
    ] * 4


def test_a_row_twice_in_a_file_is_a_duplicate_whatever_its_event_id(
    connection: Connection, study: int
) -> None:
    report = store(connection, study, line(1, event=7) + line(1, event=8))
    assert (report.accepted, report.duplicate) == (1, 1)


def test_two_places_at_one_time_are_both_kept(connection: Connection, study: int) -> None:
    text = line(1) + line(1, lon=10.3)
    assert store(connection, study, text).accepted == 2
    assert store(connection, study, text).duplicate == 2
    assert count(connection, "fix") == 2


def test_other_values_for_what_is_stored_are_rejected_by_line(
    connection: Connection, study: int
) -> None:
    store(connection, study, line(1))
    report = store(connection, study, line(1, lon=10.9) + line(2))
    assert report.accepted == 1
    assert reasons(report) == {"other values are stored for this tag and time": "2"}


def test_a_search_that_found_nothing_is_kept_and_is_no_fix(
    connection: Connection, study: int
) -> None:
    report = store(connection, study, line(1) + line(2, lon=0))
    assert (report.accepted, report.without_position) == (2, 1)
    assert (count(connection, "fix"), count(connection, "imported_event")) == (1, 2)


def test_a_tag_that_goes_on_to_another_animal_has_two_deployments(
    connection: Connection, study: int
) -> None:
    store(
        connection, study, line(1) + line(9) + line(20, animal="Bruna") + line(30, animal="Bruna")
    )
    store(connection, study, line(12) + line(40, animal="Bruna"))
    assert count(connection, "deployment") == 2
    assert count(connection, "fix f join deployment d on f.collar = d.collar and d.during @> recorded_at") == 6  # fmt: skip # noqa: E501


def test_rows_of_an_animal_that_does_not_wear_the_tag_then_are_rejected(
    connection: Connection, study: int
) -> None:
    store(connection, study, "".join(line(hour) for hour in range(10)))
    report = store(connection, study, line(5, animal="Bruna", lon=10.4) + line(20))
    assert report.accepted == 1
    assert reasons(report) == {"the tag is on another animal at that time": "2"}


def test_a_tag_whose_animals_change_from_row_to_row_is_rejected(
    connection: Connection, study: int
) -> None:
    text = "".join(line(hour, animal="AB"[hour % 2]) for hour in range(120))
    report = store(connection, study, text)
    assert report.accepted == 0
    assert list(reasons(report)) == ["the tag changes animals from row to row"]


def test_a_file_that_is_refused_half_way_leaves_nothing(
    connection: Connection, study: int
) -> None:
    text = "".join(line(hour) for hour in range(9)) + line(10).replace("2019-05", "05/2019")
    with pytest.raises(FileRefused):
        store(connection, study, text.replace("05/2019-01", "01/05/2019"))
    assert count(connection, "fix") == 0


def test_tags_of_other_studies_are_other_tags(connection: Connection, study: int) -> None:
    row = connection.execute("insert into study (name) values ('Deer') returning study").fetchone()
    assert row is not None
    store(connection, study, line(1))
    assert store(connection, row[0], line(1)).accepted == 1
    assert count(connection, "collar") == 2


def test_the_newest_visible_fix_becomes_the_latest(connection: Connection, study: int) -> None:
    store(connection, study, line(5) + line(3))
    store(connection, study, line(4))
    found = connection.execute("select recorded_at from latest_fix").fetchall()
    assert found == [(datetime(2019, 5, 1, 5, tzinfo=UTC),)]


def refer(connection: Connection, study: int, text: str) -> Report:
    report = Report()
    header = "tag-id,animal-id,animal-taxon,deploy-on-date,deploy-off-date,animal-sex\n"
    rows = reference.read_reference(io.BytesIO((header + text).encode()), report, NOW)
    references.store(connection, study, rows, report)
    assert report.balanced
    return report


def test_reference_data_dates_a_deployment_that_fixes_had_shown(
    connection: Connection, study: int
) -> None:
    store(connection, study, line(1) + line(30))
    text = "T1,Alva,Capra ibex,2019-04-01 00:00:00,,f\n"
    assert refer(connection, study, text).accepted == 1
    assert refer(connection, study, text).duplicate == 1
    found = connection.execute("select lower(during), upper(during) from deployment").fetchall()
    assert found == [(datetime(2019, 4, 1, tzinfo=UTC), None)]


def test_reference_data_cannot_put_one_tag_on_two_animals(
    connection: Connection, study: int
) -> None:
    text = (
        "T1,Alva,Capra ibex,2019-01-01 00:00:00,2020-01-01 00:00:00,f\n"
        "T1,Bruna,Capra ibex,2019-06-01 00:00:00,,f\n"
    )
    report = refer(connection, study, text)
    assert report.accepted == 1
    assert reasons(report) == {"the tag is on another animal in these dates": "3"}
