"""Event and reference data out, with Movebank's columns, orders, units and terms.

What was imported comes out as it came in: attributes word for word, places and times in their
canonical form. A place that is given less exactly than it is stored says so in a column of its
own, since no term of Movebank does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from backend.movebank import terms
from backend.movebank.rows import SEPARATOR

GENERALISED = "capra:cell-deg"
"""Our own column: the side [deg] of the grid cell whose middle is given; blank: exact."""

_FIXED = {*terms.FIRST, *terms.LAST, GENERALISED}
_BLOCK_ROWS = 2_000


def event_columns(attributes: Iterable[str], generalised: bool = False) -> list[str]:
    """The header of an event file: both ends as Movebank has them, the middle in order.

    Args:
        attributes: the terms that any row of the file has.
        generalised: whether any place is less exact than it is stored.
    """
    middle = {name for name in attributes if name not in _FIXED}
    return [
        *terms.FIRST,
        *([GENERALISED] if generalised else []),
        *sorted(middle, key=_in_order),
        *terms.LAST,
    ]


def _in_order(name: str) -> str:
    """Movebank's order is that of the letters: gps:satellite-count before gps-time-to-fix."""
    return name.replace("-", "").replace(":", "")


def events(
    columns: list[str], rows: Iterable[Mapping[str, Any]], headers: Mapping[int, Sequence[str]]
) -> Iterator[str]:
    """An event file, in parts.

    Args:
        columns: of `event_columns`.
        rows: `recorded_at`, `lat`, `lon` (None: no position), `altitude_m`, `accuracy_m`,
            `outlier`, `header` and `words` (or None), `tag`, `animal`, `taxon`, `study`,
            `cells_per_degree` (0: exact).
        headers: the terms of words, by `header`.
    """
    writer = _Lines()
    yield writer.line(columns)
    pending = 0
    for row in rows:
        values = _event(row, headers)
        writer.row([values.get(name, "") for name in columns])
        pending += 1
        if pending == _BLOCK_ROWS:
            yield writer.taken()
            pending = 0
    yield writer.taken()


def reference(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A file of reference data: a row for each tag on each animal; names as `terms.REFERENCE`."""
    writer = _Lines()
    yield writer.line(terms.REFERENCE)
    for row in rows:
        writer.row([_text(row.get(name)) for name in terms.REFERENCE])
    yield writer.taken()


def timestamp(time: datetime) -> str:
    """A time as Movebank writes it: UTC, milliseconds, no zone; finer only where it is finer."""
    text = time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text[:-3] if text.endswith("000") else text


def _event(row: Mapping[str, Any], headers: Mapping[int, Sequence[str]]) -> dict[str, str]:
    kept: dict[str, str] = {}
    if row["header"] is not None:
        told = zip(headers[row["header"]], row["words"].split(SEPARATOR), strict=True)
        kept.update((term, word) for term, word in told if word)
    outlier = row["outlier"]
    if "altitude_m" in row and row["altitude_m"] is not None:
        kept.setdefault(terms.ALTITUDE, _text(row["altitude_m"]))
    if row["accuracy_m"] is not None and not any(name in kept for name in terms.ACCURACIES):
        kept[terms.ACCURACY] = _text(row["accuracy_m"])
    for name, bit in terms.MARKS.items():
        marked = bool(outlier & bit)
        if (kept.get(name, "").strip().lower() in ("true", "1")) != marked:
            kept[name] = "true" if marked else "false"
    cells = row["cells_per_degree"]
    return {
        **kept,
        terms.VISIBLE: "true" if outlier & 8 or not outlier & 7 else "false",
        terms.TIMESTAMP: timestamp(row["recorded_at"]),
        terms.LON: _text(row["lon"]),
        terms.LAT: _text(row["lat"]),
        GENERALISED: _text(1 / cells) if cells else "",
        terms.SENSOR: kept.get(terms.SENSOR) or "gps",
        terms.TAXON: _text(row["taxon"]),
        terms.TAG: row["tag"],
        terms.ANIMAL: _text(row["animal"]),
        terms.STUDY: _text(row["study"]),
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


class _Lines:
    """CSV as Movebank writes it: strings quoted where they must be, lines end with a newline."""

    def __init__(self) -> None:
        self._out = io.StringIO()
        self._writer = csv.writer(self._out, lineterminator="\n")

    def row(self, values: Iterable[str]) -> None:
        self._writer.writerow(values)

    def line(self, values: Iterable[str]) -> str:
        self.row(values)
        return self.taken()

    def taken(self) -> str:
        text = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return text
