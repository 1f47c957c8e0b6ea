"""From rows of the database to a track: what every computation does first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.clean import Rules
from analytics.errors import TrackError
from analytics.location_error import LocationError
from analytics.project import LocalProjection
from analytics.selection import ALL_FIXES, Selection, select_fixes
from analytics.track import Track, check_spread
from backend.errors import CannotCompute
from backend.jobs.question import Question, Tables


def selection(
    backbone_only: bool = False,
    max_speed_mps: float | None = None,
    spike_speed_mps: float | None = None,
) -> Selection:
    """Returns what is asked of fixes: see `Selection` and `analytics.clean.Rules`."""
    rules = Rules(max_speed_mps=max_speed_mps, spike_speed_mps=spike_speed_mps)
    return Selection(backbone_only, rules)


def selected_track(
    table: NDArray[np.float64], wanted: Selection, plane: LocalProjection | None = None
) -> tuple[Track, dict[str, Any]]:
    """Returns the track of the fixes that are wanted, and how they were chosen.

    Args:
        table: (n, 5) Unix time [s], latitude, longitude [deg], horizontal accuracy [m] or NaN,
            reason; oldest first, n at least 1. Accuracies are root mean square distances in the
            plane, as receivers state them.
        wanted: which fixes.
        plane: of several animals; by default one around these fixes.

    Raises:
        AnalyticsError: as `Track.from_geographic`.
    """
    around = plane or LocalProjection.around(table[:, 1], table[:, 2])
    x_m, y_m = around.forward(table[:, 1], table[:, 2])
    chosen = select_fixes(wanted, table[:, 0], x_m, y_m, table[:, 4])
    times_s, lat_deg, lon_deg, accuracy_m, reason = table[chosen.keep].T
    error = LocationError.of_radius(np.where(accuracy_m > 0, accuracy_m, np.nan))
    reasons = reason.astype(np.uint8)
    track = Track.from_geographic(times_s, lat_deg, lon_deg, plane, error, reasons)
    return track, dict(chosen.parameters)


def name_of(animal: int) -> str:
    """What an animal is called in messages."""
    return f"animal {animal}"


class Herd(NamedTuple):
    """Animals whose tracks lie on one plane."""

    tables: dict[int, NDArray[np.float64]]
    """By number, as `backend.jobs.question.Tables`"""
    tracks: dict[str, Track]
    left_out: dict[int, str]
    """Why others have no part in it; only where no animals were named"""
    chosen: dict[str, dict[str, Any]]
    """How the fixes of each track were chosen"""
    wanted: Selection

    @classmethod
    def of(cls, question: Question, tables: Tables) -> Herd:
        """The herd of a question.

        Raises:
            CannotCompute: fewer than two animals can take part, or not all that were named.
        """
        numbers = question.animals or tuple(tables)
        wanted = question.selection
        everywhere = np.concatenate(list(tables.values())) if tables else np.empty((0, 5))
        plane = (
            LocalProjection.around(everywhere[:, 1], everywhere[:, 2]) if len(everywhere) else None
        )
        used, tracks, left_out, chosen_by = {}, {}, {}, {}
        for animal in numbers:
            try:
                if animal not in tables:
                    raise TrackError(["no fixes in this time range"])
                track, chosen = selected_track(tables[animal], wanted, plane)
                check_spread(track)
            except TrackError as error:
                left_out[animal] = "; ".join(error.faults)
                continue
            chosen_by[name_of(animal)] = chosen
            used[animal], tracks[name_of(animal)] = tables[animal], track
        if (question.animals and left_out) or len(used) < 2:
            why = [f"{name_of(animal)}: {reason}" for animal, reason in left_out.items()]
            need = f"{len(used)} of at least 2 animals have a usable track in this time range"
            raise CannotCompute("; ".join([need, *why]))
        return cls(used, tracks, left_out, chosen_by, wanted)

    def notes(
        self, warnings: Sequence[str], also_left_out: Mapping[int, str] = MappingProxyType({})
    ) -> dict[str, Any]:
        """What a result's parameters say of the herd."""
        without = self.left_out | dict(also_left_out)
        told: dict[str, Any] = {
            "left_out": [{"animal": animal, "reason": why} for animal, why in without.items()],
            "warnings": list(dict.fromkeys(warnings)),
        }
        if self.wanted != ALL_FIXES:
            told["fixes_chosen"] = self.chosen
        return told
