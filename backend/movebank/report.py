"""What became of every row of an import: rows in = accepted + duplicate + rejected."""

from __future__ import annotations

from dataclasses import dataclass, field

_MOST_WARNINGS = 50


@dataclass
class Report:
    """The account of one import.

    Attributes:
        rows_in: rows of the file, the header and empty lines left out.
        accepted: stored now.
        without_position: of those accepted, rows that hold no position (failed searches).
        duplicate: known already, or twice in the file.
        warnings: what the owner of the file should look at.
        columns: the terms of the file's header, blank columns too.
    """

    rows_in: int = 0
    accepted: int = 0
    without_position: int = 0
    duplicate: int = 0
    warnings: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    _lines: dict[str, list[int]] = field(default_factory=dict)

    def reject(self, line: int, reason: str) -> None:
        """Count a row as rejected."""
        self._lines.setdefault(reason, []).append(line)

    def warn(self, text: str) -> None:
        """Say something once; the fiftieth warning is the last."""
        if text not in self.warnings and len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(text)

    @property
    def rejected(self) -> int:
        """How many rows were rejected."""
        return sum(map(len, self._lines.values()))

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows_in == self.accepted + self.duplicate + self.rejected

    def as_json(self) -> dict[str, object]:
        """The report as the API answers it; lines as ranges, `2-5,9`."""
        return {
            "rows_in": self.rows_in,
            "accepted": self.accepted,
            "without_position": self.without_position,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "rejections": [
                {"reason": reason, "rows": len(lines), "lines": ranges(lines)}
                for reason, lines in self._lines.items()
            ],
            "warnings": self.warnings,
        }


def ranges(lines: list[int]) -> str:
    """Numbers as ranges: `[2, 3, 4, 9]` is `2-4,9`."""
    parts: list[list[int]] = []
    for line in sorted(lines):
        if parts and parts[-1][1] + 1 == line:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return ",".join(f"{a}-{b}" if b > a else str(a) for a, b in parts)
