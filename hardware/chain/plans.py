"""The two runs people ask for: three ibex of the demo, and an animal of a recorded track."""

import math
from datetime import UTC, datetime

from analytics.project import LocalProjection
from analytics.track_file import RecordedTrack
from firmware import moment
from hardware.chain.run import ChainError, Plan, Wearer
from hardware.twin.animal import Track
from hardware.twin.ether import Air
from hardware.twin.landscape import elevation_m
from hardware.twin.scenario import START_UTC_S, STATION, named_ibexes

_REPLAY_INCOME_J_PER_DAY = 60.0  # two dozen fixes a day at about 1.2 J, and as much again
_FIRST_YEAR = datetime.fromtimestamp(moment.KNOWN_S, UTC).year
_MAST_M = 50.0  # height of the replay's station above the highest ground under the track


def demo_plan(seed: int, days: float) -> Plan:
    """Three ibex around one station in the Swiss National Park."""
    return Plan(
        seed=seed,
        start_utc_s=START_UTC_S,
        days=days,
        station="demo-hut",
        station_position=(*STATION, elevation_m(*STATION)),
        wearers=[Wearer(name, "Capra ibex", model) for name, model in named_ibexes(seed).items()],
    )


def replay_plan(track: RecordedTrack, seed: int) -> Plan:
    """Return one animal that walks along a recorded track, with income enough to follow it.

    The station stands on a mast in the middle of the track with free sight over all of it: the
    track, not the radio, is what a replay is about. (In free sight a wildlife tag has been heard
    over 40 km: Gauld et al. 2023, Animal Biotelemetry 11:17.)

    Raises:
        ChainError: times that no GNSS receiver tells.
    """
    start_utc_s = math.floor(track.times_s[0])
    years = [datetime.fromtimestamp(time_s, UTC).year for time_s in track.times_s[[0, -1]]]
    if not _FIRST_YEAR <= years[0] <= years[1] <= 2099:
        raise ChainError(
            f"the track runs from {years[0]} to {years[1]}: expected {_FIRST_YEAR} to 2099, since "
            "a collar takes an earlier clock for one that lost its time (a t_s column counts "
            "seconds from 1970)"
        )
    latitude, longitude = _middle(track)
    ground = max(
        elevation_m(lat, lon)
        for lat, lon in zip(track.lat_deg.tolist(), track.lon_deg.tolist(), strict=True)
    )
    model = Track(
        (track.times_s - start_utc_s).tolist(), track.lat_deg.tolist(), track.lon_deg.tolist()
    )
    settings = {"year_least": years[0]}
    return Plan(
        seed=seed,
        start_utc_s=start_utc_s,
        days=float(track.times_s[-1] - start_utc_s) / 86_400,
        station="replay-mast",
        station_position=(latitude, longitude, ground + _MAST_M),
        wearers=[Wearer(track.animal, None, model, _REPLAY_INCOME_J_PER_DAY, settings)],
        air=Air(reference_db=91.0, exponent=2.0, shadowing_db=2.0),
        to_the_last=True,
    )


def _middle(track: RecordedTrack) -> tuple[float, float]:
    """Latitude and longitude of the middle of the track's extent, also over the 180th meridian."""
    plane = LocalProjection.around(track.lat_deg, track.lon_deg)
    x_m, y_m = plane.forward(track.lat_deg, track.lon_deg)
    middle = plane.inverse((x_m.min() + x_m.max()) / 2, (y_m.min() + y_m.max()) / 2)
    return float(middle[0]), float(middle[1])
