from firmware.wire.airtime import airtime_us, symbol_us
from firmware.wire.errors import BadValue

from .raising import raised

# sf, bw_hz, coding rate, preamble, payload, explicit, crc, ldro (None: automatic), microseconds.
# 1 to 7: Semtech's SX1261 calculator; 8 to 12: SX1272 designer's guide by way of ns-3's tests;
# 13 to 16: LoRaMac-node's radio driver, compiled.
VECTORS = (
    (12, 500_000, 5, 8, 1, True, True, None, 206_848),
    (12, 500_000, 5, 12, 64, True, True, None, 649_216),
    (8, 125_000, 6, 8, 253, True, True, None, 827_904),
    (8, 125_000, 6, 8, 3, True, False, None, 53_760),
    (12, 7_810, 8, 128, 253, True, True, None, 287_532_907),
    (11, 10_420, 7, 25, 16, True, True, None, 12_824_568),
    (5, 500_000, 5, 2, 1, True, False, None, 1_360),
    (7, 125_000, 5, 8, 10, True, True, None, 41_216),
    (8, 125_000, 6, 8, 10, False, True, None, 78_336),
    (10, 125_000, 6, 10, 10, False, True, True, 280_576),
    (12, 125_000, 5, 8, 50, True, True, None, 2_301_952),
    (12, 125_000, 6, 8, 50, True, True, None, 2_629_632),
    (7, 125_000, 5, 8, 222, True, True, None, 348_416),
    (11, 250_000, 5, 16, 64, True, True, None, 722_944),
    (12, 125_000, 5, 8, 51, True, True, None, 2_465_792),
    (6, 125_000, 5, 12, 64, True, True, None, 69_760),
)


def test_published_times_on_air():
    for sf, bw_hz, rate, preamble, n, explicit, crc, ldro, expected_us in VECTORS:
        got = airtime_us(sf, bw_hz, n, rate, preamble, crc, explicit, ldro)
        assert abs(got - expected_us) <= 1, (sf, bw_hz, got, expected_us)


def test_defaults_are_those_of_the_link():
    assert airtime_us(8, 125_000, 3, crc=True) == airtime_us(8, 125_000, 3, 5, 8, True, True)
    assert airtime_us(9, 125_000, 51) == 328_704


def test_low_data_rate_is_on_from_16_ms():
    assert airtime_us(11, 125_000, 51) == airtime_us(11, 125_000, 51, ldro=True)
    assert airtime_us(10, 125_000, 51) == airtime_us(10, 125_000, 51, ldro=False)
    assert airtime_us(12, 250_000, 51) == airtime_us(12, 250_000, 51, ldro=True)
    assert airtime_us(11, 250_000, 51) == airtime_us(11, 250_000, 51, ldro=False)


def test_longer_payload_never_takes_less_time():
    for sf in range(5, 13):
        times = [airtime_us(sf, 125_000, n) for n in range(256)]
        assert times == sorted(times)


def test_symbol_lengths():
    assert symbol_us(7, 125_000) == 1_024
    assert symbol_us(12, 125_000) == 32_768
    assert symbol_us(7, 250_000) == 512


def test_impossible_arguments_are_named():
    assert raised(BadValue, airtime_us, 13, 125_000, 1).what == "sf"
    assert raised(BadValue, airtime_us, 4, 125_000, 1).what == "sf"
    assert raised(BadValue, airtime_us, 7, 0, 1).what == "bw_hz"
    assert raised(BadValue, airtime_us, 7, 125_000, 256).what == "payload_bytes"
    assert raised(BadValue, airtime_us, 7, 125_000, 1, 4).what == "coding_rate"
    assert raised(BadValue, symbol_us, 13, 125_000).what == "sf"
