"""Movebank's files read: twelve hostile ones, and every row accounted for."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.movebank import events, reference, terms, write
from backend.movebank.columns import EventReader, Events, Floats
from backend.movebank.csv_files import arrow_columns
from backend.movebank.report import Report, ranges
from backend.movebank.rows import SEPARATOR, FileRefused

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HEADER = (
    "event-id,visible,timestamp,location-long,location-lat,gps:dop,ground-speed,"
    "height-above-msl,manually-marked-outlier,sensor-type,individual-taxon-canonical-name,"
    "tag-local-identifier,individual-local-identifier,study-name\n"
)
ROW = '1,true,{},10.2,46.6,1.2,0.3,1900,,gps,"Capra ibex","T1","Alva","Ibex"\n'


class Row(NamedTuple):
    """One event, as a reader of rows would have it."""

    line: int
    tag: str
    animal: str
    recorded_at: datetime
    lat: float | None
    lon: float | None
    altitude_m: float | None
    accuracy_m: float | None
    outlier: int
    told: dict[str, str]


def rows_of(found: Events) -> list[Row]:
    def known(values: Floats) -> list[float | None]:
        return [None if value != value else value for value in values.tolist()]

    names = [found.names[name] for name in found.name]
    return [
        Row(
            line, name.tag, name.animal, EPOCH + timedelta(microseconds=us),
            lat, lon, altitude, accuracy, outlier,
            {t: w for t, w in zip(found.terms, words.split(SEPARATOR), strict=True) if w},
        )
        for line, name, us, lat, lon, altitude, accuracy, outlier, words in zip(
            found.line.tolist(), names, found.time_us.tolist(), known(found.lat), known(found.lon),
            known(found.altitude_m), known(found.accuracy_m), found.outlier.tolist(),
            found.words.to_pylist(), strict=True,
        )
    ]  # fmt: skip


def read(content: str | bytes) -> tuple[list[Row], Report]:
    report = Report()
    content = content if isinstance(content, bytes) else content.encode()
    blocks = events.read_csv(io.BytesIO(content), report, NOW)
    found = sorted(row for block in blocks for row in rows_of(block))
    report.accepted = len(found)
    assert report.balanced
    return found, report


def rows(*times: str) -> str:
    return HEADER + "".join(ROW.format(time) for time in times)


def reasons(report: Report) -> dict[str, str]:
    found = report.as_json()["rejections"]
    assert isinstance(found, list)
    return {one["reason"]: one["lines"] for one in found}


def test_a_row_keeps_its_place_its_time_and_every_word_beyond() -> None:
    (event,), _ = read(rows("2019-05-04 12:00:00.123"))
    assert (event.lat, event.lon, event.altitude_m, event.tag, event.animal) == (
        46.6, 10.2, 1900, "T1", "Alva",
    )  # fmt: skip
    assert event.recorded_at == datetime(2019, 5, 4, 12, 0, 0, 123000, UTC)
    assert event.told == {
        "event-id": "1", "gps:dop": "1.2", "ground-speed": "0.3", "height-above-msl": "1900",
        "sensor-type": "gps",
    }  # fmt: skip


@pytest.mark.parametrize("time", ["03/04/2018 12:00", "3.4.18 12:00", "13-12-2018 00:00:00"])
def test_dates_that_can_be_read_two_ways_refuse_the_file(time: str) -> None:
    with pytest.raises(FileRefused, match=r"line 2: timestamp .*yyyy-MM-dd"):
        read(rows(time))


def test_day_and_month_exchanged_in_the_right_form_are_warned_of() -> None:
    days = [datetime(2018, 4, 1, tzinfo=UTC) + timedelta(days=n) for n in range(40)]
    swapped = [f"{d:%Y-%d-%m} 00:00:00" if d.day <= 12 else f"{d:%Y-%m-%d} 00:00:00" for d in days]
    _, report = read(rows(*swapped))
    assert any("exchanged" in warning for warning in report.warnings)


def test_a_file_without_a_final_newline_loses_no_row() -> None:
    found, _ = read(rows("2019-05-04 12:00:00", "2019-05-04 13:00:00").rstrip("\n"))
    assert len(found) == 2


def test_na_in_a_number_rejects_its_row_and_no_other() -> None:
    bad = ROW.format("2019-05-04 13:00:00").replace(",1.2,", ",na,")
    found, report = read(rows("2019-05-04 12:00:00") + bad + ROW.format("2019-05-04 14:00:00"))
    assert len(found) == 2
    assert reasons(report) == {"gps:dop: expected a number": "3"}


def test_times_with_and_without_a_zone_refuse_the_file() -> None:
    with pytest.raises(FileRefused, match=r"line 3: .*zone in all times or in none"):
        read(rows("2019-05-04 12:00:00", "2019-05-04 13:00:00+02:00"))


def test_zones_are_obeyed_where_all_times_have_one() -> None:
    found, _ = read(rows("2019-05-04 12:00:00Z", "2019-05-04 15:00:00+02:00"))
    assert [event.recorded_at.hour for event in found] == [12, 13]


def test_a_row_without_coordinates_is_a_search_that_found_nothing() -> None:
    (event,), _ = read(rows("2019-05-04 12:00:00").replace("10.2,46.6", ","))
    assert (event.lat, event.lon) == (None, None)


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    (event,), _ = read(b"\xef\xbb\xbf" + rows("2019-05-04 12:00:00").encode())
    assert event.told["event-id"] == "1"


def test_a_header_in_the_middle_is_a_rejected_row() -> None:
    found, report = read(rows("2019-05-04 12:00:00") + rows("2019-05-04 13:00:00"))
    assert len(found) == 2
    assert reasons(report) == {"the header again": "3"}


def test_a_column_twice_refuses_the_file() -> None:
    with pytest.raises(FileRefused, match=r"column = 'gps:dop': expected each column once"):
        read(rows("2019-05-04 12:00:00").replace("ground-speed", "gps:dop"))


def test_a_misspelt_term_is_kept_and_warned_of() -> None:
    (event,), report = read(rows("2019-05-04 12:00:00").replace("gps:dop", "gps-dop"))
    assert event.told["gps-dop"] == "1.2"
    assert report.warnings == ["'gps-dop' is no term of Movebank ('gps:dop' is): kept as it is"]


def test_times_in_the_future_are_rejected_by_line() -> None:
    ahead = (NOW + timedelta(days=400)).strftime("%Y-%m-%d %H:%M:%S")
    found, report = read(rows("2019-05-04 12:00:00", ahead))
    assert len(found) == 1
    assert reasons(report) == {"timestamp: in the future": "3"}


def test_values_apart_by_semicolons_refuse_the_file() -> None:
    with pytest.raises(FileRefused, match="names apart by commas"):
        read(rows("2019-05-04 12:00:00").replace(",", ";"))


def test_a_row_that_is_cut_off_is_rejected() -> None:
    found, report = read(rows("2019-05-04 12:00:00") + "2,true,2019-05-04 13:00:00,10.2")
    assert len(found) == 1
    assert reasons(report) == {"4 values where the header has 14": "3"}


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("10.2,91", "location-lat: expected -90 to 90"),
        ("10.2,", "only one of location-lat and location-long"),
        ("nan,46.6", "location-long: expected a number"),
        ("1_0,46.6", "location-long: expected a number"),
    ],
)
def test_a_place_off_the_globe_is_rejected(field: str, reason: str) -> None:
    _, report = read(rows("2019-05-04 12:00:00").replace("10.2,46.6", field))
    assert reasons(report) == {reason: "2"}


def test_lines_of_json_are_read_in_either_spelling() -> None:
    text = (
        b'{"timestamp": "2019-05-04 12:00:00", "location_long": 10.2, "location_lat": 46.6, '
        b'"tag_local_identifier": "T1", "gps_hdop": 1.5}\n\nnot json\n'
    )
    report = Report()
    (found,) = events.read_ndjson(io.BytesIO(text), report, NOW)
    (event,) = rows_of(found)
    assert (event.lon, event.told) == (10.2, {"gps:hdop": "1.5"})
    assert reasons(report) == {"not JSON": "3"}


def test_reference_data_says_which_tag_was_on_which_animal() -> None:
    text = (
        "tag-id,animal-id,animal-taxon,deploy-on-date,deploy-off-date,animal-mass,animal-sex,"
        "deployment-end-type,animal-ring-id\n"
        "T1,Alva,Capra ibex,2019-05-01 00:00:00.000,2020-05-01 00:00:00.000,82000,f,fall off,R7\n"
        "T2,Bruna,Capra ibex,,,heavy,f,,\n"
    )
    report = Report()
    (one,) = reference.read_reference(io.BytesIO(text.encode()), report, NOW)
    assert (one.mass_g, one.sex, one.end_type) == (82000, "f", "fall off")
    assert one.animal_attributes == {"animal-ring-id": "R7"}
    assert reasons(report) == {"animal-mass: expected a number": "3"}


def test_what_was_read_is_written_in_the_same_words() -> None:
    text = rows("2019-05-04 12:00:00.000", "2019-05-04 13:00:00.250").replace('"', "")
    found, _ = read(text)
    columns = write.event_columns({*found[0].told, "manually-marked-outlier"})
    again = "".join(write.events(columns, map(_stored, found), {7: tuple(found[0].told)}))
    assert again == text


def _stored(row: Row) -> dict[str, object]:
    return {
        **row._asdict(), "study": "Ibex", "cells_per_degree": 0, "taxon": "Capra ibex",
        "header": 7, "words": SEPARATOR.join(row.told.values()),
    }  # fmt: skip


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 200), unique=True))
def test_ranges_name_every_line_once(lines: list[int]) -> None:
    named = [
        number
        for part in ranges(lines).split(",") if part
        for a, _, b in [part.partition("-")]
        for number in range(int(a), int(b or a) + 1)
    ]  # fmt: skip
    assert named == sorted(lines)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.text(alphabet=',;"\n\r\t0123456789-: .abTZ', max_size=300))
def test_any_text_is_read_and_balanced_or_refused(text: str) -> None:
    with suppress(FileRefused):
        read(HEADER + text)


def test_the_ends_of_an_event_file_stand_as_movebank_has_them() -> None:
    columns = write.event_columns(["gps:dop", "event-id", "acceleration-raw"])
    assert columns == [*terms.FIRST, "acceleration-raw", "gps:dop", *terms.LAST]


_CELLS = {
    "timestamp": ["2019-05-04 12:00:00", " 2019-05-04 13:00:00.5", "", "3000-01-01"],
    "location-long": ["10.2", " 10.3", "", "na", "181"],
    "location-lat": ["46.6", "46.7", "", "1_0"],
    "gps:dop": ["1.2", "", "x", " "],
    "location-error-numerical": ["5", "", "-1"],
    "eobs:horizontal-accuracy-estimate": ["7", ""],
    "height-above-msl": ["1900", "", "1e9"],
    "comments": ['say "a\\b"', "", "tab\there", "nul\0", "é"],
    "visible": ["true", "", "false", "no"],
    "manually-marked-outlier": ["false", "TRUE", ""],
    "sensor-type": ["gps", "", "bird-ring"],
    "tag-local-identifier": ["T1", "", "T2 "],
    "individual-local-identifier": ["Alva", ""],
}
_GOOD = st.tuples(*(st.just(cells[0]) | st.sampled_from(cells[:3]) for cells in _CELLS.values()))
_BAD = st.tuples(*(st.sampled_from(cells) for cells in _CELLS.values()))


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.lists(_GOOD, max_size=12), st.lists(_BAD, max_size=2))
def test_rows_read_together_mean_what_they_mean_one_by_one(
    good: list[tuple[str, ...]], bad: list[tuple[str, ...]]
) -> None:
    table = [*good, *bad, *[tuple(cells[0] for cells in _CELLS.values())] * 9]
    lines, reports = np.arange(2, 2 + len(table)), [Report(), Report()]
    apart, together = (EventReader(NOW, report) for report in reports)
    with suppress(FileRefused):
        one_by_one = [
            row
            for line, values in zip(lines, table, strict=True)
            for found in apart.read(tuple(_CELLS), np.array([line]), arrow_columns(zip(values)))
            for row in rows_of(found)
        ]
        at_once = together.read(tuple(_CELLS), lines, arrow_columns(zip(*table, strict=True)))
        assert sorted(row for found in at_once for row in rows_of(found)) == one_by_one
        apart.close()
        together.close()
        assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (b'"comments": "a\\u0000b"', "comments: expected at most 10000 characters of Unicode"),
        (b'"comments": "\\ud800"', "comments: expected at most 10000 characters of Unicode"),
        (b'"location-lat": 1', "location-lat: twice"),
        (b'"comments": {}', "comments: a list or an object, expected one value"),
        (b'"comments": ' + b"[" * 100_000, "not JSON"),
    ],
)
def test_a_line_that_no_database_could_hold_is_rejected(more: bytes, reason: str) -> None:
    line = (
        b'{"timestamp": "2019-05-04 12:00:00", "location_long": 10.2, "location_lat": 46.6, '
        b'"tag_local_identifier": "T1", ' + more + b"}\n"
    )
    report = Report()
    assert list(events.read_ndjson(io.BytesIO(line), report, NOW)) == []
    (found,) = reasons(report)
    assert found.startswith(reason)


def test_an_odd_line_of_json_costs_no_other_line() -> None:
    line = (
        '{{"timestamp": "2019-05-04 12:00:0{0}", "location_long": 10.2, "location_lat": 46.6, '
        '"tag_local_identifier": "T1", "comments": {1}}}\n'
    )
    said = ['"a"', "[]", "null", "true", "7", '"\\u0000"', '"\u00fc\u200b"']
    text = "".join(line.format(n, one) for n, one in enumerate(said))
    report = Report()
    found = [
        row
        for one in events.read_ndjson(io.BytesIO(text.encode()), report, NOW)
        for row in rows_of(one)
    ]
    assert [row.told.get("comments") for row in found] == ["a", None, "true", "7", "\u00fc\u200b"]
    assert sorted(reasons(report).values()) == ["2", "6"]
    assert report.rows_in == len(said)


def test_the_terms_of_lines_of_json_are_known_for_the_next_export() -> None:
    line = (
        b'{"timestamp": "2019-05-04 12:00:00", "location_long": 10.2, "location_lat": 46.6, '
        b'"tag_local_identifier": "T1", "collar colour": "red"}\n'
    )
    report = Report()
    list(events.read_ndjson(io.BytesIO(line), report, NOW))
    assert "collar colour" in report.columns
