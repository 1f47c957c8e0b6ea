"""Shapes of net squared displacement over time, and their fit by least squares.

A shape is a sum of columns with weights, both 0 or more. The weights are solved for exactly, so
that only times and widths are searched: from the best of a grid of starting values.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_RETURN = 0.25
"""Part of the squared displacement that a mixed migration at least takes back. An animal that
comes back by less has dispersed: its wandering out there, large when squared, is no return."""

HALF_JOURNEY = math.log(0.95 / 0.05)
"""From 5 % of a journey to its middle, in units of phi."""

_KEPT_STARTS = 3  # of the coarse search, taken to their minimum

# values of the parameters that are not linear -> columns whose weighted sum is the shape
_Columns = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Form:
    """A shape as sum of columns with weights above 0; time runs from 0 to 1.

    `starts` are what the search begins from, of the parameters that are not linear.
    """

    name: str
    columns: _Columns
    starts: tuple[tuple[float, ...], ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]


def _sigmoid(t: Floats, theta: float, phi: float) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh((t - theta) / (2 * phi))))


def return_middle(q: Floats) -> float:
    """Returns the middle of the way back, from theta, phi, stay and the other phi."""
    return float(q[0] + HALF_JOURNEY * (q[1] + q[3]) + q[2])


def _there_and_back(t: Floats, q: Floats) -> tuple[Floats, Floats]:
    """Sigmoids of both journeys, a stay (q[2] > 0) between 95 % of one and 5 % of the other."""
    return _sigmoid(t, q[0], q[1]), _sigmoid(t, return_middle(q), q[3])


def _mixed(t: Floats, q: Floats) -> Floats:
    """Columns for the least and for the whole way back: weights keep the way back in between."""
    there, back = _there_and_back(t, q)
    return np.column_stack((there - MIN_RETURN * back, there - back))


_MIDDLES = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)
_WIDTHS = (0.005, 0.03, 0.08)
_NARROWEST = 0.0025  # phi, in parts of the track: 5 to 95 % in 1.5 % of it, 5 days of a year
_TWO = tuple(
    (start, width, stay, width)
    for start, stay, width in product(_MIDDLES, (0.05, 0.2, 0.35, 0.5), _WIDTHS)
    if start + 6 * width + stay < 1
)

FORMS = (
    Form(
        "resident",
        lambda t, q: -np.expm1(-t / q[0])[:, None],
        tuple((tau,) for tau in (0.001, 0.01, 0.05, 0.2, 1.0)),
        (1e-6,),
        (1.0,),
    ),
    Form("nomadic", lambda t, q: t[:, None], ((),), (), ()),
    Form(
        "dispersal",
        lambda t, q: _sigmoid(t, q[0], q[1])[:, None],
        tuple(product(_MIDDLES, _WIDTHS)),
        (0.0, _NARROWEST),
        (1.0, 0.1),
    ),
    Form(
        "migration",
        lambda t, q: np.subtract(*_there_and_back(t, q))[:, None],
        _TWO,
        (0.0, _NARROWEST, 0.02, _NARROWEST),
        (1.0, 0.1, 1.0, 0.1),
    ),
    Form(
        "mixed migration",
        _mixed,
        _TWO,
        (0.0, _NARROWEST, 0.02, _NARROWEST),
        (1.0, 0.1, 1.0, 0.1),
    ),
)


def fit(form: Form, t: Floats, z: Floats, keep: Floats) -> tuple[Floats, Floats, float]:
    """Returns the parameters of least squares: non-linear, linear, and the mean square left."""
    from scipy.optimize import least_squares

    def solve(q: Floats) -> tuple[Floats, Floats]:
        columns = _whitened(form.columns(t, q), keep)
        weights = _not_negative(columns, white)
        return weights, columns @ weights - white

    white = _whitened(z, keep)
    starts = [np.array(start, np.float64) for start in form.starts]
    tried = sorted(starts, key=lambda q: float(np.sum(solve(q)[1] ** 2)))[:_KEPT_STARTS]
    best = tried[0]
    if best.size:
        found = [
            least_squares(lambda q: solve(q)[1], q, bounds=(form.lower, form.upper), x_scale=0.1)
            for q in tried
        ]
        best = np.asarray(min(found, key=lambda one: float(one.cost)).x)
    weights, residual = solve(best)
    # displacements in whole: residuals of exactly 0 would make the criterion infinite
    return best, weights, max(float(np.mean(residual**2)), 1e-20)


def _not_negative(columns: Floats, z: Floats) -> Floats:
    """Returns the weights of one or two columns, 0 or more, of least squares."""
    products, right = columns.T @ columns, columns.T @ z
    if right.size == 2:
        determinant = products[0, 0] * products[1, 1] - products[0, 1] ** 2
        if determinant > 1e-12 * products[0, 0] * products[1, 1]:
            both = np.linalg.solve(products, right)
            if (both >= 0).all():
                return np.asarray(both)
    alone = np.maximum(right / np.maximum(np.diag(products), 1e-300), 0.0)
    if right.size == 1:
        return np.asarray(alone)
    better = int(np.argmax(alone * right))  # what it takes off the sum of squares
    return np.where(np.arange(2) == better, alone, 0.0)


def _whitened(values: Floats, keep: Floats) -> Floats:
    """Returns each row less what the row before explains of it, at unchanged variance."""
    parts = keep.reshape(-1, *(1,) * (values.ndim - 1))
    rest = (values[1:] - parts * values[:-1]) / np.sqrt(1 - parts**2)
    return np.concatenate((values[:1], rest))


def correlation(residual: Floats) -> float:
    """Returns the correlation of residuals with the ones before, 0 to just below 1."""
    total = float(residual @ residual)
    return min(max(float(residual[1:] @ residual[:-1]) / total, 0.0), 0.999) if total > 0 else 0.0


def aicc(cost: float, points: int, free: int) -> float:
    """Source: Burnham & Anderson 2002, doi:10.1007/b97636, sections 2.2 and 2.4."""
    likelihood = -0.5 * points * (math.log(2 * math.pi * cost) + 1)
    return 2 * free - 2 * likelihood + 2 * free * (free + 1) / (points - free - 1)
