"""Movebank's CSV files: header, rows with their lines, and what refuses a file as a whole.

A file is read in blocks. A block without anything odd is read as columns by Arrow; any other row
by row, strictly, on to the end of the row in which the block ends.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from backend.movebank import terms
from backend.movebank.report import Report
from backend.movebank.rows import FileRefused, RowRejected, checked_name

_BLOCK = 1 << 20  # bytes; no line is longer
_MARK = b"\xef\xbb\xbf"  # of the order of bytes
_COMMA, _NEWLINE, _QUOTE = b',\n"'
_BEFORE, _BEHIND = (_COMMA, _NEWLINE), (_COMMA, _NEWLINE, ord("\r"))  # of a value in quotes


class CsvFile:
    """A file of Movebank, from its header on.

    Attributes:
        columns: the term of each column.
    """

    def __init__(self, file: IO[bytes], report: Report, needed: Sequence[str]) -> None:
        """Read the header.

        Args:
            file: at its beginning; UTF-8 with or without a byte order mark.
            report: rows in and rejected, and warnings, are counted there.
            needed: terms that must be among the columns.

        Raises:
            FileRefused: there is no header, or a column is nameless, there twice, or missing.
        """
        self._file = file
        self._report = report
        self._line = 1
        self._header_line = self._first_line()
        found = [row for _, row in self._rows(self._header_line.removeprefix(_MARK))]
        self._header = [name.strip() for name in found[0]] if found else []
        self.columns = _terms(self._header, report)
        for term in needed:
            if term not in self.columns:
                said = ", ".join(self._header)
                raise FileRefused(1, "columns", said, f"{term!r} among them")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line and values of each row that has a value for every column.

        Raises:
            FileRefused: no text, or no CSV.
        """
        while block := self._block():
            yield from self._checked(block)

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], list[Any]]]:
        """The same rows in blocks: lines, and for each column an Arrow array; blank is null.

        Raises:
            FileRefused: no text, or no CSV.
        """
        while block := self._block():
            count = block.count(b"\n") + (not block.endswith(b"\n"))
            columns = self._arrow(block, count)
            if columns is not None:
                lines = np.arange(self._line, self._line + count)
                self._report.rows_in += count
                self._line += count
                yield lines, columns
            elif found := list(self._checked(block)):
                starts, rows = zip(*found, strict=True)
                yield np.array(starts), arrow_columns(zip(*rows, strict=True))

    def _first_line(self) -> bytes:
        line = self._file.readline(_BLOCK)
        lone = line.find(b"\r")  # the end of a line by itself, once upon a time
        if 0 <= lone < len(line) - 2 or lone == len(line) - 1 >= 0:
            self._file.seek(lone + 1)
            return line[: lone + 1]
        return line

    def _block(self) -> bytes:
        """The next lines, whole ones."""
        block = self._file.read(_BLOCK)
        if len(block) == _BLOCK:
            whole = block.rfind(b"\n") + 1 or block.rfind(b"\r") + 1
            if not whole:
                raise FileRefused(self._line, "line", block[:40], f"less than {_BLOCK} bytes")
            self._file.seek(whole - _BLOCK, io.SEEK_CUR)
            block = block[:whole]
        return block

    def _arrow(self, block: bytes, count: int) -> list[Any] | None:
        """The columns of a block; None where a row, a quote or the end of a line is odd."""
        if self._header_line in block or not _quoted_plainly(block):
            return None
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(block),
                pyarrow.csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK, column_names=self.columns
                ),
                pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(self.columns, pa.string()),
                    null_values=[""], strings_can_be_null=True,
                ),
            )  # fmt: skip
        except pa.ArrowInvalid:
            return None
        if len(table) != count:
            return None
        return [column.combine_chunks() for column in table.columns]

    def _checked(self, block: bytes) -> Iterator[tuple[int, list[str]]]:
        width = len(self._header)
        for line, row in self._rows(block):
            self._report.rows_in += 1
            if len(row) != width:
                self._report.reject(line, f"{len(row)} values where the header has {width}")
            elif row == self._header:
                self._report.reject(line, "the header again")
            else:
                yield line, row

    def _rows(self, block: bytes) -> Iterator[tuple[int, list[str]]]:
        """Line and values of rows, to the end of the last that begins here; no empty lines."""
        lines = self._lines(block, self._line)
        rows = csv.reader(chain(lines, self._more(self._line + len(lines))), strict=True)
        first = self._line
        try:
            while rows.line_num < len(lines):
                line, row = self._line, next(rows)
                self._line = first + rows.line_num
                if row:
                    yield line, row
        except csv.Error as error:
            at = first + rows.line_num - 1
            raise FileRefused(at, "row", str(error), "values apart by commas") from error

    def _more(self, line: int) -> Iterator[str]:
        """Line after line of what comes behind a block."""
        while part := self._file.readline(_BLOCK):
            lines = self._lines(part, line)
            line += len(lines)
            yield from lines

    def _lines(self, part: bytes, line: int) -> list[str]:
        try:
            text = part.decode()
        except UnicodeDecodeError as error:
            at = line + part[: error.start].count(b"\n")
            odd = part[error.start : error.end + 10]
            raise FileRefused(at, "text", odd, "text in UTF-8") from error
        return list(io.StringIO(text, newline=""))


def arrow_columns(columns: Iterable[Sequence[str]]) -> list[Any]:
    """Columns of texts; blank is null."""
    return [pa.array([text or None for text in column], pa.string()) for column in columns]


def _quoted_plainly(block: bytes) -> bool:
    """Whether all quotes of a block stand around values, and none inside of one."""
    letters = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(letters == _QUOTE)
    if len(quotes) % 2:
        return False
    before, behind = quotes[::2] - 1, quotes[1::2] + 1
    before, behind = before[before >= 0], behind[behind < len(letters)]
    return bool(
        np.isin(letters[before], _BEFORE).all() and np.isin(letters[behind], _BEHIND).all()
    )


def _terms(header: list[str], report: Report) -> list[str]:
    """The term of each column."""
    if not any(header):
        raise FileRefused(1, "file", "", "a header line, then a row a line")
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise FileRefused(1, "header", header[0], "names apart by commas")
    columns = [terms.from_api(name) for name in header]
    for number, name in enumerate(columns, 1):
        if not name:
            raise FileRefused(1, f"column {number}", "", "a name (an empty column?)")
        if columns.index(name) + 1 != number:
            raise FileRefused(1, "column", name, "each column once")
        try:
            checked_name(name)
        except RowRejected as reason:
            raise FileRefused(1, "column", name, str(reason)) from None
        if name in terms.MISSPELT:
            meant = terms.MISSPELT[name]
            report.warn(f"{name!r} is no term of Movebank ({meant!r} is): kept as it is")
    report.columns = columns
    return columns
