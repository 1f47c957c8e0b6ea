"""Pictures: what is drawn is where it is, true to scale, and told apart."""

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import PathPatch

from analytics.plot import PlotError, draw, figure
from analytics.project import LocalProjection
from analytics.study import Done, Job, compute
from analytics.track import Track
from tests.analytics.tracks import IN_THE_ALPS, cloud, ring


def done(animal="Alva", method="kde", track=None, levels=(50.0, 95.0)):
    asked = Job(animal, track or cloud(projection=IN_THE_ALPS), method, levels)
    return Done(asked, compute(asked))


def panels(picture):
    return [axes for axes in picture.axes if axes.get_visible()]


def areas(axes):
    """Filled areas, the widest first."""
    return [p for p in axes.patches if isinstance(p, PathPatch) and p.get_facecolor()[3] > 0]


def bar(axes):
    """The scale bar: its length in the panel's metres, and what is written over it."""
    (line,) = [one for one in axes.lines if one.get_linewidth() > 2]
    texts = [t.get_text() for t in axes.texts]
    return float(np.ptp(line.get_xdata())), next(t for t in texts if t.endswith("m"))


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_a_picture_is_a_file_of_its_kind(tmp_path, ending):
    path = tmp_path / f"out{ending}"
    draw(path, [done()])
    begins = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[ending]
    assert path.read_bytes().startswith(begins)
    assert len(list(tmp_path.iterdir())) == 1


def test_areas_and_track_are_where_they_are():
    one = done()
    (axes,) = panels(figure([one]))
    outer = one.result.home_range.isopleths[1].polygon
    drawn = areas(axes)[0].get_path().get_extents()
    assert (drawn.x0, drawn.y0, drawn.x1, drawn.y1) == pytest.approx(outer.bounds)
    assert np.array_equal(axes.lines[0].get_xdata(), one.job.track.x_m)
    left, right = axes.get_xlim()
    assert left < outer.bounds[0]
    assert right > outer.bounds[2]


def test_very_long_tracks_are_drawn_by_every_nth_fix(tmp_path):
    long = cloud(fixes=50_001, spread_m=500.0)
    one = done(method="mcp", track=long, levels=(95.0,))
    (axes,) = panels(figure([one]))
    (dots,) = axes.collections
    assert len(dots.get_offsets()) == 16_667
    draw(tmp_path / "out.png", [one])


def test_holes_stay_open():
    one = done(track=ring(projection=IN_THE_ALPS), levels=(50.0,))
    picture = figure([one])
    (axes,) = panels(picture)
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())

    def colour(x_m, y_m):
        column, row = axes.transData.transform((x_m, y_m)).round().astype(int)
        return tuple(pixels[len(pixels) - 1 - row, column, :3])

    assert colour(0.0, 0.0) == (255, 255, 255)
    assert colour(1060.0, 0.0) != (255, 255, 255)


@pytest.mark.parametrize("spread_m", [1.0, 300.0, 40_000.0])
def test_the_scale_bar_is_as_long_as_it_says(spread_m):
    (axes,) = panels(figure([done(track=cloud(spread_m=spread_m))]))
    length_m, text = bar(axes)
    value, unit = text.split()
    assert length_m == pytest.approx(float(value) * {"m": 1.0, "km": 1000.0}[unit])
    assert 0.1 < length_m / np.ptp(axes.get_xlim()) < 0.34
    assert axes.get_aspect() == 1.0


def test_axes_show_where_on_the_globe_it_is():
    (axes,) = panels(figure([done()]))
    figure_of_axes = axes.get_figure()
    figure_of_axes.canvas.draw()
    names = [label.get_text() for label in axes.get_yticklabels()]
    places = axes.get_yticks()
    assert len(names) >= 2
    for name, y_m in zip(names, places, strict=True):
        lat, _ = IN_THE_ALPS.inverse(axes.get_xlim()[0], y_m)
        assert name == f"{float(lat):.{len(name.split('.')[1]) - 3}f}° N"


def test_metres_that_lie_nowhere_are_kilometres():
    (axes,) = panels(figure([done(track=cloud())]))
    assert axes.get_xlabel() == "x [km]"


def test_animals_on_planes_of_their_own_come_onto_one():
    north = LocalProjection(46.70, 10.2)
    fixes = cloud()
    alva = done("Alva", track=Track(fixes.times_s, fixes.x_m, fixes.y_m, IN_THE_ALPS))
    bruna = done("Bruna", track=Track(fixes.times_s, fixes.x_m, fixes.y_m, north))
    (axes,) = panels(figure([alva, bruna]))
    first, second = (np.asarray(line.get_ydata()) for line in axes.lines[:2])
    assert (second - first).mean() == pytest.approx(4447.8, rel=1e-3)  # 0.04 degrees
    assert np.ptp(second - first) < 1.0


def test_tracks_on_and_off_the_globe_are_not_drawn_together():
    with pytest.raises(PlotError, match="draw them apart"):
        figure([done(), done("Bruna", track=cloud())])


def test_animals_have_colours_that_colour_blind_people_tell_apart():
    picture = figure([done(f"animal {k}", track=cloud(seed=k)) for k in range(4)])
    (axes,) = panels(picture)
    colours = list(dict.fromkeys(to_hex(area.get_facecolor()) for area in areas(axes)))
    assert len(colours) == 4
    luminance = [np.dot(to_rgb(c), (0.2126, 0.7152, 0.0722)) for c in colours]
    assert all(abs(a - b) > 0.01 for i, a in enumerate(luminance) for b in luminance[:i])
    texts = [t.get_text() for t in picture.legends[0].get_texts()]
    assert texts == ["animal 0", "animal 1", "animal 2", "animal 3", "50 %", "95 %"]


def test_levels_are_told_apart_by_strength_the_same_in_all_panels():
    picture = figure([done(method="mcp", levels=None), done(method="kde")])
    hulls, density = panels(picture)
    strengths = [area.get_alpha() for area in areas(hulls)]  # 100, 95, 50 %
    assert strengths == sorted(strengths)
    assert [area.get_alpha() for area in areas(density)] == strengths[1:]


def test_the_shade_of_a_level_is_that_of_the_legend_in_every_panel():
    picture = figure([done(method="mcp", levels=None), done(method="kde", levels=(50.0, 95.0))])
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3].reshape(-1, 3)
    seen = {tuple(colour) for colour in np.unique(pixels, axis=0).tolist()}
    for handle in picture.legends[0].get_patches():  # 50, 95, 100 %
        alpha = handle.get_alpha()
        blended = 255 * (alpha * np.array(to_rgb(handle.get_facecolor())) + 1 - alpha)
        count = (np.abs(pixels - blended).max(axis=1) < 1.6).sum()
        assert count > 2000, (alpha, len(seen))  # more than the legend's own patch


def test_nothing_written_on_a_narrow_picture_is_cut_off():
    """Six animals one above the other, and one alone with its title."""
    here = cloud(projection=IN_THE_ALPS)
    above = [replace(here, y_m=here.y_m * 3 + 9000.0 * k) for k in range(6)]
    for found in ([done(f"Animal {k}", track=above[k]) for k in range(6)], [done(track=above[0])]):
        picture = figure(found)
        FigureCanvasAgg(picture).draw()
        (axes,) = panels(picture)
        for words in (picture.legends[0], axes.title, axes._left_title):
            box = words.get_window_extent()
            assert 0 <= box.x0 <= box.x1 <= picture.bbox.x1


def test_a_panel_for_each_method_says_what_was_found():
    picture = figure([done(method=name) for name in ("mcp", "kde", "akde")])
    titles = [axes.get_title(loc="left") for axes in panels(picture)]
    assert [title.split("\n")[0] for title in titles] == ["Alva, mcp", "Alva, kde", "Alva, akde"]
    assert " km²\n" in titles[2]
    assert " to " in titles[2]


def test_panels_make_a_picture_for_a_screen():
    width, height = figure([done(method=name) for name in ("mcp", "kde")]).get_size_inches()
    assert 0.7 < width / height < 2.6
    assert math.isclose(width * height, 2 * 5.2**2, rel_tol=0.5)


@pytest.mark.parametrize(
    ("name", "message"),
    [("out.jpeg", r"ending in \.png, \.svg, \.pdf"), ("none/out.png", "there is no folder")],
)
def test_what_cannot_be_drawn_is_said(tmp_path, name, message):
    with pytest.raises(PlotError, match=message):
        draw(tmp_path / name, [done()])
