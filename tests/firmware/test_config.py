from firmware import config, layout

from .memory import Memory, cut_everywhere
from .wire.raising import raised


def test_defaults_are_within_their_limits():
    settings = config.Settings()
    for name, least, most, default in config.TABLE:
        assert least <= getattr(settings, name) == default <= most


def test_settings_come_back():
    memory = Memory()
    config.store(memory, config.Settings(gnss_timeout_s=60, tx_power_dbm=10))
    settings = config.load(memory)
    assert (settings.gnss_timeout_s, settings.tx_power_dbm) == (60, 10)
    assert settings.send_records == 8


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
    assert len(config.TABLE) <= 64
    assert layout.ADDRESS_SETTINGS + 2 * (4 * 64 + 6) <= layout.ADDRESS_BITMAP
