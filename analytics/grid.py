"""The regular grid of nodes on which densities are given."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.errors import GridTooLarge, ParameterError

Floats = NDArray[np.float64]

MAX_NODES = 16_000_000
"""Nodes of one grid: 128 MB of density."""


@dataclass(frozen=True)
class Grid:
    """Square cells with a node in the middle of each.

    Attributes:
        x0_m: x of the first column of nodes [m].
        y0_m: y of the first row of nodes [m].
        cell_m: distance between nodes [m].
        columns: number of nodes along x.
        rows: number of nodes along y.

    Raises:
        ParameterError: a value that is not finite or not positive.
        GridTooLarge: more than `MAX_NODES` nodes.
    """

    x0_m: float
    y0_m: float
    cell_m: float
    columns: int
    rows: int

    def __post_init__(self) -> None:
        for name in ("x0_m", "y0_m", "cell_m"):
            if not math.isfinite(getattr(self, name)):
                raise ParameterError(name, getattr(self, name), "a finite number of metres")
        for name in ("cell_m", "columns", "rows"):
            if not getattr(self, name) > 0:
                raise ParameterError(name, getattr(self, name), "more than 0")
        if self.columns * self.rows > MAX_NODES:
            raise GridTooLarge(self.columns, self.rows, MAX_NODES)

    @classmethod
    def around(cls, x_m: Floats, y_m: Floats, cell_m: float, margin_m: float) -> "Grid":
        """Returns the grid centred on the fixes that reaches `margin_m` past them on all sides."""
        if not (math.isfinite(cell_m) and cell_m > 0):
            raise ParameterError("cell_m", cell_m, "a finite number of metres above 0")
        if not (math.isfinite(margin_m) and margin_m >= 0):
            raise ParameterError("margin_m", margin_m, "a finite number of metres, at least 0")
        sizes = [(float(np.ptp(v)) + 2 * margin_m) / cell_m for v in (x_m, y_m)]
        if sizes[0] * sizes[1] > MAX_NODES:
            raise GridTooLarge(sizes[0], sizes[1], MAX_NODES)
        columns, rows = (math.ceil(size) + 1 for size in sizes)
        x_mid, y_mid = ((float(v.min()) + float(v.max())) / 2 for v in (x_m, y_m))
        x0_m, y0_m = x_mid - cell_m * (columns - 1) / 2, y_mid - cell_m * (rows - 1) / 2
        return cls(x0_m, y0_m, cell_m, columns, rows)

    @property
    def x_m(self) -> Floats:
        """(columns,) x of the nodes."""
        return self.x0_m + self.cell_m * np.arange(self.columns, dtype=np.float64)

    @property
    def y_m(self) -> Floats:
        """(rows,) y of the nodes."""
        return self.y0_m + self.cell_m * np.arange(self.rows, dtype=np.float64)

    @property
    def cell_area_m2(self) -> float:
        """Area of one cell."""
        return self.cell_m * self.cell_m
