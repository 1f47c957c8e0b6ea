"""Newton's method for smooth functions of a few parameters, derivatives by differences."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Function = Callable[[Floats], float]

STEP = 2e-3
"""Width of differences; parameters are logarithms or angles, on which likelihoods bend over 0.01
to 1. Rounding of a likelihood of 1e6 is then 1e-10 / 4e-6 of a second derivative."""


def gradient(function: Function, at: Floats, step: float = STEP) -> Floats:
    """Returns first derivatives by central differences."""
    moves = step * np.eye(at.size)
    return np.array([(function(at + m) - function(at - m)) / (2 * step) for m in moves])


def hessian(function: Function, at: Floats, step: float = STEP) -> Floats:
    """Returns second derivatives by central differences."""
    moves, middle = step * np.eye(at.size), function(at)
    second = np.empty((at.size, at.size))
    for i, u in enumerate(moves):
        second[i, i] = (function(at + u) - 2 * middle + function(at - u)) / step**2
        for j, v in enumerate(moves[:i]):
            corners = function(at + u + v) - function(at + u - v)
            corners += function(at - u - v) - function(at - u + v)
            second[i, j] = second[j, i] = corners / (4 * step**2)
    return second


def minimise(
    function: Function,
    start: Floats,
    lower: Floats,
    upper: Floats,
    tolerance: float = 1e-9,
    steps: int = 60,
) -> Floats:
    """Returns where a function is lowest near `start`, between bounds.

    Curvature is taken positive in every direction; a step is at most 1 in any parameter and is
    halved until the function falls. Ends where a step promises less than `tolerance`.
    """
    at, value = start, function(start)
    for _ in range(steps):
        slope = gradient(function, at)
        values, vectors = np.linalg.eigh(hessian(function, at))
        curvature = np.maximum(np.abs(values), 1e-6 * max(1.0, float(np.abs(values).max())))
        move = -vectors @ ((vectors.T @ slope) / curvature)
        pinned = ((at <= lower) & (move < 0)) | ((at >= upper) & (move > 0))
        move[pinned] = 0.0
        move /= max(1.0, float(np.abs(move).max()))
        if -slope @ move < tolerance:
            break
        for halving in range(30):
            new = np.clip(at + move / 2**halving, lower, upper)
            lowered = function(new)
            if lowered < value:
                at, value = new, lowered
                break
        else:
            break
    return at
