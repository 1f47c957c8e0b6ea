"""The estimators by name: each makes a home range, options are checked, listing costs nothing."""

import subprocess
import sys
from dataclasses import replace
from typing import get_args

import numpy as np
import pyarrow.parquet
import pytest
import rasterio
import shapely

from analytics.ctmm.model import MovementModel
from analytics.ctmm.simulate import simulate
from analytics.errors import ParameterError
from analytics.methods import METHODS, MethodName, Option, method
from analytics.track import Track
from tests.analytics.tracks import IN_THE_ALPS, cloud

NEEDED = {
    "bridge": {"error_m": 10.0},
    "dynamic-bridge": {"error_m": 10.0},
    "biased-bridge": {"relocation_sd_m": 50.0, "max_gap_s": 10_800.0},
}


@pytest.fixture(scope="module")
def walk():
    """A range-resident animal, 120 fixes an hour apart."""
    model = MovementModel(40_000.0, 3000.0, 2.5e5, 1.6e5)
    return simulate(model, 3600.0 * np.arange(120), seed=1)


@pytest.mark.filterwarnings("ignore:.*are left out at the ends")
@pytest.mark.parametrize("name", METHODS)
def test_every_method_makes_a_home_range(name, walk):
    result = METHODS[name](walk, (50, 90), **NEEDED.get(name, {}))
    inner, outer = result.home_range.isopleths
    assert (inner.level_percent, outer.level_percent) == (50, 90)
    assert 0 < inner.area_km2 < outer.area_km2 < 30
    assert 80 < result.home_range.estimate.fixes <= len(walk)
    assert (result.ud is not None) == METHODS[name].density
    assert result.about


@pytest.mark.filterwarnings("ignore:.*are left out at the ends")
@pytest.mark.parametrize("name", METHODS)
def test_every_result_becomes_polygons_tables_pictures_and_rasters(name, walk, tmp_path):
    placed = replace(walk, projection=IN_THE_ALPS)
    result = METHODS[name](placed, **NEEDED.get(name, {}))
    ranges = result.home_range
    members = ranges.to_geojson()
    assert len(members["features"]) == len(ranges.isopleths)
    assert members["estimate"]["software_version"].startswith("capra ")
    ranges.to_geoparquet(tmp_path / "out.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    areas = sorted((one.area_km2 for one in ranges.isopleths), reverse=True)
    assert table["area_km2"].to_pylist() == areas
    assert shapely.from_wkb(table["geometry"][0].as_py()).is_valid
    ranges.plot(placed, "Alva").savefig(tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 10_000
    if result.ud is not None:
        result.ud.to_geotiff(tmp_path / "out.tif")
        with rasterio.open(tmp_path / "out.tif") as raster:
            assert raster.read(1).sum() * raster.res[0] ** 2 == pytest.approx(1, rel=0.05)


def test_the_names_of_the_api_are_those_of_the_table():
    assert get_args(MethodName) == tuple(METHODS)


def test_methods_have_their_own_default_levels(walk):
    areas = METHODS["mcp"](walk).home_range.isopleths
    assert [one.level_percent for one in areas] == [50, 95, 100]


def test_akde_knows_its_intervals_and_its_effective_size(walk):
    result = METHODS["akde"](walk, (95,))
    interval = result.intervals[95]
    assert interval.low < result.home_range.isopleths[0].area_km2 < interval.high
    assert 2 < result.effective_size < len(walk)
    assert result.about.startswith("OU")


def test_an_interval_can_be_calibrated(walk):
    usual = METHODS["akde"](walk, (95,)).intervals[95]
    drawn = METHODS["akde"](walk, (95,), interval="bootstrap", replicates=20).intervals[95]
    assert drawn.low < drawn.estimate < drawn.high
    assert drawn != usual


def test_options_reach_the_estimator():
    wide = METHODS["kde"](cloud(), (95,), bandwidth_m="900", cell_m=100)
    assert wide.home_range.estimate.parameters["bandwidth_m"] == 900.0
    assert wide.ud.grid.cell_m == 100.0


def test_neighbourhoods_begin_at_the_usual_sizes():
    square = cloud(fixes=49)
    assert METHODS["locoh-k"](square).about == "k 7"
    points = np.column_stack((square.x_m, square.y_m))
    apart = np.hypot(*(points[:, None] - points[None]).T)
    assert METHODS["locoh-a"](square).home_range.estimate.parameters["a_m"] == apart.max()
    second = np.sort(np.sort(apart)[:, 2])
    assert radius(square) == pytest.approx(second[46], rel=1e-12)  # 47 of 49 places, 96 %
    assert radius(square, r_m="all") == pytest.approx(second[-1], rel=1e-12)
    assert radius(square, (20,), r_m="getz") == pytest.approx(np.sort(apart)[:, 1].max() / 2)


def radius(track, levels=None, **options):
    return METHODS["locoh-r"](track, levels, **options).home_range.estimate.parameters["r_m"]


def test_one_fix_far_out_does_not_change_the_radius():
    near = cloud(fixes=60)
    x_m = near.x_m.copy()
    x_m[30] += 1e5
    assert radius(Track(near.times_s, x_m, near.y_m)) == pytest.approx(radius(near), rel=0.15)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mcp", {"k": 3}, "k is 3, expected for mcp: no options"),
        ("kde", {"k": 3}, "k is 3, expected for kde: bandwidth_m, cell_m, mode"),
        ("kde", {"bandwidth_m": "wide"}, "bandwidth_m is 'wide', expected a number"),
        ("kde", {"bandwidth_m": "nan"}, "bandwidth_m is 'nan', expected a number"),
        ("kde", {"bandwidth_m": True}, "bandwidth_m is True, expected a number"),
        ("kde", {"mode": "fast"}, """mode is 'fast', expected "exact" or "binned"$"""),
        ("locoh-k", {"k": "3.5"}, "k is '3.5', expected a whole number"),
        ("bridge", {}, "error_m is 'file', expected a number of metres"),
        ("bridge", {"error_m": "none"}, """error_m is 'none', expected a number or "file"$"""),
        ("biased-bridge", {}, "relocation_sd_m is None, expected for biased-bridge: standard"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(name, options, message):
    with pytest.raises(ParameterError, match=message):
        METHODS[name](cloud(), **options)


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match="method is 'kriging', expected one of mcp, kde"):
        method("kriging")


def test_words_and_numbers_keep_their_kinds():
    option = Option("variance", float, "", choices=("likelihood",))
    assert option.parse("likelihood") == "likelihood"
    assert option.parse("2.5") == option.parse(2.5) == 2.5
    assert Option("k", int, "").parse(7) == Option("k", int, "").parse(7.0) == 7


def test_listing_the_methods_imports_no_numbers():
    code = (
        "import argparse, sys, analytics.__main__ as m;"
        "m.add_commands(argparse.ArgumentParser().add_subparsers());"
        "sys.exit(any(n in sys.modules for n in ('numpy', 'numba', 'shapely', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
