"""Reference data in: which tag was on which animal, and what is known of both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import IO, NamedTuple

from backend.movebank import terms
from backend.movebank.csv_files import CsvFile
from backend.movebank.report import Report
from backend.movebank.rows import RowRejected, TimeReader, number

_OWN_PLACE = frozenset({
    "tag-id", "animal-id", "animal-taxon", "animal-sex", "animal-mass", "animal-comments",
    "deploy-on-date", "deploy-off-date", "deployment-end-type", "deployment-comments",
    "tag-manufacturer-name",
})  # fmt: skip
"""Terms with a column of their own in the database."""


class Deployment(NamedTuple):
    """One row: a tag on an animal."""

    line: int
    tag: str
    animal: str
    taxon: str | None
    sex: str | None
    mass_g: float | None
    animal_comments: str | None
    first: datetime | None
    end: datetime | None
    end_type: str | None
    comments: str | None
    maker: str | None
    animal_attributes: dict[str, str]
    tag_attributes: dict[str, str]
    attributes: dict[str, str]


def read_reference(file: IO[bytes], report: Report, now: datetime) -> Iterator[Deployment]:
    """The accepted rows of a Movebank file of reference data.

    Args:
        file: UTF-8.
        report: rows in and rejected, and warnings, are counted there.
        now: later starts than this (by more than a day) are rejected.

    Raises:
        FileRefused: the file cannot be meant as it is.
    """
    rows = CsvFile(file, report, ("tag-id", "animal-id"))
    times = TimeReader(now)
    for line, row in rows.rows():
        try:
            yield _deployment(line, dict(zip(rows.columns, row, strict=True)), times)
        except RowRejected as reason:
            report.reject(line, str(reason))


def _deployment(line: int, values: dict[str, str], times: TimeReader) -> Deployment:
    def text(name: str) -> str | None:
        return values.get(name, "").strip() or None

    tag, animal = text("tag-id"), text("animal-id")
    if not tag or not animal:
        raise RowRejected("tag-id or animal-id is blank")
    sex = _one_of(values, "animal-sex", terms.SEXES)
    end_type = _one_of(values, "deployment-end-type", terms.END_TYPES)
    mass = text("animal-mass")
    first, end = (
        times.read(line, name, value) if (value := text(name)) else None
        for name in ("deploy-on-date", "deploy-off-date")
    )
    if first and end and end <= first:
        raise RowRejected("deploy-off-date is not after deploy-on-date")
    rest = {k: v for k, v in values.items() if v and k not in _OWN_PLACE}
    return Deployment(
        line, tag, animal, text("animal-taxon"), sex,
        _positive("animal-mass", mass) if mass else None, text("animal-comments"),
        first, end, end_type, text("deployment-comments"), text("tag-manufacturer-name"),
        {k: v for k, v in rest.items() if k.startswith("animal-")},
        {k: v for k, v in rest.items() if k.startswith("tag-")},
        {k: v for k, v in rest.items() if not k.startswith(("animal-", "tag-"))},
    )  # fmt: skip


def _one_of(values: dict[str, str], name: str, known: frozenset[str]) -> str | None:
    """A value of a controlled list; its words may be apart by a space or a hyphen."""
    value = values.get(name, "").strip()
    if value.lower().replace(" ", "-") not in known:
        raise RowRejected(f"{name}: expected one of {', '.join(sorted(known - {''}))}")
    return value or None


def _positive(name: str, text: str) -> float:
    value = number(name, text)
    if value <= 0:
        raise RowRejected(f"{name}: expected more than 0")
    return value
