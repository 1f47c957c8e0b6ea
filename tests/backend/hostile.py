"""Twelve files as they come, and what must be answered: refused, or told row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

HEADER = (
    "event-id,visible,timestamp,location-long,location-lat,gps:dop,sensor-type,"
    "individual-taxon-canonical-name,tag-local-identifier,individual-local-identifier,study-name\n"
)
_BEGIN = datetime(2019, 5, 4, 12, tzinfo=UTC)


class Case(NamedTuple):
    """A file and its right answer."""

    name: str
    content: bytes
    status: int
    counts: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Rows in, accepted, without position, rejected"""
    detail: str = ""
    """Of a refusal"""
    rejections: dict[str, str] = {}  # noqa: RUF012 (never changed)
    """Reason to lines"""
    warning: str = ""

    def fault(self, status: int, answer: dict[str, Any]) -> str | None:
        """What is wrong with an answer, if anything is."""
        if status != self.status:
            return f"status {status}, not {self.status}: {answer}"
        if status != 200:
            return None if self.detail in answer["detail"] else answer["detail"]
        counts = ("rows_in", "accepted", "without_position", "rejected")
        told = tuple(answer[name] for name in counts)
        reasons = {one["reason"]: one["lines"] for one in answer["rejections"]}
        warned = self.warning in "".join(answer["warnings"])
        if (told, reasons) == (self.counts, self.rejections) and warned:
            return None if self.warning or not answer["warnings"] else answer["warnings"]
        return str(answer)


def _row(hour: int, time: str | None = None, place: str = "10.2,46.6", dop: str = "1.2") -> str:
    text = time or f"{_BEGIN + timedelta(hours=hour):%Y-%m-%d %H:%M:%S.000}"
    return f"{hour},true,{text},{place},{dop},gps,Capra ibex,T1,Alva,Ibex\n"


def _swapped() -> str:
    """40 days of which those up to the twelfth of a month have day and month exchanged."""
    days = [datetime(2018, 4, 1, tzinfo=UTC) + timedelta(days=n) for n in range(40)]
    return "".join(
        _row(n, f"{day:%Y-%d-%m} 00:00:00" if day.day <= 12 else f"{day:%Y-%m-%d} 00:00:00")
        for n, day in enumerate(days)
    )


def cases() -> list[Case]:
    """The twelve."""
    rows = _row(0) + _row(1) + _row(2)
    ahead = f"{datetime.now(UTC) + timedelta(days=400):%Y-%m-%d %H:%M:%S}"
    files: list[tuple[str, str, int, dict[str, Any]]] = [
        ("day before month", _row(0) + _row(1, "03/04/2019 12:00"), 400,
         {"detail": "line 3: timestamp = '03/04/2019 12:00': expected yyyy-MM-dd HH:mm:ss.SSS"}),
        ("day and month exchanged in the right form", _swapped(), 200,
         {"counts": (40, 40, 0, 0), "warning": "are day and month exchanged?"}),
        ("no newline at the end", rows.rstrip("\n"), 200, {"counts": (3, 3, 0, 0)}),
        ("na for a number", _row(0) + _row(1, dop="na") + _row(2), 200,
         {"counts": (3, 2, 0, 1), "rejections": {"gps:dop: expected a number": "3"}}),
        ("times with and without a zone", _row(0) + _row(1, "2019-05-04 15:00:00+02:00"), 400,
         {"detail": "line 3: timestamp = '2019-05-04 15:00:00+02:00': expected a zone in all"}),
        ("no coordinates", _row(0) + _row(1, place=","), 200, {"counts": (2, 2, 1, 0)}),
        ("a byte order mark", "\ufeff" + HEADER + rows, 200, {"counts": (3, 3, 0, 0)}),
        ("the header again", _row(0) + HEADER + _row(1), 200,
         {"counts": (3, 2, 0, 1), "rejections": {"the header again": "3"}}),
        ("a column twice", HEADER.replace("gps:dop", "timestamp") + rows, 400,
         {"detail": "line 1: column = 'timestamp': expected each column once"}),
        ("gps-dop for gps:dop", HEADER.replace("gps:dop", "gps-dop") + rows, 200,
         {"counts": (3, 3, 0, 0), "warning": "'gps-dop' is no term of Movebank ('gps:dop' is)"}),
        ("dates 400 days ahead", _row(0) + _row(1, ahead), 200,
         {"counts": (2, 1, 0, 1), "rejections": {"timestamp: in the future": "3"}}),
        ("a last row that is cut off", _row(0) + _row(1)[:30], 200,
         {"counts": (2, 1, 0, 1), "rejections": {"3 values where the header has 11": "3"}}),
    ]  # fmt: skip
    return [
        Case(name, _with_header(text).encode(), status, **answer)
        for name, text, status, answer in files
    ]


def _with_header(text: str) -> str:
    return text if "timestamp" in text.partition("\n")[0] else HEADER + text
