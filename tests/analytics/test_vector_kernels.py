"""The two pieces that are written for the vector unit, against what they mean."""

import numba
import numpy as np
import pytest

from analytics.kernels._exp2 import LOWEST, exp2, multiply_add
from analytics.kernels._rows import BLOCK, add_product


@numba.njit
def added(out, top, left, along_x, along_y, peak):
    rows, blocks = along_y.size, along_x.size // BLOCK
    place = out.ctypes.data + 8 * (top * out.shape[1] + left)
    stride = 8 * out.shape[1]
    add_product(place, stride, along_x.ctypes.data, along_y.ctypes.data, peak, rows, blocks)


@numba.njit
def fused(a, b, c):
    return multiply_add(a, b, c)


def test_powers_of_two_are_right_to_two_billionths():
    z = np.linspace(LOWEST, 100, 30_001)
    found = np.array([exp2(value) for value in z])
    np.testing.assert_allclose(found, np.exp2(z), rtol=2e-9)


def test_smaller_exponents_count_as_the_lowest():
    assert exp2(-1e9) == exp2(LOWEST) > 0


def test_multiply_add_is_what_it_says():
    assert fused(3.0, 5.0, 7.0) == 22.0


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("rows", [0, 1, 6])
@pytest.mark.parametrize("left", [0, 3, 8])
def test_rows_get_the_outer_product_and_nothing_else(blocks, rows, left):
    rng = np.random.default_rng(1)
    before = rng.normal(size=(10, 11 * BLOCK))
    along_x, along_y = rng.normal(size=blocks * BLOCK), rng.normal(size=rows)
    out = before.copy()
    added(out, 2, left, along_x, along_y, 0.5)
    before[2 : 2 + rows, left : left + along_x.size] += 0.5 * np.outer(along_y, along_x)
    np.testing.assert_allclose(out, before, rtol=1e-14, atol=1e-15)
