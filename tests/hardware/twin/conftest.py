"""Factories of small worlds for the twin's tests."""

from dataclasses import replace

import pytest

from hardware.twin import CollarSpec, World
from hardware.twin.scenario import START_UTC_S, STATION, ibexes

KEYS = {number: (3, bytes([number]) * 16) for number in range(1, 6)}


@pytest.fixture
def make_world():
    """Return a factory of worlds; they are closed at the end of the test."""
    worlds = []

    def make(collars=1, seed=1, bridge=False, step=None, air=None, answer_limit_s=20.0, **spec):
        specs = [
            CollarSpec(collar=number, key=KEYS[number][1], epoch=KEYS[number][0], animal=animal)
            for number, animal in enumerate(ibexes(seed, collars), start=1)
        ]
        specs = [replace(one, **spec) for one in specs]
        world = World(
            seed,
            START_UTC_S,
            STATION,
            specs,
            bridge=bridge,
            air=air,
            step=step,
            answer_limit_s=answer_limit_s,
        )
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        world.close()
