import shutil

import pytest

from firmware.board import Costs
from firmware.boards import _pins_collar_l476 as pins
from firmware.boards._costs_collar_l476 import COSTS
from hardware import describe


@pytest.fixture
def toml(tmp_path):
    """A copy of the description, with a function that replaces text in it."""
    path = tmp_path / "collar.toml"
    shutil.copy(describe.TOML, path)

    def edit(old, new):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return path

    return edit


def faults(path):
    with pytest.raises(describe.DescriptionError) as caught:
        describe.load(path)
    return caught.value.faults


def test_generated_modules_are_current():
    assert describe.main(["--check"]) == 0


def test_every_number_says_where_it_comes_from():
    assert describe.load()["storage"]["capacitance_mf"] == 40000


def test_costs_on_the_collar_are_those_of_the_description():
    assert describe.costs(describe.load()) == COSTS._asdict()
    assert set(Costs._fields) == set(COSTS._fields)


def test_costs_include_the_loss_of_the_converter():
    # 11.5 mA at 3 V and 2.3 mA at 2 V through a converter of 85 %
    assert COSTS.gnss_search_uw == round((11500 * 3 + 2300 * 2) / 0.85)
    # 25.5 mA at 3.3 V
    assert COSTS.radio_tx_uw == round(25500 * 3.3 / 0.85)


def test_a_halved_efficiency_doubles_what_tasks_cost(toml):
    path = toml("efficiency_permille = { value = 850", "efficiency_permille = { value = 425")
    halved = describe.costs(describe.load(path))
    assert halved["gnss_search_uw"] == 2 * COSTS.gnss_search_uw


def test_a_day_of_sleep_and_leakage_costs_about_a_third_of_a_joule():
    rest_nw = COSTS.standby_nw + COSTS.leakage_nw * (3.1 / 3.8) ** 2
    assert 0.30 < rest_nw * 1e-9 * 86400 < 0.38


def test_pins_reach_the_firmware():
    assert describe.load()["pins"]["fram_cs"] == pins.FRAM_CS


def test_a_missing_source_is_named(toml):
    path = toml('source = "DESIGN D2: 60 nA class"', 'source = ""')
    assert any("[converter] quiescent_na" in fault for fault in faults(path))


def test_a_missing_entry_is_named(toml):
    path = toml("tx_ua", "tx_microamps")
    assert any(fault == "[radio] tx_ua is missing" for fault in faults(path))


def test_a_name_without_unit_is_named(toml):
    path = toml("[rtc]\n", '[rtc]\nquality = { value = 3, source = "assumed" }\n')
    assert faults(path) == [
        "[rtc] quality ends in no unit, expected one of " + ", ".join(describe._UNITS)
    ]


def test_all_faults_are_told_at_once(toml):
    toml("drift_ppm = { value = 20, ", 'drift_ppm = { value = "20", ')
    path = toml("value = 380, ", "value = -380, ")
    assert len(faults(path)) == 2


def test_contradictions_are_faults(toml):
    path = toml("full_uv = { value = 3800000", "full_uv = { value = 2100000")
    assert faults(path) == ["[storage] expected brownout_uv <= empty_uv < full_uv"]


def test_a_divider_that_overloads_the_converter_is_a_fault(toml):
    path = toml("divider_permille = { value = 500", "divider_permille = { value = 600")
    assert faults(path) == [
        "[gauge] divider_permille makes 2280000 uV of the full storage, "
        "expected more than 0 and at most [converter] rail_mv"
    ]


def test_the_antenna_reaches_the_firmware(toml):
    path = toml("antenna_gain_dbi = { value = 0", "antenna_gain_dbi = { value = -2")
    assert describe.costs(describe.load(path))["antenna_gain_cdbi"] == -200


def test_a_pin_used_twice_is_a_fault(toml):
    path = toml('value = "B12"', 'value = "C6"')
    assert faults(path) == ["[pins] C6 is used 2 times, expected once"]


def test_a_file_that_is_not_toml_is_one_clear_line(tmp_path):
    path = tmp_path / "collar.toml"
    path.write_text("storage = [")
    assert len(faults(path)) == 1


def test_a_stale_module_fails_the_check(monkeypatch, capsys, toml):
    path = toml("value = 40000, ", "value = 41000, ")
    load = describe.load
    monkeypatch.setattr(describe, "load", lambda: load(path))
    assert describe.main(["--check"]) == 1
    assert "_costs_collar_l476.py is not current" in capsys.readouterr().err
