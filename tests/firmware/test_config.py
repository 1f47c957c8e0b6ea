from firmware import config, layout

from .memory import Memory, cut_everywhere
from .wire.raising import raised


def test_defaults_are_within_their_limits():
    settings = config.Settings()
    for name, least, most, default, doc in config.TABLE:
        assert doc
        assert least <= getattr(settings, name) == default <= most


def test_settings_come_back():
    memory = Memory()
    config.store(memory, config.Settings(gnss_timeout_s=60, tx_power_dbm=10))
    settings = config.load(memory)
    assert (settings.gnss_timeout_s, settings.tx_power_dbm) == (60, 10)
    assert settings.send_records == 8


def test_no_setting_takes_the_whole_reserve_away():
    error = raised(config.ConfigError, lambda: config.Settings(reserve_days=0))
    assert (error.name, error.value, error.limits) == ("reserve_days", 0, "10..365")


def test_a_value_outside_its_limits_is_named():
    error = raised(config.ConfigError, lambda: config.Settings(gnss_timeout_s=5))
    assert str(error) == "gnss_timeout_s is 5, expected 10..600"


def test_an_unknown_setting_is_named():
    error = raised(config.ConfigError, lambda: config.Settings(colour=5))
    assert "'colour'" in str(error)


def test_settings_cut_at_any_byte_are_the_old_or_the_new():
    memory = Memory()
    config.store(memory, config.Settings(send_records=5))

    def check(copy, whole):
        assert config.load(copy).send_records in ((6,) if whole else (5, 6))

    new = config.Settings(send_records=6)
    cut_everywhere(memory, lambda copy: config.store(copy, new), check)


def test_a_collar_without_settings_runs_on_the_defaults():
    assert config.load(Memory()).send_records == 8


def test_an_invalid_stored_value_falls_back_alone():
    memory = Memory()
    settings = config.Settings(send_records=5)
    settings.gnss_timeout_s = 100000
    config.store(memory, settings)
    loaded = config.load(memory)
    assert (loaded.gnss_timeout_s, loaded.send_records) == (120, 5)


def test_settings_fit_their_place():
    assert len(config.TABLE) <= 62
    assert layout.ADDRESS_FENCES + 2 * config._FENCE_STRIDE <= layout.ADDRESS_NAVIGATION
    assert layout.ADDRESS_SETTINGS + 2 * (4 * 64 + 6) <= layout.ADDRESS_BITMAP


TRIANGLE = [(64, 3), (65, 4660000), (66, 1020000), (67, 4670000), (68, 1020000), (69, 4665000)]
TRIANGLE.append((70, 1030000))


def test_an_order_changes_settings_and_fences_together():
    memory = Memory()
    config.apply(memory, [(5, 4)] + TRIANGLE)
    settings = config.load(memory)
    assert (settings.send_records, settings.version) == (4, 1)
    corners = [(4660000, 1020000), (4670000, 1020000), (4665000, 1030000)]
    assert config.fences(memory, settings) == [corners, [], [], []]


def test_a_bad_order_names_the_value_and_changes_nothing():
    memory = Memory()
    config.apply(memory, TRIANGLE)
    for bad, text in (
        ((5, 65), "send_records is 65, expected 1..64"),
        ((64, 2), "fence 0 vertices is 2, expected 0, or 3..16"),
        ((98, 9000001), "fence 1 lat_e5 is 9000001, expected -9000000..9000000"),
        ((63, 1), "setting 63 does not exist"),
    ):
        error = raised(config.ConfigError, config.apply, memory, [(2, 60), bad])
        assert str(error) == text
        settings = config.load(memory)
        assert (settings.gnss_timeout_s, settings.version) == (120, 1)
        assert len(config.fences(memory, settings)[0]) == 3


def test_an_order_cut_at_any_byte_is_applied_whole_or_not_at_all():
    memory = Memory()
    config.apply(memory, [(5, 4)] + TRIANGLE)
    order = [(5, 6), (64, 0)]

    def check(copy, whole):
        settings = config.load(copy)
        corners = len(config.fences(copy, settings)[0])
        assert (settings.send_records, corners) in (((6, 0),) if whole else ((4, 3), (6, 0)))

    assert cut_everywhere(memory, lambda copy: config.apply(copy, order), check, 7) > 50


def test_a_rolled_back_configuration_is_the_one_before():
    memory = Memory()
    assert not config.roll_back(memory)
    config.apply(memory, [(5, 4)] + TRIANGLE)
    config.apply(memory, [(5, 6), (64, 0)])
    assert config.roll_back(memory)
    settings = config.load(memory)
    assert settings.send_records == 4
    assert len(config.fences(memory, settings)[0]) == 3
