"""Pictures of home ranges: track, isopleths, scale bar, north up.

One panel per estimator. Colours are told apart by colour-blind people too; levels differ in
strength, not in hue.

Source of the colours: Okabe & Ito 2008, https://jfly.uni-koeln.de/color/.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon

from analytics.errors import AnalyticsError
from analytics.project import LocalProjection
from analytics.study import Done
from analytics.table import area_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, bottom, right and top of a picture [m]."""

FORMATS = (".png", ".svg", ".pdf")

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
_INK = "#333333"
_PANEL_INCH = 5.2  # side of a square panel
_WIDE = 1.3  # width over height of pictures of many panels
_MARGIN = 0.06  # of the larger side, around everything drawn


class PlotError(AnalyticsError):
    """A picture that cannot be drawn; the message says why."""


@dataclass(frozen=True)
class _Shape:
    """One home range as it is drawn: on the picture's own plane."""

    animal: str
    label: str
    x_m: Floats
    y_m: Floats
    areas: tuple[tuple[float, MultiPolygon], ...]  # level, area; widest first


def check_target(path: Path) -> None:
    """Proves, before anything is computed, that a picture can be written to a path.

    Raises:
        PlotError: an unknown ending, or a folder that is not there.
    """
    if path.suffix.lower() not in FORMATS:
        raise PlotError(f"{path}: expected a name ending in {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise PlotError(f"{path}: there is no folder {path.parent}")


def draw(path: Path, found: Sequence[Done]) -> None:
    """Draws home ranges into a file.

    Args:
        path: ending in .png, .svg or .pdf.
        found: with results; animals on one plane, each in its colour.

    Raises:
        PlotError: as `check_target`, or tracks on the globe together with tracks that are not.
    """
    from analytics.export import whole

    check_target(path)
    picture = figure(found)
    with whole(path) as part:
        picture.savefig(part, dpi=150)


def figure(found: Sequence[Done]) -> "Figure":
    """Returns the picture as a matplotlib figure, to be changed or saved.

    Raises:
        PlotError: as `draw`.
    """
    from matplotlib.figure import Figure

    done = [one for one in found if one.result]
    plane = _common_plane(done)
    methods = list(dict.fromkeys(one.job.method for one in done))
    animals = list(dict.fromkeys(one.job.animal for one in done))
    shapes = {
        name: [_shape(one, plane) for one in done if one.job.method == name] for name in methods
    }
    box = _box([shape for each in shapes.values() for shape in each])
    tall = min(max((box[3] - box[1]) / (box[2] - box[0]), 0.4), 2.5)
    width, height = _PANEL_INCH / math.sqrt(tall), _PANEL_INCH * math.sqrt(tall)
    columns = min(len(methods), max(1, round(math.sqrt(_WIDE * len(methods) * height / width))))
    rows = math.ceil(len(methods) / columns)
    picture = Figure(
        figsize=(width * columns + 0.4, (height + 0.4) * rows + 0.6), layout="constrained"
    )
    levels = sorted({level for each in shapes.values() for one in each for level, _ in one.areas})
    axes = picture.subplots(rows, columns, squeeze=False)
    for number, place in enumerate(axes.flat):
        if number < len(methods):
            _panel(place, shapes[methods[number]], animals, levels, box, plane)
            place.set_title(_title(methods[number], done), fontsize=9, color=_INK, loc="left")
        else:
            place.set_visible(False)
    _legend(picture, animals, levels)
    return picture


def _common_plane(done: Sequence[Done]) -> LocalProjection | None:
    """The plane of all tracks, or one around their middle."""
    planes = {one.job.track.projection for one in done}
    if len(planes) == 1:
        return planes.pop()
    if None in planes:
        raise PlotError("some tracks lie on the globe and some do not: draw them apart")
    known = [plane for plane in planes if plane]
    return LocalProjection.around([p.lat0_deg for p in known], [p.lon0_deg for p in known])


def _shape(done: Done, plane: LocalProjection | None) -> _Shape:
    assert done.result is not None
    own = done.job.track.projection
    x_m, y_m = _moved(done.job.track.x_m, done.job.track.y_m, own, plane)
    areas = []
    for one in sorted(done.result.home_range.isopleths, key=lambda one: -one.level_percent):
        moved = shapely.transform(
            one.polygon, lambda xy: np.column_stack(_moved(xy[:, 0], xy[:, 1], own, plane))
        )
        areas.append((one.level_percent, moved))
    label = " ".join(part for part in (done.job.animal, done.job.period) if part)
    return _Shape(done.job.animal, label, x_m, y_m, tuple(areas))


def _moved(
    x_m: Floats, y_m: Floats, own: LocalProjection | None, plane: LocalProjection | None
) -> tuple[Floats, Floats]:
    if own is None or plane is None or own == plane:
        return x_m, y_m
    return plane.forward(*own.inverse(x_m, y_m))


def _box(shapes: Sequence[_Shape]) -> Box:
    """Returns what holds everything, with a margin."""
    areas = [area for shape in shapes for _, area in shape.areas]
    bounds = shapely.total_bounds(areas)
    x_m = np.concatenate([*(shape.x_m for shape in shapes), bounds[[0, 2]]])
    y_m = np.concatenate([*(shape.y_m for shape in shapes), bounds[[1, 3]]])
    more = _MARGIN * max(np.ptp(x_m), np.ptp(y_m))
    left, right, bottom, top = x_m.min() - more, x_m.max() + more, y_m.min(), y_m.max() + more
    return left, bottom - 1.8 * more, right, top  # room for the scale bar


def _panel(
    axes: "Axes",
    shapes: Sequence[_Shape],
    animals: Sequence[str],
    levels: Sequence[float],
    box: Box,
    plane: LocalProjection | None,
) -> None:
    for shape in shapes:
        colour = _COLOURS[animals.index(shape.animal) % len(_COLOURS)]
        for level, area in shape.areas:
            _fill(axes, area, colour, strength=1 - levels.index(level) / len(levels))
        ink, alpha = (_INK, 0.35) if len(animals) == 1 else (colour, 0.45)
        axes.plot(shape.x_m, shape.y_m, color=ink, alpha=alpha, linewidth=0.35, zorder=3)
        size = min(max(1500 / max(shape.x_m.size, 1), 0.6), 5.0)
        axes.scatter(shape.x_m, shape.y_m, s=size, color=ink, linewidths=0, zorder=4)
    left, bottom, right, top = box
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    for side in axes.spines.values():
        side.set_color("#bbbbbb")
    _ticks(axes, box, plane)
    _scale_bar(axes, box)
    _north(axes)


def _fill(axes: "Axes", area: MultiPolygon, colour: str, strength: float) -> None:
    """Draws an area with its holes."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    if area.is_empty:
        return
    rings = [ring for part in area.geoms for ring in (part.exterior, *part.interiors)]
    outline = Outline.make_compound_path(
        *(Outline(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings)
    )
    axes.add_patch(
        PathPatch(outline, facecolor=colour, edgecolor="none", alpha=0.12 + 0.22 * strength)
    )
    axes.add_patch(
        PathPatch(outline, facecolor="none", edgecolor=colour, linewidth=0.7 + 0.7 * strength)
    )


def _ticks(axes: "Axes", box: Box, plane: LocalProjection | None) -> None:
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
    lon = plane.lon0_deg + (lon - plane.lon0_deg + 180) % 360 - 180
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
    axes.plot([x, x + length], [y, y], color=_INK, linewidth=2.5, solid_capstyle="butt", zorder=5)
    name = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.annotate(
        name,
        (x + length / 2, y),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8,
        color=_INK,
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
        color=_INK,
        arrowprops={"arrowstyle": "-|>", "color": _INK, "linewidth": 1.0},
        zorder=5,
    )


def _title(name: str, done: Sequence[Done]) -> str:
    """The method; of a single animal also what was found."""
    own = [one for one in done if one.job.method == name]
    if len(own) > 1 or own[0].result is None:
        return name
    widest = max(own[0].result.home_range.isopleths, key=lambda one: one.level_percent)
    area = area_text(own[0].result, widest.level_percent)
    first = f"{own[0].job.animal}, {name}: {widest.level_percent:g} % in {area} km²"
    return f"{first}\n{own[0].result.about}"


def _legend(picture: "Figure", animals: Sequence[str], levels: Sequence[float]) -> None:
    """Animals by colour, levels by strength."""
    from matplotlib.patches import Patch

    handles: list[Any] = []
    if len(animals) > 1:
        handles += [
            Patch(facecolor=_COLOURS[n % len(_COLOURS)], alpha=0.6, label=name)
            for n, name in enumerate(animals)
        ]
    colour = _COLOURS[0] if len(animals) == 1 else "#777777"
    handles += [
        Patch(
            facecolor=colour,
            edgecolor=colour,
            alpha=0.15 + 0.55 * (len(levels) - rank) / len(levels),
            label=f"{level:g} %",
        )
        for rank, level in enumerate(levels)
    ]
    picture.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 8),
        fontsize=8,
        frameon=False,
    )
