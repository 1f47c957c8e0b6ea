"""From rows of the database to a track: what every computation does first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.clean import Rules
from analytics.location_error import LocationError
from analytics.project import LocalProjection
from analytics.selection import Selection, select_fixes
from analytics.track import Track


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
