"""A converter that fails while it goes on to say something: the collar lives by its book."""

import pytest

from hardware.budget import full, years
from hardware.twin import board, parts

STUCK_UV, WORKS_DAYS, DAYS = 3_000_000, 10, 70


@pytest.mark.parametrize("income_j", [0.69, 2.38])
def test_sixty_days_with_a_converter_stuck_above_the_truth_cost_no_brown_out(
    monkeypatch: pytest.MonkeyPatch, income_j: float
) -> None:
    working = board._Gauge.voltage_uv
    truth_uv = []

    def stuck(gauge: board._Gauge, long: bool = False) -> int:
        voltage_uv = working(gauge, long)
        if gauge._hardware.hub.now_us < WORKS_DAYS * 86_400e6:
            return voltage_uv
        truth_uv.append(voltage_uv)
        return STUCK_UV

    monkeypatch.setattr(board._Gauge, "voltage_uv", stuck)
    year = years.synthetic(31, DAYS).with_income(income_j)
    made_of = full.hard_parts(parts.load().receivers[27])
    before = full.live(year, made_of, 2.9, WORKS_DAYS)
    result = full.live(year, made_of, 2.9, DAYS)
    assert truth_uv[0] < STUCK_UV
    assert result.brownouts == 0
    if income_j > 1.0:  # a poor collar has nothing to spend
        assert result.fixes_taken > before.fixes_taken + DAYS - WORKS_DAYS
