"""Reading recorded tracks: what is accepted, what is left out, what is refused."""

from pathlib import Path

import numpy as np
import pyproj
import pytest

from analytics.clean import Rules
from analytics.project import LocalProjection, UtmProjection
from analytics.selection import Selection
from analytics.track_file import TrackFileError, read_track, read_tracks

_MOVEBANK = (
    "event-id,visible,timestamp,location-long,location-lat,sensor-type,"
    "individual-local-identifier\n"
)
_ROWS = (
    "1,true,2020-05-01 00:00:00.000,10.2,46.6,gps,Alva\n"
    "2,true,2020-05-01 01:00:00.000,10.21,46.61,gps,Alva\n"
)


def _file(folder: Path, text: str) -> Path:
    path = folder / "track.csv"
    path.write_text(text)
    return path


def test_a_movebank_file_gives_times_in_utc(tmp_path: Path) -> None:
    track = read_track(_file(tmp_path, _MOVEBANK + _ROWS), "Alva")
    assert track.times_s.tolist() == [1588291200.0, 1588294800.0]
    assert track.lon_deg.tolist() == [10.2, 10.21]


def test_rows_out_of_order_are_sorted(tmp_path: Path) -> None:
    rows = "".join(reversed(_ROWS.splitlines(keepends=True)))
    track = read_track(_file(tmp_path, _MOVEBANK + rows), "Alva")
    assert np.all(np.diff(track.times_s) > 0)


def test_rows_left_out_are_counted_by_reason(tmp_path: Path) -> None:
    extra = (
        "3,true,2020-05-01 02:00:00.000,,,gps,Alva\n"
        "4,false,2020-05-01 03:00:00.000,10.2,46.6,gps,Alva\n"
        "5,true,2020-05-01 01:00:00.000,10.2,46.6,gps,Alva\n"
    )
    track = read_track(_file(tmp_path, _MOVEBANK + _ROWS + extra), "Alva")
    assert track.left_out == {
        "no coordinates": 1,
        "not visible": 1,
        "same time as an earlier row": 1,
    }


def test_metres_are_laid_out_around_the_origin(tmp_path: Path) -> None:
    text = "individual,t_s,x_m,y_m\na,0,1000,5000\na,60,4000,9000\n"
    track = read_track(_file(tmp_path, text), "a", origin=(46.66, 10.2))
    _, _, metres = pyproj.Geod(ellps="WGS84").inv(
        track.lon_deg[0], track.lat_deg[0], track.lon_deg[1], track.lat_deg[1]
    )
    assert metres == pytest.approx(5000, abs=0.01)
    assert track.lat_deg.mean() == pytest.approx(46.66, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("a,b\n1,2\n", "missing: individual-local-identifier, timestamp, location-long"),
        (_MOVEBANK + _ROWS + "3,true,2020-05-", "line 4: 3 columns where the header has 7"),
        (_MOVEBANK + _ROWS.replace("46.61", "x"), "line 3: 'x' is not a number"),
        (_MOVEBANK + _ROWS.replace("46.61", "nan"), "line 3: 'nan' is not a number"),
        (_MOVEBANK + _ROWS.replace("46.61", "146.61"), "line 3: longitude 10.21, latitude 146.61"),
        (_MOVEBANK + _ROWS.replace("2020-05-01 01", "01/05/2020 01"), "line 3: timestamp '01/05"),
        (
            _MOVEBANK + _ROWS.replace("Alva", "Bea"),
            "no position of animal 'Alva'; animals there: Bea",
        ),
        (_MOVEBANK + _ROWS.splitlines(keepends=True)[0], "has 1 position"),
    ],
)
def test_what_cannot_be_a_track_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TrackFileError) as caught:
        read_track(_file(tmp_path, text), "Alva")
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match=r"nowhere\.csv: no such file"):
        read_track(tmp_path / "nowhere.csv", "Alva")


def test_all_animals_are_read_each_on_its_own_plane(tmp_path: Path) -> None:
    rows = _ROWS + _ROWS.replace("Alva", "Bruna").replace("10.2", "30.2")
    file = read_tracks(_file(tmp_path, _MOVEBANK + rows))
    alva, bruna = file.animals
    assert (alva.animal, bruna.animal) == ("Alva", "Bruna")
    assert alva.track.projection == LocalProjection(46.605, 10.205)
    assert bruna.track.projection.lon0_deg == pytest.approx(30.205)
    assert alva.track.times_s.tolist() == [1588291200.0, 1588294800.0]


def test_all_animals_can_be_read_on_one_plane(tmp_path: Path) -> None:
    rows = _ROWS + _ROWS.replace("Alva", "Bruna").replace("10.2", "10.4")
    file = read_tracks(_file(tmp_path, _MOVEBANK + rows), one_plane=True)
    assert len({one.track.projection for one in file.animals}) == 1
    assert file.animals[1].track.x_m.min() > file.animals[0].track.x_m.max() + 10_000


def test_the_track_is_the_same_place_as_in_the_file(tmp_path: Path) -> None:
    (alva,) = read_tracks(_file(tmp_path, _MOVEBANK + _ROWS), ["Alva"]).animals
    lat, lon = alva.track.projection.inverse(alva.track.x_m, alva.track.y_m)
    assert np.allclose(lat, [46.6, 46.61], atol=1e-9)
    assert np.allclose(lon, [10.2, 10.21], atol=1e-9)


_METRES = "individual,t_s,x_m,y_m\na,0,1000,5000\na,60,4000,9000\nb,0,1000,6000\nb,60,0,0\n"


def test_metres_stay_as_they_are_without_an_origin(tmp_path: Path) -> None:
    a, _ = read_tracks(_file(tmp_path, _METRES)).animals
    assert a.track.projection is None
    assert (a.track.x_m.tolist(), a.track.y_m.tolist()) == ([1000, 4000], [5000, 9000])


def test_metres_of_a_herd_are_laid_out_together(tmp_path: Path) -> None:
    a, b = read_tracks(_file(tmp_path, _METRES), origin=(46.66, 10.2)).animals
    assert a.track.projection == b.track.projection == LocalProjection(46.66, 10.2)
    assert (a.track.x_m.tolist(), a.track.y_m.tolist()) == ([-1000, 2000], [500, 4500])
    assert (b.track.x_m[0] - a.track.x_m[0], b.track.y_m[0] - a.track.y_m[0]) == (0, 1000)


def test_a_table_without_animals_is_one_of_the_name_of_the_file(tmp_path: Path) -> None:
    (one,) = read_tracks(_file(tmp_path, "t_s,x_m,y_m\n0,1,2\n60,3,4\n")).animals
    assert one.animal == "track"


@pytest.mark.parametrize("name", ["gps:hdop", "gps_hdop", "HDOP"])
def test_dilution_of_precision_is_read_where_it_is(tmp_path: Path, name: str) -> None:
    text = f"individual,t_s,x_m,y_m,{name}\na,0,1,2,1.5\na,60,3,4,\n"
    (one,) = read_tracks(_file(tmp_path, text)).animals
    assert one.track.error is None
    assert one.hdop is not None
    assert np.array_equal(one.hdop, [1.5, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    "name",
    [
        "location-error-numerical",
        "location_error_numerical",
        "eobs:horizontal-accuracy-estimate",
        "horiz_accuracy_m",
    ],
)
def test_location_error_follows_its_fix(tmp_path: Path, name: str) -> None:
    text = f"individual,t_s,x_m,y_m,{name}\na,60,3,4,7.5\na,0,1,2,5\n"
    (one,) = read_tracks(_file(tmp_path, text)).animals
    assert one.hdop is None
    assert one.track.error is not None
    assert one.track.error.axis_m == pytest.approx(np.array([5.0, 7.5]) / np.sqrt(2))


def test_a_column_of_errors_in_each_direction_is_taken_as_it_is(tmp_path: Path) -> None:
    text = "individual,t_s,x_m,y_m,error_m\na,0,1,2,5\na,60,3,4,0\n"
    (one,) = read_tracks(_file(tmp_path, text)).animals
    assert one.track.error is not None
    assert np.array_equal(one.track.error.axis_m, [5.0, np.nan], equal_nan=True)


def test_argos_ellipses_keep_their_axes(tmp_path: Path) -> None:
    names = "argos:semi-major,argos:semi-minor,argos:orientation"
    text = f"individual,t_s,x_m,y_m,{names}\na,0,1,2,300,100,200\na,60,3,4,500,500,0\n"
    (one,) = read_tracks(_file(tmp_path, text)).animals
    error = one.track.error
    assert error is not None
    assert error.major_m * np.sqrt(2) == pytest.approx([300, 500])
    assert error.angle_deg.tolist() == [20, 0]
    assert error.axis_m == pytest.approx([np.sqrt((300**2 + 100**2) / 4), 500 / np.sqrt(2)])


_REASONS = """individual,t_s,x_m,y_m,reason
a,0,0,0,0
a,60,9,9,motion
a,120,1,1,backbone
a,180,3,2,schedule
a,240,4,2,something else
"""


def test_reasons_are_read_as_numbers_and_words(tmp_path: Path) -> None:
    (one,) = read_tracks(_file(tmp_path, _REASONS)).animals
    assert one.track.reason is not None
    assert one.track.reason.tolist() == [0, 2, 0, 0, 7]


def test_the_backbone_alone_is_used_where_asked_for(tmp_path: Path) -> None:
    (one,) = read_tracks(_file(tmp_path, _REASONS), wanted=Selection(backbone_only=True)).animals
    assert one.track.times_s.tolist() == [0, 120, 180]
    assert one.left_out == {"not of the backbone": 2}
    assert one.selection == {"backbone_only": True}
    with pytest.raises(TrackFileError, match="no column of reasons"):
        read_tracks(_file(tmp_path, _METRES), wanted=Selection(backbone_only=True))


def test_flagged_fixes_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = "".join(f"a,{60 * i},{i + 9000 * (i == 5)},{i % 3}\n" for i in range(12))
    path = _file(tmp_path, "individual,t_s,x_m,y_m\n" + rows)
    (one,) = read_tracks(path, wanted=Selection(rules=Rules(spike_speed_mps=1.0))).animals
    assert 300.0 not in one.track.times_s
    assert len(one.track) == 11
    assert one.left_out == {"flagged: spike": 1}
    assert one.selection["flagged"] == {"spike": 1}
    with pytest.raises(TrackFileError, match="no column of HDOP"):
        read_tracks(path, wanted=Selection(rules=Rules(max_dop=5.0)))


def test_a_fix_at_the_origin_of_the_globe_is_flagged_not_fatal(tmp_path: Path) -> None:
    rows = "".join(f"a,{600 * i},{10.2 + i / 1e4},{46.66 + i % 3 / 1e4}\n" for i in range(12))
    path = _file(tmp_path, "individual,t_s,lon,lat\n" + rows + "a,7500,0,0\na,8100,10.2,46.66\n")
    (one,) = read_tracks(path, wanted=Selection(rules=Rules(max_speed_mps=3.0))).animals
    assert one.left_out == {"flagged: too fast": 1}


def test_tracks_can_lie_in_their_zone_of_utm(tmp_path: Path) -> None:
    rows = "a,0,10.2,46.66\na,60,10.21,46.67\n"
    path = _file(tmp_path, "individual,t_s,lon,lat\n" + rows)
    (one,) = read_tracks(path, plane="utm").animals
    assert one.track.projection == UtmProjection(32)
    assert 500_000 < one.track.x_m[0] < 600_000


def test_marked_outliers_are_left_out_unless_a_person_kept_them(tmp_path: Path) -> None:
    columns = "individual,t_s,x_m,y_m,algorithm-marked-outlier,manually-marked-valid\n"
    rows = "a,0,1,2,,\na,60,9,9,true,\na,120,3,4,TRUE,true\na,180,5,6,false,\n"
    (one,) = read_tracks(_file(tmp_path, columns + rows)).animals
    assert one.track.times_s.tolist() == [0, 120, 180]
    assert one.left_out == {"marked as an outlier": 1}


def test_rows_of_tags_on_no_animal_are_nobodys(tmp_path: Path) -> None:
    rows = _ROWS + "3,true,2020-05-01 02:00:00.000,10.2,46.6,gps,\n"
    file = read_tracks(_file(tmp_path, _MOVEBANK + rows))
    assert [one.animal for one in file.animals] == ["Alva"]


def test_an_animal_that_cannot_be_used_does_not_stop_the_others(tmp_path: Path) -> None:
    rows = _ROWS + _ROWS.replace("Alva", "Bruna").replace("10.21", "60.21")
    rows += "3,true,2020-05-01 02:00:00.000,,,gps,Corsin\n"
    file = read_tracks(_file(tmp_path, _MOVEBANK + rows))
    assert [one.animal for one in file.animals] == ["Alva"]
    assert file.refused["Corsin"] == "no position"
    assert "more than 1500 km" in file.refused["Bruna"]


@pytest.mark.parametrize(
    ("text", "animals", "message"),
    [
        (_MOVEBANK + _ROWS, ["Bea"], "no position of animal 'Bea'; animals there: Alva"),
        (_MOVEBANK + _ROWS.replace("10.21", "60.21"), ["Alva"], "animal 'Alva': .*1500 km"),
        (_MOVEBANK, [], r"no animal has a track \(no rows\)"),
        (_MOVEBANK + "3,true,2020-05-01,,,gps,Alva\n", [], r"\(Alva: no position\)"),
        ("t_s,x_m,y_m,hdop\n0,1,2,good\n", [], "line 2: 'good' is not a number"),
    ],
)
def test_what_is_not_there_is_refused(
    tmp_path: Path, text: str, animals: list[str], message: str
) -> None:
    with pytest.raises(TrackFileError, match=message):
        read_tracks(_file(tmp_path, text), animals)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "track.csv"
    path.write_bytes(b"individual,t_s,x_m,y_m\n\xff\xfe\x00\n")
    with pytest.raises(TrackFileError, match=r"track\.csv: not text in UTF-8"):
        read_tracks(path)


def test_real_files_give_all_their_animals(reference_data: Path) -> None:
    found = {
        name: {one.animal: len(one.track) for one in read_tracks(reference_data / name).animals}
        for name in ("tracks/ctmm_buffalo.csv", "tracks/ctmm_coati.csv")
    }
    assert found["tracks/ctmm_buffalo.csv"] == {
        "Cilla": 3527,
        "Gabs": 1996,
        "Mvubu": 2572,
        "Pepper": 1725,
    }
    assert found["tracks/ctmm_coati.csv"] == {"Aleja": 1123, "Anna": 79}


def test_a_stray_quotation_mark_swallows_no_rows(tmp_path: Path) -> None:
    rows = _ROWS.replace("gps", '"gps', 1) + _ROWS.replace("gps", 'gps"', 1)
    for text in (_MOVEBANK + rows, _MOVEBANK + _ROWS.replace("gps", '"gps', 1)):
        with pytest.raises(TrackFileError, match=r"line|quot"):
            read_track(_file(tmp_path, text), "Alva")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "track.csv"
    path.write_bytes(_MOVEBANK.encode() + "Überläufer".encode("latin-1"))
    with pytest.raises(TrackFileError, match=r"track\.csv: not text in UTF-8"):
        read_track(path, "Alva")
    path.write_text(_MOVEBANK + "x" * 200_000)
    with pytest.raises(TrackFileError, match=r"line 2: field larger than field limit"):
        read_track(path, "Alva")
