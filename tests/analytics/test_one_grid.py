"""Densities of several animals on one grid, and their overlap."""

import numpy as np
import pytest

from analytics.errors import ParameterError, TrackError
from analytics.grid import Grid
from analytics.ranges.kde import kernel_ud
from analytics.ranges.one_grid import complete, on_one_grid
from analytics.ranges.overlap import overlap
from analytics.steps import heard_by
from analytics.track import Track

HOURS_S = 3600.0 * np.arange(200)


def resident(seed, x_m=0.0, y_m=0.0):
    """An animal about a home, its fixes two hours' memory apart."""
    rng = np.random.default_rng(seed)
    place = np.zeros((200, 2))
    for i in range(1, 200):
        place[i] = 0.6 * place[i - 1] + rng.normal(0, 300, 2)
    return Track(HOURS_S, x_m + place[:, 0], y_m + place[:, 1])


def test_on_one_grid_indices_are_those_of_a_grid_made_by_hand():
    tracks = {"a": resident(1), "b": resident(2, 500.0)}
    shared = on_one_grid(tracks, "kde", complete("kde", {}))
    everything = [np.concatenate([t.x_m for t in tracks.values()]) for _ in (0,)]
    everything.append(np.concatenate([t.y_m for t in tracks.values()]))
    grid = Grid.around(*everything, cell_m=15.0, margin_m=1500.0)
    by_hand = [kernel_ud(track, grid=grid) for track in tracks.values()]
    for index in ("HR", "PHR", "VI", "BA", "UDOI", "HD"):
        expected = overlap(by_hand, index).values
        assert shared.overlap(index) == pytest.approx(expected, rel=0.01, abs=1e-6)
    assert shared.groups == ((0, 1),)


@pytest.mark.parametrize("conditional", [False, True])
def test_animals_far_apart_share_nothing_and_no_grid(conditional):
    tracks = {"a": resident(1), "far": resident(3, 1e6), "b": resident(2, 500.0)}
    shared = on_one_grid(tracks, "kde", complete("kde", {}))
    assert shared.groups == ((0, 2), (1,))
    assert max(ud.density_per_m2.size for ud in shared.uds) < 1e6
    for index in ("HR", "PHR", "VI", "BA", "UDOI"):
        values = shared.overlap(index, conditional=conditional)
        assert values[0, 1] == values[1, 2] == 0
        assert values[0, 2] > 0.05 and values[1, 1] > 0.05
    distance = shared.overlap("HD", conditional=conditional)
    assert distance[0, 1] == pytest.approx(np.sqrt(1.9 if conditional else 2.0), abs=0.003)
    assert distance[1, 1] == 0


def test_akde_gives_each_affinity_with_its_interval():
    tracks = {"a": resident(1), "b": resident(2, 400.0), "c": resident(3, 5000.0)}
    found = on_one_grid(tracks, "akde", complete("akde", {})).affinities
    assert list(found) == [(0, 1), (0, 2), (1, 2)]
    assert all(0 <= one.low <= one.estimate <= one.high <= 1 for one in found.values())
    assert found[0, 1].low > found[0, 2].high


def test_a_bad_track_and_a_bad_option_are_named():
    short = Track(HOURS_S[:3], np.arange(3.0), np.arange(3.0) ** 2)
    with pytest.raises(TrackError, match="b: "):
        on_one_grid({"a": resident(1), "b": short}, "kde", complete("kde", {}))
    with pytest.raises(ParameterError, match="for kde: bandwidth_m, cell_m"):
        complete("kde", {"error_m": 3})
    with pytest.raises(ParameterError, match="at least 2 animals"):
        on_one_grid({"a": resident(1)}, "kde", complete("kde", {}))


def test_it_tells_whose_turn_it_is_and_how_far_it_is():
    told = []
    with heard_by(lambda progress, step: told.append((progress, step))):
        on_one_grid({"a": resident(1), "b": resident(2)}, "kde", complete("kde", {}))
    assert [step for _, step in told] == ["a", "b", "a on the common grid", "b on the common grid"]
    assert [round(progress, 2) for progress, _ in told] == [0, 0.35, 0.7, 0.85]
