"""Query parameters as plain functions."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.params import Cursor, clamp_limit, format_time, parse_cursor, parse_time

TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
CURSORS = st.builds(
    Cursor,
    st.integers(0, 4_294_967_295_000_000),
    st.integers(1, 65535),
    st.integers(0, 2**31 - 1),
    st.integers(1, 2**32 - 1),
)


@given(time=TIMES)
@settings(derandomize=True)
def test_a_written_time_reads_back(time: datetime) -> None:
    assert parse_time(format_time(time)) == time


@given(cursor=CURSORS)
@settings(derandomize=True)
def test_a_written_cursor_reads_back(cursor: Cursor) -> None:
    assert parse_cursor(str(cursor)) == cursor


@given(text=st.text())
@settings(derandomize=True)
def test_any_text_is_a_cursor_or_a_value_error(text: str) -> None:
    try:
        parsed = parse_cursor(text)
    except ValueError:
        return
    assert isinstance(parsed, Cursor)


def test_whole_seconds_are_written_without_fraction() -> None:
    assert format_time(datetime(2026, 6, 1, 6, tzinfo=UTC)) == "2026-06-01T06:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-01T06:00:00Z",
        "2026-06-01t06:00:00z",
        "2026-06-01T08:00:00+02:00",
        "2026-06-01 06:00:00.000000000Z",
    ],
)
def test_all_spellings_of_rfc_3339_are_one_time(text: str) -> None:
    assert parse_time(text) == datetime(2026, 6, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2026-06-01", "2026-06-01T06:00:00", "1780293600", "2026-02-30T00:00:00Z", "now", 5],
)
def test_anything_else_says_what_was_expected(text: object) -> None:
    with pytest.raises(ValueError, match="expected an RFC 3339 time such as 2026-06-01T06:00:00Z"):
        parse_time(text)


def test_a_plus_lost_in_an_address_is_explained() -> None:
    with pytest.raises(ValueError, match="written %2B"):
        parse_time("2026-06-01T08:00:00 02:00")


def test_a_large_limit_counts_as_the_largest() -> None:
    assert [clamp_limit(n) for n in (1, 10_000, 10**9)] == [1, 10_000, 10_000]
