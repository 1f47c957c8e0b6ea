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

from analytics.corridors.results import ObservedCorridors, Widths
from analytics.errors import AnalyticsError
from analytics.methods import RangeResult
from analytics.panel import INK, Box, box_around, draw_track, fill, frame, shade
from analytics.project import LocalProjection, Plane
from analytics.results import HomeRange
from analytics.study import Done, Job
from analytics.table import area_text
from analytics.track import Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

FORMATS = (".png", ".svg", ".pdf")

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
_BOTTLENECK = "#D55E00"
_PANEL_INCH = 5.2  # side of a square panel
_WIDE = 1.6  # width over height of pictures of many panels
_LEGEND_INCH = 0.55  # of an entry beside its letters
_LETTER_INCH = 0.075


class PlotError(AnalyticsError):
    """A picture that cannot be drawn; the message says why."""


@dataclass(frozen=True)
class _Shape:
    """One home range as it is drawn: on the picture's own plane."""

    name: str
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
    names = list(dict.fromkeys(_name(one) for one in done))
    shapes = {
        name: [_shape(one, plane) for one in done if one.job.method == name] for name in methods
    }
    everything = [shape for each in shapes.values() for shape in each]
    box = box_around(
        [area for shape in everything for _, area in shape.areas],
        np.concatenate([shape.x_m for shape in everything]),
        np.concatenate([shape.y_m for shape in everything]),
    )
    width, height, columns, rows = _sizes(box, len(methods))
    picture = Figure(figsize=(width, height), layout="constrained")
    levels = sorted({level for each in shapes.values() for one in each for level, _ in one.areas})
    axes = picture.subplots(rows, columns, squeeze=False)
    for number, place in enumerate(axes.flat):
        if number < len(methods):
            _panel(place, shapes[methods[number]], names, levels, box, plane)
            place.set_title(_title(methods[number], done), fontsize=9, color=INK, loc="left")
        else:
            place.set_visible(False)
    texts = {level: f"{level:g} %" for level in levels}
    _legend(picture, names if len(names) > 1 else [], texts)
    return picture


def range_figure(found: HomeRange, track: Track, name: str) -> "Figure":
    """Returns the picture of one home range."""
    job = Job(name, track, found.estimate.method)
    return figure([Done(job, RangeResult(found))])


def _sizes(box: Box, panels: int) -> tuple[float, float, int, int]:
    """Width and height of a picture [inch], columns and rows of its panels."""
    tall = min(max((box[3] - box[1]) / (box[2] - box[0]), 0.4), 2.5)
    width, height = _PANEL_INCH / math.sqrt(tall), _PANEL_INCH * math.sqrt(tall)

    def wide(columns: int) -> float:
        return columns * width / (math.ceil(panels / columns) * height)

    columns = min(range(1, panels + 1), key=lambda columns: abs(math.log(wide(columns) / _WIDE)))
    rows = math.ceil(panels / columns)
    return width * columns + 0.4, (height + 0.4) * rows + 0.6, columns, rows


def _common_plane(done: Sequence[Done]) -> Plane | None:
    """The plane of all tracks, or one around their middle."""
    planes = {one.job.track.projection for one in done}
    if len(planes) == 1:
        return planes.pop()
    if None in planes:
        raise PlotError("some tracks lie on the globe and some do not: draw them apart")
    tracks = [one.job.track for one in done]
    starts = [one.projection.inverse(one.x_m[:1], one.y_m[:1]) for one in tracks if one.projection]
    return LocalProjection.around(*np.concatenate(starts, axis=1))


def _shape(done: Done, plane: Plane | None) -> _Shape:
    assert done.result is not None
    own = done.job.track.projection
    x_m, y_m = _moved(done.job.track.x_m, done.job.track.y_m, own, plane)
    areas = []
    for one in sorted(done.result.home_range.isopleths, key=lambda one: -one.level_percent):
        moved = shapely.transform(
            one.polygon, lambda xy: np.column_stack(_moved(xy[:, 0], xy[:, 1], own, plane))
        )
        areas.append((one.level_percent, moved))
    return _Shape(_name(done), x_m, y_m, tuple(areas))


def _name(done: Done) -> str:
    return " ".join(part for part in (done.job.animal, done.job.period) if part)


def _moved(
    x_m: Floats, y_m: Floats, own: Plane | None, plane: Plane | None
) -> tuple[Floats, Floats]:
    if own is None or plane is None or own == plane:
        return x_m, y_m
    return plane.forward(*own.inverse(x_m, y_m))


def _panel(
    axes: "Axes",
    shapes: Sequence[_Shape],
    names: Sequence[str],
    levels: Sequence[float],
    box: Box,
    plane: Plane | None,
) -> None:
    for shape in shapes:
        colour = _COLOURS[names.index(shape.name) % len(_COLOURS)]
        for rank, (level, area) in enumerate(shape.areas):
            inner = [one for _, one in shape.areas[rank + 1 :]]
            fill(axes, area, inner, colour, strength=1 - levels.index(level) / len(levels))
        ink, alpha = (INK, 0.35) if len(names) == 1 else (colour, 0.45)
        draw_track(axes, shape.x_m, shape.y_m, ink, alpha)
    frame(axes, box, plane)


def _title(name: str, done: Sequence[Done]) -> str:
    """The method; of a single animal also what was found."""
    own = [one for one in done if one.job.method == name]
    if len(own) > 1 or own[0].result is None:
        return name
    widest = max(own[0].result.home_range.isopleths, key=lambda one: one.level_percent)
    area = area_text(own[0].result, widest.level_percent)
    found = f"{widest.level_percent:g} % in {area} km²"
    return f"{own[0].job.animal}, {name}\n{found}\n{own[0].result.about}"


def _legend(picture: "Figure", names: Sequence[str], levels: dict[float, str]) -> None:
    """Animals by colour, levels by strength, strongest first."""
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(facecolor=_COLOURS[number % len(_COLOURS)], alpha=0.6, label=name)
        for number, name in enumerate(names)
    ]
    colour = "#777777" if names else _COLOURS[0]
    handles += [
        Patch(
            facecolor=colour,
            edgecolor=colour,
            alpha=shade((len(levels) - rank) / len(levels)),
            label=text,
        )
        for rank, text in enumerate(levels.values())
    ]
    widest = max(len(str(handle.get_label())) for handle in handles)
    columns = int(picture.get_figwidth() / (_LEGEND_INCH + _LETTER_INCH * widest))
    columns = min(len(handles), max(1, columns))
    picture.legend(
        handles=handles, loc="outside lower center", ncols=columns, fontsize=8, frameon=False
    )


def draw_corridors(path: Path, found: ObservedCorridors, tracks: Sequence[Track]) -> None:
    """Draws corridors into a file: land by the number of animals that use it, and their tracks.

    Args:
        path: ending in .png, .svg or .pdf.
        found: the corridors.
        tracks: of the herd, on the corridors' plane.

    Raises:
        PlotError: as `check_target`.
    """
    from analytics.export import whole

    check_target(path)
    picture = corridor_figure(found, tracks)
    with whole(path) as part:
        picture.savefig(part, dpi=150)


def corridor_figure(found: ObservedCorridors, tracks: Sequence[Track]) -> "Figure":
    """Returns the picture of corridors as a matplotlib figure.

    The narrowest place of each level is marked with its width.
    """
    from matplotlib.figure import Figure

    levels = [level for level in found.levels if not level.polygon.is_empty]
    box = box_around(
        [level.polygon for level in levels],
        np.concatenate([track.x_m for track in tracks]),
        np.concatenate([track.y_m for track in tracks]),
    )
    width, height, _, _ = _sizes(box, 1)
    picture = Figure(figsize=(width, height), layout="constrained")
    axes = picture.subplots()
    for rank, level in enumerate(levels):
        inner = [one.polygon for one in levels[rank + 1 :]]
        fill(axes, level.polygon, inner, _COLOURS[0], strength=(rank + 1) / len(levels))
        if level.widths:
            _mark(axes, level.widths)
    for track in tracks:
        draw_track(axes, track.x_m, track.y_m, INK, 0.35)
    frame(axes, box, found.estimate.projection)
    animals = found.estimate.parameters["animals"]
    axes.set_title(
        f"Corridors of {animals} animals, {len(tracks)} tracks", fontsize=9, color=INK, loc="left"
    )
    texts = {-level.animals: f"at least {level.animals} animals" for level in reversed(levels)}
    if -1 in texts:
        texts[-1] = "any animal"
    _legend(picture, [], {float(rank): text for rank, text in texts.items()})
    return picture


def _mark(axes: "Axes", widths: Widths) -> None:
    """Marks the narrowest place of a level and says how wide it is there."""
    place = (widths.bottleneck_x_m, widths.bottleneck_y_m)
    axes.plot(*place, marker="o", markersize=7, fillstyle="none", color=_BOTTLENECK, zorder=6)
    axes.annotate(
        f"{widths.narrowest_m:,.0f} m",
        place,
        xytext=(6, 6),
        textcoords="offset points",
        fontsize=7,
        color=_BOTTLENECK,
        zorder=6,
    )
