from firmware.wire import region
from firmware.wire.airtime import airtime_us, symbol_us
from firmware.wire.errors import BadValue

from .raising import raised


def test_uplink_channels_have_one_percent_and_14_dbm():
    for channel in region.UPLINK_CHANNELS:
        band = region.sub_band(channel.freq_hz, channel.bw_hz)
        assert (band.duty_permille, band.erp_dbm) == (10, 14)


def test_acknowledgements_have_ten_percent_and_27_dbm():
    channel = region.ACK_CHANNEL
    band = region.sub_band(channel.freq_hz, channel.bw_hz)
    assert (band.duty_permille, band.erp_dbm) == (100, 27)


def test_sub_bands_ascend_without_overlap():
    end = 0
    for band in region.SUB_BANDS:
        assert end <= band.low_hz < band.high_hz
        end = band.high_hz


def test_sub_band_includes_its_low_edge_only():
    assert region.sub_band(868_000_000) == region.SUB_BANDS[2]
    assert region.sub_band(867_999_999) == region.SUB_BANDS[1]
    raised(BadValue, region.sub_band, 868_600_000)


def test_frequency_between_sub_bands_is_refused():
    for freq_hz in (862_999_999, 868_650_000, 869_300_000, 869_675_000, 870_000_000):
        error = raised(BadValue, region.sub_band, freq_hz)
        assert error.value == freq_hz


def test_channel_that_crosses_an_edge_is_refused():
    region.sub_band(868_300_000, 250_000)
    raised(BadValue, region.sub_band, 869_150_000, 250_000)
    raised(BadValue, region.sub_band, 868_000_000, 125_000)


def test_packet_lengths_follow_the_spreading_factor():
    lengths = [region.MAX_PHY_BYTES[sf] for sf in range(12, 6, -1)]
    assert lengths == [64, 64, 64, 128, 234, 234]


def test_snr_limits_fall_by_two_and_a_half_db():
    assert region.SNR_LIMIT_QDB[7] == -30
    for sf in range(8, 13):
        assert region.SNR_LIMIT_QDB[sf] == region.SNR_LIMIT_QDB[sf - 1] - 10


def test_window_is_8_symbols_and_at_least_50_ms():
    assert [region.window_ms(sf) for sf in range(7, 13)] == [50, 50, 50, 66, 132, 263]
    for sf in range(7, 13):
        assert 1000 * region.window_ms(sf) >= 8 * symbol_us(sf, 125_000)
    raised(BadValue, region.window_ms, 6)


def test_silence_is_known_a_header_after_the_window():
    assert [region.silence_ms(sf) for sf in range(7, 13)] == [72, 94, 137, 239, 477, 952]


def test_window_opens_before_the_answer_begins():
    assert 0 < region.RX_EARLY_US < region.RX_DELAY_US
    assert 1000 * region.window_ms(7) > region.RX_EARLY_US


def test_radiated_power_counts_the_antenna_over_a_dipole():
    assert region.erp_cdbm(14, 0) == 1185
    assert region.erp_cdbm(14, 215) == 1400
    assert region.erp_cdbm(-5, -300) == -1015


def test_power_is_allowed_up_to_the_limit_of_the_sub_band():
    region.check_power(868_100_000, 125_000, 14, 215)
    region.check_power(869_525_000, 125_000, 27, 215)
    error = raised(BadValue, region.check_power, 868_100_000, 125_000, 14, 216)
    assert str(error) == (
        "radiated power in 0.01 dBm ERP is 1401, expected at most 1400 at 868100000 Hz"
    )
    raised(BadValue, region.check_power, 869_525_000, 125_000, 28, 200)


def test_power_outside_every_sub_band_is_refused():
    error = raised(BadValue, region.check_power, 868_650_000, 125_000, -20, 0)
    assert error.value == 868_650_000


def test_a_gain_that_is_no_antenna_is_refused():
    raised(BadValue, region.check_power, 868_100_000, 125_000, 0, 6_001)
    raised(BadValue, region.check_power, 868_100_000, 125_000, 0, 2.5)
    raised(BadValue, region.check_power, 868_100_000, 125_000, 128, 0)


def in_region(number, check):
    """Run a check while another region's rules are in force."""
    region.use(number)
    try:
        check()
    finally:
        region.use(region.EU868)


def test_every_region_keeps_its_own_rules():
    def check():
        for channel in region.UPLINK_CHANNELS:
            region.check_power(channel.freq_hz, channel.bw_hz, 10, 0)
        region.sub_band(region.ACK_CHANNEL.freq_hz, region.ACK_CHANNEL.bw_hz)
        low = min([channel.freq_hz for channel in region.UPLINK_CHANNELS])
        high = max([channel.freq_hz for channel in region.UPLINK_CHANNELS])
        assert len(region.UPLINK_CHANNELS) <= 8 and high - low <= 1_400_000
        assert sorted(region.MAX_PHY_BYTES) == list(range(region.SF_MIN, region.SF_MAX + 1))
        assert region.window_ms(region.SF_MAX) >= 50

    for name in sorted(region.NUMBERS):
        in_region(region.NUMBERS[name], check)


def test_packets_in_america_and_asia_last_no_longer_than_400_ms():
    def check():
        for sf in region.MAX_PHY_BYTES:
            bw_hz = region.UPLINK_CHANNELS[0].bw_hz
            assert airtime_us(sf, bw_hz, region.MAX_PHY_BYTES[sf]) <= 400_000

    in_region(region.US915, check)
    in_region(region.AS923, check)


def test_another_region_refuses_what_europe_allows():
    def check():
        error = raised(BadValue, region.sub_band, 868_100_000)
        assert "IN865" in str(error)

    in_region(region.IN865, check)
    region.sub_band(868_100_000)


def test_a_collar_may_keep_to_one_channel_and_one_rate():
    try:
        region.use(region.EU868, 2, 10)
        assert [one.freq_hz for one in region.UPLINK_CHANNELS] == [868_300_000]
        assert (region.SF_MIN, region.SF_MAX) == (10, 10)
        region.use(region.EU868, 4, 7)
        wide = region.UPLINK_CHANNELS[0]
        assert wide.bw_hz == 250_000 and region.sub_band(*wide).duty_permille == 10
        for channel, sf in ((0, 0), (5, 5)):
            region.use(region.EU868, channel, sf)
            assert len(region.UPLINK_CHANNELS) == 3 and (region.SF_MIN, region.SF_MAX) == (7, 12)
        region.use(region.AS923, 9)
        assert region.sub_band(*region.UPLINK_CHANNELS[0])
    finally:
        region.use(region.EU868)


def test_unknown_region_is_refused_and_changes_nothing():
    assert raised(BadValue, region.use, 9).value == 9
    assert region.NAME == "EU868"
