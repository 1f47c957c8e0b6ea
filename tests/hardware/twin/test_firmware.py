"""The real firmware in the twin, with a small station at the other end of the port."""

from itertools import pairwise

import pytest

from firmware import config
from firmware.wire import hello
from ground_station import orders
from hardware.twin import Air, CollarSpec, Track, World
from hardware.twin.landscape import distance_m
from hardware.twin.scenario import START_UTC_S, STATION
from tests.hardware.twin.conftest import KEYS
from tests.hardware.twin.station import Station


def delivered(station, result):
    """Whether each record of the log arrived, as it is in the log."""
    return {
        record.record
        for record in result.records
        if (result.collar, record.generation, record.record) in station.records
    }


def assert_book_balances(result):
    out_j = sum(result.joules_out.values())
    error_j = result.joules_start + result.joules_in - out_j - result.joules_end
    assert abs(error_j) < 1e-6 * (result.joules_start + result.joules_in)


def test_three_collars_deliver_what_they_record(make_world):
    world = make_world(collars=3, bridge=True)
    with Station(world.port, KEYS) as station:
        results = world.run(10)
    for result in results:
        assert result.fixes_taken >= 5 and result.errors == 0 and result.brownouts == 0
        numbers = {record.record for record in result.records}
        assert len(numbers - delivered(station, result)) == result.waiting <= 8
        assert result.last_contact_s > START_UTC_S + 8 * 86_400
        assert_book_balances(result)
    assert world.bridge.unanswered == world.bridge.late == world.bridge.noise == 0


def test_records_made_before_the_last_contact_have_arrived(make_world):
    world = make_world(collars=2, bridge=True)
    with Station(world.port, KEYS) as station:
        results = world.run(12)
    for result in results:
        before = {r.record for r in result.records if r.recorded_at_s < result.last_contact_s - 60}
        assert before and before <= delivered(station, result)


def test_the_same_seed_gives_the_same_life(make_world):
    lives = []
    for _ in range(2):
        world = make_world(collars=3, seed=5, bridge=True)
        with Station(world.port, KEYS):
            lives.append(world.run(6))
    assert lives[0] == lives[1]


def test_another_seed_gives_another_life(make_world):
    one, other = (make_world(seed=seed).run(3)[0] for seed in (1, 2))
    assert one.records != other.records


def test_fixes_lie_where_the_animal_was(make_world):
    world = make_world(income_j_per_day=20.0)
    result = world.run(10)[0]
    animal = world.collars[0].spec.animal
    fixes = [record for record in result.records if record.lat_e5 is not None]
    assert len(fixes) > 20
    for fix in fixes:
        lat, lon, altitude_m = animal.position(fix.recorded_at_s - START_UTC_S)
        off_m = distance_m(
            (lat, lon, altitude_m), (fix.lat_e5 / 1e5, fix.lon_e5 / 1e5, altitude_m)
        )
        assert off_m <= world.noise_bound_m + 1.1


def test_records_are_in_the_order_of_time(make_world):
    result = make_world(income_j_per_day=20.0).run(10)[0]
    times = [record.recorded_at_s for record in result.records]
    assert all(later >= earlier - 2 for earlier, later in pairwise(times))
    assert times[0] > START_UTC_S and times[-1] <= START_UTC_S + 10 * 86_400


def test_a_deaf_station_costs_no_record(make_world):
    air = Air(deaf=[(2 * 86_400, 6 * 86_400)])
    world = make_world(collars=2, bridge=True, air=air)
    with Station(world.port, KEYS) as station:
        results = world.run(12)
    assert world.ether.fates["deaf"] > 10
    for result in results:
        assert result.last_contact_s > START_UTC_S + 10 * 86_400
        assert len(delivered(station, result)) >= len(result.records) - 8


def test_an_order_that_cuts_the_contact_is_undone_by_the_collar_itself(make_world):
    world = make_world(bridge=True, air=Air(station_gain_db=-16.0))
    with Station(world.port, KEYS) as station:
        world.run(2)
        sequence = START_UTC_S + 2 * 86_400
        kind, payload, _, _ = orders.compose(["set", "sf=7", "tx_power_dbm=0"], sequence, sequence)
        station.orders.append((kind, payload))
        (result,) = world.run(6)
    told, settings = station.hellos[-1], config.load(world.collars[0].fram)
    assert (told.order, told.order_result) == (sequence, hello.RESULT_UNDONE)
    assert (settings.sf, settings.tx_power_dbm) == (0, 14)
    assert result.last_contact_s > START_UTC_S + 6 * 86_400


@pytest.mark.parametrize("seed", [1, 2])
def test_loss_both_ways_costs_no_record(make_world, seed):
    world = make_world(
        collars=2, seed=seed, bridge=True, air=Air(loss_up=0.4, loss_down=0.4), start_v=3.6
    )
    with Station(world.port, KEYS) as station:
        world.run(10)
        world.change_air(loss_up=0.0, loss_down=0.0)
        results = world.run(3)
    assert world.ether.fates["lost"] > 5
    for result in results:
        assert result.waiting <= 8 and result.acknowledged < result.frames_sent
        assert len(delivered(station, result)) >= len(result.records) - 8


def test_a_station_that_is_restarted_gets_everything(make_world):
    world = make_world(collars=2, bridge=True, answer_limit_s=0.05)
    station = Station(world.port, KEYS)
    with station:
        world.run(4)
    world.run(3)
    with station:
        results = world.run(5)
    assert world.bridge.unanswered > 0
    for result in results:
        assert len(delivered(station, result)) >= len(result.records) - 8


def test_a_starved_collar_comes_back_and_loses_nothing(make_world):
    world = make_world(bridge=True, start_v=3.0, income_j_per_day=10.0)
    storage = world.collars[0].hardware.supply.storage
    with Station(world.port, KEYS) as station:
        before = world.run(6)[0]
        storage.advance(
            1.0, 0.0, {"drain": storage.energy_j - storage.energy_at_j(2.2, 0.0) - 0.01}
        )
        dead = world.run(1)[0]
        after = world.run(20)[0]
    assert (dead.brownouts, after.brownouts) == (1, 1)
    kept = [[record[:6] for record in result.records] for result in (before, dead, after)]
    assert kept[0] == kept[1] == kept[2][: len(kept[0])]
    assert after.fixes_taken > before.fixes_taken > 3
    assert len(delivered(station, after)) == len(after.records) - after.waiting
    assert_book_balances(after)


def test_a_cut_at_any_byte_loses_no_committed_record(make_world):
    world = make_world(bridge=True, income_j_per_day=20.0, start_v=3.6)
    chip = world.collars[0].hardware.chip
    seen = set()
    with Station(world.port, KEYS) as station:
        for round_ in range(60):
            chip.cut_after_bytes = 1 + 37 * round_ % 1500
            result = world.run(0.25)[0]
            numbers = {record.record for record in result.records}
            assert seen <= numbers
            seen = numbers
        chip.cut_after_bytes = None
        result = world.run(3)[0]
    assert result.brownouts > 30 and len(seen) > 30
    assert len({r.generation for r in result.records}) == 1
    assert len(delivered(station, result)) >= len(result.records) - 8


def test_a_replayed_track_is_followed(make_world):
    times_s = [0.0, 43_200.0, 86_400.0, 4 * 86_400.0]
    track = Track(times_s, [46.66, 46.67, 46.665, 46.68], [10.20, 10.21, 10.19, 10.20])
    spec = CollarSpec(1, KEYS[1][1], KEYS[1][0], track, income_scale=50.0, start_v=2.9)
    world = World(3, START_UTC_S, STATION, [spec], bridge=False)
    result = world.run(4)[0]
    assert result.fixes_taken > 100
    for record in result.records:
        if record.lat_e5 is not None:
            there = track.position(record.recorded_at_s - START_UTC_S)
            fix = (record.lat_e5 / 1e5, record.lon_e5 / 1e5, there[2])
            assert distance_m(fix, there) <= world.noise_bound_m + 1.1
