"""Sums over pairs and systems of equations against whole matrices."""

import numpy as np
import pytest

from analytics.kernels.akde import bin_linear, lag_moments, lag_product, lag_solve

RATES = np.array([0.0, 0.01, 0.3, 2.0])
AMOUNTS = np.array([0.2, 0.5, -0.1, 0.4])
TIMES_S = np.cumsum(np.random.default_rng(1).lognormal(0, 1.5, 70))
DIAGONAL = 1.5


def matrix():
    lags = np.abs(np.subtract.outer(TIMES_S, TIMES_S))
    whole = np.einsum("k,ijk->ij", AMOUNTS, np.exp(-lags[:, :, None] * RATES))
    np.fill_diagonal(whole, DIAGONAL)
    return whole


def test_moments_are_sums_over_pairs():
    weights = np.random.default_rng(2).uniform(size=70)
    found = np.empty(4)
    lag_moments(TIMES_S, weights, RATES, found)
    lags = np.abs(np.subtract.outer(TIMES_S, TIMES_S))
    for rate, moment in zip(RATES, found, strict=True):
        pairs = np.exp(-rate * lags) - np.eye(70)
        assert moment == pytest.approx(weights @ pairs @ weights, rel=1e-12)


def test_product_is_that_of_the_matrix():
    vector = np.random.default_rng(3).normal(size=70)
    found = np.empty(70)
    lag_product(TIMES_S, vector, RATES, AMOUNTS, DIAGONAL, found)
    np.testing.assert_allclose(found, matrix() @ vector, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("block", [1, 7, 35, 70, 1000])
def test_solution_is_that_of_the_matrix_in_any_blocks(block):
    found = np.empty(70)
    lag_solve(TIMES_S, RATES, AMOUNTS, DIAGONAL, 1e-12, block, found)
    np.testing.assert_allclose(found, np.linalg.solve(matrix(), np.ones(70)), rtol=1e-10)


def test_binning_keeps_weight_and_mean():
    x_m, y_m, weights = np.random.default_rng(4).uniform(5, 80, size=(3, 50))
    out = np.zeros((20, 30))
    bin_linear(x_m, y_m, weights, 0.0, -10.0, 5.0, out)
    assert out.sum() == pytest.approx(weights.sum())
    assert (out.sum(axis=0) @ (5.0 * np.arange(30))) == pytest.approx(weights @ x_m)
    assert (out.sum(axis=1) @ (5.0 * np.arange(20) - 10)) == pytest.approx(weights @ y_m)


def test_fixes_off_the_grid_are_left_out():
    out = np.zeros((4, 4))
    bin_linear(np.array([-1.0, 1.0, 99.0]), np.ones(3), np.ones(3), 0.0, 0.0, 1.0, out)
    assert out.sum() == 1
