"""The parts of a map: areas with holes, tracks, degrees at the edges, scale bar, north."""

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon

from analytics.geometry import to_multipolygon
from analytics.project import Plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.path import Path as Outline

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, bottom, right and top of a picture [m]."""

INK = "#333333"
_FIXES = 20_000  # more are a blot, and a file of 100 MB
_CLEAR = 4000  # more fixes are drawn paler
_PIECE = 2000  # fixes of one line
_MARGIN = 0.06  # of the larger side, around everything drawn


def box_around(areas: "Sequence[MultiPolygon]", x_m: Floats, y_m: Floats) -> Box:
    """Returns what holds areas and fixes, with a margin, and room for the scale bar."""
    drawn = [area for area in areas if not area.is_empty]
    if drawn:
        bounds = shapely.total_bounds(drawn)
        x_m, y_m = np.append(x_m, bounds[[0, 2]]), np.append(y_m, bounds[[1, 3]])
    more = _MARGIN * max(np.ptp(x_m), np.ptp(y_m))
    left, right = float(x_m.min() - more), float(x_m.max() + more)
    return left, float(y_m.min() - 2.8 * more), right, float(y_m.max() + more)


def frame(axes: "Axes", box: Box, plane: Plane | None) -> None:
    """Makes a panel a map: its limits, true to scale, where it lies, a scale bar, north."""
    left, bottom, right, top = box
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    for side in axes.spines.values():
        side.set_color("#bbbbbb")
    _ticks(axes, box, plane)
    _scale_bar(axes, box)
    _north(axes)


def draw_track(axes: "Axes", x_m: Floats, y_m: Floats, colour: str, alpha: float) -> None:
    """Draws fixes and the straight lines between them; of very many every n-th."""
    every = -(-x_m.size // _FIXES)
    x_m, y_m = x_m[::every], y_m[::every]
    alpha *= min(1.0, _CLEAR / x_m.size)
    for start in range(0, x_m.size, _PIECE):  # long lines that cross themselves are refused
        piece = slice(start, start + _PIECE + 1)
        axes.plot(x_m[piece], y_m[piece], color=colour, alpha=alpha, linewidth=0.35, zorder=3)
    size = min(max(1500 / max(x_m.size, 1), 0.6), 5.0)
    axes.scatter(x_m, y_m, s=size, color=colour, alpha=min(1.0, 3 * alpha), lw=0, zorder=4)


def shade(strength: float) -> float:
    """Returns the opacity of areas, in maps as in legends, of a strength of 0..1."""
    return 0.1 + 0.5 * strength


def fill(
    axes: "Axes", area: MultiPolygon, inner: "Sequence[MultiPolygon]", colour: str, strength: float
) -> None:
    """Draws an area with its holes; what lies in inner areas is theirs to colour."""
    from matplotlib.patches import PathPatch

    if area.is_empty:
        return
    own = to_multipolygon(shapely.difference(area, shapely.union_all(list(inner))))
    if not own.is_empty:
        face = {"facecolor": colour, "edgecolor": "none", "alpha": shade(strength)}
        axes.add_patch(PathPatch(_outline(own), **face))
    edge = {"facecolor": "none", "edgecolor": colour, "linewidth": 0.7 + 0.7 * strength}
    axes.add_patch(PathPatch(_outline(area), zorder=5, **edge))


def _outline(area: MultiPolygon) -> "Outline":
    from matplotlib.path import Path as Outline

    rings = [ring for part in area.geoms for ring in (part.exterior, *part.interiors)]
    return Outline.make_compound_path(
        *(Outline(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings)
    )


def _ticks(axes: "Axes", box: Box, plane: Plane | None) -> None:
    """Longitude along the bottom and latitude along the left; kilometres where there is none."""
    left, bottom, right, top = box
    axes.tick_params(labelsize=7, colors="#666666", length=2.5)
    if plane is None:
        axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}")
        axes.set_xlabel("x [km]", fontsize=8, color="#666666")
        axes.set_ylabel("y [km]", fontsize=8, color="#666666")
        axes.locator_params(nbins=5)
        return
    along = np.linspace(0.0, 1.0, 201)
    x_m, y_m = left + along * (right - left), bottom + along * (top - bottom)
    lon = plane.inverse(x_m, np.full(201, bottom))[1]
    lat = plane.inverse(np.full(201, left), y_m)[0]
    lon = plane.middle_lon_deg + (lon - plane.middle_lon_deg + 180) % 360 - 180
    step, digits = _round_step(float(np.ptp(lon)) / 3)
    at, names = _at(lon, x_m, step)
    axes.set_xticks(at, [_degrees((v + 180) % 360 - 180, "EW", digits) for v in names])
    step, digits = _round_step(float(np.ptp(lat)) / 4)
    at, names = _at(lat, y_m, step)
    axes.set_yticks(at, [_degrees(v, "NS", digits) for v in names], rotation=90, va="center")


def _round_step(least: float) -> tuple[float, int]:
    """The next of 1, 2, 5 times a power of ten, and the decimals that show it."""
    power = math.floor(math.log10(least))
    factor = next(f for f in (1, 2, 5, 10) if f * 10**power >= least * (1 - 1e-9))
    step = factor * 10.0**power
    return step, max(0, -math.floor(math.log10(step) + 1e-9))


def _at(degrees: Floats, metres: Floats, step: float) -> tuple[Floats, list[float]]:
    """Where along an edge the whole steps lie."""
    values = np.arange(math.ceil(degrees.min() / step), math.floor(degrees.max() / step) + 1)
    wanted = values * step
    return np.interp(wanted, degrees, metres), wanted.tolist()


def _degrees(value: float, letters: str, digits: int) -> str:
    letter = "" if round(value, digits) == 0 else letters[value < 0]
    return f"{abs(value):.{digits}f}° {letter}".strip()


def _scale_bar(axes: "Axes", box: Box) -> None:
    """A round length of at most a third of the width, at the bottom left."""
    left, bottom, right, top = box
    power = math.floor(math.log10((right - left) / 3))
    length = max(f * 10.0**power for f in (1, 2, 5) if f * 10.0**power <= (right - left) / 3)
    x = left + 0.04 * (right - left)
    y = bottom + 0.035 * (top - bottom)
    axes.plot([x, x + length], [y, y], color=INK, linewidth=2.5, solid_capstyle="butt", zorder=5)
    name = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.annotate(
        name,
        (x + length / 2, y),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8,
        color=INK,
        zorder=5,
    )


def _north(axes: "Axes") -> None:
    axes.annotate(
        "N",
        (0.96, 42.0),
        xytext=(0.96, 10.0),
        xycoords=("axes fraction", "axes points"),
        textcoords=("axes fraction", "axes points"),
        ha="center",
        va="bottom",
        fontsize=9,
        color=INK,
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.0},
        zorder=5,
    )
