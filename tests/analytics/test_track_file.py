"""Reading recorded tracks: what is accepted, what is left out, what is refused."""

from pathlib import Path

import numpy as np
import pyproj
import pytest

from analytics.track_file import TrackFileError, read_track

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
