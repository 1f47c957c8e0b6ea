"""The twin's validation: does a storage's model, fitted on days, predict months of a real one?

Kinefox's pony with GPS (Gregersen et al. 2023, doi:10.1371/journal.pone.0285930) ran 132 days: 13
on its initial charge, then 119 from hand to mouth. Fitted on the first 13, and on the run of the
same version that lay still, are four numbers; Kinefox's rule with the twin's storage then plays
the rest. Kinefox has no converter: what it does takes charge, not energy, so all costs are
coulombs and the income alone is a power.

    dV/dt C = income / V - leakage - frames a day x frame - cycles a day x cycle

A frame a day without GPS and the leakage (sleep included) always occur together in those days; the
least squares with no negative number decide.
"""

import csv
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from hardware.budget.rules import kinefox_waits_s, kinefox_wants
from hardware.twin.storage import Storage, StorageParts

_FARADS = 40.0  # Kinefox V2, inferred from its voltage slopes (reference, section 1.1)
_FITTED_D = 13.2
_STEP_S = 600.0
_CYCLE_S = 60.0


@dataclass(frozen=True)
class Fit:
    """What the first days say.

    Attributes:
        income_w: Into the storage [W].
        leakage_a: Always, sleep included [A].
        frame_c, cycle_c: Charge of a frame alone, and of a position with its frame [C].
    """

    income_w: float
    leakage_a: float
    frame_c: float
    cycle_c: float


@dataclass(frozen=True)
class Months:
    """What a collar does from hand to mouth.

    Attributes:
        low_v, high_v: Band of the voltages it reports [V].
        frames: Sent.
        gap_d: Between them, on the mean [days].
    """

    low_v: float
    high_v: float
    frames: int
    gap_d: float


@dataclass(frozen=True)
class _Report:
    at_d: float
    sequence: int
    volts: float
    positioned: bool


def _reports(folder: Path) -> list[_Report]:
    with (folder / "pony_gps.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first_fix = next(row for row in rows if row["ttff_s"])
    zero = datetime.fromisoformat(first_fix["received_at_utc"])
    return [
        _Report(
            (datetime.fromisoformat(row["received_at_utc"]) - zero).total_seconds() / 86_400,
            int(row["sequence"]),
            int(row["voltage_mv"]) / 1e3,
            bool(row["activity"]),
        )
        for row in rows
    ]


def _still(folder: Path) -> list[_Report]:
    with (folder / "voltage.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["run"] == "v2_baseline"]
    return [
        _Report(float(row["step"]), int(row["step"]), float(row["voltage_mv"]) / 1e3, False)
        for row in rows
    ]


def fit(folder: Path) -> Fit:
    """Fit on the first 13 days and the still run; `folder` is `kinefox` of the reference data."""
    early = [report for report in _reports(folder) if report.at_d <= _FITTED_D]
    rows, right = [], []
    for lives, reports in ((1.0, early), (0.0, _still(folder))):
        for before, after in pairwise(reports):
            days, frames = after.at_d - before.at_d, after.sequence - before.sequence
            volts = 0.5 * (before.volts + after.volts)
            cycles = frames if before.positioned else 0
            rows.append([lives * days * 86_400 / volts, -days * 86_400, cycles - frames, -cycles])
            right.append(_FARADS * (after.volts - before.volts))
    scale = np.array([1e-5, 1e-6, 0.1, 1.0])
    income_w, leakage_a, frame_c, cycle_c = (
        nnls(np.array(rows) * scale, np.array(right))[0] * scale
    )
    return Fit(float(income_w), float(leakage_a), float(frame_c), float(cycle_c))


def observed(folder: Path) -> Months:
    """What the pony's collar did after the days of the fit."""
    late = [report for report in _reports(folder) if report.at_d > _FITTED_D]
    last_early = [report for report in _reports(folder) if report.at_d <= _FITTED_D][-1]
    frames = late[-1].sequence - last_early.sequence
    volts = [report.volts for report in late]
    return Months(min(volts), max(volts), frames, (late[-1].at_d - last_early.at_d) / frames)


def predicted(folder: Path) -> Months:
    """What the fit, the twin's storage and Kinefox's rule say of the same days."""
    fitted = fit(folder)
    reports = _reports(folder)
    start = [report for report in reports if report.at_d <= _FITTED_D][-1]
    seconds = (reports[-1].at_d - start.at_d) * 86_400
    storage = Storage(StorageParts(_FARADS, 0.0, 0.0, 3.8), start.volts)
    sent: list[tuple[float, float]] = []
    at_s, wakes = 0.0, 0
    _take(storage, fitted.cycle_c)  # the last report of the fit was made before its cycle
    while True:
        wait_s = kinefox_waits_s(storage.voltage_v)
        for _ in range(int(wait_s / _STEP_S)):
            drawn = {"rest": fitted.leakage_a * storage.voltage_v}
            storage.advance(_STEP_S, fitted.income_w, drawn)
        at_s += wait_s
        if at_s > seconds:
            break
        wakes += 1
        if kinefox_wants(storage.voltage_v, wakes):
            sent.append((at_s, storage.voltage_v))
            _take(storage, fitted.cycle_c)
    volts = [one for _, one in sent]
    return Months(min(volts), max(volts), len(sent), sent[-1][0] / len(sent) / 86_400)


def _take(storage: Storage, charge_c: float) -> None:
    storage.advance(_CYCLE_S, 0.0, {"cycle": charge_c * storage.voltage_v / _CYCLE_S})
