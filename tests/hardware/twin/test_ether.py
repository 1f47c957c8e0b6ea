import pytest

from hardware.twin import Air, ScenarioError
from hardware.twin.ether import Ether
from hardware.twin.hub import Hub
from hardware.twin.landscape import metres_per_degree

STATION = (46.66, 10.2, 2000.0)
QUIET = Air(shadowing_db=0.0, fading_db=0.0)
FREQ_HZ, BW_HZ = 868_100_000, 125_000


def place(metres):
    return (STATION[0] + metres / metres_per_degree(STATION[0])[0], STATION[1], STATION[2])


class Radio:
    """An ether and what arrived."""

    def __init__(self, air=QUIET, seed=1):
        self.hub, self.heard = Hub(), []
        self.ether = Ether(self.hub, air, seed, STATION, self.heard.append)

    def send(self, at_us, collar=1, metres=500, sf=9, freq_hz=FREQ_HZ, count=20):
        self.hub.at(
            at_us,
            lambda: self.ether.uplink(collar, place(metres), freq_hz, sf, BW_HZ, 14, bytes(count)),
        )

    def run(self):
        self.hub.run_until(10**12)
        return [frame.collar for frame in self.heard]


def test_a_near_frame_arrives_at_its_end():
    radio = Radio()
    radio.send(1_000_000)
    assert radio.run() == [1]
    assert radio.heard[0].end_us - radio.heard[0].start_us == 185_344  # SF9, 20 bytes


def test_snr_is_the_link_budget():
    radio = Radio()
    snr_db = radio.ether.snr_db(1, place(1000), 14, BW_HZ, 0)
    assert snr_db == pytest.approx(14 + 2 - 3 - 112 - (-174 + 50.97 + 6), abs=0.01)


@pytest.mark.parametrize(("sf", "limit_db"), [(7, -7.5), (9, -12.5), (12, -20.0)])
def test_half_of_the_frames_arrive_half_a_decibel_below_the_limit(sf, limit_db):
    assert QUIET.reception_probability(limit_db - 0.5, sf) == pytest.approx(0.5)
    assert QUIET.reception_probability(limit_db + 3.0, sf) > 0.99
    assert QUIET.reception_probability(limit_db - 4.0, sf) < 0.01


def test_slow_frames_reach_further():
    far_m = 11_000
    radio = Radio()
    for number in range(20):
        radio.send(number * 10_000_000, collar=7, metres=far_m, sf=7)
        radio.send(number * 10_000_000 + 5_000_000, collar=12, metres=far_m, sf=12)
    assert set(radio.run()) == {12}


def test_equal_frames_at_once_destroy_each_other():
    radio = Radio()
    radio.send(0, collar=1)
    radio.send(10_000, collar=2)
    assert radio.run() == []
    assert radio.ether.fates["collision"] == 2


def test_the_stronger_by_6_db_survives():
    radio = Radio()
    radio.send(0, collar=1, metres=500)
    radio.send(10_000, collar=2, metres=1000)  # 9 dB weaker
    assert radio.run() == [1]


@pytest.mark.parametrize("other", [{"sf": 8}, {"freq_hz": 868_300_000}])
def test_other_rates_and_channels_do_not_collide(other):
    radio = Radio()
    radio.send(0, collar=1)
    radio.send(10_000, collar=2, **other)
    assert sorted(radio.run()) == [1, 2]


def test_a_frame_that_only_meets_the_first_symbols_survives():
    radio = Radio()
    radio.send(0, collar=1, sf=12)
    end_us = 1_318_912  # of a 20-byte frame at SF12
    radio.send(end_us - 50_000, collar=2, sf=12)  # less than three symbols of 32.8 ms
    assert 2 in radio.run()


def test_station_hears_nothing_while_it_sends():
    radio = Radio()
    radio.ether.downlink(100_000, 869_525_000, 9, BW_HZ, 14, bytes(20))
    radio.send(0)
    assert radio.run() == []
    assert radio.ether.fates["half_duplex"] == 1


def test_station_sends_one_frame_at_a_time():
    ether = Radio().ether
    assert ether.downlink(100_000, 869_525_000, 9, BW_HZ, 14, bytes(20)) is not None
    assert ether.downlink(150_000, 869_525_000, 7, BW_HZ, 14, bytes(20)) is None


def test_nothing_arrives_while_the_station_is_deaf():
    radio = Radio(Air(shadowing_db=0.0, fading_db=0.0, deaf=[(10, 20)]))
    for second in (5, 15, 25):
        radio.send(second * 1_000_000, collar=second)
    assert radio.run() == [5, 25]


def test_eight_frames_at_once_are_the_most():
    radio = Radio()
    for collar in range(9):
        sf, channel = 10 + collar % 3, 868_100_000 + 200_000 * (collar // 3)
        radio.send(collar * 1000, collar=collar + 1, sf=sf, freq_hz=channel)
    assert len(radio.run()) == 8
    assert radio.ether.fates["busy"] == 1


def test_extra_loss_takes_its_share():
    radio = Radio(Air(shadowing_db=0.0, fading_db=0.0, loss_up=0.3))
    for number in range(1000):
        radio.send(number * 1_000_000)
    assert 0.64 < len(radio.run()) / 1000 < 0.76


def test_window_notices_a_preamble_that_began_a_little_before():
    ether = Radio().ether
    sent = ether.downlink(1_000_000, 869_525_000, 9, BW_HZ, 14, bytes(20))
    args = (869_525_000, 9, BW_HZ)
    assert ether.find_downlink(995_000, 1_045_000, *args) is sent
    assert ether.find_downlink(1_010_000, 1_060_000, *args) is sent
    assert ether.find_downlink(1_020_000, 1_070_000, *args) is None
    assert ether.find_downlink(940_000, 990_000, *args) is None
    assert ether.find_downlink(995_000, 1_045_000, 869_525_000, 10, BW_HZ) is None


def test_shadowing_belongs_to_the_place():
    ether = Radio(Air(fading_db=0.0)).ether
    here, near, far = place(1000), place(1010), place(1500)
    gains = [
        ether.snr_db(1, p, 14, BW_HZ, 0) + QUIET.path_loss_db(m)
        for p, m in ((here, 1000), (near, 1010), (far, 1500))
    ]
    assert gains[0] == pytest.approx(gains[1], abs=0.01)
    assert abs(gains[0] - gains[2]) > 0.1


def test_impossible_air_is_refused():
    with pytest.raises(ScenarioError, match=r"1\.5"):
        Air(loss_up=1.5)
    with pytest.raises(ScenarioError, match="deaf"):
        Air(deaf=[(5, 5)])
