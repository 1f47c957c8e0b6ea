from firmware import board, health
from firmware.block import State


def test_resets_are_counted_by_cause():
    state = State()
    health.note_reset(state, board.RESET_POWER_ON, 1)
    health.note_reset(state, board.RESET_STANDBY_WAKE, 1)
    health.note_reset(state, board.RESET_WATCHDOG, 2)
    health.note_reset(state, board.RESET_BROWNOUT, 3)
    assert (state.boots, state.watchdogs, state.brownouts, state.broken_wakes) == (4, 1, 1, 2)


def test_a_rail_that_comes_back_was_a_brown_out():
    state = State()
    health.note_reset(state, board.RESET_POWER_ON, 1)
    assert state.brownouts == 0
    health.note_reset(state, board.RESET_POWER_ON, 1)
    assert state.brownouts == 1


def test_the_last_error_is_remembered_by_name():
    state = State()
    health.note_error(state, 1, ValueError("a"))
    health.note_error(state, 2, OSError("b"))
    assert (state.errors, state.error_task, state.error_name) == (2, 2, b"OSError")


def test_every_second_broken_wake_is_passed_over():
    skipped = [attempts for attempts in range(1, 11) if health.skips_task(attempts)]
    assert skipped == [4, 6, 8, 10]
