"""The commands on track files as programs of their own."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rich.console import Console
from shapely.geometry import Point, shape

from analytics.methods import METHODS
from analytics.progress import Progress
from analytics.study import Done, compute, jobs_of
from analytics.table import print_table
from analytics.track_file import read_tracks
from capra import main
from tests.analytics.dask_cluster import ROOT, dask_cluster
from tests.analytics.tracks import GOLDEN, IN_THE_ALPS, cloud

GOLDEN_TRACK = GOLDEN / "sim_ouf_1000.csv"
ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "error"}


@pytest.fixture
def said(capsys):
    """Runs a command in this process; returns its exit code, and what it said of errors."""

    def run(*words: str) -> tuple[int, str, str]:
        try:
            code = main([*words])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


def capra(*words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs a command as a program of its own."""
    command = [sys.executable, "-m", "capra", *map(str, words)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        env=ENVIRONMENT,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def herd_file(tmp_path_factory) -> Path:
    """Three animals as Movebank writes them; one of them has 3 fixes."""
    path = tmp_path_factory.mktemp("herd") / "herd.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["timestamp", "location-long", "location-lat", "individual-local-identifier"]
        )
        for name, seed, fixes in (("Alva", 1, 60), ("Bruna", 2, 80), ("Kid", 3, 3)):
            track = cloud(fixes=fixes, seed=seed)
            lat, lon = IN_THE_ALPS.inverse(track.x_m, track.y_m)
            times = np.datetime64("2026-06-01T00:00:00") + track.times_s.astype("m8[s]")
            rows.writerows(zip(times, lon, lat, [name] * fixes, strict=True))
    return path


def lines(done: subprocess.CompletedProcess[str], word: str) -> list[str]:
    return [line for line in done.stdout.splitlines() if word in line]


def test_a_track_becomes_a_home_range_with_all_its_files(herd_file, tmp_path):
    out, plot, raster = (tmp_path / name for name in ("out.geojson", "out.png", "out.tif"))
    outputs = ("-o", out, "--plot", plot, "--raster", raster)
    done = capra("home-range", herd_file, "--animal", "Alva", "--method", "akde", *outputs)
    (row,) = lines(done, "│ Alva")
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[:5] == ["Alva", "akde", "60", "2026-06-01", "2026-06-03"]
    inner, outer = json.loads(out.read_text())["features"][::-1]
    area = outer["properties"]["area_km2"]
    assert cells[7].startswith(f"{area:#.4g} (")
    assert inner["properties"]["level_percent"] == 50
    assert plot.read_bytes().startswith(b"\x89PNG")
    with rasterio.open(raster) as file:
        assert file.read(1).sum() * file.transform.a**2 == pytest.approx(1, abs=1e-3)


def test_many_animals_and_methods_are_one_table_and_one_file(herd_file, tmp_path):
    out = tmp_path / "out.parquet"
    words = ("--animal", "Alva", "Bruna", "--method", "mcp", "kde", "--levels", "95", "-o", out)
    done = capra("home-range", herd_file, *words)
    rows = [line.split("│")[1:4] for line in lines(done, "2026-06-01")]
    said = [" ".join(cell.strip() for cell in row) for row in rows]
    assert said == ["Alva mcp 60", "Alva kde 60", "Bruna mcp 80", "Bruna kde 80"]
    assert "4 of 4 home ranges" in done.stdout
    assert out.stat().st_size > 1000


def test_an_animal_that_fails_is_named_and_the_others_are_written(herd_file, tmp_path):
    out = tmp_path / "out.geojson"
    done = capra("home-range", herd_file, "--method", "kde", "-o", out, code=1)
    first, last = done.stderr.splitlines()
    assert first.startswith("capra: Kid kde: unusable track: 3 fixes, at least 5 are needed")
    assert last == "capra: 1 of 3 home ranges failed, see above"
    assert len(json.loads(out.read_text())["features"]) == 4


def test_another_run_takes_what_is_there(herd_file, tmp_path):
    words = ("home-range", herd_file, "--animal", "Alva", "Bruna", "--resume", tmp_path / "kept")
    first = capra(*words, "--method", "kde")
    again = capra(*words, "--method", "kde", "mcp")
    assert "from before" not in first.stdout
    assert "2 of 4 from before" in again.stdout
    areas = [line.split("│")[7:9] for line in lines(first, " kde ")]
    assert areas == [line.split("│")[7:9] for line in lines(again, " kde ")]
    assert len(areas) == 2


def test_a_cluster_gives_the_same_table(herd_file, tmp_path):
    words = ("home-range", herd_file, "--animal", "Alva", "--method", "mcp", "kde")
    with dask_cluster(tmp_path) as processes:
        there = capra(*words, "--scheduler", processes.address)
    assert lines(there, "Alva") == lines(capra(*words), "Alva")


def test_fixes_can_be_parted_and_cut(herd_file):
    words = ("--animal", "Bruna", "--method", "mcp", "--by", "month", "--to", "2026-06-02")
    done = capra("home-range", herd_file, *words)
    (row,) = lines(done, "│ Bruna")
    assert [cell.strip() for cell in row.split("│")[1:5]] == ["Bruna", "2026-06", "mcp", "24"]


def test_metres_need_an_origin_to_become_geojson(tmp_path):
    out = tmp_path / "out.geojson"
    words = ("home-range", GOLDEN_TRACK, "--method", "mcp", "-o", out)
    refused = capra(*words, code=1)
    assert refused.stderr.count("\n") == 1
    assert "say where with --origin LAT,LON" in refused.stderr
    capra(*words, "--origin", "46.66,10.2")
    area = shape(json.loads(out.read_text())["features"][0]["geometry"])
    assert area.contains(Point(10.2, 46.66))


def test_the_golden_track_has_its_golden_area():
    golden = json.loads((GOLDEN / "sim_ouf_ranges.json").read_text())["results"][0]["mcp"]
    (area_m2,) = (row["area_m2"] for row in golden if row["percent"] == 95)
    done = capra("home-range", GOLDEN_TRACK, "--method", "mcp", "--levels", "95")
    (row,) = lines(done, "mcp")
    assert row.split("│")[-2].strip() == f"{area_m2 / 1e6:#.4g}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.csv"], "capra: nowhere.csv: no such file"),
        (["{herd}", "--animal", "Gian"], "no position of animal 'Gian'; animals there: Alva"),
        (["{herd}", "-o", "out.shp"], "out.shp: expected a name ending in .geojson or .parquet"),
        (["{herd}", "--plot", "out.bmp"], "out.bmp: expected a name ending in .png, .svg, .pdf"),
        (["{herd}", "--set", "k=3"], "k is '3', expected for akde: cell_m, error_m"),
        (["{herd}", "--method", "bridge"], "error_m is 'file', expected for bridge a number"),
        (["{herd}", "--from", "2030-01-01"], "no fixes between --from and --to"),
        (["{herd}", "--method", "mcp", "--raster", "x.tif"], "none of these methods makes a dens"),
        (
            ["{herd}", "--scheduler", "nowhere"],
            "'nowhere' is no scheduler's address: expected tcp://HOST:PORT",
        ),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(said, herd_file, words, message):
    code, _, errors = said("home-range", *(word.format(herd=herd_file) for word in words))
    assert code == 1
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--levels", "0,95"], "argument --levels: '0,95': expected percentages such as 50,95"),
        (["--method", "kriging"], "argument --method: invalid choice: 'kriging'"),
        (["--set", "k"], "argument --set: 'k': expected NAME=VALUE"),
        (["--from", "June"], "argument --from: 'June': expected a time such as 2026-06-01"),
        (["--workers", "0"], "argument --workers: '0': expected a whole number above 0"),
        (["--uere", "-1"], "argument --uere: '-1': expected a number above 0"),
        (["--origin", "95,10"], "argument --origin: '95,10': expected degrees within"),
    ],
)
def test_words_that_cannot_be_meant_are_named(said, herd_file, words, message):
    code, _, errors = said("home-range", str(herd_file), *words)
    assert code == 2
    assert message in errors


def test_corridors_of_a_herd_become_files_and_a_table(tmp_path):
    path, out, plot = tmp_path / "herd.csv", tmp_path / "out.geojson", tmp_path / "out.png"
    generator = np.random.default_rng(1)
    along = np.linspace(0.0, 20_000.0, 80)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["individual", "t_s", "x_m", "y_m"])
        for name in "ABC":
            across = 100 * generator.standard_normal(80).cumsum() / 3
            rows.writerows(zip([name] * 80, 3600 * np.arange(80), along, across, strict=True))
    words = ("-o", out, "--plot", plot, "--origin", "46.66,10.2", "--shares", "0,100")
    done = capra("corridor", path, *words)
    assert "location error 20 m (assumed" in done.stdout
    assert "3 animals, 3 tracks, 240 fixes" in done.stdout
    any_animal, all_animals = json.loads(out.read_text())["features"]
    assert any_animal["properties"]["area_km2"] > all_animals["properties"]["area_km2"]
    assert any_animal["properties"]["animals"] == 1
    assert 0 < any_animal["properties"]["width_narrowest_m"] < 5000
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_herd_goes_on_without_an_animal_that_has_no_bridges(said, tmp_path):
    path, out = tmp_path / "herd.csv", tmp_path / "out.geojson"
    generator = np.random.default_rng(1)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["individual", "t_s", "x_m", "y_m"])
        for name, sd_m in {"A": 30.0, "B": 30.0, "C": 9000.0}.items():
            x_m = np.linspace(0.0, 20_000.0, 80) * (name != "C")
            x_m += sd_m * generator.normal(size=80)
            y_m = sd_m * generator.normal(size=80)
            rows.writerows(zip([name] * 80, 3600 * np.arange(80), x_m, y_m, strict=True))
    words = ("-o", str(out), "--origin", "46.66,10.2", "--cell", "50")
    code, table, errors = said("corridor", str(path), *words)
    assert code == 1
    assert "2 animals, 2 tracks, 160 fixes" in table
    assert errors.startswith("capra: C is left out: too sparse for bridges")
    one, two = (each["properties"] for each in json.loads(out.read_text())["features"])
    assert (one["animals"], two["animals"]) == (1, 2)
    assert one["width_bottleneck_lon_lat"] == pytest.approx([10.2, 46.66], abs=0.3)
    assert json.loads(json.dumps(one["parameters"]))["tracks_left_out"].keys() == {"C"}


def test_movement_triggered_fixes_are_told_and_left_out_when_asked(said, tmp_path):
    path, out = tmp_path / "one.csv", tmp_path / "out.geojson"
    generator = np.random.default_rng(1)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["individual", "t_s", "lon", "lat", "reason"])
        for i in range(60):
            lon, lat = (10.2, 46.66) + generator.normal(size=2) / 100
            rows.writerow(["A", 3600 * i, lon, lat + (i == 40), "motion" if i % 3 else "backbone"])
    code, table, _ = said("home-range", str(path), "--method", "kde", "--max-speed", "3")
    assert code == 0
    assert "A begins at 46.6" in table
    assert "A: left out: 1 flagged: too fast" in table
    assert "A kde: movement-triggered sample: 39 of 59 fixes" in table
    words = ("--method", "kde", "--backbone-only", "-o", str(out))
    code, table, _ = said("home-range", str(path), *words)
    assert "A: left out: 40 not of the backbone" in table
    assert "movement-triggered" not in table
    (feature, *_) = json.loads(out.read_text())["features"]
    assert feature["properties"]["parameters"]["backbone_only"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{herd}", "--animal", "Alva"], "expected at least 2 animals"),
        (["{herd}"], "Alva: too sparse for bridges"),
        (["nowhere.csv"], "nowhere.csv: no such file"),
        (["{herd}", "-o", "out.shp"], "expected a name ending in .geojson or .parquet"),
    ],
)
def test_corridors_that_cannot_be_are_one_clear_line(said, herd_file, words, message):
    code, _, errors = said("corridor", *(word.format(herd=herd_file) for word in words))
    assert code == 1
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("command", ["home-range", "corridor"])
def test_help_shows_an_example(said, command):
    code, text, _ = said(command, "--help")
    assert code == 0
    assert f"example: capra {command} TRACK.csv" in text


def test_help_lists_methods_with_their_options(said):
    _, text, _ = said("home-range", "--help")
    assert "akde" in text
    assert "error_m: standard deviation of a fix in each direction [m]" in text


def test_real_tracks_need_nothing_but_the_file(reference_data, tmp_path):
    path, out = reference_data / "tracks" / "ctmm_coati.csv", tmp_path / "out.geojson"
    done = capra("home-range", path, "--method", "akde", "-o", out)
    assert "OUF anisotropic" in done.stdout
    areas = [f["properties"]["area_km2"] for f in json.loads(out.read_text())["features"]]
    assert all(0.1 < area < 5 for area in areas)


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere():
    texts = {}
    for terminal in (True, False):
        out = io.StringIO()
        with Progress(Console(file=out, force_terminal=terminal, width=80), 3) as progress:
            for name in ("Alva", "Bruna", "Kid"):
                progress.step(name)
        texts[terminal] = out.getvalue()
    assert "3 of 3" in texts[True]
    assert "━" in texts[True]
    assert texts[False] == "3 of 3 home ranges\n"


def test_the_table_fits_a_terminal(herd_file):
    file = read_tracks(herd_file, ["Alva"])
    (asked,) = jobs_of(file.animals[0], METHODS["akde"], {})
    out = io.StringIO()
    print_table(Console(file=out, width=100), [Done(asked, compute(asked))])
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert sum("2026-06-01" in line for line in lines) == 1
