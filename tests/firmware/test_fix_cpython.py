"""A fix from the receiver to the memory, and what the receiver is told, through a whole wake."""

import struct

import pytest

from firmware.civil import unix_from_civil
from firmware.drivers import gnss
from firmware.wire.fix import Fix

from .desk import Desk, Sky
from .memory import PowerCut
from .test_trouble_cpython import live, records, remembered

DAY = 86400


def watch(monkeypatch, seen):
    """Show `seen` what is written to the receiver, before it is."""
    write = Sky.write

    def shown(receiver, request):
        seen(request)
        write(receiver, request)

    monkeypatch.setattr(Sky, "write", shown)


def cut_at(on, message):
    def seen(request):
        if gnss.pack(*message) in request:
            on.memory.cut_after = 0
            raise PowerCut()

    return seen


def lately_heard(on):
    """The collar's receiver took up ephemerides two hours ago, and the purse pays for new ones."""
    block = remembered(on)
    block.data_at_s = on.now_ms // 1000 - 7200
    block.group_left, block.tried_at_s, block.purse_uj = 0, block.data_at_s, 9000000
    block.commit(on.memory)


@pytest.mark.parametrize("message", [gnss.DBD, gnss.ORB])
def test_a_power_cut_while_the_receiver_stays_on_after_a_fix_loses_nothing(monkeypatch, message):
    on = Desk().provision()
    if message == gnss.ORB:
        live(on, 0.5)
        lately_heard(on)
    watch(monkeypatch, cut_at(on, message))
    fixes = len(records(on, Fix))
    while on.wake() is not None:
        fixes = len(records(on, Fix))
    block = remembered(on)
    assert block.fixes == len(records(on, Fix)) == fixes + 1
    assert (block.failed_in_row, block.failed_fixes) == (0, 0)
    assert 0 <= on.now_ms // 1000 - on.armed_s - block.fix_at_s < 120


@pytest.mark.parametrize("ppm", [-60, 0, 150])
def test_the_time_told_to_the_receiver_is_as_accurate_as_is_said(monkeypatch, ppm):
    on, told = Desk().provision(), []
    plain, begun_ms = on.now_s, on.now_ms
    on.now_s = lambda: plain() + (on.now_ms - begun_ms) * ppm // 1_000_000_000

    def seen(request):
        kind, payload = request[2:4], request[6:]
        if kind == bytes(gnss.MGA_INI) and payload[0] == 0x10:
            time_s = unix_from_civil(*struct.unpack_from("<HBBBBB", payload, 4))
            told.append((time_s - on.now_ms / 1000, struct.unpack_from("<H", payload, 16)[0]))

    watch(monkeypatch, seen)
    live(on, 4)
    on.sky = lambda now_s, since_s: b""  # nothing corrects the clock for days
    live(on, 8)
    del on.sky
    live(on, 20)
    assert all(abs(off_s) <= accuracy_s for off_s, accuracy_s in told)
    assert max(accuracy_s for _, accuracy_s in told) > 60 > 10 >= told[-1][1]
