"""Short forms of `make torture`: power cuts at random places, and that they would be noticed."""

from pathlib import Path

from tests.ground_station.torture import powercut
from tests.ground_station.torture.__main__ import CARELESS, DURABLE


def test_no_power_cut_loses_or_doubles_what_was_acknowledged(tmp_path: Path) -> None:
    record = powercut.record(tmp_path, 20261122, 30, DURABLE)
    assert record.cuts(tmp_path, 30, 1) == []


def test_power_cuts_are_noticed_where_nothing_is_synced(tmp_path: Path) -> None:
    record = powercut.record(tmp_path, 20261122, 30, CARELESS)
    assert len(record.cuts(tmp_path, 20, 1)) > 5
