"""The twin's own validation: a model fitted on 13 days of a real collar predicts the other 119."""

import os
from pathlib import Path

from hardware.budget import kinefox
from tests.bench.rows import row


def figures() -> list[dict]:
    """Kinefox's pony, from the reference data."""
    folder = os.environ.get("CAPRA_REFERENCE_DATA")
    if not folder:
        print("CAPRA_REFERENCE_DATA names no folder of real tracks: no validation of the twin")
        return []
    path = Path(folder) / "kinefox"
    fit, seen, told = kinefox.fit(path), kinefox.observed(path), kinefox.predicted(path)
    given = (
        f"pony with GPS, days 13 to 132; income {fit.income_w * 86_400:.2f} J/day, leakage"
        f" {fit.leakage_a * 1e6:.2f} uA, cycle {fit.cycle_c * 2.9:.1f} J at 2.9 V fitted on days 0"
        " to 13"
    )
    rows = []
    for name, one, other, unit in (
        ("frames sent", told.frames, seen.frames, ""),
        ("mean gap", told.gap_d, seen.gap_d, "d"),
        ("lower end of the voltages", told.low_v, seen.low_v, "V"),
        ("upper end of the voltages", told.high_v, seen.high_v, "V"),
    ):
        off = one / other - 1.0
        figure = f"{name}: predicted {one:.4g} {unit}, seen {other:.4g}; off by"
        rows.append(row(figure, off, "share", "<= 0.2", abs(off) <= 0.2, given))
    return rows
